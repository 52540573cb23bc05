//! An open-model load generator that knows who answered.

use std::process::ExitCode;

use apps::load::{Options, run};
use clap::Parser;

/// Sends requests at a fixed rate, attributes every answer to who gave it and keeps every failure
///
/// Control: GET /stats (JSON), POST /mark?name=X (names a moment), POST /stop (stops, waits for the
/// outstanding, answers the final JSON and exits 0 a second later), GET /readyz.
/// On SIGTERM the final JSON is the last line on standard output.
#[derive(Parser)]
#[command(name = "sluice-load")]
struct Command {
    #[command(flatten)]
    options: Options,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(Command::parse().options).await
}
