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
NAME=demo
up=

left_running() {
  local code=$?
  trap - EXIT
  if [ -t 1 ]; then printf '\033[?25h\033[?7h'; fi # the cursor, and lines that wrap: killed programs leave them off
  [ -n "$up" ] || exit "$code"
  printf '\nLeft running: cluster %s, with Sluice in namespace sluice-system and the demo in namespace shop.\n' "$NAME"
  printf '  look at it   eval "$(%skind-tests/cluster/cluster.sh env %s)"\n' "${CLUSTER:+CLUSTER=$CLUSTER }" "$NAME"
  printf '               kubectl get rp -n shop       # policies; releases: kubectl get rel -n shop\n'
  printf '  once more    make demo                    # makes namespace shop anew\n'
  printf '  stop it      make cluster-down NAME=%s%s\n' "$NAME" "${CLUSTER:+ CLUSTER=$CLUSTER}"
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
