//! Giving back when the policy is deleted: what serves goes on serving, and nothing unproven goes live.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{
    converge::{Converged, Desired, converge},
    events::{enter, finish},
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
    /// It wishes something else: stable's pods stay, without us.
    LeaveServing(&'a RevisionRef),
}

fn way<'a>(world: &World, release: &'a Release) -> Way<'a> {
    match (&release.from, &world.workload) {
        (None, _) | (_, None) => Way::Leave,
        (Some(stable), Some(workload)) => match &workload.wish {
            Some(wish) if wish.revision.digest == stable.digest => Way::HandBack(stable),
            _ => Way::LeaveServing(stable),
        },
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
    if journal.entered_at.is_none() {
        journal.entered_at = Some(now);
        journal.note(now, "RemovalStarted", "the policy is being deleted");
        return Plan::moved(journal);
    }
    if world.namespace_terminating {
        finish(&mut journal, Phase::Succeeded, now);
        return Plan::moved(journal);
    }
    match way(world, release) {
        Way::Leave => leave(world, journal, now),
        Way::HandBack(stable) => hand_back(policy, world, stable, journal, now),
        Way::LeaveServing(stable) => leave_serving(policy, world, stable, journal, now),
    }
}

fn delete_all(world: &World, except: Option<&RevisionId>) -> Vec<Action> {
    let ids = world.revisions.iter().filter(|(id, r)| Some(*id) != except && !r.left_serving);
    ids.map(|(id, _)| Action::DeleteRevision(id.clone())).collect()
}

fn pods(world: &World, except: Option<&RevisionId>) -> usize {
    world.revisions.iter().filter(|(id, _)| Some(*id) != except).map(|(_, r)| r.pods.len()).sum()
}

fn set_users() -> Action {
    Action::SetApex { selects: Selects::Users, capacity: 0 }
}

/// The application is going, or nothing of ours ever served.
fn leave(world: &World, mut journal: Journal, now: DateTime<Utc>) -> Plan {
    let mut actions = Vec::new();
    if world.apex.as_ref().is_some_and(|a| a.marked || a.selects != Selects::Users) {
        actions.push(set_users());
    }
    actions.extend(delete_all(world, None));
    finishing(actions, world, &mut journal, now)
}

fn finishing(mut actions: Vec<Action>, world: &World, journal: &mut Journal, now: DateTime<Utc>) -> Plan {
    if !actions.is_empty() {
        actions.push(Action::DeleteCanaryService);
        return Plan::act(actions, journal.clone());
    }
    let left = world.revisions.values().filter(|r| !r.left_serving).map(|r| r.pods.len()).sum::<usize>();
    if left > 0 {
        return Plan::wait(Waiting::for_it("Draining", format!("{left} pods of ours end")), journal.clone());
    }
    finish(journal, Phase::Succeeded, now);
    Plan::moved(journal.clone())
}

/// The workload's own pods take over: capacity, then traffic, then ours go, then the old selector.
fn hand_back(policy: &Policy, world: &World, stable: &RevisionRef, mut journal: Journal, now: DateTime<Utc>) -> Plan {
    let Some(workload) = &world.workload else {
        return leave(world, journal, now);
    };
    let capacity = capacity(policy, world);
    let serving = Selects::Serving(stable.revision.clone());
    match journal.phase {
        Phase::Warm => {}
        Phase::Promoting => match &workload.hash {
            Some(hash) => {
                let want = Desired { apex: Some(Selects::Hash(hash.clone())), ..keep(world, stable, capacity) };
                match converge(&want, world) {
                    Converged::Act(actions) => return Plan::act(actions, journal),
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
                    return Plan::wait(
                        Waiting::until(
                            "Draining",
                            "the switch reaches every node and open connections may end",
                            drained,
                        ),
                        journal,
                    );
                }
                enter(&mut journal, Phase::Warm, now);
                return Plan::moved(journal);
            }
            None => {
                enter(&mut journal, Phase::Preparing, now);
                return Plan::moved(journal);
            }
        },
        _ => {
            let want = Desired {
                apex: Some(serving),
                apex_needs: 1,
                workload: Some(capacity.max(workload.replicas)),
                ..keep(world, stable, capacity)
            };
            match converge(&want, world) {
                Converged::Act(actions) => return Plan::act(actions, journal),
                Converged::Wait(waiting) => return Plan::wait(waiting, journal),
                Converged::InForce => {}
            }
            if !workload.rolled_out || workload.ready < capacity || workload.hash.is_none() {
                let message = format!(
                    "{} of {capacity} pods of the workload itself are ready; traffic goes to them when they are",
                    workload.ready
                );
                return Plan::wait(Waiting::for_it("Capacity", message), journal);
            }
            enter(&mut journal, Phase::Promoting, now);
            return Plan::moved(journal);
        }
    }
    let actions = delete_all(world, None);
    if !actions.is_empty() || pods(world, None) > 0 {
        return finishing(actions, world, &mut journal, now);
    }
    if world.apex.as_ref().is_some_and(|a| a.marked || a.selects != Selects::Users) {
        return Plan::act(vec![set_users()], journal);
    }
    finishing(Vec::new(), world, &mut journal, now)
}

/// Stable at its capacity, others as they are: nothing is scaled down before traffic is elsewhere.
fn keep(world: &World, stable: &RevisionRef, capacity: u32) -> Desired {
    let live = world.revisions.get(&stable.revision).and_then(|r| r.replicas).unwrap_or(capacity);
    Desired { capacity, ..Desired::default() }.pods(stable, live.max(capacity))
}

/// The wish is unproven: stable's pods go on under the old selector, and the workload stays at zero.
fn leave_serving(
    policy: &Policy,
    world: &World,
    stable: &RevisionRef,
    mut journal: Journal,
    now: DateTime<Utc>,
) -> Plan {
    let own = Some(&stable.revision);
    let left = world.revisions.get(&stable.revision).is_some_and(|r| r.left_serving);
    if !left {
        // Until only stable's pods can match the old selector, ours stays.
        let want = Desired {
            apex: Some(Selects::Serving(stable.revision.clone())),
            apex_needs: 1,
            workload: Some(0),
            ..keep(world, stable, capacity(policy, world))
        };
        match converge(&want, world) {
            Converged::Act(actions) => return Plan::act(actions, journal),
            Converged::Wait(waiting) => return Plan::wait(waiting, journal),
            Converged::InForce => {}
        }
        let others = delete_all(world, own);
        if !others.is_empty() {
            return Plan::act(others, journal);
        }
        let ending = pods(world, own) + world.workload.as_ref().map_or(0, |w| w.pods as usize);
        if ending > 0 {
            return Plan::wait(Waiting::for_it("Draining", format!("{ending} pods that must not serve end")), journal);
        }
        return Plan::act(vec![Action::LeaveServing(stable.revision.clone())], journal);
    }
    if world.apex.as_ref().is_some_and(|a| a.marked || a.selects != Selects::Users) {
        return Plan::act(vec![set_users()], journal);
    }
    journal.note(
        now,
        "LeftServing",
        format!("the workload wishes a version that has not passed, so revision {} goes on serving without a policy; make a new policy, or set the workload back and scale it up, then delete the Deployment labelled sluice.dev/left-serving", stable.revision),
    );
    finishing(Vec::new(), world, &mut journal, now)
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
