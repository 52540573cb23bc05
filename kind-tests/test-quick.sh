#!/usr/bin/env bash
# Everything that needs no cluster: formatting, lints, unit, property, snapshot and in-memory tests, and the chart.
set -euo pipefail
# shellcheck source=kind-tests/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
# The random tests try the same cases every time, so that a failure belongs to the change that is tested.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}
toolchains
say "formatting"
cargo fmt --all --check && cargo fmt --manifest-path analysis/fuzz/Cargo.toml --check || fail "run: make fmt"
say "lints"
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
# They are linked when they run (make fuzz); that they fit the crate takes no C++ compiler.
CUSTOM_LIBFUZZER_PATH=/nowhere/libfuzzer.a cargo clippy --manifest-path analysis/fuzz/Cargo.toml --target-dir target/fuzz --locked --quiet -- -D warnings
say "tests without a cluster"
kind-tests/cluster/setup.sh adaptive-card
cargo test --locked
say "the chart"
kind-tests/cluster/setup.sh helm
PATH=$SLUICE_CACHE/bin:$PATH charts/test.sh
say "done"
