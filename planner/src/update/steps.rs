//! Live traffic in steps: each is held under analysis and gates once it is in force.

use chrono::{DateTime, Utc};

use super::{ask, ask_but_windows, promotion};
use crate::{
    apex, calendar, effect,
    events::{enter, passes_metrics},
    journal::{Journal, Phase, Split},
    looks,
    plan::{PROPAGATION, Waiting},
    policy::{Place, Policy, Shares, Step},
    split,
    world::{Release, World},
};

/// Enters a step; steps are counted from 1.
pub(super) fn begin(policy: &Policy, journal: &mut Journal, k: u32, now: DateTime<Utc>) {
    enter(journal, Phase::Shifting, now);
    journal.step = Some(k);
    journal.served = true;
    let what = policy.steps().get(k as usize - 1).map_or_else(String::new, ToString::to_string);
    journal.note(now, "StepStarted", format!("step {k} of {}: {what}", policy.steps().len()));
}

pub(super) fn advance(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Result<(), Waiting> {
    let k = journal.step.unwrap_or(1);
    let all = policy.steps().len();
    let Some(step) = policy.steps().get((k as usize).saturating_sub(1)) else {
        return Ok(());
    };
    let Some(applied) = journal.applied_at else {
        applied(policy, world, release, journal, step, now);
        return Ok(());
    };
    let skipped = passes_metrics(journal);
    let gates = ask_but_windows(policy, release, journal, Place::Step, Some(k), now);
    match gates {
        Ok(false) => return Ok(()),
        Err(unknown) if unknown.reason == PROPAGATION => return Err(unknown),
        _ => {}
    }
    if !skipped {
        let end = applied + policy.propagation + step.bake;
        if now < end {
            let words = format!("step {k} of {all} holds {step}");
            return Err(Waiting::until("Bake", words, end));
        }
        uncontested(world)?;
        effect::open(policy, journal)?;
        looks::open(policy, journal)?;
    }
    gates?;
    if step.pause && !skipped && journal.orders.resumed != Some(k) {
        let words = format!("step {k} pauses here: it goes on after a Resume decision");
        return Err(Waiting::for_person("PauseStep", words));
    }
    if !calendar::open(policy, release, journal, Place::Step, Some(k), now)? {
        return Ok(());
    }
    if (k as usize) < all && !journal.orders.promote {
        begin(policy, journal, k + 1, now);
    } else if ask(policy, release, journal, Place::Promotion, None, now)? {
        promotion::begin(policy, journal, now);
    }
    Ok(())
}

/// While somebody takes the candidate's share away again and again, what was seen of the step is worth little, and the next one would
/// fare no better.
fn uncontested(world: &World) -> Result<(), Waiting> {
    let Some(by) = world.routes.as_ref().and_then(|r| r.contested.as_ref()) else { return Ok(()) };
    let words = format!(
        "{by} writes the routes again and again in the middle of a step: have your GitOps tool leave their backends alone, see docs/routes.md; the release goes on once they have been left alone for some minutes"
    );
    Err(Waiting::for_person("RouteContested", words))
}

/// The step is in force: from here on it dwells.
fn applied(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, step: &Step, now: DateTime<Utc>) {
    let split = observed(policy, world, release, step.weight.percent());
    let k = journal.step.unwrap_or(1);
    let message = match policy.shares {
        Shares::Pods { .. } => {
            let all = split.members + split.stable_pods;
            format!("step {k}: {} of {all} answering pods are the candidate's ({} %)", split.members, split.effective)
        }
        Shares::Routes => {
            let share =
                world.routes.as_ref().and_then(|r| r.share.as_ref()).map_or_else(String::new, ToString::to_string);
            format!("step {k}: the routes send {share} to {} pods of the candidate", split.members)
        }
    };
    journal.applied_at = Some(now);
    journal.split = Some(split);
    journal.note(now, "StepApplied", message);
}

/// The split as pods, or routes, make it now.
fn observed(policy: &Policy, world: &World, release: &Release, wanted: u32) -> Split {
    let (Some(from), Some(to)) = (&release.from, &release.to) else {
        return Split::default();
    };
    let candidate = world.revisions.get(&to.revision);
    let stable_pods = world.revisions.get(&from.revision).map_or(0, |r| r.ready().len() as u32);
    match policy.shares {
        Shares::Pods { .. } => {
            let members = candidate.map_or(0, |r| apex::member_pods(r, &from.revision).len() as u32);
            Split { wanted, effective: split::share(members, stable_pods), members, stable_pods }
        }
        Shares::Routes => {
            let members = candidate.map_or(0, |r| r.ready().len() as u32);
            Split { wanted, effective: wanted, members, stable_pods }
        }
    }
}
