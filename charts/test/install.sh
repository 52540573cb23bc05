# Sourced by test.sh: install, upgrade, rollback and uninstall for real. The
# controller's image need not exist: nothing here waits for its pods to run.

echo "7. install, upgrade, rollback"
crds() { kubectl get crd --output name | grep 'sluice.dev$' || true; }
[[ -z $(crds) ]] || fail "Sluice, or what is left of it, is in this cluster: $(crds | paste -sd' ')"
cleanup() {
  local status=$?
  trap - EXIT
  helm uninstall sluice --namespace "$NS" >/dev/null 2>&1 || true
  kubectl delete namespace "$NS" shop --ignore-not-found >/dev/null 2>&1 || true
  crds | xargs --no-run-if-empty kubectl delete >/dev/null 2>&1 || true
  exit "$status"
}
trap cleanup EXIT
kubectl create namespace "$NS" >/dev/null
kubectl label namespace "$NS" pod-security.kubernetes.io/enforce=restricted >/dev/null

source_is() { # URL: what the MetricSource says
  local seen
  seen=$(kubectl --namespace "$NS" get metricsource default --output 'jsonpath={.spec.prometheus.url}')
  [[ $seen == "$1" ]] || fail "the MetricSource says $seen, not $1"
}
pods() { (($(kubectl --namespace "$NS" get pods --selector app.kubernetes.io/name=sluice --output name | wc -l) == 2)); }

allowed "install" helm install sluice sluice --namespace "$NS"
source_is http://prometheus.monitoring:9090
eventually 20 "two pods pass the restricted profile" pods
refused "a second installation" 'invalid ownership metadata' helm install other sluice --namespace default --no-hooks

# A field that an older version of the chart did not have.
kubectl patch crd rolloutpolicies.sluice.dev --type json --patch '[{"op": "remove", "path": "/spec/names/shortNames"}]' >/dev/null
allowed "upgrade, with another metric source" helm upgrade sluice sluice --namespace "$NS" --set metricSource.url=http://two:9090,metricSource.headers.X-Scope-OrgID=shop
source_is http://two:9090
[[ $(kubectl get crd rolloutpolicies.sluice.dev --output 'jsonpath={.spec.names.shortNames[0]}') == rp ]] || fail "upgrade did not upgrade the CRD"
ok "upgrade upgrades the CRDs"
allowed "rollback" helm rollback sluice 1 --namespace "$NS"
source_is http://prometheus.monitoring:9090
allowed "upgrade without a metric source" helm upgrade sluice sluice --namespace "$NS" --set metricSource.create=false
source_is http://prometheus.monitoring:9090

. test/admission.sh

echo "9. uninstall, install again"
before=$(crds)
allowed "uninstall" helm uninstall sluice --namespace "$NS" --wait
[[ $(crds) == "$before" ]] || fail "CRDs went: $(crds)"
source_is http://prometheus.monitoring:9090
nothing_left() {
  local left
  left=$(kubectl get clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings --selector app.kubernetes.io/name=sluice --output name
    kubectl --namespace "$NS" get all,roles,rolebindings,serviceaccounts,poddisruptionbudgets --selector app.kubernetes.io/name=sluice --output name)
  [[ -z $left ]] || { echo "$left"; return 1; }
}
eventually 60 "uninstall leaves the CRDs and the MetricSource, and nothing else" nothing_left
allowed "install again, over what was left" helm install sluice sluice --namespace "$NS" --set metricSource.url=http://four:9090
source_is http://four:9090
allowed "uninstall" helm uninstall sluice --namespace "$NS"
crds | xargs kubectl delete >/dev/null

# An upgrade is quicker than an install: the API server needs a moment until it serves a new CRD.
refused "install without the CRDs" 'ensure CRDs are installed first' helm install sluice sluice --namespace "$NS" --set crds.install=false
eventually 30 "upgrade with the CRDs mends the failed release" helm upgrade sluice sluice --namespace "$NS" --set crds.install=true
source_is http://prometheus.monitoring:9090
