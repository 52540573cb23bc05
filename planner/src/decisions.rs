//! What people decide about a release: each decision works once, on its release and its digest.

use chrono::{DateTime, Utc};

use crate::{
    approvals,
    events::{end, enter, turned_round},
    journal::{Cause, Journal, Phase},
    policy::Policy,
    world::{Decision, Order, Release, World},
};

/// The most decisions that one release heeds; beyond it only the way back is open.
const MOST: usize = 64;

/// Heeds the decisions that are new, oldest first. What was decided after the release turned round is left for afterwards.
pub(crate) fn take_up(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) {
    let Some(to) = &release.to else { return };
    for decision in &world.decisions {
        let ours = decision.release == release.name && decision.digest == to.digest;
        if turned_round(journal) || !ours || journal.orders.heeded.contains(&decision.uid) {
            continue;
        }
        if journal.orders.heeded.len() < MOST {
            journal.orders.heeded.push(decision.uid.clone());
        } else if !matches!(decision.action, Order::Abort | Order::Reject(_)) || decision.refused.is_some() {
            continue;
        }
        let words = format!("{} by {}", decision.action, decision.by);
        let heard = decision.refused.clone().map_or_else(|| heed(policy, release, journal, decision, now), Err);
        match heard {
            Ok(more) => journal.note(now, "DecisionHeeded", format!("{words}{more}")),
            Err(why) => journal.note(now, "DecisionWithoutEffect", format!("{words}: {why}")),
        }
    }
}

/// Does what was decided, and says what more there is to say of it; or why it has no effect.
fn heed(
    policy: &Policy,
    release: &Release,
    journal: &mut Journal,
    decision: &Decision,
    now: DateTime<Utc>,
) -> Result<String, String> {
    let rising = journal.phase < Phase::Promoting;
    let by = &decision.by;
    match &decision.action {
        Order::Approve(gate) => return approvals::give(policy, release, journal, gate, decision, now),
        Order::Reject(gate) => return approvals::reject(policy, release, journal, gate, decision, now),
        Order::Pause if rising => journal.orders.paused = true,
        Order::Resume if resume(policy, journal, now) => {}
        Order::SkipStep if journal.phase == Phase::Shifting => {
            journal.orders.skipped = journal.step;
            journal.orders.paused = false;
        }
        Order::Promote if promote(journal, now) => {}
        Order::Abort => {
            let words = format!("aborted by {by}");
            end(policy, release, journal, Cause::Aborted, words, now);
        }
        Order::Retry if matches!(journal.phase, Phase::Held | Phase::Inconclusive) => {
            let words = format!("another attempt was ordered by {by}");
            end(policy, release, journal, Cause::Retried, words, now);
        }
        Order::Pause => return Err("it does not rise now".into()),
        Order::Resume => return Err("nothing waits for it".into()),
        Order::SkipStep => return Err("it is in no step".into()),
        Order::Promote => return Err("there is nothing to skip".into()),
        Order::Retry => return Err("it has not ended".into()),
        Order::Rollback => return Err("it has not ended: Abort takes it back".into()),
    }
    Ok(String::new())
}

/// Ends a person's pause; and a step's own pause, once its bake is over: nobody can agree to what was not seen yet.
fn resume(policy: &Policy, journal: &mut Journal, now: DateTime<Utc>) -> bool {
    let step = journal.step.and_then(|k| policy.steps().get((k as usize).saturating_sub(1)));
    let at_pause = step.is_some_and(|s| {
        let over = |at| now >= at + policy.propagation + s.bake;
        s.pause && journal.phase == Phase::Shifting && journal.applied_at.is_some_and(over)
    });
    let paused = std::mem::take(&mut journal.orders.paused);
    if at_pause {
        journal.orders.resumed = journal.step;
    }
    paused || at_pause
}

/// Straight to promotion: ends bakes, pauses and analysis, never a conformance test, an approval nor the wait for capacity.
fn promote(journal: &mut Journal, now: DateTime<Utc>) -> bool {
    match journal.phase {
        Phase::Preparing | Phase::Gating | Phase::Shifting | Phase::Promoting => {}
        Phase::Inconclusive => {
            journal.outcome = None;
            (journal.short_since, journal.unready_since) = (None, None);
            // A test that gave no verdict in time is asked once more, since it is never skipped.
            let open = |g: &&mut crate::journal::GateRecord| g.until.is_none();
            journal.gates.iter_mut().filter(open).for_each(|g| g.since = now);
            let step = journal.step;
            let back_to = journal.held_in.take().unwrap_or(Phase::Shifting);
            enter(journal, back_to, now);
            journal.step = step;
        }
        _ => return false,
    }
    journal.orders.promote = true;
    journal.orders.paused = false;
    true
}
