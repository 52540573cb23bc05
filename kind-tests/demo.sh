#!/usr/bin/env bash
# make demo: a four-service application delivered on a real Kubernetes, in good and bad versions, live in the terminal.
#
# PROVIDER says what moves the traffic: service (default; plain Services), gateway-api (a route at Envoy Gateway), istio
# (VirtualServices, callers with sidecars). The data plane is put into the cluster when it is not there.
#
# The cluster is kept for the next time; the namespace of the demo is made anew by each run. It may be interrupted at any
# moment. Another cluster: CLUSTER=kind or CLUSTER=current.
set -euo pipefail
# shellcheck source=kind-tests/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

PROVIDER=${PROVIDER:-service}
namespaces="sluice-system, monitoring, shop"
case $PROVIDER in
service) ;;
gateway-api) namespaces+=", gateways, envoy-gateway-system" ;;
istio) namespaces+=", gateways, istio-system" ;;
*) fail "PROVIDER=$PROVIDER: set it to service, gateway-api or istio" ;;
esac
[ "$PROVIDER" = service ] || [ "${CLUSTER:-}" != current ] ||
  fail "PROVIDER=$PROVIDER installs a data plane, which might take the place of yours: with CLUSTER=current leave PROVIDER=service"
export PROVIDER
SLUICE_BEGAN=$(date +%s) # one clock for all that is told
export SLUICE_BEGAN
NAME=${NAME_OF_DEMO_CLUSTER:-demo}
up=

left_running() {
  local code=$? kind=${CLUSTER:+CLUSTER=$CLUSTER } provider=
  if [ "$PROVIDER" != service ]; then provider=" PROVIDER=$PROVIDER"; fi
  trap - EXIT
  if [ -t 1 ]; then printf '\033[?25h\033[?7h'; fi # the cursor, and long lines: a program that was killed leaves them off
  if [ -z "$up" ] || ! kind-tests/cluster/cluster.sh env "$NAME" >/dev/null 2>&1; then exit "$code"; fi
  printf '\nLeft running: cluster %s (namespaces %s).\n' "$NAME" "$namespaces"
  printf '  look at it   eval "$(%skind-tests/cluster/cluster.sh env %s)"\n' "$kind" "$NAME"
  printf '               kubectl get rp,rel -n shop\n'
  printf '  once more    %smake demo%s\n' "$kind" "$provider"
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
cargo build --locked --quiet --package kind-tests --bin demo --package cli --bin kubectl-sluice
up=partly
bring_up "$NAME"
if [ "$PROVIDER" != service ]; then
  say "the data plane: $PROVIDER"
  kind-tests/cluster/dataplane.sh "$NAME" "$PROVIDER"
fi
cargo run --locked --quiet --package kind-tests --bin demo
