//! What to do next: a pure function from facts to a plan.
//!
//! No I/O, no clock, no randomness, no Kubernetes: [`plan`] looks at the [`World`], the [`Policy`] and the time, and returns
//! effects and the next journal. First the world is made to match the journal; only when it does, the journal moves on.
#![forbid(unsafe_code)]

mod adopt;
pub mod check;
mod converge;
mod events;
mod gates;
pub mod id;
pub mod journal;
mod looks;
pub mod plan;
pub mod policy;
mod remove;
mod settled;
pub mod split;
mod update;
pub mod world;

use chrono::{DateTime, TimeDelta, Utc};

pub use check::check;
pub use id::{Digest, RevisionId};
pub use journal::Journal;
pub use looks::next_look;
pub use plan::{Action, NewRelease, Plan, Waiting};
pub use policy::Policy;
pub use world::World;

use journal::Purpose;

/// How often a release is looked at when nothing wakes it up.
const ATTENTION: TimeDelta = TimeDelta::seconds(5);

/// First make the world match the status; only when it does, move the status on.
///
/// What was learned since the last pass (verdicts, decisions, a newer wish) is written down first, in a pass of its own, so that
/// whatever is done rests on something that was remembered.
pub fn plan(policy: &Policy, world: &World, now: DateTime<Utc>) -> Plan {
    let Some(release) = &world.release else { return settled::pass(policy, world, now) };
    let learned = events::take_up(policy, world, release, now);
    if turned(&release.journal, &learned) {
        return Plan { requeue: Some(TimeDelta::zero()), ..Plan::moved(learned) };
    }
    let mut plan = match release.purpose {
        Purpose::Adopt => adopt::pass(policy, world, release, learned, now),
        Purpose::Update => update::pass(policy, world, release, learned, now),
        Purpose::Remove => remove::pass(policy, world, release, learned, now),
    };
    plan.requeue = Some(requeue(policy, &plan, &release.journal, now));
    plan
}

/// Whether something decisive was learned, which is remembered before anything else is done.
fn turned(before: &Journal, after: &Journal) -> bool {
    before.phase != after.phase
        || before.finished_at != after.finished_at
        || before.outcome != after.outcome
        || before.orders != after.orders
        || before.entered_at != after.entered_at
        || before.gates.iter().map(|g| (g.verdict, g.attempt)).ne(after.gates.iter().map(|g| (g.verdict, g.attempt)))
        || before.analysis.looks.len() != after.analysis.looks.len()
        || before.analysis.verdict != after.analysis.verdict
}

fn requeue(policy: &Policy, plan: &Plan, before: &Journal, now: DateTime<Utc>) -> TimeDelta {
    let finished = plan.journal.as_ref().is_some_and(Journal::finished);
    if plan.waiting.is_none() && !(finished && before.finished()) {
        return TimeDelta::zero();
    }
    let until = plan.waiting.as_ref().and_then(|w| w.until);
    let look = plan.journal.as_ref().and_then(|j| next_look(policy, j));
    let stalled = plan.waiting.as_ref().is_some_and(|w| w.stalled);
    let soonest = [until, look].into_iter().flatten().min().map(|at| (at - now).max(TimeDelta::milliseconds(50)));
    let attention = if stalled { TimeDelta::minutes(5) } else { ATTENTION };
    soonest.map_or(attention, |s| s.min(attention))
}
