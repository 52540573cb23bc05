# shellcheck shell=bash
# CLUSTER=current: whatever kubectl's current context is. Never made, never deleted.

need kubectl "kubernetes.io/docs/tasks/tools"

backend_up() {
  local context server answer
  context=$(kubectl config current-context) || die "kubectl has no current context"
  server=$(kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}')
  if [[ ${SLUICE_YES:-} != 1 ]]; then
    [[ -t 0 ]] || die "this would use context $context ($server): set SLUICE_YES=1 to agree"
    read -r -p "Use context $context ($server)? It gets CRDs, namespaces and workloads. [y/N] " answer
    [[ $answer == [yY]* ]] || die "not used"
  fi
  kubectl --request-timeout=15s get --raw /readyz >/dev/null || die "$server does not answer"
  say "using context $context ($server)"
  backend_images
}

backend_down() { say "CLUSTER=current: the cluster is not ours, it is left alone"; }

backend_images() {
  say "CLUSTER=current: its nodes have to be able to pull the images, or have them;"
  say "'images.sh --pack' makes archives to load into the nodes or push to a registry"
}

backend_status() { kubectl get nodes -o wide; }

backend_env() {
  if [[ -n ${KUBECONFIG:-} ]]; then printf 'export KUBECONFIG=%q\n' "$KUBECONFIG"; fi
  printf 'export PATH=%q:"$PATH"\n' "$BIN"
}
