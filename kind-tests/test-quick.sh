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
cargo fmt --all --check || fail "run: make fmt"
say "lints"
cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
say "tests without a cluster"
cargo test --locked
say "the chart"
kind-tests/cluster/setup.sh helm
PATH=$SLUICE_CACHE/bin:$PATH charts/test.sh
say "done"
