//! Live traffic in steps: each is held under analysis and gates once it is in force.

use chrono::{DateTime, Utc};

use super::{ask, promotion};
use crate::{
    apex,
    events::enter,
    journal::{Journal, Phase, Split},
    looks,
    plan::{PROPAGATION, Waiting},
    policy::{Place, Policy},
    split,
    world::{Release, World},
};

/// Enters a step; steps are counted from 1.
pub(super) fn begin(policy: &Policy, journal: &mut Journal, k: u32, now: DateTime<Utc>) {
    enter(journal, Phase::Shifting, now);
    journal.step = Some(k);
    journal.served = true;
    let weight = policy.steps().get(k as usize - 1).map_or(0, |s| s.weight.percent());
    journal.note(now, "StepStarted", format!("step {k} of {}: weight {weight}", policy.steps().len()));
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
    let weight = step.weight.percent();
    let Some(applied) = journal.applied_at else {
        applied(world, release, journal, weight, now);
        return Ok(());
    };
    let skipped = journal.orders.promote || journal.orders.skipped == Some(k);
    let gates = ask(policy, release, journal, Place::Step, Some(k), now);
    match gates {
        Ok(false) => return Ok(()),
        Err(unknown) if unknown.reason == PROPAGATION => return Err(unknown),
        _ => {}
    }
    if !skipped {
        let end = applied + policy.propagation + step.bake;
        if now < end {
            let words = format!("step {k} of {all} holds weight {weight}");
            return Err(Waiting::until("Bake", words, end));
        }
        looks::open(policy, journal)?;
    }
    gates?;
    if step.pause && !skipped && journal.orders.resumed != Some(k) {
        let words = format!("step {k} pauses here: it goes on after a Resume decision");
        return Err(Waiting::for_person("PauseStep", words));
    }
    if (k as usize) < all && !journal.orders.promote {
        begin(policy, journal, k + 1, now);
    } else if ask(policy, release, journal, Place::Promotion, None, now)? {
        promotion::begin(policy, journal, now);
    }
    Ok(())
}

/// The step is in force: from here on it dwells.
fn applied(world: &World, release: &Release, journal: &mut Journal, weight: u32, now: DateTime<Utc>) {
    let split = observed(world, release, weight);
    let message = format!(
        "step {}: {} of {} answering pods are the candidate's ({} %)",
        journal.step.unwrap_or(1),
        split.members,
        split.members + split.stable_pods,
        split.effective
    );
    journal.applied_at = Some(now);
    journal.split = Some(split);
    journal.note(now, "StepApplied", message);
}

/// The split as the pods make it now.
fn observed(world: &World, release: &Release, wanted: u32) -> Split {
    let (Some(from), Some(to)) = (&release.from, &release.to) else {
        return Split::default();
    };
    let members = world.revisions.get(&to.revision).map_or(0, |r| apex::member_pods(r, &from.revision).len() as u32);
    let stable = world.revisions.get(&from.revision).map_or(0, |r| r.ready().len() as u32);
    Split { wanted, effective: split::share(members, stable), members, stable_pods: stable }
}
