# shellcheck shell=bash
# The Go programs, each kept until its sources, its version or Go changes.

HELM=v3.22.0
PROMETHEUS=v0.315.0         # the module's version of Prometheus 3.15.0
PROMETHEUS_VERSION=3.15.0
PODINFO=github.com/stefanprodan/podinfo
PODINFO_VERSIONS=(6.9.0 6.9.1)
FLAGGER=1.41.0
ROLLOUTS=1.10.1

need_go() {
  local version minor
  command -v go >/dev/null || die "Go is missing: install Go >= 1.26 (go.dev/doc/install) and put it on PATH"
  export GOTOOLCHAIN=local CGO_ENABLED=0 GOWORK=off
  export GOFLAGS="${GOFLAGS:+$GOFLAGS }-buildvcs=false" # equal sources, equal binaries, whatever the commit
  version=$(go env GOVERSION)
  minor=${version#go1.}
  minor=${minor%%[^0-9]*}
  ((${minor:-0} >= 26)) || die "Go is $version: install Go >= 1.26 (go.dev/doc/install)"
  GOVERSION=$version
  mkdir -p "$BIN"
}

# go_binary NAME KEY COMMAND...: the command builds the file that $OUT names.
go_binary() {
  local name=$1 key out=$BIN/$1
  key=$(echo "$GOVERSION $2" | digest)
  shift 2
  if current "$out" "$key"; then return; fi
  rm -f "$BIN/.$name".*.tmp # of runs that were killed
  export OUT=$BIN/.$name.$$.tmp
  step "build $name" "$@"
  install_output "$OUT" "$out" "$key"
}

# Patterns are quoted by the caller and expand here, in the folder of the sources.
# shellcheck disable=SC2048
sources() { (cd "$HERE" && cat lib/binaries.sh $* | digest); }

build_localk8s() {
  local version v=k8s.io/component-base/version flags
  version=$(sed -n 's/^\tk8s.io\/kubernetes \(v.*\)$/\1/p' "$HERE/go.mod")
  # Commit and date are fixed: equal sources give equal binaries.
  flags="-s -w -X $v.gitVersion=$version -X $v.gitMajor=1 -X $v.gitMinor=$(cut -d. -f2 <<<"$version")
    -X $v.gitCommit=gomodule -X $v.gitTreeState=clean -X $v.buildDate=1970-01-01T00:00:00Z
    -X k8s.io/client-go/pkg/version.gitVersion=$version"
  go_binary pause "$(sources 'pause/*.go' go.mod)" \
    sh -c 'cd "$1" && exec go build -trimpath -ldflags "-s -w" -o "$OUT" ./pause' build "$HERE"
  [[ -e $BIN/localk8s ]] || say "localk8s links a whole Kubernetes: the first build takes about 5 minutes on two cores"
  go_binary localk8s "$(sources './*.go' go.mod go.sum)" \
    sh -c 'cd "$1" && exec go build -trimpath -ldflags "$2" -o "$OUT" .' build "$HERE" "$flags"
  ln -sfn localk8s "$BIN/kubectl"
}

build_helm() {
  go_binary helm "$HELM" sh -c 'dir=$(mktemp -d) && trap "rm -rf $dir" EXIT && cd / &&
    GOBIN=$dir go install -trimpath -ldflags "-s -w" "helm.sh/helm/v3/cmd/helm@$1" && mv "$dir/helm" "$OUT"' build "$HELM"
}

# Modules with excludes and replaces build only as the main module: in the module
# cache. Arguments: module@version, program, tags, linker flags, what its VERSION says (if any).
IN_MODULE='cd / && src=$(go mod download -json "$1" | sed -n "s/.*\"Dir\": \"\(.*\)\".*/\1/p") && [ "$src" ] &&
  { [ -z "${5:-}" ] || [ "$(cat "$src/VERSION")" = "$5" ]; } &&
  exec go -C "$src" build -trimpath -tags "$3" -ldflags "$4" -o "$OUT" "./cmd/$2"'

# Debian's Prometheus has no kubernetes_sd_configs.
build_prometheus() {
  local program
  for program in prometheus promtool; do
    go_binary "$program" "$PROMETHEUS $PROMETHEUS_VERSION" sh -c "$IN_MODULE" build \
      "github.com/prometheus/prometheus@$PROMETHEUS" "$program" remove_all_sd,enable_kubernetes_sd \
      "-s -w -X github.com/prometheus/common/version.Version=$PROMETHEUS_VERSION" "$PROMETHEUS_VERSION"
  done
}

# The peers that the benchmark compares with.
build_flagger() {
  go_binary flagger "$FLAGGER" sh -c "$IN_MODULE" build "github.com/fluxcd/flagger@v$FLAGGER" flagger "" "-s -w"
}

# Flagger's own receiver of webhooks.
build_loadtester() {
  go_binary loadtester "$FLAGGER" sh -c "$IN_MODULE" build "github.com/fluxcd/flagger@v$FLAGGER" loadtester "" "-s -w"
}

build_argo-rollouts() {
  go_binary rollouts-controller "$ROLLOUTS" sh -c "$IN_MODULE" build \
    "github.com/argoproj/argo-rollouts@v$ROLLOUTS" rollouts-controller "" \
    "-s -w -X github.com/argoproj/argo-rollouts/utils/version.version=$ROLLOUTS"
}

build_podinfo() { # one source, two versions
  local version key
  key=$(sources images/go.mod images/go.sum)
  go_binary podcli "$key" \
    sh -c 'cd "$1" && exec go build -trimpath -ldflags "-s -w" -o "$OUT" "$2/cmd/podcli"' build "$HERE/images" "$PODINFO"
  for version in "${PODINFO_VERSIONS[@]}"; do
    go_binary "podinfo-$version" "$key" \
      sh -c 'cd "$1" && exec go build -trimpath -ldflags "-s -w -X $2/pkg/version.VERSION=$3" -o "$OUT" "$2/cmd/podinfo"' \
      build "$HERE/images" "$PODINFO" "$version"
  done
}
