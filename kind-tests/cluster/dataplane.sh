#!/usr/bin/env bash
# dataplane.sh [NAME] PLANE...: puts real data planes into a cluster made by cluster.sh (default: dev).
#
# Planes:
#   gateway-api   the Gateway API, Envoy Gateway, the class eg and its Gateway "public" in the
#                 namespace gateways, for routes of every namespace: http://public.envoy-gateway-system
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
gateway-api | check) ;;
*) NAME=$1; shift ;;
esac
(($#)) || die "which plane? see --help"
for plane; do
  case $plane in gateway-api | check) ;; *) die "no plane named $plane; see --help" ;; esac
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
  installed gateways || install_envoy_gateway
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
  say "Gateway public"
  apply -f "$HERE/dataplanes/gateway.yaml" -f "$HERE/dataplanes/gateway-stats.yaml"
  mark gateways
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

# shares WHAT NAMESPACE TARGET PORT COUNTER: a tenth of the answers is the canary's, give or take 4.5 standard
# deviations (of 9.5), and the counter of its requests rises by as many (or more: the first request is not among them).
shares() {
  local what=$1 counter=$5 primary canary before metrics=no
  if kubectl --namespace monitoring get deployment prometheus >/dev/null 2>&1; then metrics=yes; fi
  if [[ $metrics == yes ]]; then
    forward monitoring service/prometheus 9090
    before=$(counter "$counter") || die "$what: Prometheus does not answer"
  fi
  forward "$2" "$3" "$4"
  within 20 "$what: the route" curl -sf --max-time 3 -H "Host: $HOST" "http://127.0.0.1:$PORT/healthz"
  curl -s --max-time 60 -H "Host: $HOST" "http://127.0.0.1:$PORT/version?[1-$REQUESTS]" >"$WORK/answers" ||
    die "$what: the requests did not end within 60 s, or were refused"
  primary=$(grep -c '"version": "6.9.0"' "$WORK/answers") || true
  canary=$(grep -c '"version": "6.9.1"' "$WORK/answers") || true
  ((primary + canary == REQUESTS)) || die "$what: only $((primary + canary)) of $REQUESTS requests had an answer of podinfo"
  ((canary >= 57 && canary <= 143)) || die "$what: weights of 90 and 10 gave $primary and $canary"
  say "ok    $what: weights of 90 and 10 gave $primary and $canary"
  [[ $metrics == yes ]] || return 0
  forward monitoring service/prometheus 9090
  within 20 "$what: $counter" counts "$counter" $((before + canary))
  say "ok    $what: $canary more in $counter"
}

HOST=dataplane-check.test
plane_check() {
  local namespace=dataplane-check
  "$HERE/images.sh" --cluster "$NAME" podinfo
  kubectl --namespace gateways get gateway public >/dev/null || die "there is no Gateway public: dataplane.sh $NAME gateway-api"
  kubectl create namespace $namespace --dry-run=client -o yaml | apply -f -
  apply --namespace $namespace -f "$HERE/dataplanes/check.yaml" -f "$HERE/dataplanes/check-gateway-api.yaml"
  kubectl --namespace $namespace rollout status deployment --timeout=60s >/dev/null
  shares "Gateway public" envoy-gateway-system service/public 80 \
    "envoy_backend_requests_total{backend_namespace=\"$namespace\",backend_service=\"canary\"}"
  unforward
  kubectl delete namespace $namespace >/dev/null
}

FORWARD=
WORK=$(mktemp -d)
trap 'unforward; rm -rf "$WORK"' EXIT
eval "$("$HERE/cluster.sh" env "$NAME")"
for plane; do "plane_$plane"; done
