# shellcheck shell=bash
# CLUSTER=local: localk8s, in a folder of its own for each name.

LOCALK8S_DIR=$SLUICE_CACHE/clusters/$NAME
export LOCALK8S_DIR

backend_up() {
  "$HERE/setup.sh" packages localk8s helm
  localk8s up "$@"
}

backend_down() {
  if [[ -x $BIN/localk8s ]]; then localk8s down; fi # else none was ever made
}

backend_images() { localk8s image load "$@"; }

backend_status() { localk8s status; }

backend_env() {
  [[ -f $LOCALK8S_DIR/kubeconfig ]] || die "no cluster $NAME: cluster.sh up $NAME"
  printf 'export KUBECONFIG=%q\nexport LOCALK8S_DIR=%q\nexport PATH=%q:"$PATH"\n' \
    "$LOCALK8S_DIR/kubeconfig" "$LOCALK8S_DIR" "$BIN"
}
