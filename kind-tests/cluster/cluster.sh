#!/usr/bin/env bash
# cluster.sh COMMAND [NAME] [ARGUMENT...]: a Kubernetes cluster for tests. NAME defaults to dev.
#
#   up [NAME] [--fresh]         start it; one that runs and is healthy is left alone
#   down [NAME]                 remove it and all it made
#   images [NAME] [IMAGE...]    pack images and load them; see images.sh --help
#   env [NAME]                  print what to set: eval "$(cluster.sh env NAME)"
#   status [NAME]               what runs
#
# CLUSTER says of which kind it is:
#   local (default)   localk8s, on this machine (Linux, root), no container engine;
#                     up installs and builds what is missing; more arguments go to localk8s up
#   kind              kind and docker, cluster sluice-NAME
#   current           kubectl's current context: asks first (SLUICE_YES=1: does not), never deletes
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$HERE/lib/backend.sh"

command=${1:---help}
case $command in
-h | --help | help) lines; exit 0 ;;
up | down | images | env | status) shift ;;
*) die "no command $command; see --help" ;;
esac
name=dev
if (($#)) && [[ $1 != -* ]]; then
  name=$1
  shift
fi
use_backend "$name"
case $command in
images) exec "$HERE/images.sh" --cluster "$name" "$@" ;;
*) "backend_$command" "$@" ;;
esac
