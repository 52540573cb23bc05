//! `status`: a policy and its release as a tree.

mod measured;
pub mod next;
mod steps;
mod tree;
pub mod watch;

use serde_json::json;

pub use tree::tree;

use crate::{
    app::App,
    args::Status,
    document::print,
    facts::Facts,
    failure::{Exit, Failure},
    read,
};

/// Shows it, once or live.
///
/// # Errors
/// What the API server says.
pub async fn run(app: &mut App, arguments: &Status) -> Result<Exit, Failure> {
    let (policy, _) = read::policy_or_release(app, &arguments.name).await?;
    if arguments.watch {
        return watch::run(app, policy).await;
    }
    let facts = read::whole(app, policy).await?;
    let text = match arguments.output {
        Some(document) => print(&document_of(&facts, app.program), document.into())?,
        None => tree(&facts, app.now(), app.program).render(app.screen.paint),
    };
    app.screen.data(&text)?;
    Ok(Exit::Done)
}

/// The objects, and the commands that would let the release go on.
fn document_of(facts: &Facts, program: &str) -> serde_json::Value {
    let next: Vec<_> =
        next::commands(facts, program).into_iter().map(|n| json!({ "command": n.command, "why": n.why })).collect();
    json!({ "policy": facts.policy, "release": facts.release(), "next": next })
}

#[cfg(test)]
mod tests;
