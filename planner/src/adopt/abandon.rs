//! Leaving a take-over that has not switched: our copies answer beside the workload's own pods, since they carry the same labels,
//! so callers go to the workload alone before the copies end.

use chrono::{DateTime, Utc};

use crate::{
    converge::Desired,
    events::finish,
    journal::{Journal, Phase, RevisionRef},
    plan::Waiting,
    policy::Policy,
    world::{Revision, Selects, Workload, World},
};

/// What an abandoned take-over wants: the copies as they are, until callers go to the workload's own pods alone.
pub(super) fn desired(policy: &Policy, world: &World, to: &RevisionRef, journal: &Journal) -> Desired {
    let want = Desired { retreat: true, ..Desired::default() };
    if policy.gate_first {
        return Desired { apex: Some(Selects::Nobody), ..want };
    }
    let live = world.revisions.get(&to.revision);
    let has = live.and_then(|r| r.replicas).unwrap_or(0);
    let keep = if journal.draining { 0 } else { has };
    Desired { apex: callers(world, live), ..want }.pods(to, keep)
}

/// Whom the apex selects while the copies are there, and the user's keys alone when they are not; `None` leaves it as it is.
fn callers(world: &World, live: Option<&Revision>) -> Option<Selects> {
    let now = world.apex.as_ref().map(|a| &a.selects);
    let narrowed = matches!(now, Some(Selects::Hash(_)));
    let workload = world.workload.as_ref();
    let hash = workload.and_then(|w| w.hash.clone()).map(Selects::Hash);
    let copies = live.is_some_and(|r| !r.pods.is_empty());
    match hash {
        Some(hash) if copies && (now == Some(&hash) || workload.is_some_and(serves)) => Some(hash),
        // No copies, or the template has changed and the pods of the old one go.
        _ => narrowed.then_some(Selects::Users),
    }
}

/// Whether the workload's own pods can serve alone.
fn serves(workload: &Workload) -> bool {
    workload.rolled_out && workload.ready > 0
}

/// Moves an abandoned take-over on by one, or says what it waits for.
pub(super) fn advance(
    policy: &Policy,
    world: &World,
    to: &RevisionRef,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Result<(), Waiting> {
    let pods = world.revisions.get(&to.revision).map_or(0, |r| r.pods.len());
    if !journal.draining {
        if pods > 0 && !policy.gate_first {
            alone(policy, world, journal, now)?;
        }
        journal.draining = true;
        return Ok(());
    }
    if pods > 0 {
        return Err(Waiting::for_it("Draining", format!("{pods} pods of revision {} end", to.revision)));
    }
    let phase = journal.outcome.as_ref().map_or(Phase::RolledBack, |o| o.phase);
    finish(journal, if phase == Phase::Held { Phase::RolledBack } else { phase }, now);
    Ok(())
}

/// Callers have gone to the workload's own pods alone, for long enough.
fn alone(policy: &Policy, world: &World, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    let narrowed = world.apex.as_ref().is_some_and(|a| matches!(a.selects, Selects::Hash(_)));
    let waits = world.apex.is_some() && world.workload.as_ref().is_some_and(|w| w.replicas > 0);
    let late = journal.entered_at.is_some_and(|at| now >= at + policy.progress);
    if !narrowed {
        journal.applied_at = None;
        return if waits && !late {
            let words = "the workload's own pods serve alone when its rollout is finished; then our copies of them end";
            Err(Waiting::for_it("WorkloadRollingOut", words))
        } else {
            Ok(())
        };
    }
    let applied = *journal.applied_at.get_or_insert(now);
    let drained = applied + policy.propagation + policy.drain;
    if now < drained {
        return Err(Waiting::until("Draining", "open connections to our copies of the pods may end", drained));
    }
    Ok(())
}
