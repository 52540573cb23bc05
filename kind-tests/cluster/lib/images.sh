# shellcheck shell=bash
# The images: one function each, pack_NAME, and the list of them.

IMAGES=(podinfo redis prometheus controller testapp load receiver conformance loadtester)
REDIS=7.0.15
PACKED=() # the archives of this run

# pack ARCHIVE "REF..." [--workdir D] [--static] FILE:DEST...; nothing is written
# when the archive holds just that already.
pack() {
  local archive=$ARCHIVES/$1.tar ref names=()
  for ref in $2; do names+=(--name "$ref"); done
  shift 2
  mkdir -p "$ARCHIVES"
  localk8s image "${names[@]}" --out "$archive" "$@"
  PACKED+=("$archive")
}

# with_libs PROGRAM: its shared libraries and their loader as FILE:DEST pairs.
with_libs() {
  ldd "$1" | awk '$3 ~ "^/" {print $3} $1 ~ "^/" {print $1}' | while read -r library; do
    echo "$(readlink -f "$library"):$library"
  done
}

pack_podinfo() {
  local version ui
  "$HERE/setup.sh" podinfo
  need_go
  ui=$(cd "$HERE/images" && go mod download -json "$PODINFO" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/ui
  for version in "${PODINFO_VERSIONS[@]}"; do
    pack "podinfo-$version" "ghcr.io/stefanprodan/podinfo:$version" --workdir /home/app --static \
      "$BIN/podinfo-$version:/home/app/podinfo" "$BIN/podcli:/usr/local/bin/podcli" "$ui:/home/app/ui"
  done
}

# Two versions of one Redis: the second differs in a file that nothing reads.
pack_redis() {
  local revision files
  need_redis
  files=("$(readlink -f "$(command -v redis-server)"):/usr/local/bin/redis-server"
    "$(readlink -f "$(command -v redis-cli)"):/usr/local/bin/redis-cli" ":/data"
    $(with_libs "$(command -v redis-server)") $(with_libs "$(command -v redis-cli)"))
  for revision in 0 1; do
    mkdir -p "$ARCHIVES"
    echo "$revision" >"$ARCHIVES/redis-revision-$revision"
    pack "redis-$revision" "docker.io/library/redis:$REDIS$( ((revision == 0)) || echo "-$revision")" --workdir /data \
      "${files[@]}" "$ARCHIVES/redis-revision-$revision:/etc/image-revision"
  done
}

need_redis() {
  local version
  command -v redis-server >/dev/null || die "redis-server is missing: run setup.sh packages"
  version=$(redis-server --version | sed -n 's/.* v=\([^ ]*\) .*/\1/p')
  [[ $version == "$REDIS" ]] || die "redis-server is $version, but the image is to be $REDIS (Debian 12's)"
}

pack_prometheus() {
  "$HERE/setup.sh" prometheus
  pack prometheus "quay.io/prometheus/prometheus:v$PROMETHEUS_VERSION" --workdir /prometheus --static \
    "$BIN/prometheus:/bin/prometheus" ":/prometheus"
}

# The peers that the benchmark compares with.
pack_flagger() {
  "$HERE/setup.sh" flagger
  pack flagger "ghcr.io/fluxcd/flagger:$FLAGGER" --workdir /home/flagger --static "$BIN/flagger:/home/flagger/flagger"
}

# With what its commands need: a shell and wget.
pack_loadtester() {
  local program
  "$HERE/setup.sh" loadtester
  program=$(readlink -f "$(command -v bash)")
  command -v busybox >/dev/null || die "busybox is missing: run setup.sh packages"
  pack loadtester "ghcr.io/sluice-dev/flagger-loadtester:$FLAGGER" --static "$BIN/loadtester:/loadtester" \
    "$program:/bin/bash" "$(command -v busybox):/bin/busybox" "->/bin/busybox:/bin/wget" $(with_libs "$program")
}

pack_argo-rollouts() {
  "$HERE/setup.sh" argo-rollouts
  pack argo-rollouts "quay.io/argoproj/argo-rollouts:v$ROLLOUTS" --workdir /home/argo-rollouts --static \
    "$BIN/rollouts-controller:/bin/rollouts-controller"
}

# rust_program CRATE BINARY: builds it with the C library inside; RUST_BINARY is its path.
# Cargo knows what is out of date.
rust_program() {
  local triple target
  command -v cargo >/dev/null || die "cargo is missing: install Rust (rustup.rs)"
  triple=$(rustc -vV | sed -n 's/^host: //p')
  target=${CARGO_TARGET_DIR:-$ROOT/target}
  RUSTFLAGS="-C target-feature=+crt-static" step "cargo build $1 (release, static)" \
    cargo build --manifest-path "$ROOT/Cargo.toml" --release --locked --target "$triple" --target-dir "$target" -p "$1" --bins
  RUST_BINARY=$target/$triple/release/$2
  [[ -x $RUST_BINARY ]] || die "crate $1 has no binary $2"
}

pack_controller() {
  local version
  version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
  rust_program controller sluice-controller
  pack controller "ghcr.io/sluice-dev/sluice-controller:$version" --static "$RUST_BINARY:/sluice-controller"
}

# One content under several tags: its version is told by a flag.
pack_testapp() {
  rust_program apps sluice-testapp
  pack testapp "$(printf 'ghcr.io/sluice-dev/testapp:%s ' 1.0.0 1.1.0 1.2.0 1.3.0)" --static "$RUST_BINARY:/sluice-testapp"
}

pack_load() {
  rust_program apps sluice-load
  pack load ghcr.io/sluice-dev/load:1.0.0 --static "$RUST_BINARY:/sluice-load"
}

pack_receiver() {
  rust_program apps sluice-receiver
  pack receiver ghcr.io/sluice-dev/receiver:1.0.0 --static "$RUST_BINARY:/sluice-receiver"
}

# With a shell, the usual small programs and redis-cli: suites may be scripts.
pack_conformance() {
  local applet links=()
  rust_program apps sluice-conformance
  need_redis
  command -v busybox >/dev/null || die "busybox is missing: run setup.sh packages"
  for applet in $(busybox --list); do
    [[ $applet == busybox ]] || links+=("->/bin/busybox:/bin/$applet")
  done
  pack conformance ghcr.io/sluice-dev/conformance:1.0.0 --static "$RUST_BINARY:/sluice-conformance" \
    "->/sluice-conformance:/usr/local/bin/sluice-conformance" \
    "$(command -v busybox):/bin/busybox" "${links[@]}" \
    "$(readlink -f "$(command -v redis-cli)"):/usr/local/bin/redis-cli" $(with_libs "$(command -v redis-cli)")
}
