//! Who answers callers: the apex's selector and the membership labels on pods.

use std::collections::BTreeSet;

use crate::{
    converge::{Converged, Desired},
    id::RevisionId,
    plan::{Action, STABLE_NOT_READY, Waiting},
    split,
    world::{Apex, Revision, Selects, World},
};

/// The next effect towards who should answer, or whether it is so.
pub(crate) fn weight(want: &Desired, world: &World) -> Converged {
    let Some(selects) = &want.apex else {
        return Converged::InForce;
    };
    let Some(apex) = &world.apex else {
        if want.retreat {
            return Converged::InForce;
        }
        let words = "the Service that callers use is gone: create it again, or delete the policy";
        return Converged::Wait(Waiting::for_person("ServiceMissing", words));
    };
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
    let set = |selects: &Selects| {
        let (selects, capacity) = (selects.clone(), want.capacity);
        Some(Converged::Act(vec![Action::SetApex { selects, capacity }]))
    };
    let Selects::Serving(target) = selects else {
        return if apex.selects == *selects { None } else { set(selects) };
    };
    let only = Selects::Only(target.clone());
    let members = want.members.as_ref();
    let wanted = members.is_some_and(|m| m.stable == *target && m.count > 0);
    let strangers = if wanted { Vec::new() } else { strangers(world, target) };
    let there = apex.selects == *selects;
    let ready = ready(world, target) as u32;
    if there && strangers.is_empty() {
        return None;
    }
    if there && want.retreat && ready == 0 {
        let words = format!(
            "no pod of revision {target} is ready: {} pods of others go on answering meanwhile",
            strangers.len()
        );
        return Some(Converged::Wait(Waiting::for_it(STABLE_NOT_READY, words)));
    }
    // Nobody who is needed back, or whose selector somebody else has changed, waits for more than being ready.
    let moves = !want.retreat && world.release.is_some();
    let able = if moves { world.revisions.get(target).map_or(0, Revision::steady) } else { ready };
    if !there && apex.selects != only && able < want.apex_needs.max(1) {
        if let Some(other) = want.meanwhile.as_ref().filter(|id| self::ready(world, id) > 0) {
            let other = Selects::Serving(other.clone());
            if apex.selects != other {
                return set(&other);
            }
        }
        let words = format!(
            "{able} of {} pods of revision {target} are ready; traffic goes there when they are",
            want.apex_needs.max(1)
        );
        return Some(Converged::Wait(Waiting::for_it("Capacity", words)));
    }
    match strangers.as_slice() {
        [] => set(selects),
        // Behind this selector nobody else answers, so labels can be cleaned up in peace.
        [first, ..] if apex.selects == only => Some(clear(target, first)),
        [one] if there => Some(clear(target, one)),
        // One write takes all of them out; their labels are cleaned up behind it.
        _ => set(&only),
    }
}

fn ready(world: &World, revision: &RevisionId) -> usize {
    let live = world.revisions.get(revision);
    live.map_or(0, |r| r.ready().len())
}

fn clear(target: &RevisionId, stranger: &RevisionId) -> Converged {
    Converged::Act(vec![Action::SetMembers {
        stable: target.clone(),
        candidate: stranger.clone(),
        pods: BTreeSet::new(),
    }])
}

/// The revisions other than `target` some of whose pods answer if the apex serves `target`: once for each such pod.
fn strangers(world: &World, target: &RevisionId) -> Vec<RevisionId> {
    let others = world.revisions.iter().filter(|(id, _)| *id != target);
    others.flat_map(|(id, r)| member_pods(r, target).into_iter().map(move |_| id.clone())).collect()
}

/// Labels for the members that are wanted; `None` when they are there, or cannot be yet.
fn set_members(want: &Desired, world: &World) -> Option<Action> {
    let members = want.members.as_ref()?;
    let candidate = world.revisions.get(&members.candidate)?;
    let now = member_pods(candidate, &members.stable);
    let fit = candidate.pods.values().filter(|p| p.may_answer(&members.stable)).count() as u32;
    let short = fit < members.count;
    let count = if short && members.count > ready_members(candidate, &members.stable) {
        // What cannot be met keeps the current split.
        (now.len() as u32).min(members.count)
    } else {
        members.count
    };
    let pods = split::choose(candidate, &members.stable, count);
    (pods != now).then(|| Action::SetMembers {
        stable: members.stable.clone(),
        candidate: members.candidate.clone(),
        pods,
    })
}

/// Pods of the candidate that carry the stable revision's key.
pub(crate) fn member_pods(candidate: &Revision, stable: &RevisionId) -> BTreeSet<String> {
    let pods = candidate.pods.iter();
    pods.filter(|(_, p)| !p.terminating && p.members_of.contains(stable)).map(|(name, _)| name.clone()).collect()
}

fn ready_members(candidate: &Revision, stable: &RevisionId) -> u32 {
    let pods = candidate.pods.values();
    pods.filter(|p| p.ready && p.members_of.contains(stable)).count() as u32
}

/// Whether the apex's endpoints are exactly the pods that should answer.
fn in_force(want: &Desired, world: &World, apex: &Apex, selects: &Selects) -> Converged {
    let target = match selects {
        Selects::Serving(id) | Selects::Only(id) => id,
        Selects::Nobody if apex.endpoints.is_empty() => return Converged::InForce,
        Selects::Nobody => {
            let words = "the Service's endpoints are about to go";
            return Converged::Wait(Waiting::for_it("Endpoints", words));
        }
        Selects::Hash(_) => return handed_back(world, apex),
        Selects::Users | Selects::Garbled => return Converged::InForce,
    };
    let live = world.revisions.get(target);
    let listed: BTreeSet<&str> = apex.endpoints.iter().map(String::as_str).collect();
    if want.retreat {
        return retreated(&listed, live);
    }
    let mut chosen: BTreeSet<&str> = live.map(Revision::ready).unwrap_or_default();
    if chosen.is_empty() {
        let words = format!("no pod of revision {target} is ready; nothing is shifted meanwhile");
        return Converged::Wait(Waiting::for_it(STABLE_NOT_READY, words));
    }
    if let Some(members) = &want.members
        && let Some(candidate) = world.revisions.get(&members.candidate)
    {
        let ready = ready_members(candidate, &members.stable);
        if ready < members.count {
            let message = format!(
                "{ready} of {} pods of revision {} are ready to take their share",
                members.count, members.candidate
            );
            return Converged::Wait(Waiting::for_it("Capacity", message));
        }
        let answers = candidate.pods.iter().filter(|(_, p)| p.ready && p.members_of.contains(target));
        chosen.extend(answers.map(|(n, _)| n.as_str()));
    }
    if listed == chosen {
        return Converged::InForce;
    }
    let message = format!(
        "the Service lists {} endpoints, {} are to come or go",
        listed.len(),
        listed.symmetric_difference(&chosen).count()
    );
    Converged::Wait(Waiting::for_it("Endpoints", message))
}

/// Whether nobody but the pods of `live` answers, and somebody does if there is anybody.
fn retreated(listed: &BTreeSet<&str>, live: Option<&Revision>) -> Converged {
    let others = listed.iter().filter(|p| live.is_none_or(|r| !r.pods.contains_key(**p))).count();
    let ready = live.is_some_and(|r| !r.ready().is_empty());
    if others == 0 && (!ready || !listed.is_empty()) {
        return Converged::InForce;
    }
    let words = format!("the Service lists {} endpoints, {others} of them are to go", listed.len());
    Converged::Wait(Waiting::for_it("Endpoints", words))
}

/// Whether only the user's own pods answer.
fn handed_back(world: &World, apex: &Apex) -> Converged {
    let ours = world.revisions.values().flat_map(|r| r.pods.keys()).any(|pod| apex.endpoints.contains(pod));
    let ready = world.workload.as_ref().map_or(0, |w| w.ready as usize);
    if ours || apex.endpoints.len() < ready.max(1) {
        let words = "the Service's endpoints move to the workload's own pods";
        return Converged::Wait(Waiting::for_it("Endpoints", words));
    }
    Converged::InForce
}
