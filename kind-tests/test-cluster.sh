#!/usr/bin/env bash
# The promises on a real Kubernetes. The cluster is made fresh and taken down at the end, whatever happens; with
# CLUSTER=kind or CLUSTER=current another one is used. Arguments go to `cargo test`, such as a part of a test's name.
set -euo pipefail
# shellcheck source=kind-tests/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
toolchains
NAME=${NAME_OF_TEST_CLUSTER:-test}
say "building the tests"
cargo test --locked --package kind-tests --no-run --quiet
# Tests type its commands.
cargo build --locked --package cli --quiet
trap 'code=$?; trap - EXIT; [ "${KEEP:-}" ] || kind-tests/cluster/cluster.sh down "$NAME"; exit $code' EXIT
trap 'exit 130' INT TERM
failed=
if [ $# = 0 ] && [ "${CLUSTER:-local}" = local ]; then
  say "the chart: installed, upgraded, rolled back, uninstalled"
  kind-tests/cluster/cluster.sh up "$NAME" --fresh
  (eval "$(kind-tests/cluster/cluster.sh env "$NAME")" && charts/test.sh --install) || failed=1
fi
bring_up "$NAME" --fresh
if [ "${CLUSTER:-local}" != current ]; then
  say "what is written into routes, in every version of their APIs; before there is anybody who uses them"
  cargo test --locked --package kind-tests --test api_versions -- "$@" || failed=1
fi
say "data planes: Envoy Gateway and Istio"
kind-tests/cluster/dataplane.sh "$NAME" gateway-api istio
# Each test has a namespace of its own; more at a time than this, and two cores make the timings meaningless.
say "tests that share the cluster"
cargo test --locked --package kind-tests --no-fail-fast --test queries --test crds --test admission --test approvals \
  --test windows --test webhooks --test notifications --test distribution --test promises --test cli -- \
  --test-threads "${TEST_THREADS:-4}" "$@" || failed=1
# Proxies and sidecars take more of a core than plain Services.
say "tests that share the cluster, by routes"
cargo test --locked --package kind-tests --no-fail-fast --test routes -- --test-threads "${ROUTE_THREADS:-3}" "$@" ||
  failed=1
# These kill the controller, upgrade it, or stop Prometheus.
say "tests that need the cluster for themselves"
cargo test --locked --package kind-tests --no-fail-fast --test promises_alone -- --test-threads 1 "$@" || failed=1
# With a part of the tests only, most rights are not used.
if [ $# = 0 ] && [ "${CLUSTER:-local}" = local ]; then
  say "the rights that were used, from the audit log of all of this"
  cargo test --locked --package kind-tests --test rights || failed=1
fi
[ -z "$failed" ] || fail "tests failed, see above; KEEP=1 keeps the cluster for looking at"
say "done"
