#!/usr/bin/env bash
# run.sh [TARGET...]: searches for samples, journals and policies that the analysis cannot take, FUZZ_SECONDS (60) for each
# target. What was found is kept in corpus/ and gone on from; an input that fails is kept in artifacts/ and told how to run again.
# cargo-fuzz is installed into the cache where it is missing; the stable toolchain does, since no sanitizer is used.
set -euo pipefail
case ${1:-} in -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;; esac
cd "$(dirname "$0")"
CACHE=${SLUICE_CACHE:-$HOME/.cache/sluice}
VERSION=0.13.2
export PATH=$CACHE/bin:$PATH
if [ "$(cargo fuzz --version 2>/dev/null)" != "cargo-fuzz $VERSION" ]; then
  echo "installing cargo-fuzz $VERSION into $CACHE/bin"
  cargo install cargo-fuzz --version "$VERSION" --locked --quiet --root "$CACHE" --force
fi
targets=("$@")
[ $# -gt 0 ] || targets=(samples configuration journal)
cargo fuzz build --sanitizer none
for target in "${targets[@]}"; do
  echo "== $target, ${FUZZ_SECONDS:=60} s"
  log=$(mktemp)
  # Looks are bounded, and so is the time of one input.
  if ! cargo fuzz run --sanitizer none "$target" -- -max_total_time="$FUZZ_SECONDS" -timeout=20 -print_final_stats=1 >"$log" 2>&1; then
    sed -n '/panicked at/,$p' "$log"
    echo "error: $target fails; the whole output: $log" >&2
    exit 1
  fi
  grep -E 'number_of_executed_units|slowest_unit' "$log"
  grep 'cov:' "$log" | tail -1
  rm -f "$log"
done
