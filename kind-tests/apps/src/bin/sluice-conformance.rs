//! The program of the conformance tests that a suite runs in a Job.

use std::process::ExitCode;

use apps::conformance::{Suite, main as check};
use clap::Parser;

/// Checks an application and prints TAP version 13, or JUnit's XML with --junit
///
/// Exit code 0: all checks passed; 1: at least one failed; 2: the command line is wrong.
#[derive(Parser)]
#[command(name = "sluice-conformance")]
struct Command {
    #[command(subcommand)]
    suite: Suite,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    check(Command::parse().suite).await
}
