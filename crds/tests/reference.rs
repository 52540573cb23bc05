//! The reference for users is generated from the types, and what is committed is what they say.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::Path, process::Command};

#[test]
fn the_committed_reference_is_that_of_the_types() {
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference.md");
    let status = Command::new(env!("CARGO_BIN_EXE_docgen")).arg(&made).status().unwrap();
    assert!(status.success(), "docgen failed");
    let generated = fs::read_to_string(made).unwrap();
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference.md");
    let committed =
        fs::read_to_string(committed).unwrap_or_else(|error| panic!("{committed}: {error}; run `make docs`"));
    let differs = generated.lines().zip(committed.lines()).position(|(now, then)| now != then);
    assert!(
        committed == generated,
        "docs/reference.md differs from line {:?} on: run `make docs`",
        differs.map(|n| n + 1)
    );
}
