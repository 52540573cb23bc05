//! `plan`: what a policy will do, and how long that takes at least.

pub mod course;
mod orders;
mod sight;

use std::path::Path;

use chrono::{DateTime, Utc};
use crds::RolloutPolicy;
use kube::ResourceExt;

use crate::{
    app::App,
    args::Plan,
    clock, facts,
    failure::{Exit, Failure},
    lint::documents,
    paint::Paint,
    read,
    screen::Screen,
};

/// The plan of a policy in the cluster.
///
/// # Errors
/// What the API server says; a policy that cannot be used.
pub async fn of_policy(app: &mut App, arguments: &Plan) -> Result<Exit, Failure> {
    let name = arguments.of.name.clone().unwrap_or_default();
    let policy = read::policy(app, &name).await?;
    let text = text(&policy, arguments, app.now(), app.screen.paint)?;
    app.screen.data(&text)?;
    Ok(Exit::Done)
}

/// The plans of the policies in a file.
///
/// # Errors
/// When it cannot be read, has no policy, or one that cannot be used.
pub fn of_file(arguments: &Plan, screen: &mut Screen) -> Result<Exit, Failure> {
    let path = arguments.of.file.clone().unwrap_or_default();
    let policies = policies(&path)?;
    for (i, policy) in policies.iter().enumerate() {
        let space = if i > 0 { "\n" } else { "" };
        screen.data(&format!("{space}{}", text(policy, arguments, clock::wall()(), screen.paint)?))?;
    }
    Ok(Exit::Done)
}

fn policies(path: &Path) -> Result<Vec<RolloutPolicy>, Failure> {
    let mut found = Vec::new();
    for document in documents::read(path).map_err(Failure::error)? {
        if document.value["kind"] != "RolloutPolicy" {
            continue;
        }
        let policy = serde_json::from_value(document.value).map_err(|e| {
            Failure::error(format!("reading {}, document {}: {e}; `lint` says where", path.display(), document.number))
        })?;
        found.push(policy);
    }
    if found.is_empty() {
        return Err(Failure::error(format!("{} has no RolloutPolicy", path.display())));
    }
    Ok(found)
}

/// The plan of a policy as text.
///
/// # Errors
/// When the policy cannot be used.
pub fn text(policy: &RolloutPolicy, arguments: &Plan, now: DateTime<Utc>, paint: Paint) -> Result<String, Failure> {
    let name = policy.name_any();
    let parsed = facts::parse(&name, &policy.spec).map_err(|e| Failure::error(format!("planning {name}: {e}")))?;
    let given = arguments.replicas.or(parsed.replicas);
    let mut text = course::text(&parsed, &policy.spec, given, now, paint);
    text.push_str(&orders::text(&policy.spec));
    text.push_str(&sight::text(&parsed, arguments.rps, arguments.errors.map(|percent| percent / 100.0)));
    Ok(text)
}

#[cfg(test)]
mod tests;
