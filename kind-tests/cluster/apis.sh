#!/usr/bin/env bash
# apis.sh: the custom resource definitions of what Sluice writes into routes and beside them, in every minor version there is.
#
# Fetches them as Go modules where they are missing, and prints a line for each:
#   gateway-api v1.0.0 standard FILE
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$HERE/lib/binaries.sh"
case ${1:-} in -h | --help) lines; exit 0 ;; esac

# The newest patch version of each that the module proxy has. Before these, what is written had other names:
# gateway.networking.k8s.io/v1 began with 1.0, networking.istio.io/v1 with Istio 1.22.
GATEWAY_API=(v1.0.0 v1.1.0 v1.2.1 v1.3.0 v1.4.1 v1.5.1 v1.6.3 v1.7.0)
ISTIO_API=(v1.22.0 v1.23.0 v1.24.2 v1.25.0 v1.26.0 v1.27.0 v1.28.0 v1.29.0 v1.30.2 v1.31.1)

# module MODULE@VERSION: its folder; downloaded if it is not there.
module() {
  local dir
  dir=$(go env GOMODCACHE)/$1
  # It fails where the module asks for a newer Go, but nothing is built from it, and its files are there all the same.
  [[ -d $dir ]] || (cd / && go mod download "$1") >"$LOGS/apis.log" 2>&1 || true
  [[ -d $dir ]] || die "the module $1 cannot be had: $(<"$LOGS/apis.log")"
  echo "$dir"
}

# definitions "RESOURCE..." MANIFEST...: those of these resources.
definitions() {
  awk -v wanted=" $1 " '
    function end() { if (index(wanted, " " name " ")) printf "---\n%s", text; text = name = "" }
    FNR == 1 || /^---$/ { end() }
    !/^---$/ { text = text $0 "\n" }
    /^  name: / { name = $2 }
    END { end() }' "${@:2}"
}

# api NAME VERSION CHANNEL MODULE FILES RESOURCE...
api() {
  local name=$1 version=$2 channel=$3 module=$4@$2 files=$5 out=$SLUICE_CACHE/apis/$1-$2-$3.yaml dir
  shift 5
  if ! current "$out" "$*"; then
    dir=$(module "$module")
    # shellcheck disable=SC2086 # a pattern
    definitions "$*" "$dir"/$files >"$out.$$.tmp"
    [[ -s $out.$$.tmp ]] || die "there is none of $* in $files of $module"
    install_output "$out.$$.tmp" "$out" "$*"
  fi
  echo "$name $version $channel $out"
}

need_go >&2
mkdir -p "$SLUICE_CACHE/apis" "$LOGS"
for version in "${GATEWAY_API[@]}"; do
  for channel in standard experimental; do
    api gateway-api "$version" "$channel" sigs.k8s.io/gateway-api "config/crd/$channel/*routes.yaml" \
      httproutes.gateway.networking.k8s.io grpcroutes.gateway.networking.k8s.io
  done
done
for version in "${ISTIO_API[@]}"; do
  api istio "$version" all istio.io/api kubernetes/customresourcedefinitions.gen.yaml \
    virtualservices.networking.istio.io destinationrules.networking.istio.io
done
