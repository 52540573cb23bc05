# Sourced by test.sh: what the API server says to each object, without changing anything.

echo "6. dry runs at $(kubectl config view --minify --output 'jsonpath={.clusters[0].cluster.server}')"
known=$(kubectl get crd metricsources.sluice.dev --ignore-not-found --output name)
# PrometheusRule is a kind of the Prometheus operator. The namespace need not exist, so the objects go to one that does; a kind that is not there yet cannot be tried.
for values in sluice/values.yaml test/everything.yaml test/nothing.yaml; do
  create=$([[ -n $known && $values != test/nothing.yaml ]] && echo true || echo false)
  out=$(NS=default render --values "$values" --set metricSource.create="$create",alerts.create=false |
    kubectl apply --namespace default --dry-run=server --validate=strict --filename - 2>&1) || fail "$values: $out"
  has_not "$out" '[Ww]arning' "$values"
  ok "the API server accepts all $(grep -c 'server dry run' <<<"$out") objects with $(basename "$values"), without a warning"
done
if [[ -z $known ]]; then
  allowed "helm install --dry-run=server" helm install sluice sluice --namespace "$NS" --create-namespace --dry-run=server
fi
