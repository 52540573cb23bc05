//! The command line, as people type it.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
}

/// The binary `kubectl-sluice`: what `SLUICE_CLI` names, or the one that cargo has built beside this program.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("SLUICE_CLI") {
        return Ok(path.into());
    }
    let own = std::env::current_exe()?;
    // Tests are in a folder below it.
    let places: Vec<_> = own.ancestors().skip(1).take(2).map(|folder| folder.join("kubectl-sluice")).collect();
    match places.iter().find(|path| path.exists()) {
        Some(path) => Ok(path.clone()),
        None => bail!("{} is missing: cargo build --package cli", places[places.len() - 1].display()),
    }
}

/// Begins a command in a namespace; arguments are apart by one space each, and none has one.
///
/// # Errors
///
/// When there is no such binary.
pub fn begins(namespace: &str, line: &str) -> Result<Child> {
    let arguments = line.split(' ').chain(["-n", namespace]);
    let mut command = Command::new(binary()?);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().with_context(|| format!("kubectl sluice {line}"))
}

/// Waits for its end.
///
/// # Errors
///
/// When it cannot be waited for.
pub async fn ends(child: Child) -> Result<Ended> {
    let output = child.wait_with_output().await?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
}

/// Both.
///
/// # Errors
///
/// As [`begins`] and [`ends`].
pub async fn types(namespace: &str, line: &str) -> Result<Ended> {
    ends(begins(namespace, line)?).await
}
