//! What to do next: a pure function from facts to a plan.
//!
//! No I/O, no clock, no randomness, no Kubernetes: [`plan`] looks at the [`World`], the [`Policy`] and the time, and returns
//! effects and the next journal. First the world is made to match the journal; only when it does, the journal moves on.
#![forbid(unsafe_code)]

mod adopt;
mod apex;
mod approvals;
mod calendar;
pub mod check;
mod converge;
mod decisions;
mod effect;
mod emergency;
mod events;
mod gates;
pub mod id;
pub mod journal;
pub mod looks;
mod ordered;
pub mod picks;
pub mod plan;
mod pods;
pub mod policy;
mod remove;
mod routes;
mod settings;
mod settled;
pub mod split;
mod stalls;
mod update;
pub mod window;
pub mod world;

use chrono::{DateTime, TimeDelta, Utc};

pub use check::check;
pub use emergency::Emergency;
pub use id::{Digest, RevisionId};
pub use journal::Journal;
pub use looks::{counted_after, next_look};
pub use ordered::may_be_ordered_back;
pub use plan::{Action, NewRelease, Plan, Waiting};
pub use policy::Policy;
pub use world::World;

use journal::Purpose;
use world::Release;

/// How often a release is looked at when nothing wakes it up.
const ATTENTION: TimeDelta = TimeDelta::seconds(5);

/// How soon stable pods that are not ready are looked at again without being woken. Pods wake the policy when they change; in a great
/// outage all policies are in this state, and the API server has other things to do.
const OUTAGE: TimeDelta = TimeDelta::seconds(60);

/// Moves that are written down as one, at most: a release that goes to and fro must not do so within a pass.
const MOST_MOVES: usize = 8;

/// First make the world match the status; only when it does, move the status on.
///
/// What was learned since the last pass (verdicts, decisions, a newer wish) is written down first, in a pass of its own, so that
/// whatever is done rests on something that was remembered.
pub fn plan(policy: &Policy, world: &World, now: DateTime<Utc>) -> Plan {
    let Some(release) = &world.release else {
        return settled_plan(policy, world, now);
    };
    if release.journal.finished() {
        return Plan { journal: Some(release.journal.clone()), ..Plan::default() };
    }
    let mut plan = pass(policy, world, release, now);
    for _ in 0..MOST_MOVES {
        let Some(next) = follow_up(policy, world, release, &plan, now) else { break };
        plan = next;
    }
    stalls::note(&release.journal, &mut plan, now);
    plan.requeue = Some(requeue(policy, &plan, now));
    plan
}

/// One move of a release, or what must be done or waited for before it.
fn pass(policy: &Policy, world: &World, release: &Release, now: DateTime<Utc>) -> Plan {
    let learned = events::take_up(policy, world, release, now);
    if turned(&release.journal, &learned) {
        return Plan::moved(learned);
    }
    match release.purpose {
        Purpose::Adopt => adopt::pass(policy, world, release, learned, now),
        Purpose::Update => update::pass(policy, world, release, learned, now),
        Purpose::Remove => remove::pass(policy, world, release, learned, now),
    }
}

/// The move after a move, where nothing has to be done in between: both are one write. What is to be done rests on a journal that
/// was written, so moves end where effects begin.
fn follow_up(policy: &Policy, world: &World, release: &Release, plan: &Plan, now: DateTime<Utc>) -> Option<Plan> {
    let moved = plan.journal.as_ref().filter(|j| plan.actions.is_empty() && plan.waiting.is_none() && !j.finished())?;
    let next = pass(policy, world, &Release { journal: moved.clone(), ..release.clone() }, now);
    if !next.actions.is_empty() || next.journal.as_ref() == Some(moved) {
        return None;
    }
    let between = plan.between.iter().chain([moved]).cloned().collect();
    Some(Plan { between, ..next })
}

/// Without a release nothing is polled for, but what is waited for without a person.
fn settled_plan(policy: &Policy, world: &World, now: DateTime<Utc>) -> Plan {
    let plan = settled::pass(policy, world, now);
    let acts = (!plan.actions.is_empty()).then(TimeDelta::zero);
    let waits = plan.waiting.as_ref().filter(|w| !w.stalled);
    let waits = waits.map(|w| if w.reason == plan::STABLE_NOT_READY { OUTAGE } else { ATTENTION });
    let soonest = [plan.requeue, acts, waits].into_iter().flatten().min();
    Plan { requeue: soonest, ..plan }
}

/// Whether something decisive was learned, which is remembered before anything else is done.
fn turned(before: &Journal, after: &Journal) -> bool {
    let spoken = |j: &Journal| j.gates.iter().map(|g| (g.verdict, g.attempt)).collect::<Vec<_>>();
    before.phase != after.phase
        || before.finished_at != after.finished_at
        || before.outcome != after.outcome
        || before.orders != after.orders
        || before.entered_at != after.entered_at
        || before.drain_early != after.drain_early
        || spoken(before) != spoken(after)
        || before.analysis != after.analysis
}

/// At once after every effect and every move; else when something is due.
fn requeue(policy: &Policy, plan: &Plan, now: DateTime<Utc>) -> TimeDelta {
    let Some(waiting) = &plan.waiting else { return TimeDelta::zero() };
    // A look that is due was begun in this pass, and wakes the release up when it has an answer.
    let look = plan.journal.as_ref().and_then(|j| next_look(policy, j)).filter(|at| *at > now);
    let due = [waiting.until, look].into_iter().flatten().min();
    let attention = if waiting.is_long() { TimeDelta::minutes(5) } else { ATTENTION };
    due.map_or(attention, |at| (at - now).clamp(TimeDelta::milliseconds(50), attention))
}
