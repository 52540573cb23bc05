# shellcheck shell=bash
# Which kind of cluster: lib/local.sh, lib/kind.sh or lib/current.sh, each with
# backend_up, backend_down, backend_images ARCHIVE..., backend_env, backend_status.

CLUSTER=${CLUSTER:-local}

# use_backend NAME: the functions for a cluster of that name.
use_backend() {
  NAME=$1
  [[ $NAME =~ ^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$ ]] || die "'$NAME' is no name for a cluster: lower case letters, digits, '-', at most 30"
  case $CLUSTER in
  local | kind | current) . "$HERE/lib/$CLUSTER.sh" ;;
  *) die "CLUSTER=$CLUSTER: only local, kind and current are known" ;;
  esac
}

# need COMMAND HINT
need() { command -v "$1" >/dev/null || die "CLUSTER=$CLUSTER needs $1: $2"; }
