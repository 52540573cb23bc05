//! What each phase of an update wants of the world.

use chrono::{DateTime, TimeDelta, Utc};

use super::held_by_people;
use crate::{
    apex, calendar,
    converge::{Desired, Members},
    journal::{Journal, Phase, RevisionRef},
    looks,
    policy::{Policy, Shares},
    split,
    world::{Release, Selects, Share, World},
};

/// How long before a step may end the pods of the next are started, at most; half of the bake at most too.
const AHEAD: TimeDelta = TimeDelta::seconds(30);

/// What the phase of the journal wants of the world.
pub(super) fn desired(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &Journal,
    now: DateTime<Utc>,
) -> Desired {
    let (Some(from), Some(to)) = (&release.from, &release.to) else {
        return Desired::default();
    };
    let capacity = capacity(policy, world);
    let live = |r: &RevisionRef| world.revisions.get(&r.revision).and_then(|r| r.replicas);
    // Scaling down waits until the release is over; shares are of the pods that serve.
    let full = capacity.max(live(from).unwrap_or(0));
    let has = live(to).unwrap_or(0);
    let base = Desired {
        apex: Some(serving(from)),
        workload: Some(0),
        capacity,
        sleepers: !journal.draining,
        ..Desired::default()
    };
    match journal.phase {
        Phase::Preparing | Phase::Gating => Desired {
            members: members(from, to, 0),
            ..base.pods(from, full).pods(to, first_need(policy, release, full).max(has))
        },
        Phase::Shifting => {
            let count = journal.step.map_or(0, |k| step_members(policy, world, from, to, k));
            let share_needs = journal.step.map_or(1, |k| need(policy, full, k));
            let pods =
                share_needs.max(journal.step.map_or(0, |k| next_need(policy, world, release, journal, full, k, now)));
            let share = journal.step.and_then(|k| step_share(policy, to, k));
            let members = members(from, to, count);
            Desired { members, share, share_needs, ..base.pods(from, full).pods(to, pods.max(has)) }
        }
        Phase::Promoting | Phase::Warm => {
            let over = journal.orders.promote || switched(world, journal, to);
            let old = if journal.draining { fewer(policy, world, journal, from) } else { full };
            let both = base.pods(from, old).pods(to, full.max(has));
            if over || ready(world, from) > 0 || journal.phase == Phase::Warm {
                let clean = members(from, to, 0).filter(|_| selects(world, to));
                Desired {
                    apex: Some(serving(to)),
                    apex_needs: full,
                    meanwhile: Some(from.revision.clone()).filter(|_| !switched(world, journal, to)),
                    members: clean,
                    // Until every node knows that the Service leads to the candidate, what routes send there goes on.
                    share: without_copies(world, to).filter(|_| journal.phase == Phase::Promoting),
                    ..both
                }
            } else {
                // With nothing to go back to, only a person lets the candidate take over.
                Desired { share: without_copies(world, to), ..both }
            }
        }
        Phase::Inconclusive => held(policy, world, journal, from, to, base).pods(from, full).pods(to, has.max(1)),
        Phase::RollingBack | Phase::Held => {
            let keep = if journal.draining { 0 } else { has };
            Desired {
                members: members(from, to, 0),
                apex_needs: way_back_needs(world, journal, to, full),
                retreat: true,
                ..base.pods(from, full).pods(to, keep)
            }
        }
        _ => base.pods(from, full),
    }
}

/// The split stays as it is: it may become less, never more.
fn held(
    policy: &Policy,
    world: &World,
    journal: &Journal,
    from: &RevisionRef,
    to: &RevisionRef,
    base: Desired,
) -> Desired {
    if switched(world, journal, to) {
        return Desired { apex: Some(serving(to)), ..base };
    }
    let now = members_now(world, from, to);
    let step = journal.step;
    let count = step.map_or(now, |k| step_members(policy, world, from, to, k).min(now));
    Desired { members: members(from, to, count), share: share_now(world, to), ..base }
}

/// Ready pods that the old revision must have before all traffic goes back to it: half of the capacity where it was kept whole,
/// all of it where it had begun to be drained, any where the candidate answers nobody or the selector is somebody else's.
fn way_back_needs(world: &World, journal: &Journal, to: &RevisionRef, capacity: u32) -> u32 {
    match ready(world, to) {
        0 => 1,
        _ if !selects(world, to) => 1,
        _ if journal.refill => capacity,
        _ => capacity.div_ceil(2),
    }
}

fn serving(revision: &RevisionRef) -> Selects {
    Selects::Serving(revision.revision.clone())
}

fn members(from: &RevisionRef, to: &RevisionRef, count: u32) -> Option<Members> {
    let (stable, candidate) = (from.revision.clone(), to.revision.clone());
    Some(Members { stable, candidate, count })
}

/// What routes send to the candidate now; nothing where it has no pod that answers.
fn share_now(world: &World, to: &RevisionRef) -> Option<Share> {
    let live = world.routes.as_ref().and_then(|r| r.share.clone())?;
    (live.candidate == to.revision && ready(world, to) > 0).then_some(live)
}

/// The same without copies of requests: the candidate is about to have the requests themselves.
fn without_copies(world: &World, to: &RevisionRef) -> Option<Share> {
    let Share { candidate, percent, picks } = share_now(world, to)?;
    Share::of(candidate, percent, picks.without_copies())
}

/// What step `k` asks of the routes.
fn step_share(policy: &Policy, to: &RevisionRef, k: u32) -> Option<Share> {
    let step = policy.steps().get(k.saturating_sub(1) as usize)?;
    let share = Share::of(to.revision.clone(), step.weight.percent(), step.picks.clone());
    share.filter(|_| policy.shares == Shares::Routes)
}

fn members_now(world: &World, from: &RevisionRef, to: &RevisionRef) -> u32 {
    let live = world.revisions.get(&to.revision);
    live.map_or(0, |r| apex::member_pods(r, &from.revision).len() as u32)
}

fn ready(world: &World, revision: &RevisionRef) -> u32 {
    let live = world.revisions.get(&revision.revision);
    live.map_or(0, |r| r.ready().len() as u32)
}

fn selects(world: &World, revision: &RevisionRef) -> bool {
    world.apex.as_ref().is_some_and(|a| a.selects == serving(revision))
}

/// Whether all traffic has gone over, also when somebody has changed the selector since.
fn switched(world: &World, journal: &Journal, to: &RevisionRef) -> bool {
    journal.split.is_some_and(|s| s.wanted == 100) || selects(world, to)
}

/// Pods for all of the traffic: as the policy says, else as the apex remembers it, else as it is; else one.
pub(crate) fn capacity(policy: &Policy, world: &World) -> u32 {
    known_capacity(policy, world).unwrap_or(1)
}

/// Pods for all of the traffic, where anything tells.
pub(crate) fn known_capacity(policy: &Policy, world: &World) -> Option<u32> {
    let stable = world.stable.as_ref();
    let serves = stable.and_then(|s| world.revisions.get(&s.revision)?.replicas);
    let runs = world.workload.as_ref().map(|w| w.replicas);
    policy
        .replicas
        .or(world.apex.as_ref().and_then(|a| a.capacity))
        .or(serves.filter(|n| *n > 0))
        .or(runs.filter(|n| *n > 0))
}

fn first_need(policy: &Policy, release: &Release, capacity: u32) -> u32 {
    if policy.steps().is_empty() || (release.is_emergency() && !release.fast) {
        capacity.max(1)
    } else {
        need(policy, capacity, 1)
    }
}

/// Candidate pods that step `k`, counted from 1, takes at full capacity.
fn need(policy: &Policy, capacity: u32, k: u32) -> u32 {
    let step = policy.steps().get(k.saturating_sub(1) as usize);
    step.map_or(1, |s| split::needs(policy.shares, capacity, s))
}

/// Candidate pods that what follows step `k` takes, once the step is nearly over: they start while it still holds, so that nobody
/// waits for them afterwards. Not before a person has let it go on, nor while metrics speak against it or the calendar holds
/// what follows.
fn next_need(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &Journal,
    capacity: u32,
    k: u32,
    now: DateTime<Utc>,
) -> u32 {
    let step = policy.steps().get(k.saturating_sub(1) as usize);
    let (Some(step), Some(applied)) = (step, journal.applied_at) else { return 0 };
    let ahead = (step.bake / 2).min(AHEAD);
    let held = held_by_people(policy, journal).is_err() || (step.pause && journal.orders.resumed != Some(k));
    let held = held || calendar::holds_after(policy, world, release, journal, k, now);
    if held || looks::failing(journal) || now < applied + policy.propagation + step.bake - ahead {
        return 0;
    }
    if k as usize == policy.steps().len() { capacity } else { need(policy, capacity, k + 1) }
}

/// Pods of the old revision while it is drained: a quarter of the capacity at a time, so that it takes as long for many pods as for
/// few, and the next ones end when the last ones are gone and nothing speaks against it.
fn fewer(policy: &Policy, world: &World, journal: &Journal, from: &RevisionRef) -> u32 {
    let live = world.revisions.get(&from.revision);
    let replicas = live.and_then(|r| r.replicas).unwrap_or(0);
    let ending = live.is_some_and(|r| r.pods.len() as u32 > replicas);
    let held = !journal.drain_early && (policy.suspend || looks::let_go(policy, journal).is_err());
    let quarter = capacity(policy, world).div_ceil(4);
    if ending || held { replicas } else { replicas.saturating_sub(quarter) }
}

/// Candidate pods that answer in step `k`, given the stable pods that are ready now; the number stays when none is.
fn step_members(policy: &Policy, world: &World, from: &RevisionRef, to: &RevisionRef, k: u32) -> u32 {
    let Some(step) = policy.steps().get(k.saturating_sub(1) as usize) else {
        return 0;
    };
    match ready(world, from) {
        _ if policy.shares == Shares::Routes => 0,
        0 => members_now(world, from, to),
        stable => split::members(stable, step.weight),
    }
}
