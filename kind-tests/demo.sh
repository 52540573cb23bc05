#!/usr/bin/env bash
# make demo: a four-service application delivered on a real Kubernetes, in good and bad versions, live in the terminal.
#
# The cluster is kept for the next time; the namespace of the demo is made anew by each run. It may be interrupted at any
# moment. Another cluster: CLUSTER=kind or CLUSTER=current.
set -euo pipefail
# shellcheck source=kind-tests/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

SLUICE_BEGAN=$(date +%s) # one clock for all that is told
export SLUICE_BEGAN
NAME=${NAME_OF_DEMO_CLUSTER:-demo}
up=

left_running() {
  local code=$? kind=${CLUSTER:+CLUSTER=$CLUSTER }
  trap - EXIT
  if [ -t 1 ]; then printf '\033[?25h\033[?7h'; fi # the cursor, and long lines: a program that was killed leaves them off
  if [ -z "$up" ] || ! kind-tests/cluster/cluster.sh env "$NAME" >/dev/null 2>&1; then exit "$code"; fi
  printf '\nLeft running: cluster %s (namespaces sluice-system, monitoring, shop).\n' "$NAME"
  printf '  look at it   eval "$(%skind-tests/cluster/cluster.sh env %s)"\n' "$kind" "$NAME"
  printf '               kubectl get rp,rel -n shop\n'
  printf '  once more    %smake demo\n' "$kind"
  if [ "${CLUSTER:-}" = current ]; then
    printf '  remove it    kubectl delete namespace shop; helm uninstall sluice -n sluice-system\n'
  else
    printf '  stop it      %smake cluster-down NAME=%s\n' "$kind" "$NAME"
  fi
  exit "$code"
}
trap left_running EXIT
trap 'exit 130' INT TERM

toolchains
say "building the demo"
cargo build --locked --quiet --package kind-tests --bin demo
up=partly
bring_up "$NAME"
cargo run --locked --quiet --package kind-tests --bin demo
