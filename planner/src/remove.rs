//! Giving back when the policy is deleted: what serves goes on serving, and nothing unproven goes live.
//!
//! Phases of a removal: `Pending` and `Preparing` while the workload's own pods come up, `Promoting` while traffic goes to them,
//! `Warm` while ours go.

mod hand_back;
mod leave_serving;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{
    converge::{Converged, Desired, converge},
    events::{enter, succeed},
    id::RevisionId,
    journal::{Journal, Phase, RevisionRef},
    plan::{Action, Plan, Waiting},
    policy::Policy,
    update::capacity,
    world::{Release, Selects, World},
};

/// How the workload is given back.
enum Way<'a> {
    /// Nothing of ours serves: everything of ours goes.
    Leave,
    /// The workload wishes what is stable: its own pods take over.
    HandBack(&'a RevisionRef),
    /// It wishes something else, or its pods do not come up: stable's pods stay, without us.
    LeaveServing(&'a RevisionRef),
    /// It cannot be read what it wishes.
    Unread(&'a RevisionRef),
}

fn way<'a>(world: &World, release: &'a Release, journal: &Journal, late: bool) -> Way<'a> {
    let (Some(stable), Some(workload)) = (&release.from, &world.workload) else { return Way::Leave };
    let wish = workload.wish.as_ref().map(|w| w.revision.digest == stable.digest);
    let before_switch = matches!(journal.phase, Phase::Pending | Phase::Preparing);
    match wish {
        // Its own pods serve and ours have begun to go: there is no other way any more.
        _ if journal.phase == Phase::Warm => Way::HandBack(stable),
        Some(true) if !(late && before_switch) => Way::HandBack(stable),
        None if !late => Way::Unread(stable),
        _ => Way::LeaveServing(stable),
    }
}

/// One pass over a removal.
pub(crate) fn pass(
    policy: &Policy,
    world: &World,
    release: &Release,
    mut journal: Journal,
    now: DateTime<Utc>,
) -> Plan {
    if world.namespace_terminating {
        succeed(&mut journal, "the namespace goes with everything in it", now);
        return Plan::moved(journal);
    }
    // A removal is bounded in time: what does not come within the progress deadline is not waited for.
    let late = journal.entered_at.is_some_and(|at| now >= at + policy.progress);
    match way(world, release, &journal, late) {
        // The old selector comes last: an unproven version's pods match it.
        Way::Leave => clear_away(world, journal, now),
        Way::HandBack(stable) => hand_back::pass(policy, world, stable, journal, late, now),
        Way::LeaveServing(stable) => leave_serving::pass(policy, world, stable, journal, late, now),
        Way::Unread(stable) => unread(policy, world, stable, journal, now),
    }
}

/// Stable's pods serve until it is known what the workload's own pods are; they may have changed already.
fn unread(policy: &Policy, world: &World, stable: &RevisionRef, mut journal: Journal, now: DateTime<Utc>) -> Plan {
    if journal.phase == Phase::Promoting {
        enter(&mut journal, Phase::Preparing, now);
        return Plan::moved(journal);
    }
    let apex = Some(Selects::Serving(stable.revision.clone()));
    let want = Desired { apex, apex_needs: 1, ..keep(world, stable, capacity(policy, world)) };
    match converge(&want, world) {
        Converged::Act(actions) => Plan::act(actions, journal),
        Converged::Wait(_) | Converged::InForce => {
            Plan::wait(Waiting::for_it("Reading", "the workload is being read"), journal)
        }
    }
}

/// Deletes every revision but one; where only ending pods are left of one, there is nothing to delete.
fn delete_all(world: &World, except: Option<&RevisionId>) -> Vec<Action> {
    let others = world.revisions.iter().filter(|(id, _)| Some(*id) != except);
    others
        .filter(|(_, r)| r.replicas.is_some() || r.complete || r.recorded || r.pods.is_empty())
        .map(|(id, _)| Action::DeleteRevision(id.clone()))
        .collect()
}

fn pods(world: &World, except: Option<&RevisionId>) -> usize {
    world.revisions.iter().filter(|(id, _)| Some(*id) != except).map(|(_, r)| r.pods.len()).sum()
}

/// The old selector and nothing of ours on the apex, where that is not so yet.
fn set_users(world: &World) -> Option<Action> {
    let ours = world.apex.as_ref().is_some_and(|a| a.marked || a.selects != Selects::Users);
    ours.then_some(Action::SetApex { selects: Selects::Users, capacity: 0 })
}

/// Everything of ours goes; when no pod is left, the old selector.
fn clear_away(world: &World, mut journal: Journal, now: DateTime<Utc>) -> Plan {
    // They are not ours, and may stay when the application goes.
    if world.routes.as_ref().is_some_and(|r| r.share.is_some()) {
        return Plan::act(vec![Action::SetRoutes(None)], journal);
    }
    if world.routes.as_ref().is_some_and(|r| r.asleep.is_some()) {
        return Plan::act(vec![Action::TidyRoutes], journal);
    }
    let actions = delete_all(world, None);
    if !actions.is_empty() {
        return Plan::act(actions, journal);
    }
    match pods(world, None) {
        0 => {}
        left => return Plan::wait(Waiting::for_it("Draining", format!("{left} pods of ours end")), journal),
    }
    if let Some(action) = set_users(world) {
        return Plan::act(vec![action], journal);
    }
    succeed(&mut journal, "the workload and its Service are as they were, and nothing of ours is left", now);
    Plan::moved(journal)
}

/// Stable at its capacity or above: nothing is scaled down before traffic is elsewhere.
fn keep(world: &World, stable: &RevisionRef, capacity: u32) -> Desired {
    let live = world.revisions.get(&stable.revision).and_then(|r| r.replicas).unwrap_or(capacity);
    let want = Desired { capacity, retreat: true, ..Desired::default() };
    want.pods(stable, live.max(capacity))
}

/// Finished releases to delete, and revisions that none of the rest speaks of.
pub(crate) fn prune(policy: &Policy, world: &World, keep: &BTreeSet<RevisionId>) -> Vec<Action> {
    let Some(last) = &world.last else {
        return Vec::new();
    };
    let surplus = (world.history.len() + 1).saturating_sub(policy.history);
    let mut actions: Vec<_> =
        world.history.iter().take(surplus).map(|r| Action::DeleteRelease(r.name.clone())).collect();
    let mut kept: BTreeSet<_> = world.history.iter().skip(surplus).filter_map(|r| r.to.clone()).collect();
    kept.extend(keep.iter().cloned());
    for side in [&last.from, &last.to].into_iter().flatten() {
        kept.insert(side.revision.clone());
    }
    let gone = world
        .revisions
        .iter()
        .filter(|(id, r)| !kept.contains(*id) && !r.left_serving && r.pods.is_empty() && r.replicas.unwrap_or(0) == 0);
    actions.extend(gone.map(|(id, _)| Action::DeleteRevision(id.clone())));
    actions
}
