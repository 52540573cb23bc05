//! Making the world match what a phase wants, in the order that loses no request.
//!
//! Going up: capacity before weight. Going down: weight before capacity. One call gives the next effects only; what has to be
//! waited for in between comes back as a [`Waiting`].

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    id::RevisionId,
    journal::RevisionRef,
    plan::{Action, Waiting},
    split,
    world::{Apex, Revision, Selects, World},
};

/// What a phase wants of the world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desired {
    /// Pods by revision; revisions that are not named here are wanted at zero.
    pub revisions: BTreeMap<RevisionId, (RevisionRef, u32)>,
    /// Whom the apex selects; `None` leaves it alone.
    pub apex: Option<Selects>,
    /// With `Selects::Serving`: how many ready pods that revision must have before the apex selects it.
    pub apex_needs: u32,
    /// The candidate's pods that answer for the stable revision; `None` leaves them alone.
    pub members: Option<Members>,
    /// Pods of the user's Deployment; `None` leaves it alone.
    pub workload: Option<u32>,
    /// Pods for all of the traffic.
    pub capacity: u32,
}

/// Candidate pods that answer for the stable revision.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Members {
    pub stable: RevisionId,
    pub candidate: RevisionId,
    /// How many there should be.
    pub count: u32,
}

/// How far the world is from what is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Converged {
    /// Do this next.
    Act(Vec<Action>),
    /// Nothing to do but to wait.
    Wait(Waiting),
    /// It is so.
    InForce,
}

impl Desired {
    /// Wants so many pods of a revision.
    pub fn pods(mut self, revision: &RevisionRef, replicas: u32) -> Self {
        self.revisions.insert(revision.revision.clone(), (revision.clone(), replicas));
        self
    }
}

/// Compares, and gives the next effects.
pub(crate) fn converge(want: &Desired, world: &World) -> Converged {
    let up = capacity_up(want, world);
    if !up.is_empty() {
        return Converged::Act(up);
    }
    match weight(want, world) {
        Converged::InForce => {}
        other => return other,
    }
    let down = capacity_down(want, world);
    if down.is_empty() { Converged::InForce } else { Converged::Act(down) }
}

fn capacity_up(want: &Desired, world: &World) -> Vec<Action> {
    let mut actions = Vec::new();
    for (id, (reference, replicas)) in &want.revisions {
        let live = world.revisions.get(id);
        let exists = live.is_some_and(|r| r.complete && r.replicas.is_some() && !r.left_serving);
        if !exists && (*replicas > 0 || live.is_some()) && !world.namespace_terminating {
            actions.push(Action::EnsureRevision { revision: reference.clone(), replicas: *replicas });
        } else if live.and_then(|r| r.replicas).is_some_and(|have| have < *replicas) {
            actions.push(Action::ScaleRevision { revision: id.clone(), replicas: *replicas });
        }
    }
    if let (Some(wanted), Some(workload)) = (want.workload, &world.workload)
        && workload.replicas < wanted
    {
        actions.push(Action::ScaleWorkload(wanted));
    }
    actions
}

/// Revisions and the workload are scaled down only when whoever should serve does.
fn capacity_down(want: &Desired, world: &World) -> Vec<Action> {
    let mut actions = Vec::new();
    for (id, live) in &world.revisions {
        let wanted = want.revisions.get(id).map_or(0, |(_, replicas)| *replicas);
        if live.replicas.is_some_and(|have| have > wanted) && !live.left_serving {
            actions.push(Action::ScaleRevision { revision: id.clone(), replicas: wanted });
        }
    }
    if let (Some(wanted), Some(workload)) = (want.workload, &world.workload)
        && workload.replicas > wanted
    {
        actions.push(Action::ScaleWorkload(wanted));
    }
    actions
}

fn weight(want: &Desired, world: &World) -> Converged {
    let Some(apex) = &world.apex else {
        return match want.apex {
            None => Converged::InForce,
            Some(_) => Converged::Wait(Waiting::for_person(
                "ServiceMissing",
                "the Service that callers use is gone: create it again, or delete the policy",
            )),
        };
    };
    let Some(selects) = &want.apex else { return Converged::InForce };
    if let Some(next) = move_apex(want, world, apex, selects) {
        return next;
    }
    if let Some(action) = set_members(want, world) {
        return Converged::Act(vec![action]);
    }
    in_force(want, world, apex, selects)
}

/// The next step of the apex's selector towards `selects`, if it is not there or strangers answer with it.
fn move_apex(want: &Desired, world: &World, apex: &Apex, selects: &Selects) -> Option<Converged> {
    let set = |selects: Selects| {
        Converged::Act(vec![Action::SetApex { selects, capacity: want.capacity }])
    };
    let Selects::Serving(target) = selects else {
        return (apex.selects != *selects).then(|| set(selects.clone()));
    };
    let strangers = strangers(world, target);
    let unwanted = want.members.as_ref().is_none_or(|m| m.stable != *target || m.count == 0);
    if apex.selects == *selects {
        if unwanted && strangers.len() > 1 {
            // One write takes all of them out; their labels are cleaned up behind it.
            return Some(set(Selects::Only(target.clone())));
        }
        return unwanted.then(|| strangers.first().map(|s| s.clear(target)))?;
    }
    let ready = world.revisions.get(target).map_or(0, |r| r.ready().len());
    let going_there = apex.selects != Selects::Only(target.clone());
    if going_there && (ready as u32) < want.apex_needs.max(1) {
        return Some(Converged::Wait(Waiting::for_it(
            "Capacity",
            format!("{ready} of {} pods of revision {target} are ready; traffic goes there when they are", want.apex_needs.max(1)),
        )));
    }
    if !unwanted || strangers.is_empty() {
        return Some(set(selects.clone()));
    }
    if going_there {
        return Some(set(Selects::Only(target.clone())));
    }
    strangers.first().map(|s| s.clear(target))
}

/// A revision other than `target` some of whose pods would answer if the apex served `target`.
struct Stranger(RevisionId);

impl Stranger {
    fn clear(&self, target: &RevisionId) -> Converged {
        Converged::Act(vec![Action::SetMembers { stable: target.clone(), candidate: self.0.clone(), pods: BTreeSet::new() }])
    }
}

/// One entry per pod, so that its length tells how many writes a clean-up takes.
fn strangers(world: &World, target: &RevisionId) -> Vec<Stranger> {
    let others = world.revisions.iter().filter(|(id, _)| *id != target);
    others
        .flat_map(|(id, r)| r.pods.values().map(move |p| (id, p)))
        .filter(|(_, p)| !p.terminating && p.members_of.contains(target))
        .map(|(id, _)| Stranger(id.clone()))
        .collect()
}

/// Labels for the members that are wanted; `None` when they are there, or cannot be yet.
fn set_members(want: &Desired, world: &World) -> Option<Action> {
    let members = want.members.as_ref()?;
    let candidate = world.revisions.get(&members.candidate)?;
    let now = member_pods(candidate, &members.stable);
    let count = if members.count > ready_members(candidate, &members.stable) && (candidate.ready().len() as u32) < members.count {
        // What cannot be met keeps the current split.
        (now.len() as u32).min(members.count)
    } else {
        members.count
    };
    let pods = split::choose(candidate, &members.stable, count);
    (pods != now).then(|| Action::SetMembers { stable: members.stable.clone(), candidate: members.candidate.clone(), pods })
}

/// Pods of the candidate that carry the stable revision's key.
pub(crate) fn member_pods(candidate: &Revision, stable: &RevisionId) -> BTreeSet<String> {
    let member = candidate.pods.iter().filter(|(_, p)| !p.terminating && p.members_of.contains(stable));
    member.map(|(name, _)| name.clone()).collect()
}

fn ready_members(candidate: &Revision, stable: &RevisionId) -> u32 {
    candidate.pods.values().filter(|p| p.ready && p.members_of.contains(stable)).count() as u32
}

/// Whether the apex's endpoints are exactly the pods that should answer.
fn in_force(want: &Desired, world: &World, apex: &Apex, selects: &Selects) -> Converged {
    let target = match selects {
        Selects::Serving(id) | Selects::Only(id) => id,
        Selects::Nobody if apex.endpoints.is_empty() => return Converged::InForce,
        Selects::Nobody => return Converged::Wait(Waiting::for_it("Endpoints", "the Service's endpoints are about to go")),
        Selects::Hash(_) => return handed_back(world, apex),
        Selects::Users | Selects::Garbled => return Converged::InForce,
    };
    let mut chosen: BTreeSet<&str> = world.revisions.get(target).map(Revision::ready).unwrap_or_default();
    if chosen.is_empty() {
        return Converged::Wait(Waiting::for_it("StableNotReady", format!("no pod of revision {target} is ready; nothing is shifted meanwhile")));
    }
    if let Some(members) = &want.members
        && let Some(candidate) = world.revisions.get(&members.candidate)
    {
        let ready = ready_members(candidate, &members.stable);
        if ready < members.count {
            let message = format!("{ready} of {} pods of revision {} are ready to take their share", members.count, members.candidate);
            return Converged::Wait(Waiting::for_it("Capacity", message));
        }
        chosen.extend(candidate.pods.iter().filter(|(_, p)| p.ready && p.members_of.contains(target)).map(|(n, _)| n.as_str()));
    }
    let listed: BTreeSet<&str> = apex.endpoints.iter().map(String::as_str).collect();
    if listed == chosen {
        return Converged::InForce;
    }
    let message = format!("the Service lists {} endpoints, {} are to come or go", listed.len(), listed.symmetric_difference(&chosen).count());
    Converged::Wait(Waiting::for_it("Endpoints", message))
}

/// Whether only the user's own pods answer.
fn handed_back(world: &World, apex: &Apex) -> Converged {
    let ours = world.revisions.values().flat_map(|r| r.pods.keys()).any(|pod| apex.endpoints.contains(pod));
    let ready = world.workload.as_ref().map_or(0, |w| w.ready as usize);
    if ours || apex.endpoints.len() < ready.max(1) {
        return Converged::Wait(Waiting::for_it("Endpoints", "the Service's endpoints move to the workload's own pods"));
    }
    Converged::InForce
}
