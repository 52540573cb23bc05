# Sourced by test.sh: what can be checked without a cluster.

# A helm that was built from its module believes in a very old Kubernetes.
render() { helm template sluice sluice --namespace "$NS" --kube-version 1.31.0 "$@"; }
kinds() { awk '/^kind: /{n[$2]++} END{for (k in n) print k, n[k]}' <<<"$1" | sort; }

echo "1. lint"
for values in sluice/values.yaml test/everything.yaml test/nothing.yaml; do
  out=$(helm lint --strict --kube-version 1.31.0 sluice --values "$values" 2>&1) || fail "helm lint: $out"
  ok "helm lint --strict with $(basename "$values")"
done

echo "2. rendering"
defaults=$(render)
everything=$(render --values test/everything.yaml)
nothing=$(render --values test/nothing.yaml)
[[ $(kinds "$defaults") == "ClusterRole 5
ClusterRoleBinding 1
CustomResourceDefinition $(ls sluice/files/crds/*.yaml | wc -l)
Deployment 1
MetricSource 1
PodDisruptionBudget 1
Role 1
RoleBinding 1
Service 1
ServiceAccount 1
ValidatingAdmissionPolicy 3
ValidatingAdmissionPolicyBinding 3" ]] || fail "by default there are: $(kinds "$defaults")"
ok "by default: $(kinds "$defaults" | paste -sd, | sed 's/,/, /g')"
[[ $(kinds "$nothing") == "ClusterRole 1
ClusterRoleBinding 1
Deployment 1
Role 1
RoleBinding 1
Service 1" ]] || fail "with everything off there are: $(kinds "$nothing")"
ok "with everything off only the controller, its rights and its Service remain"

app=$(sed -n 's/^appVersion: "\(.*\)"/\1/p' sluice/Chart.yaml)
[[ $app == "$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' ../Cargo.toml)" ]] || fail "appVersion $app is not the workspace's version"
[[ $app == "$(sed -n 's/^version: //p' sluice/Chart.yaml)" ]] || fail "the chart's version is not its appVersion"
has "$defaults" "image: ghcr.io/sluice-dev/sluice-controller:$app\$" "the image"
has "$(render --set image.tag=edge)" 'sluice-controller:edge$' "a tag of one's own"
has "$everything" 'image: registry.example.com/sluice@sha256:0{64}$' "a digest"
ok "the image's tag is the chart's appVersion, which is the workspace's version ($app); a digest wins"

for line in 'runAsNonRoot: true' 'runAsUser: 65532' 'readOnlyRootFilesystem: true' 'allowPrivilegeEscalation: false' 'drop: \[ALL\]' 'type: RuntimeDefault'; do
  has "$defaults" "$line" "the pod's security context"
done
has_not "$nothing" 'runAsUser' "runAsUser: null"
ok "the pod asks for the restricted profile; its user can be left to the platform"

has "$everything" "username (==|!=) 'system:serviceaccount:$NS:delivery'" "the controller's name in the admission policies"
[[ $(grep -c "system:serviceaccount:$NS:delivery'" <<<"$everything") == 2 ]] || fail "two admission policies should name the controller"
ok "the admission policies name the controller's ServiceAccount"

[[ $(grep -c 'helm.sh/resource-policy: keep' <<<"$defaults") == $(ls sluice/files/crds/*.yaml | wc -l) ]] || fail "every CRD should be kept"
ok "Helm keeps every CRD"
[[ $(grep -c 'helm.sh/hook:' <<<"$defaults") == 1 ]] || fail "the MetricSource, and nothing else, should be a hook"
ok "only the MetricSource is a hook"

render --values test/everything.yaml --show-only templates/prometheusrule.yaml | sed -n '/^spec:/,$s/^  //p' |
  diff - <(cat sluice/files/alerts.yaml) >&2 || fail "the PrometheusRule is not files/alerts.yaml"
has "$everything" '^    release: prometheus$' "the label of the alerts"
render --values test/everything.yaml --show-only templates/dashboard.yaml | sed -n '/sluice.json: |/,$s/^    //p' |
  diff -B - sluice/files/dashboard.json >&2 || fail "the dashboard is not files/dashboard.json"
ok "alerts and dashboard are the files, with labels of one's own"

has_not "$defaults" 'OTEL_|tracing' "traces that nobody asked for"
for line in 'value: "https://collector.example.com/otlp"' 'secretKeyRef: \{name: collector, key: headers\}' 'value: /etc/sluice/tracing/ca.crt' 'mountPath: /etc/sluice/tracing,' 'key: ca.crt, path: ca.crt'; do
  has "$everything" "$line" "traces"
done
ok "traces only with an endpoint, with headers and authorities from Secrets"

container=$(sed -n '/^kind: Deployment/,/^---/p' <<<"$everything" | sed 's/^ *//' | paste -sd' ')
has "$container" 'SLUICE_HTTPS_PROXY value: "http://proxy.example.com:3128" - name: SLUICE_HTTP_PROXY value: "http://proxy.example.com:8080/"' "the proxies"
has "$container" 'SLUICE_NO_PROXY value: "example.com,.internal,10.0.0.0/8,fd00::/8"' "what is asked without a proxy"
has_not "$defaults" 'PROXY' "by default"
ok "a proxy is one of Sluice's own, and there is none by default"

for value in replicas=1 podDisruptionBudget.enabled=false; do
  has_not "$(render --set "$value")" 'kind: PodDisruptionBudget' "$value"
done
ok "no PodDisruptionBudget for one replica, or when it is off"

echo "3. values that are refused"
refused "a name with a typing error" 'replcas' render --set replcas=3
refused "a nested name with a typing error" 'pullpolicy' render --set image.pullpolicy=Always
refused "replicas as text" 'replicas' render --set-string replicas=two
refused "an unknown pull policy" 'pullPolicy' render --set image.pullPolicy=Sometimes
refused "a digest that is none" 'digest' render --set image.digest=sha256:12
refused "root as the user" 'runAsUser' render --set runAsUser=0
refused "an address without a scheme" 'url' render --set metricSource.url=prometheus:9090
refused "an endpoint of traces without a scheme" 'endpoint' render --set tracing.endpoint=collector:4317
refused "a duration without a unit" 'scrapeInterval' render --set-string metricSource.scrapeInterval=15
refused "a Secret without its key" 'bearerToken' render --set metricSource.bearerToken.name=thanos
refused "a proxy without a scheme" 'proxy.*https|https.*pattern' render --set proxy.https=proxy:3128
refused "a proxy that is asked by TLS" 'proxy.*http|http.*pattern' render --set proxy.http=https://proxy:3128
refused "an exception with a port" 'noProxy' render --set 'proxy.noProxy={example.com:443}'
refused "two ways to authenticate" 'bearerToken or basicAuth, not both' \
  render --set metricSource.bearerToken.name=a,metricSource.bearerToken.key=b,metricSource.basicAuth.name=c
refused "port 0" 'ports' render --set 'networkPolicy.apiServer.ports={0}'
refused "a label that is none" "propertyName '-a'" render --set 'extraLabels.-a=b'
refused "Kubernetes 1.30" 'kubeVersion' helm template sluice sluice --kube-version 1.30.9

echo "4. what the controller may do"
rbac=$(render --show-only templates/rbac.yaml)
rules=$(grep -E '^- \{apiGroups: ' <<<"$rbac")
count=$(wc -l <<<"$rules")
# A rule in another form would not be read below.
[[ $(grep -c 'apiGroups' <<<"$rbac") == "$count" && $(grep -cE '\], verbs: \[[a-z, ]+\]\}$' <<<"$rules") == "$count" ]] ||
  fail "rbac.yaml has rules that are not on one line, with verbs last"
groups=$(sed 's/.*apiGroups: \[\([^]]*\)\].*/\1/; s/, /\n/g' <<<"$rules" | sort -u)
resources=$(sed 's/.* resources: \[\([^]]*\)\].*/\1/; s/, /\n/g' <<<"$rules" | sort -u)
verbs=$(sed 's/.* verbs: \[\([^]]*\)\].*/\1/; s/, /\n/g' <<<"$rules" | sort -u)
has_not "$groups" '\*|rbac|certificates|authentication' "API groups"
has_not "$resources" '\*|^pods/(exec|attach|portforward|proxy|eviction|ephemeralcontainers)$|^serviceaccounts|^nodes|^customresourcedefinitions$|webhook|^persistentvolumes$' "resources"
has_not "$(grep -vxE 'get|list|watch|create|update|patch|delete' <<<"$verbs")" . "verbs"
has_not "$(grep -E 'secrets' <<<"$rules")" 'list|watch|create|update|patch|delete' "secrets"
has_not "$(grep -E 'decisions' <<<"$(grep -v resourceNames <<<"$rules")")" 'create|update|patch|delete' "decisions"
has_not "$(grep -E 'admissionregistration' <<<"$rules")" 'list|watch|create|update|patch|delete' "admission policies"
has_not "$(grep -E '\[pods' <<<"$rules")" 'create|update|delete' "pods"
ok "$count rules: verbs are $(paste -sd' ' <<<"$verbs"), so no wildcard, impersonate, bind, escalate or deletecollection; no pods/exec; secrets only by name; decisions only read"
out=$(render --show-only templates/rbac-users.yaml | grep apiGroups)
[[ $(wc -l <<<"$out") -ge 6 ]] || fail "rbac-users.yaml has rules that are not on one line"
has_not "$out" '\*|secrets|impersonate|bind|escalate|deletecollection' "the roles for people"
has_not "$(grep -v 'apiGroups: \[sluice.dev\]' <<<"$out")" . "the roles for people"
ok "the roles for people are about sluice.dev only"

echo "5. documentation"
for key in $(sed -n 's/^\([a-zA-Z]*\):.*/\1/p' sluice/values.yaml); do
  has "$(grep '^|' sluice/README.md)" "\`$key[.\`]" "README.md"
done
ok "every value is in the README"
