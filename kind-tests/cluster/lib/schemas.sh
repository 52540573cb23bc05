# shellcheck shell=bash
# Schemas that tests compare with, out of packages of a registry: nothing of theirs is copied into the tree.

# This crate ships the schema of Adaptive Cards as Microsoft publishes it (MIT); only that file of it is used.
ADAPTIVE_CARD_CRATE=adaptive-card-core
ADAPTIVE_CARD_VERSION=0.1.0
ADAPTIVE_CARD_FILE=data/adaptive-card-v1.6.schema.json
ADAPTIVE_CARD_SHA256=d42107e3a08f3d1ec5c35f82e497a5e349812bb0d86e90d5b85808999ae52a1a

fetch_adaptive_card() {
  local out=$SLUICE_CACHE/schemas/adaptive-card.json key="$ADAPTIVE_CARD_VERSION $ADAPTIVE_CARD_SHA256" dir manifest source
  if current "$out" "$key"; then return; fi
  command -v cargo >/dev/null || die "cargo is missing: install Rust >= 1.95"
  mkdir -p "$(dirname "$out")"
  dir=$(mktemp -d)
  mkdir "$dir/src"
  : >"$dir/src/lib.rs"
  printf '[package]\nname = "fetch"\nedition = "2024"\n[dependencies]\n%s = "=%s"\n' \
    "$ADAPTIVE_CARD_CRATE" "$ADAPTIVE_CARD_VERSION" >"$dir/Cargo.toml"
  step "fetch the schema of Adaptive Cards" cargo fetch --manifest-path "$dir/Cargo.toml"
  manifest=$(cargo metadata --quiet --offline --format-version 1 --manifest-path "$dir/Cargo.toml" |
    grep -o "\"manifest_path\":\"[^\"]*/$ADAPTIVE_CARD_CRATE-$ADAPTIVE_CARD_VERSION/Cargo.toml\"" | cut -d'"' -f4)
  source=${manifest%/*}/$ADAPTIVE_CARD_FILE
  rm -rf "$dir"
  sha256sum --quiet --check <<<"$ADAPTIVE_CARD_SHA256  $source" || die "$source is not the schema that was pinned"
  install -m 644 "$source" "$out.tmp"
  install_output "$out.tmp" "$out" "$key"
}
