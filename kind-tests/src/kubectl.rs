//! `kubectl` and other programs, where a test is about what they do.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

/// Runs `kubectl` with documents on standard input and returns what it printed.
///
/// # Errors
///
/// When it ends with a failure: what it said.
pub async fn kubectl(arguments: &[&str], documents: &[Value]) -> Result<String> {
    let text: Vec<_> = documents.iter().map(Value::to_string).collect();
    run("kubectl", arguments, &text.join("\n---\n")).await
}

/// Runs a program and returns what it printed.
///
/// # Errors
///
/// When it cannot be run or ends with a failure: what it said.
pub async fn run(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("running {program}; cluster.sh env puts it on PATH"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{program} {}: {}", arguments.join(" "), error.trim());
    Ok(out.into_owned())
}
