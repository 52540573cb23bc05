//! All traffic goes over, and the old revision is kept for the way back until it is drained.

use chrono::{DateTime, Utc};

use crate::{
    events::{enter, succeed},
    journal::{Journal, Phase, Split},
    looks,
    plan::{PROPAGATION, Waiting},
    policy::{Policy, Strategy},
    world::{Release, World},
};

pub(super) fn begin(policy: &Policy, journal: &mut Journal, now: DateTime<Utc>) {
    enter(journal, Phase::Promoting, now);
    journal.served = true;
    let how = if matches!(policy.strategy, Strategy::BlueGreen { .. }) {
        "all traffic goes over at once"
    } else {
        "the rest of the traffic goes over"
    };
    journal.note(now, "Promoting", how);
}

pub(super) fn switch(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Result<(), Waiting> {
    let Some(applied) = journal.applied_at else {
        let to = release.to.as_ref().and_then(|t| world.revisions.get(&t.revision));
        let members = to.map_or(0, |r| r.ready().len() as u32);
        journal.applied_at = Some(now);
        journal.split = Some(Split { wanted: 100, effective: 100, members, stable_pods: 0 });
        journal.note(now, "Switched", "all new connections go to the candidate");
        return Ok(());
    };
    if now < applied + policy.propagation {
        return Err(Waiting::until(PROPAGATION, "the switch reaches every node", applied + policy.propagation));
    }
    enter(journal, Phase::Warm, now);
    Ok(())
}

/// Keeps the old revision until it is no longer needed, then ends its pods, a quarter at a time, still under analysis.
pub(super) fn warm(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Result<(), Waiting> {
    let from = release.from.as_ref();
    let from = from.and_then(|f| world.revisions.get(&f.revision));
    let pods = from.map_or(0, |r| r.pods.len() as u32);
    // Pods that served are kept for open connections to end, however short the warm period.
    let entered = journal.entered_at.unwrap_or(now);
    let drained = entered + policy.drain;
    if !journal.draining && journal.drain_early && now < drained {
        let words = "promoted; open connections to the old revision may end";
        return Err(Waiting::until("Draining", words, drained));
    }
    if !journal.drain_early {
        let end = drained.max(entered + policy.warm_for());
        if now < end && !journal.draining {
            return Err(kept(from.is_some_and(|r| !r.ready().is_empty()), end));
        }
        if policy.suspend {
            let words =
                "promoted; the policy is suspended, so the old revision is kept until spec.suspend is set to false";
            return Err(Waiting::for_person("Suspended", words));
        }
        looks::let_go(policy, journal)?;
    }
    if !journal.draining {
        journal.draining = true;
    } else if pods > 0 {
        let words = format!("{pods} pods of the old revision are left; they end a quarter at a time");
        return Err(Waiting::for_it("Draining", words));
    } else {
        let words = release.to.as_ref().map_or_else(String::new, |to| format!("revision {} serves alone", to.revision));
        succeed(journal, words, now);
    }
    Ok(())
}

fn kept(way_back: bool, end: DateTime<Utc>) -> Waiting {
    if way_back {
        let words = "promoted; the old revision is kept at full capacity for the way back";
        return Waiting::until("Warm", words, end);
    }
    let words = "promoted; no pod of the old revision is ready, so there is no way back now";
    Waiting::until("NoWayBack", words, end)
}
