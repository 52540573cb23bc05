//! A receiver of messages that hands back what it was sent.

use std::process::ExitCode;

use apps::receiver::{Options, run};
use clap::Parser;

/// Takes what is posted and hands it back: GET /taken/PATH gives what was posted to PATH, as JSON
///
/// POST /hook/NAME, /bot/NAME, /workflow/NAME and /quiet/NAME answer as Slack's webhooks, Slack's Web API, Teams
/// and Discord do; /half/NAME fails every second request; /hangs/NAME never answers.
#[derive(Parser)]
#[command(name = "sluice-receiver")]
struct Command {
    #[command(flatten)]
    options: Options,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(Command::parse().options).await
}
