//! `sluice-load`: an open-model load generator that knows who answered.
//!
//! Requests are launched at a fixed rate however slow the answers are; one that is launched late is not
//! dropped, and the longest delay is reported. What is counted is in [`crate::report`].

pub mod client;
pub mod control;
pub mod engine;
pub mod http;
pub mod latency;
pub mod line;
pub mod options;
pub mod outcome;
pub mod pool;
pub mod recorder;
pub mod redis;
pub mod resolver;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval, sleep};

pub use self::control::Control;
pub use self::engine::Engine;
pub use self::options::Options;
use crate::out;
use crate::report::Report;
use crate::server::{self, Signals};

/// The exit code for a command line that cannot be followed.
const USAGE: u8 = 2;

/// Sends, serves and tells until the end.
pub async fn run(options: Options) -> ExitCode {
    let prepared = async { Ok::<_, io::Error>((Signals::new()?, TcpListener::bind(options.listen).await?)) };
    let (mut signals, listener) = match prepared.await {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("listening on {}: {error}", options.listen);
            return ExitCode::FAILURE;
        }
    };
    let engine = match Engine::start(&options) {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let control = Control::new(engine.clone());
    let serving = control.clone();
    tokio::spawn(server::serve(listener, move |request| serving.clone().handle(request)));
    let lines = tokio::spawn(tell(engine.clone()));

    let report = tokio::select! {
        () = control.stopped() => {
            let report = engine.report();
            // Time for the answer to /stop to reach whoever asked.
            sleep(Duration::from_secs(1)).await;
            report
        }
        () = signals.asked_to_end() => engine.stop().await,
        report = done(&engine, options.exit_when_done) => report,
    };
    lines.abort();
    summary(&report)
}

async fn done(engine: &Engine, exit_when_done: bool) -> Report {
    let report = engine.finished().await;
    if !exit_when_done {
        std::future::pending::<()>().await;
    }
    report
}

/// A line for every second in which requests are sent, then one that says so.
async fn tell(engine: Engine) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut before = engine.counts();
    ticks.tick().await;
    let telling = async {
        for second in 1.. {
            ticks.tick().await;
            let now = engine.counts();
            out::line(line::line(second, &before, &now));
            before = now;
        }
    };
    tokio::select! {
        () = telling => {}
        _ = engine.finished() => out::line("finished; GET /stats, POST /stop or SIGTERM"),
    }
}

fn summary(report: &Report) -> ExitCode {
    match serde_json::to_string(report) {
        Ok(text) => {
            out::line(text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("writing the summary: {error}");
            ExitCode::FAILURE
        }
    }
}
