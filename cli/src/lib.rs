//! The command line of Sluice: `kubectl sluice`, or `sluice`.
//!
//! What a command shows or decides is made by pure functions from the objects; reading and writing is done by thin ones
//! around them. Data goes to standard output, everything else to standard error.
#![forbid(unsafe_code)]

pub mod app;
pub mod args;
pub mod clock;
pub mod connect;
pub mod decide;
pub mod document;
pub mod facts;
pub mod failure;
pub mod get;
pub mod history;
pub mod lint;
pub mod live;
pub mod paint;
pub mod plan;
pub mod read;
pub mod reference;
pub mod screen;
pub mod status;
pub mod table;
pub mod tree;
pub mod wait;
pub mod words;

#[cfg(test)]
mod fixtures;

use app::App;
use args::{Arguments, Command};
use decide::Action;
use failure::{Exit, Failure};
use screen::Screen;

/// Does what was asked for.
///
/// # Errors
/// Why it was not done, with the code to end with.
pub async fn run(arguments: Arguments, program: &'static str, mut screen: Screen) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Completion { shell } => screen.data(&reference::completion(*shell, program))?,
        Command::Version => screen.data(&format!("{program} {}\n", env!("CARGO_PKG_VERSION")))?,
        Command::Man { folder } => reference::man(folder)?,
        Command::Markdown => screen.data(&reference::markdown())?,
        Command::Lint(lint) if !lint.server => return lint::alone(lint, &mut screen),
        Command::Plan(plan) if plan.of.file.is_some() => return plan::of_file(plan, &mut screen),
        _ => {
            let (client, namespace) = connect::connect(&arguments.connection).await?;
            let mut app = App { client, namespace, clock: clock::wall(), screen, program };
            return with_cluster(&mut app, &arguments.command).await;
        }
    }
    Ok(Exit::Done)
}

/// Does what takes a cluster.
///
/// # Errors
/// Why it was not done, with the code to end with.
pub async fn with_cluster(app: &mut App, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Get(get) => get::run(app, get).await,
        Command::Status(status) => status::run(app, status).await,
        Command::History(history) => history::run(app, history).await,
        Command::Wait(wait) => wait::run(app, wait).await,
        Command::Approve(at) => decide::run(app, Action::Approve, Some(&at.gate), &at.decide).await,
        Command::Reject(at) => decide::run(app, Action::Reject, Some(&at.gate), &at.decide).await,
        Command::Pause(decide) => decide::run(app, Action::Pause, None, decide).await,
        Command::Resume(decide) => decide::run(app, Action::Resume, None, decide).await,
        Command::Skip(decide) => decide::run(app, Action::SkipStep, None, decide).await,
        Command::Promote(decide) => decide::run(app, Action::Promote, None, decide).await,
        Command::Abort(decide) => decide::run(app, Action::Abort, None, decide).await,
        Command::Retry(decide) => decide::run(app, Action::Retry, None, decide).await,
        Command::Rollback(decide) => decide::run(app, Action::Rollback, None, decide).await,
        Command::Undo(undo) => decide::undo(app, undo).await,
        Command::Plan(plan) => plan::of_policy(app, plan).await,
        Command::Lint(lint) => lint::with_server(app, lint).await,
        Command::Completion { .. } | Command::Version | Command::Man { .. } | Command::Markdown => {
            Err(Failure::usage("this takes no cluster"))
        }
    }
}
