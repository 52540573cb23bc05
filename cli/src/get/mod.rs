//! `get`: one line per policy.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use crds::{Release, RolloutPolicy};
use kube::ResourceExt;
use serde_json::json;

use crate::{
    app::App,
    args::{Get, Output},
    document::{Form, print},
    facts,
    failure::{Exit, Failure},
    paint::{Paint, Tone, of_phase},
    read,
    table::{Cell, table},
    words::{age, short_images},
};

/// Lists.
///
/// # Errors
/// What the API server says.
pub async fn run(app: &mut App, arguments: &Get) -> Result<Exit, Failure> {
    let policies = match &arguments.name {
        Some(name) => vec![read::policy(app, name).await?],
        None => read::policies(app, arguments.all_namespaces).await?,
    };
    let form = match arguments.output {
        Some(Output::Json) => Some(Form::Json),
        Some(Output::Yaml) => Some(Form::Yaml),
        Some(Output::Wide) | None => None,
    };
    if let Some(form) = form {
        let one = arguments.name.is_some().then(|| policies.first().map(|policy| json!(policy))).flatten();
        let all = || json!({ "apiVersion": "v1", "kind": "List", "items": policies });
        app.screen.data(&print(&one.unwrap_or_else(all), form)?)?;
        return Ok(Exit::Done);
    }
    if policies.is_empty() {
        let place =
            if arguments.all_namespaces { "this cluster".into() } else { format!("namespace {}", app.namespace) };
        app.screen.say(&format!("no RolloutPolicy in {place}"));
        return Ok(Exit::Done);
    }
    let releases = read::releases(app, arguments.all_namespaces).await?;
    let shape = Shape { spaces: arguments.all_namespaces, wide: arguments.output == Some(Output::Wide) };
    let text = lines(&policies, &releases, shape, app.now(), app.screen.paint);
    app.screen.data(&text)?;
    Ok(Exit::Done)
}

/// Which columns there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// The namespace too.
    pub spaces: bool,
    /// Revisions, the workload and the sentence about what is waited for too.
    pub wide: bool,
}

/// The table.
pub fn lines(
    policies: &[RolloutPolicy],
    releases: &[Release],
    shape: Shape,
    now: DateTime<Utc>,
    paint: Paint,
) -> String {
    let by_name: BTreeMap<_, _> = releases.iter().map(|r| ((r.namespace(), r.name_any()), r)).collect();
    let mut heads = vec!["NAME", "PHASE", "STABLE", "CANDIDATE", "STEP", "WEIGHT", "WAITING", "AGE"];
    if shape.spaces {
        heads.insert(0, "NAMESPACE");
    }
    if shape.wide {
        heads.extend(["WORKLOAD", "STRATEGY", "RELEASE", "WAITING FOR"]);
    }
    let rows: Vec<Vec<Cell>> = policies
        .iter()
        .map(|policy| {
            let release = policy.status.as_ref().and_then(|s| s.release.clone());
            let release = release.and_then(|name| by_name.get(&(policy.namespace(), name)).copied());
            row(policy, release, shape, now)
        })
        .collect();
    table(&heads, &rows, paint)
}

fn row(policy: &RolloutPolicy, release: Option<&Release>, shape: Shape, now: DateTime<Utc>) -> Vec<Cell> {
    let status = policy.status.clone().unwrap_or_default();
    let phase = status.phase.unwrap_or_else(|| "NotSeen".into());
    let (stable, candidate) = revisions(status.stable.as_ref(), status.candidate.as_ref());
    let step = status.candidate.as_ref().and(release).and_then(facts::step);
    let waiting = status.waiting.as_ref();
    let tone = if waiting.is_some_and(|w| w.stalled) { Tone::Warn } else { Tone::Plain };
    let reason = waiting.filter(|w| w.reason != phase).map_or("-", |w| w.reason.as_str());
    let made = policy.creation_timestamp().and_then(|t| DateTime::from_timestamp(t.0.as_second(), 0));
    let mut row: Vec<Cell> = vec![
        policy.name_any().into(),
        Cell::toned(of_phase(&phase), phase.as_str()),
        stable.into(),
        candidate.into(),
        step.map_or_else(|| "-".into(), |(k, all)| format!("{k}/{all}")).into(),
        status.weight.map_or_else(|| "-".into(), |weight| weight.to_string()).into(),
        Cell::toned(tone, reason),
        made.map_or_else(|| "-".into(), |made| age(now, made)).into(),
    ];
    if shape.spaces {
        row.insert(0, policy.namespace().unwrap_or_default().into());
    }
    if shape.wide {
        let words = waiting.map_or_else(|| "-".into(), |w| w.message.lines().next().unwrap_or_default().to_owned());
        row.extend([
            Cell::from(policy.spec.workload.name.as_str()),
            status.strategy.unwrap_or_else(|| "-".into()).into(),
            status.release.unwrap_or_else(|| "-".into()).into(),
            words.into(),
        ]);
    }
    row
}

/// The images of both; where they are the same, something else differs, and the revisions are told too.
fn revisions(
    stable: Option<&crds::journal::RevisionRef>,
    candidate: Option<&crds::journal::RevisionRef>,
) -> (String, String) {
    let same = stable.zip(candidate).is_some_and(|(s, c)| s.images == c.images);
    let told = |revision: Option<&crds::journal::RevisionRef>| match revision {
        None => "-".into(),
        Some(r) if same || r.images.is_empty() => format!("{} ({})", short_images(&r.images), r.revision),
        Some(r) => short_images(&r.images),
    };
    (told(stable), told(candidate))
}

#[cfg(test)]
mod tests;
