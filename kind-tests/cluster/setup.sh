#!/usr/bin/env bash
# setup.sh [PART...]: installs and builds what the cluster and its tests need.
#
# Parts: packages (Debian's containerd, runc and so on; needs root), localk8s
# (with kubectl), helm, prometheus (with promtool), podinfo, loadtester (Flagger's). Default: all.
# For the data planes (see dataplane.sh) also: envoy, envoy-gateway, istio.
# For the tests of messages, without Go: adaptive-card (the schema of Teams' cards).
# Binaries go to ${SLUICE_CACHE:-~/.cache/sluice}/bin and are only built again
# when their sources, their version or Go changed. May be interrupted at any time.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$HERE/lib/packages.sh"
. "$HERE/lib/binaries.sh"
. "$HERE/lib/dataplanes.sh"
. "$HERE/lib/schemas.sh"

case ${1:-} in -h | --help) lines; exit 0 ;; esac
lock setup
for part in "${@:-all}"; do
  case $part in
  all) install_packages; need_go; build_localk8s; build_helm; build_prometheus; build_podinfo; build_loadtester ;;
  packages) install_packages ;;
  adaptive-card) fetch_adaptive_card ;;
  localk8s | helm | prometheus | podinfo | loadtester | flagger | argo-rollouts) need_go; "build_$part" ;;
  envoy) mkdir -p "$BIN"; build_envoy ;;
  envoy-gateway | istio) need_go; "build_$part" ;;
  *) die "no part named $part; see --help" ;;
  esac
done
