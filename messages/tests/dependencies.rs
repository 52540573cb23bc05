//! This crate makes words of facts; it can neither talk to a receiver nor wait for one.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

/// Begins of names of crates that this one must not depend on, not even by another.
const BANNED: [&str; 6] = ["kube", "tokio", "async-std", "hyper", "reqwest", "k8s-openapi"];

#[test]
fn neither_kube_nor_tokio_is_among_the_dependencies() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments = ["tree", "-p", env!("CARGO_PKG_NAME"), "-e", "normal", "--prefix", "none", "--offline", "--locked"];
    let output = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates = || tree.lines().filter_map(|line| line.split_whitespace().next());
    assert!(crates().any(|name| name == "serde"), "this is no tree:\n{tree}");
    let banned: Vec<_> = crates().filter(|name| BANNED.iter().any(|banned| name.starts_with(banned))).collect();
    assert!(banned.is_empty(), "{banned:?}");
}
