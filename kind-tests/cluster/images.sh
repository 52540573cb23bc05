#!/usr/bin/env bash
# images.sh [--cluster NAME | --pack] [IMAGE...]: packs images and gives them to a cluster.
#
# Images: podinfo redis prometheus controller testapp load receiver conformance loadtester.
# For the benchmark also: flagger argo-rollouts.
# For the data planes (see dataplane.sh) also: envoy envoy-gateway pilot proxyv2.
# Default: all but those, to the cluster "dev" of the kind that CLUSTER names
# (see cluster.sh). --pack only packs, into ${SLUICE_CACHE:-~/.cache/sluice}/images.
# An image is packed again only when its content changed, and loaded only into
# a cluster that does not have that content under that name.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$HERE/lib/binaries.sh"
. "$HERE/lib/images.sh"
. "$HERE/lib/dataplanes.sh"
. "$HERE/lib/backend.sh"

name=dev load=yes wanted=()
while (($#)); do
  case $1 in
  -h | --help) lines; exit 0 ;;
  --cluster) name=${2:?--cluster needs a name}; shift ;;
  --pack) load=no ;;
  -*) die "no option $1; see --help" ;;
  *) wanted+=("$1") ;;
  esac
  shift
done
((${#wanted[@]})) || wanted=("${IMAGES[@]}")
for image in "${wanted[@]}"; do
  declare -F "pack_$image" >/dev/null || die "no image named $image; there are: ${IMAGES[*]}"
done
[[ $load == no ]] || use_backend "$name"
if [[ $load == yes && $CLUSTER == current ]]; then
  backend_images
  exit
fi
"$HERE/setup.sh" localk8s # it packs
lock images
for image in "${wanted[@]}"; do "pack_$image"; done
if [[ $load == no ]]; then
  printf '%s\n' "${PACKED[@]}"
else
  backend_images "${PACKED[@]}"
fi
