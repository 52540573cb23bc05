//! What the candidate's own pods say about it.

use chrono::{DateTime, Utc};

use crate::{
    journal::{Cause, Journal, Phase, Purpose},
    policy::Policy,
    world::{Release, Revision, Selects, World},
};

/// Pods that crash or do not become ready: a fail after the progress deadline, at once where all traffic would meet nothing.
pub(crate) fn record(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Option<(Cause, String)> {
    let to = release.to.as_ref()?;
    if journal.phase == Phase::Pending {
        return None;
    }
    let live = world.revisions.get(&to.revision);
    let need = live.and_then(|r| r.replicas).unwrap_or(0).max(1);
    if live.map_or(0, Revision::steady) >= need {
        (journal.short_since, journal.unready_since) = (None, None);
        return None;
    }
    // Where nothing can be made, effects fail and no journal is written: the deadline counts from the phase itself. That nobody has
    // tried yet is no fault of the version.
    let nothing = live.is_none() && journal.phase == Phase::Preparing && world.failing;
    let began = journal.entered_at.filter(|_| nothing).unwrap_or(now);
    let since = *journal.short_since.get_or_insert(began);
    let ready = live.map_or(0, |r| r.ready().len() as u32);
    if ready >= need {
        // They have to stay so; the deadline goes on counting, or pods that come and go would never miss it.
        return None;
    }
    let (mut cause, mut why) = why(live);
    let running = (cause == Cause::PodsFailed).then(|| journal.unready_since.unwrap_or(now));
    journal.unready_since = running;
    if ready == 0 && live.is_some() && all_traffic_there(world, release, journal) {
        cause = Cause::PodsFailed;
    } else if now < since + policy.progress {
        return None;
    } else if running.is_some_and(|at| now < at + policy.progress) && !crashed(live) {
        // What started late has had no time to become ready; but a deadline stays one.
        if now < since + policy.progress * 2 {
            return None;
        }
        (cause, why) = (Cause::PodsNotStarted, "its pods started too late to become ready in time".into());
    }
    if release.purpose == Purpose::Adopt && !policy.gate_first {
        // The same version runs in the workload: its second copy says nothing against it.
        cause = Cause::PodsNotStarted;
    }
    Some((cause, format!("{ready} of {need} pods of revision {} are ready: {why}", to.revision)))
}

fn crashed(live: Option<&Revision>) -> bool {
    live.and_then(Revision::trouble).is_some_and(|(cause, _)| cause == Cause::PodsFailed)
}

/// Whether callers meet nobody but the candidate, and there is somewhere to go back to.
fn all_traffic_there(world: &World, release: &Release, journal: &Journal) -> bool {
    let from = release.from.as_ref();
    let way_back = from.and_then(|f| world.revisions.get(&f.revision)).is_some_and(|f| !f.ready().is_empty());
    let selects = world.apex.as_ref().map(|a| &a.selects);
    let there = release.to.as_ref().is_some_and(|t| selects == Some(&Selects::Serving(t.revision.clone())));
    way_back && (journal.phase == Phase::Warm || (journal.phase == Phase::Promoting && there))
}

/// What is wrong with the pods of a revision that has too few ready ones.
fn why(live: Option<&Revision>) -> (Cause, String) {
    let Some(live) = live.filter(|r| r.replicas.is_some()) else {
        let words = "its objects could not be made: look at the events of the policy";
        return (Cause::PodsNotStarted, words.into());
    };
    match live.trouble() {
        Some((cause, why)) => (cause, why.to_owned()),
        None if (live.pods.len() as u32) < live.replicas.unwrap_or(0) => (
            Cause::PodsNotStarted,
            "not every pod was created: look at quotas and at the events of its ReplicaSet".into(),
        ),
        None => (Cause::PodsFailed, "its pods run and do not become ready".into()),
    }
}
