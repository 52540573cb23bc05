# Shared by the scripts beside it; sourced, never run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SLUICE_CACHE=${SLUICE_CACHE:-$HOME/.cache/sluice}
BEGAN=$SECONDS

say() { printf '\033[1m[%4d s] %s\033[0m\n' $((SECONDS - BEGAN)) "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

need() { # program, what to do
  command -v "$1" >/dev/null || fail "$1 is not installed: $2"
}

toolchains() {
  need cargo "install Rust 1.95 or newer, for example with rustup"
  need go "install Go 1.26 or newer"
}

# A cluster with Prometheus, every image and Sluice, as a user would install them.
bring_up() { # cluster, flags of `up`
  local name=$1; shift
  say "cluster $name"
  "$ROOT/kind-tests/cluster/cluster.sh" up "$name" "$@"
  eval "$("$ROOT/kind-tests/cluster/cluster.sh" env "$name")"
  say "images"
  "$ROOT/kind-tests/cluster/cluster.sh" images "$name"
  say "Prometheus"
  kubectl apply -f "$ROOT/kind-tests/cluster/prometheus.yaml" >/dev/null
  say "Sluice, with Helm"
  helm upgrade --install sluice "$ROOT/charts/sluice" --namespace sluice-system --create-namespace \
    --set metricSource.scrapeInterval=1s --wait --timeout 3m >/dev/null
  kubectl --namespace monitoring rollout status deployment/prometheus --timeout=120s >/dev/null
  kubectl --namespace sluice-system get pods
}
