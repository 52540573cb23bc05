//! Decisions: made as the one who asks, about the digest that was seen, and followed until the controller has taken them up.

mod follow;
mod make;

use chrono::{DateTime, Utc};
use crds::{DecisionSpec, Release, journal::Phase};
use kube::ResourceExt;
use tokio::time::timeout;

use crate::{
    app::App,
    args::{Decide, Undo},
    facts::{Facts, approvals, journal},
    failure::{Exit, Failure},
    live::{Besides, Live},
    read,
    words::{age, short_images},
};

pub use crds::DecisionAction as Action;
pub use follow::{Followed, followed};
pub use make::groups_that_matter;

/// Makes a decision about a release, or about the one under way or the last one of a policy.
///
/// # Errors
/// When there is nothing to decide about, it may not be decided, or it has no effect.
pub async fn run(app: &mut App, action: Action, gate: Option<&str>, decide: &Decide) -> Result<Exit, Failure> {
    let (policy, named) = read::policy_or_release(app, &decide.target).await?;
    let facts = read::with_releases(app, policy).await?;
    let release = match &named {
        Some(name) => facts.releases.iter().find(|r| r.name_any() == *name),
        None => facts.release(),
    };
    let release = release.ok_or_else(|| {
        Failure::error(format!(
            "RolloutPolicy {} has had no release yet: there is nothing to decide about",
            facts.name()
        ))
    })?;
    decide_about(app, &facts, release, action, gate, decide).await
}

/// Brings the version before back, where that can be done by a decision.
///
/// # Errors
/// As [`run`]; and a usage error for a revision that cannot be brought back so.
pub async fn undo(app: &mut App, undo: &Undo) -> Result<Exit, Failure> {
    let (policy, named) = read::policy_or_release(app, &undo.decide.target).await?;
    let facts = read::with_releases(app, policy).await?;
    let release = match &named {
        Some(name) => facts.releases.iter().find(|r| r.name_any() == *name),
        None => facts.release(),
    };
    let before = release.and_then(|r| r.spec.from.as_ref());
    if let Some(wanted) = &undo.to
        && !before.is_some_and(|b| b.revision.as_str() == wanted || b.digest.as_str() == wanted)
    {
        let can = before.map_or_else(
            || "there is none before".into(),
            |b| {
                format!(
                    "only the one before, {} ({}), can be brought back by a decision",
                    b.revision,
                    short_images(&b.images)
                )
            },
        );
        return Err(Failure::usage(format!(
            "undoing to revision {wanted}: {can}; for an older one set the workload back where it comes from, such as Git: a revision that is still kept and has passed goes through no steps again"
        )));
    }
    run(app, Action::Rollback, None, &undo.decide).await
}

async fn decide_about(
    app: &mut App,
    facts: &Facts,
    release: &Release,
    action: Action,
    gate: Option<&str>,
    decide: &Decide,
) -> Result<Exit, Failure> {
    let name = release.name_any();
    let to = release.spec.to.as_ref().ok_or_else(|| {
        Failure::error(format!("release {name} delivers no version, so there is nothing to decide about it"))
    })?;
    if let Some(wanted) = &decide.digest
        && !same(to.digest.as_str(), wanted)
    {
        let words = format!(
            "release {name} delivers {}, not {wanted}: nothing was decided; look again with `status`",
            to.digest
        );
        return Err(Failure::error(words));
    }
    if let Some(why) = idle(action, release, app.now()) {
        return Err(Failure::error(format!("release {name}: {why}; nothing was decided")));
    }
    let wanted = gate.map(|gate| asked_groups(release, gate)).transpose()?.unwrap_or_default();
    let me = make::whoami(app).await?;
    let at_gate = gate.map(|gate| format!(" at gate {gate}")).unwrap_or_default();
    app.screen.say(&format!(
        "{action:?}{at_gate} by {}: release {name}, revision {} ({}), digest {}",
        me.name,
        to.revision,
        short_images(&to.images),
        to.digest
    ));
    let before = follow::answers(release, action, &me.name).count();
    let decided = DecisionSpec {
        release: name.clone(),
        digest: to.digest.to_string(),
        action,
        gate: gate.map(str::to_owned),
        by: me.name.clone(),
        groups: groups_that_matter(&me.groups, &wanted),
        comment: decide.comment.clone(),
    };
    let uid = make::create(app, facts, decided).await?;
    if decide.no_wait {
        return Ok(Exit::Done);
    }
    let made = follow::Made { uid, release: name, action, by: me.name, before };
    let mut live = Live::start(app, &facts.name(), &facts.policy.spec.workload.name, Besides::Nothing);
    match timeout(decide.timeout, until_followed(&mut live, &made)).await {
        Ok(Ok(followed)) => tell(app, &made, &followed),
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(Failure {
            exit: Exit::Timeout,
            message: format!(
                "the decision was made, and the controller has not taken it up within {}s: look whether it runs, and whether the admission policy sluice-decisions is there, without which decisions are ignored (docs/troubleshooting.md)",
                decide.timeout.as_secs()
            ),
        }),
    }
}

async fn until_followed(live: &mut Live, made: &follow::Made) -> Result<Followed, Failure> {
    loop {
        live.changed().await?;
        let Some(known) = live.facts() else { continue };
        let facts = known.ok_or_else(|| Failure::error("the policy was deleted meanwhile"))?;
        if let Some(followed) = followed(&facts, made) {
            return Ok(followed);
        }
    }
}

fn tell(app: &mut App, made: &follow::Made, followed: &Followed) -> Result<Exit, Failure> {
    match followed {
        Followed::Heeded(words) => {
            app.screen.data(&format!("{:?} of release {} was heeded: {words}\n", made.action, made.release))?;
            Ok(Exit::Done)
        }
        Followed::WithoutEffect(why) => {
            Err(Failure::error(format!("{:?} of release {} has no effect: {why}", made.action, made.release)))
        }
    }
}

/// Whether a digest is the one that is meant, in full or by its first eight digits.
pub(crate) fn same(digest: &str, wanted: &str) -> bool {
    let short = wanted.len() == 8 && digest.strip_prefix("sha256:").is_some_and(|d| d.starts_with(wanted));
    digest == wanted || short
}

/// Why a decision cannot have an effect, where that is known before.
fn idle(action: Action, release: &Release, now: DateTime<Utc>) -> Option<String> {
    let journal = journal(release);
    let ended = journal.finished_at.map(|at| format!("it ended as {:?} {} ago", journal.phase, age(now, at)));
    match (action, ended) {
        (Action::Rollback, Some(_)) if journal.phase == Phase::Succeeded => None,
        (Action::Rollback, Some(ended)) => Some(format!("{ended}, so the version before serves already")),
        (Action::Rollback, None) => Some(format!("it is under way ({:?}): `abort` takes it back", journal.phase)),
        (Action::Retry, Some(ended)) if journal.phase == Phase::Succeeded => {
            Some(format!("{ended}: there is nothing to try again"))
        }
        (Action::Retry, _) | (_, None) => None,
        (_, Some(ended)) if journal.phase == Phase::Succeeded => {
            Some(format!("{ended}: `rollback` brings the version before back"))
        }
        (_, Some(ended)) => Some(format!("{ended}: `retry` tries the version once more")),
    }
}

/// The groups that a gate asks, where the plan of the release has it and it asks people.
fn asked_groups(release: &Release, gate: &str) -> Result<Vec<String>, Failure> {
    let asking = approvals(release);
    if let Some((_, approval)) = asking.iter().find(|(name, _)| name == gate) {
        return Ok(approval.groups.clone().unwrap_or_default());
    }
    let names: Vec<_> = asking.into_iter().map(|(name, _)| name).collect();
    let there = if names.is_empty() {
        "it has none that wait for an approval".into()
    } else {
        format!("those that wait for an approval are: {}", names.join(", "))
    };
    Err(Failure::error(format!("release {} has no such gate {gate}: {there}", release.name_any())))
}

#[cfg(test)]
mod tests;
