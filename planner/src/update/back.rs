//! The way back: no weight, then time for open connections to end, then no pods.

use chrono::{DateTime, Utc};

use crate::{
    events::finish,
    journal::{Journal, Phase, Split},
    plan::Waiting,
    policy::Policy,
    world::{Release, World},
};

pub(super) fn advance(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Result<(), Waiting> {
    let phase = journal.outcome.as_ref().map_or(Phase::RolledBack, |o| o.phase);
    let condemned = journal.outcome.as_ref().is_some_and(|o| o.reason.condemns());
    if journal.served {
        let Some(applied) = journal.applied_at else {
            journal.applied_at = Some(now);
            journal.split = journal.split.map(|s| Split { wanted: 0, effective: 0, members: 0, ..s });
            journal.note(now, "WeightZero", "no new connection reaches the candidate");
            return Ok(());
        };
        let drained = applied + policy.propagation + policy.drain;
        if phase != Phase::Held && now < drained {
            return Err(Waiting::until("Draining", "open connections to the candidate may end", drained));
        }
    } else if phase == Phase::RolledBack && condemned && !policy.keep_failed.is_zero() {
        // It never had a live request, so its pods can be kept for looking at; a later pass ends them.
        finish(journal, phase, now);
        return Ok(());
    }
    if phase == Phase::Held {
        journal.phase = Phase::Held;
        journal.entered_at = Some(now);
        return Ok(());
    }
    if !journal.draining {
        journal.draining = true;
        return Ok(());
    }
    let pods = release.to.as_ref().and_then(|t| world.revisions.get(&t.revision)).map_or(0, |r| r.pods.len());
    if pods > 0 {
        return Err(Waiting::for_it("Draining", format!("{pods} pods of the candidate end")));
    }
    finish(journal, phase, now);
    Ok(())
}
