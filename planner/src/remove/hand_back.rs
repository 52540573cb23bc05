//! The workload's own pods take over: capacity, then traffic, then ours go, then the old selector.

use chrono::{DateTime, Utc};

use super::{clear_away, delete_all, keep, set_users};
use crate::{
    converge::{Converged, Desired, converge},
    events::enter,
    journal::{Journal, Phase, RevisionRef},
    plan::{Action, Plan, Waiting},
    policy::Policy,
    update::capacity,
    world::{Selects, Workload, World},
};

pub(super) fn pass(
    policy: &Policy,
    world: &World,
    stable: &RevisionRef,
    journal: Journal,
    late: bool,
    now: DateTime<Utc>,
) -> Plan {
    let Some(workload) = &world.workload else { return clear_away(world, journal, now) };
    match (journal.phase, &workload.hash) {
        (Phase::Warm, hash) => ours_go(policy, world, hash.as_deref(), journal, now),
        (Phase::Promoting, Some(hash)) => switch(policy, world, stable, hash, journal, late, now),
        _ => prepare(policy, world, workload, stable, journal, now),
    }
}

fn prepare(
    policy: &Policy,
    world: &World,
    workload: &Workload,
    stable: &RevisionRef,
    mut journal: Journal,
    now: DateTime<Utc>,
) -> Plan {
    let capacity = capacity(policy, world);
    let want = Desired {
        apex: Some(Selects::Serving(stable.revision.clone())),
        apex_needs: 1,
        workload: Some(capacity.max(workload.replicas)),
        ..keep(world, stable, capacity)
    };
    // Stable may be down: its pods are not what is waited for here.
    if let Converged::Act(actions) = converge(&want, world) {
        return Plan::act(actions, journal);
    }
    if !workload.rolled_out || workload.ready < capacity || workload.hash.is_none() {
        let ready = workload.ready;
        let message =
            format!("{ready} of {capacity} pods of the workload itself are ready; traffic goes to them when they are");
        return Plan::wait(Waiting::for_it("Capacity", message), journal);
    }
    enter(&mut journal, Phase::Promoting, now);
    Plan::moved(journal)
}

fn switch(
    policy: &Policy,
    world: &World,
    stable: &RevisionRef,
    hash: &str,
    mut journal: Journal,
    late: bool,
    now: DateTime<Utc>,
) -> Plan {
    let want = Desired { apex: Some(Selects::Hash(hash.into())), ..keep(world, stable, capacity(policy, world)) };
    match converge(&want, world) {
        Converged::Act(actions) => return Plan::act(actions, journal),
        Converged::Wait(_) if late => {
            // Since when it is late is kept, so that stable is left serving instead.
            journal.phase = Phase::Preparing;
            return Plan::moved(journal);
        }
        Converged::Wait(waiting) => return Plan::wait(waiting, journal),
        Converged::InForce => {}
    }
    let Some(applied) = journal.applied_at else {
        journal.applied_at = Some(now);
        journal.note(now, "HandedBack", "new connections go to the workload's own pods");
        return Plan::moved(journal);
    };
    let drained = applied + policy.propagation + policy.drain;
    if now < drained {
        let words = "the switch reaches every node and open connections may end";
        return Plan::wait(Waiting::until("Draining", words, drained), journal);
    }
    enter(&mut journal, Phase::Warm, now);
    Plan::moved(journal)
}

/// Ours go, unless somebody has brought them back behind the Service meanwhile.
fn ours_go(policy: &Policy, world: &World, hash: Option<&str>, journal: Journal, now: DateTime<Utc>) -> Plan {
    let selects = world.apex.as_ref().map(|a| &a.selects);
    let answers = |pod: &String| world.apex.as_ref().is_some_and(|a| a.endpoints.contains(pod));
    let ours = world.revisions.values().flat_map(|r| &r.pods).any(|(name, p)| !p.terminating && answers(name));
    if let Some(hash) = hash.filter(|_| ours) {
        let wanted = Selects::Hash(hash.into());
        if selects.is_some_and(|s| *s != wanted) {
            let capacity = capacity(policy, world);
            return Plan::act(vec![Action::SetApex { selects: wanted, capacity }], journal);
        }
        let words = "the Service's endpoints move to the workload's own pods";
        return Plan::wait(Waiting::for_it("Endpoints", words), journal);
    }
    let replaced = matches!(selects, Some(Selects::Hash(of)) if hash.is_none_or(|hash| hash != of));
    if replaced
        && delete_all(world, None).is_empty()
        && let Some(action) = set_users(world)
    {
        // The template changed: pods of the old one go, and whose come instead is the user's business by now.
        return Plan::act(vec![action], journal);
    }
    clear_away(world, journal, now)
}
