#!/usr/bin/env bash
# peers.sh [NAME]: puts Flagger and Argo Rollouts into a cluster made by cluster.sh (default: dev), to be compared with.
#
# Both are built from their Go modules and installed from the manifests in them,
# as their users do, in the namespaces flagger-system and argo-rollouts, with no
# replica running: kubectl scale starts one.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$HERE/lib/binaries.sh"

case ${1:-} in -h | --help) lines; exit 0 ;; esac
NAME=${1:-dev}
"$HERE/images.sh" --cluster "$NAME" flagger argo-rollouts
eval "$("$HERE/cluster.sh" env "$NAME")"
need_go

module() { # its folder; downloaded when its program was built
  (cd / && go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
}

# install NAMESPACE FILE...: with whatever filter $EDIT is, and none running.
install() {
  local namespace=$1
  shift
  say "installing $namespace"
  kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
  for file; do
    sed -e 's/^  replicas: 1$/  replicas: 0/' "${EDIT[@]}" "$file" |
      kubectl apply --server-side --force-conflicts --namespace "$namespace" -f - >/dev/null
  done
}

flagger=$(module "github.com/fluxcd/flagger@v$FLAGGER")/artifacts/flagger
EDIT=(-e 's/namespace: default/namespace: flagger-system/'
  -e 's#^\( *\)- -log-level=info#&\n\1- -mesh-provider=kubernetes\n\1- -metrics-server=http://prometheus.monitoring:9090#')
install flagger-system "$flagger/crd.yaml" "$flagger/account.yaml" "$flagger/deployment.yaml"
# Its image has a wget for the probes, ours has nothing but the program: the kubelet asks the same path itself.
probe='{"exec": null, "httpGet": {"path": "/healthz", "port": 8080}}'
kubectl --namespace flagger-system patch deployment flagger --patch \
  '{"spec": {"template": {"spec": {"containers": [{"name": "flagger", "livenessProbe": '"$probe"', "readinessProbe": '"$probe"'}]}}}}' >/dev/null

# Its manifest has the image of whatever version is the latest, pulled each time, and expects that kustomize or
# kubectl says in which namespace the service account is.
EDIT=(-e "s#argo-rollouts:latest#argo-rollouts:v$ROLLOUTS#" -e 's/^        imagePullPolicy: Always/        imagePullPolicy: IfNotPresent/')
install argo-rollouts "$(module "github.com/argoproj/argo-rollouts@v$ROLLOUTS")/manifests/install.yaml"
