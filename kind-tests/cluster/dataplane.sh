#!/usr/bin/env bash
# dataplane.sh [NAME] PLANE...: puts real data planes into a cluster made by cluster.sh (default: dev).
#
# Planes:
#   gateway-api   the Gateway API, Envoy Gateway, the class eg and its Gateway "public" in the
#                 namespace gateways, for routes of every namespace: http://public.envoy-gateway-system
#   istio         istiod; in the mesh are the pods made in a namespace labelled istio-injection=enabled;
#                 the Gateway "public-istio" of the class istio: http://public-istio.gateways
# Afterwards "dataplane.sh [NAME] check" asks those that are there for a thousand answers by
# weights of 90 and 10, and looks at the counters if Prometheus runs (prometheus.yaml).
#
# The images are built from Go modules and PyPI when they are missing, the
# manifests come from the same modules and from dataplanes/. May be run again.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$HERE/lib/binaries.sh"
. "$HERE/lib/dataplanes.sh"

NAME=dev
case ${1:---help} in
-h | --help) lines; exit 0 ;;
gateway-api | istio | check) ;;
*) NAME=$1; shift ;;
esac
(($#)) || die "which plane? see --help"
for plane; do
  case $plane in gateway-api | istio | check) ;; *) die "no plane named $plane; see --help" ;; esac
done

# Its folder; downloaded if it is not there.
module() { (cd / && go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'); }

apply() { kubectl apply --server-side --force-conflicts "$@" >/dev/null; } # CRDs are too large for the other way

# within SECONDS WHAT COMMAND...: until the command succeeds.
within() {
  local end=$((SECONDS + $1)) what=$2 out
  shift 2
  until out=$("$@" 2>&1); do
    ((SECONDS < end)) || die "$what: not in time; last: $out"
    sleep 0.2
  done
}

# What stands already is known by an annotation of its namespace.
KEY=$(cat "$HERE/dataplane.sh" "$HERE/lib/dataplanes.sh" "$HERE"/dataplanes/* | digest)
installed() { [[ $(kubectl get namespace "$1" --ignore-not-found -o 'jsonpath={.metadata.annotations.sluice\.dev/dataplane}') == "$KEY" ]]; }
mark() { kubectl annotate namespace "$1" --overwrite "sluice.dev/dataplane=$KEY" >/dev/null; }

prepare() { # IMAGE...
  "$HERE/setup.sh" helm
  "$HERE/images.sh" --cluster "$NAME" "$@"
  need_go
}

gateway_api_crds() {
  EG=$(module "$ENVOY_GATEWAY_MODULE@$ENVOY_GATEWAY")/charts/gateway-helm
  [[ -d $EG ]] || die "the module $ENVOY_GATEWAY_MODULE@$ENVOY_GATEWAY cannot be had: see GOPROXY in 'go env'"
  say "Gateway API"
  apply -f "$EG/charts/crds/crds/gatewayapi-crds.yaml"
}

plane_gateway-api() {
  prepare envoy envoy-gateway
  installed envoy-gateway-system || install_envoy_gateway
  say "Gateway public"
  apply -f "$HERE/dataplanes/gateway.yaml" -f "$HERE/dataplanes/gateway-stats.yaml"
  kubectl --namespace gateways wait gateway/public --for=condition=Programmed --timeout=60s >/dev/null
  kubectl --namespace gateways wait envoypatchpolicy/public-stats --timeout=30s >/dev/null \
    --for='jsonpath={.status.ancestors[0].conditions[?(@.type=="Programmed")].status}=True'
  kubectl --namespace envoy-gateway-system rollout status deployment/public --timeout=60s >/dev/null
  say "Gateway public answers at http://public.envoy-gateway-system"
}

install_envoy_gateway() {
  local chart=$WORK/envoy-gateway
  gateway_api_crds
  apply -f "$EG/charts/crds/crds/generated"
  say "Envoy Gateway $ENVOY_GATEWAY"
  cp -r "$EG" "$chart"
  chmod -R u+w "$chart"
  mv "$chart/values.tmpl.yaml" "$chart/values.yaml" # its two variables are the image and its policy, which our values set
  helm upgrade --install eg "$chart" --namespace envoy-gateway-system --create-namespace --skip-crds \
    --values "$HERE/dataplanes/envoy-gateway-values.yaml" --wait --timeout 2m >/dev/null
  mark envoy-gateway-system
}

plane_istio() {
  prepare pilot proxyv2
  installed istio-system || install_istio
  say "Gateway public-istio"
  apply -f "$HERE/dataplanes/istio-stats.yaml" \
    2> >(grep -v '^Warning: EnvoyFilter' >&2) # it always warns; first, so that a proxy has it from the beginning
  apply -f "$HERE/dataplanes/gateway-istio.yaml"
  kubectl --namespace gateways wait gateway/public-istio --for=condition=Programmed --timeout=60s >/dev/null
  kubectl --namespace gateways rollout status deployment/public-istio --timeout=60s >/dev/null # Programmed does not wait for it
  say "Gateway public-istio answers at http://public-istio.gateways"
}

install_istio() {
  local charts
  charts=$(istio_module)/manifests/charts
  gateway_api_crds
  say "Istio $ISTIO"
  # With the CRDs.
  helm upgrade --install base "$charts/base" --namespace istio-system --create-namespace --wait --timeout 1m >/dev/null
  helm upgrade --install istiod "$charts/istio-control/istio-discovery" --namespace istio-system \
    --values "$HERE/dataplanes/istio-values.yaml" --wait --timeout 2m >/dev/null
  mark istio-system
}

# forward NAMESPACE TARGET PORT: $PORT on this machine leads there, by way of the API server, which any kind of cluster has.
forward() {
  unforward
  : >"$WORK/forward"
  kubectl --namespace "$1" port-forward "$2" ":$3" >"$WORK/forward" 2>&1 &
  FORWARD=$!
  within 20 "port-forward to $2 in $1" grep -q '^Forwarding from 127' "$WORK/forward"
  PORT=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$WORK/forward")
}
unforward() {
  if [[ -n ${FORWARD:-} ]]; then kill "$FORWARD" 2>/dev/null || true; fi
  FORWARD=
}

# The value of a sum in Prometheus; 0 where it counts nothing.
counter() {
  curl -sfG --max-time 5 "http://127.0.0.1:$PORT/api/v1/query" --data-urlencode "query=sum($1) or vector(0)" |
    sed -n 's/.*"value":\[[^,]*,"\([0-9]*\)"\].*/\1/p'
}
counts() { local now; now=$(counter "$1") && echo "$now, not $2" && ((now >= $2)); }

REQUESTS=1000

# shares WHAT NAMESPACE TARGET PORT PATH COUNTER: a tenth of the answers is the canary's, give or take 4.5 standard
# deviations (of 9.5), and the counter of its requests rises by as many (or more: the first request is not among them).
# An answer is the environment of the pod that gave it.
shares() {
  local what=$1 path=$5 counter=$6 primary canary before
  if [[ $METRICS == yes ]]; then
    forward monitoring service/prometheus 9090
    before=$(counter "$counter") || die "$what: Prometheus does not answer"
  fi
  forward "$2" "$3" "$4"
  within 20 "$what: the route" sh -c "curl -sf --max-time 3 -d '' -H 'Host: $HOST' 'http://127.0.0.1:$PORT$path' | grep HOSTNAME"
  curl -s --max-time 60 -d '' -H "Host: $HOST" "http://127.0.0.1:$PORT$path?[1-$REQUESTS]" >"$WORK/answers" ||
    die "$what: the requests were refused, or did not end within 60 s"
  primary=$(grep -o 'HOSTNAME=primary-' "$WORK/answers" | wc -l)
  canary=$(grep -o 'HOSTNAME=canary-' "$WORK/answers" | wc -l)
  ((primary + canary == REQUESTS)) || die "$what: only $((primary + canary)) of $REQUESTS requests had an answer of podinfo"
  ((canary >= 57 && canary <= 143)) || die "$what: weights of 90 and 10 gave $primary and $canary"
  say "ok    $what: weights of 90 and 10 gave $primary and $canary"
  [[ $METRICS == yes ]] || return 0
  forward monitoring service/prometheus 9090
  within 20 "$what: $counter" counts "$counter" $((before + canary))
  say "ok    $what: $canary more in $counter"
}

# deploy NAMESPACE enabled|disabled FILE...: and wait for its pods, which have sidecars or have none.
deploy() {
  local namespace=$1 injection=$2 file
  shift 2
  kubectl delete namespace "$namespace" --ignore-not-found >/dev/null # of another run
  kubectl create namespace "$namespace" >/dev/null
  kubectl label namespace "$namespace" --overwrite "istio-injection=$injection" >/dev/null
  for file; do apply --namespace "$namespace" -f "$HERE/dataplanes/$file"; done
  kubectl --namespace "$namespace" rollout status deployment --timeout=60s >/dev/null
}

HOST=dataplane-check.test
plane_check() {
  local namespace any=no
  "$HERE/images.sh" --cluster "$NAME" podinfo
  METRICS=no
  if kubectl --namespace monitoring get deployment prometheus >/dev/null 2>&1; then METRICS=yes; fi
  if kubectl --namespace gateways get gateway public >/dev/null 2>&1; then
    any=yes namespace=dataplane-check
    deploy $namespace disabled check.yaml check-gateway-api.yaml
    shares "Gateway public" envoy-gateway-system service/public 80 /env \
      "envoy_backend_requests_total{backend_namespace=\"$namespace\",backend_service=\"canary\"}"
    kubectl delete namespace $namespace --wait=false >/dev/null
  fi
  if kubectl --namespace gateways get gateway public-istio >/dev/null 2>&1; then
    any=yes namespace=dataplane-check-istio
    deploy $namespace enabled check.yaml check-istio.yaml
    shares "Gateway public-istio" gateways service/public-istio 80 /env \
      "istio_requests_total{reporter=\"source\",source_workload=\"public-istio\",destination_service_name=\"canary\",destination_service_namespace=\"$namespace\"}"
    shares "a sidecar" $namespace deployment/client 9898 /api/echo \
      "istio_requests_total{reporter=\"source\",source_workload=\"client\",destination_service_name=\"canary\",destination_service_namespace=\"$namespace\"}"
    kubectl delete namespace $namespace --wait=false >/dev/null
  fi
  unforward
  [[ $any == yes ]] || die "no plane is there: dataplane.sh $NAME gateway-api istio"
}

FORWARD=
WORK=$(mktemp -d)
trap 'unforward; rm -rf "$WORK"' EXIT
eval "$("$HERE/cluster.sh" env "$NAME")"
for plane; do "plane_$plane"; done
