#!/usr/bin/env bash
# bench.sh [PART...]: measures Sluice on a real Kubernetes and prints the figures beside those of its peers.
#
# Parts: live (releases under load, the controller killed), applied (manifests
# applied again, the policy deleted), verdicts (ten versions that are a little
# worse, ten that are not), routes (releases through Envoy Gateway and Istio,
# which are installed for that), people (approvals, and a thousand messages to
# receivers that fail), fleet (1, 200 and 1,000 policies at rest).
# Default: all, which takes about 40 minutes. The local cluster "bench" is made
# fresh and taken down at the end, whatever happens; KEEP=1 leaves it.
#
# PEERS=1 builds Flagger and Argo Rollouts from their Go modules, installs them
# beside Sluice and measures them in the same run, one after the other; without
# it their columns show figures of an earlier run.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;; esac
# shellcheck source=kind-tests/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

SLUICE_BEGAN=$(date +%s) # one clock for all that is told
export SLUICE_BEGAN
NAME=bench
[ "${CLUSTER:-local}" = local ] || fail "the figures come from the API server's audit log, which only a local cluster has: unset CLUSTER"

case ${PEERS:=} in '' | 1) ;; *) fail "PEERS=$PEERS: set it to 1 to measure Flagger and Argo Rollouts too, or unset it" ;; esac
export PEERS

toolchains
say "building the benchmark"
cargo build --locked --quiet --package kind-tests --bin bench
case " ${*:-routes} " in
*" routes "*) # built before anything is measured: the first time that takes 20 minutes
  say "Envoy Gateway and Istio"
  kind-tests/cluster/setup.sh envoy envoy-gateway istio
  ;;
esac
trap 'code=$?; trap - EXIT; [ "${KEEP:-}" ] || kind-tests/cluster/cluster.sh down "$NAME"; exit $code' EXIT
trap 'exit 130' INT TERM
bring_up "$NAME" --fresh
[ -z "$PEERS" ] || kind-tests/cluster/peers.sh "$NAME"
cargo run --locked --quiet --package kind-tests --bin bench -- "$@"
