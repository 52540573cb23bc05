//! A podinfo look-alike whose badness is steady.

use std::process::ExitCode;

use apps::testapp::{Options, run};
use clap::Parser;

/// A small HTTP server with podinfo's paths and metrics whose badness is steady
///
/// Paths: / /version /readyz /healthz /metrics /echo /status/{code} /delay/{seconds} /env as podinfo has
/// them; /counters (live requests answered since the start, JSON); /conformance.
/// Errors and delays never apply to /readyz /healthz /metrics /counters /conformance.
#[derive(Parser)]
#[command(name = "sluice-testapp")]
struct Command {
    #[command(flatten)]
    options: Options,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(Command::parse().options).await
}
