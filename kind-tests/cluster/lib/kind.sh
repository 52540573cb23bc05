# shellcheck shell=bash
# CLUSTER=kind: nodes in containers, made by kind.

KIND_NAME=sluice-$NAME
KIND_CONFIG=$SLUICE_CACHE/kind/$NAME.kubeconfig

need kind "kind.sigs.k8s.io"
need docker "kind runs its nodes in it"

kind_exists() { kind get clusters 2>/dev/null | grep -qx "$KIND_NAME"; }

backend_up() {
  mkdir -p "$(dirname "$KIND_CONFIG")"
  if [[ ${1:-} == --fresh ]]; then backend_down; fi
  if kind_exists; then
    say "kind cluster $KIND_NAME runs already"
    kind export kubeconfig --name "$KIND_NAME" --kubeconfig "$KIND_CONFIG"
  else
    kind create cluster --name "$KIND_NAME" --kubeconfig "$KIND_CONFIG" --wait 120s
  fi
}

backend_down() {
  kind delete cluster --name "$KIND_NAME" --kubeconfig "$KIND_CONFIG"
  rm -f "$KIND_CONFIG" "$KIND_CONFIG.lock"
}

backend_images() {
  local archive
  for archive in "$@"; do
    say "kind load $(basename "$archive")"
    kind load image-archive --name "$KIND_NAME" "$archive"
  done
}

backend_status() { kind_exists && KUBECONFIG=$KIND_CONFIG kubectl get nodes -o wide; }

backend_env() {
  [[ -f $KIND_CONFIG ]] || die "no kind cluster $NAME: CLUSTER=kind cluster.sh up $NAME"
  printf 'export KUBECONFIG=%q\nexport PATH=%q:"$PATH"\n' "$KIND_CONFIG" "$BIN"
}
