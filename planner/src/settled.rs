//! No release is under way: keep what serves as it is, and begin when something new is wished for.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::{
    adopt,
    converge::{Converged, Desired, converge},
    emergency::Emergency,
    journal::{Cause, Phase, Purpose, RevisionRef, cut},
    plan::{Action, NewRelease, Plan, Waiting, advised},
    policy::Policy,
    remove,
    update::capacity,
    world::{Decision, Order, PastRelease, Release, Selects, Wish, World},
};

/// One pass without a release.
pub(crate) fn pass(policy: &Policy, world: &World, now: DateTime<Utc>) -> Plan {
    if world.deleting {
        return removal(world);
    }
    if world.namespace_terminating {
        return Plan::idle(Waiting::for_it("NamespaceTerminating", "the namespace is being deleted"));
    }
    match &world.stable {
        None => first(policy, world),
        Some(stable) => keep(policy, world, stable, now),
    }
}

fn removal(world: &World) -> Plan {
    let removed = world.last.as_ref().is_some_and(|l| l.purpose == Purpose::Remove);
    let ours = world.apex.as_ref().is_some_and(|a| a.marked) || world.revisions.values().any(|r| !r.left_serving);
    if removed || !ours || world.namespace_terminating {
        let actions = if world.finalizer { vec![Action::ReleaseFinalizers] } else { Vec::new() };
        return Plan { actions, ..Plan::default() };
    }
    let from = world.stable.clone();
    let new = NewRelease {
        purpose: Purpose::Remove,
        from,
        to: None,
        attempt: 1,
        fast: false,
        author: None,
        rollback: false,
        emergency: None,
    };
    Plan { actions: vec![Action::CreateRelease(new)], ..Plan::default() }
}

/// Nothing of ours serves yet.
fn first(policy: &Policy, world: &World) -> Plan {
    if let Some(blocker) = world.blockers.first() {
        return Plan::idle(Waiting::for_person(&blocker.reason, &blocker.message));
    }
    let Some(workload) = &world.workload else {
        return Plan::idle(Waiting::for_person(
            "WorkloadMissing",
            "there is no Deployment of the name in spec.workload: create it, or correct the name in a new policy",
        ));
    };
    let Some(wish) = &workload.wish else {
        return Plan::idle(Waiting::for_it("Reading", "the workload is being read"));
    };
    if let Some(waiting) = condemned(world, wish) {
        return Plan::idle(waiting);
    }
    let leftovers = remove::prune(policy, world, &BTreeSet::from([wish.revision.revision.clone()]));
    if !leftovers.is_empty() {
        return Plan { actions: leftovers, ..Plan::default() };
    }
    begin(world, Purpose::Adopt, None, wish)
}

fn begin(world: &World, purpose: Purpose, from: Option<&RevisionRef>, wish: &Wish) -> Plan {
    if !wish.settled {
        return Plan::idle(Waiting::for_it(
            "Settling",
            "a new version was seen; it counts when it has rested for spec.settle",
        ));
    }
    let to = &wish.revision;
    let fast = from.is_some() && (passed(world, to) || was_fast(world, to));
    let author = wish.author.clone();
    let attempt = next_attempt(world, to);
    let emergency = wish.emergency.as_ref().map(|reason| Emergency::asked(reason, world.no_emergency.as_deref()));
    let (from, to) = (from.cloned(), Some(to.clone()));
    let new = NewRelease { purpose, from, to, attempt, fast, author, rollback: false, emergency };
    Plan { actions: vec![Action::CreateRelease(new)], ..Plan::default() }
}

fn next_attempt(world: &World, to: &RevisionRef) -> u32 {
    let last = world.last.iter().filter(|l| l.to.as_ref().is_some_and(|t| t.revision == to.revision));
    let before = world.history.iter().filter(|l| l.to.as_ref() == Some(&to.revision));
    let attempts = last.map(|l| l.attempt).chain(before.map(|l| l.attempt));
    attempts.max().unwrap_or(0) + 1
}

/// What a person ordered after the last release had delivered: back to the revision before, where that is still kept. Neither a
/// suspension nor what the workload wishes stands in its way.
fn going_back(world: &World, stable: &RevisionRef) -> Option<Plan> {
    let last = world.last.as_ref().filter(|l| l.purpose == Purpose::Update && !l.rollback)?;
    let delivered = last.journal.phase == Phase::Succeeded && last.to.as_ref() == Some(stable);
    let to = last.from.as_ref().filter(|f| delivered && recorded(world, f))?;
    let ordered = ordered(world, last, &Order::Rollback)?;
    let new = NewRelease {
        purpose: Purpose::Update,
        from: Some(stable.clone()),
        to: Some(to.clone()),
        attempt: next_attempt(world, to),
        fast: true,
        author: Some(ordered.by.clone()),
        rollback: true,
        emergency: None,
    };
    Some(Plan { actions: vec![Action::CreateRelease(new)], ..Plan::default() })
}

/// Why a wish that a person went back from is not delivered again by itself.
fn gone_back_from(world: &World, wish: &Wish) -> Option<Waiting> {
    let last = world.last.as_ref().filter(|l| l.rollback && l.journal.phase == Phase::Succeeded)?;
    let same = last.from.as_ref().is_some_and(|f| f.digest == wish.revision.digest);
    if !same || retried(world, last) {
        return None;
    }
    let (id, by) = (&wish.revision.revision, last.author.as_deref().unwrap_or("somebody"));
    let words = format!(
        "revision {id} is not delivered: {by} went back to the one before; deploy another version, or decide Retry about release {}",
        last.name
    );
    Some(Waiting::for_person("GoneBack", words))
}

fn recorded(world: &World, revision: &RevisionRef) -> bool {
    world.revisions.get(&revision.revision).is_some_and(|r| r.recorded && r.digest == revision.digest)
}

/// Whether a retained revision has passed before, and nothing that came later says otherwise.
fn passed(world: &World, to: &RevisionRef) -> bool {
    let last = world.last.as_ref();
    // What a person went back from goes through all of its steps again.
    let taken_back = last.is_some_and(|l| l.rollback && l.from.as_ref().is_some_and(|f| f.digest == to.digest));
    let since = last.filter(|l| l.to.as_ref().is_some_and(|t| t.digest == to.digest));
    let was_stable = last.and_then(|l| l.from.as_ref()).is_some_and(|f| f.digest == to.digest);
    let about = |r: &&PastRelease| [&r.to, &r.taken_back].into_iter().flatten().any(|id| *id == to.revision);
    let newest = world.history.iter().rev().find(about);
    let before = newest.is_some_and(|r| r.passed.as_ref() == Some(&to.digest));
    recorded(world, to) && !taken_back && since.is_none() && (was_stable || before)
}

/// Whether the last release was on its way back to a version that had passed when the policy was changed: that says nothing of the version.
fn was_fast(world: &World, to: &RevisionRef) -> bool {
    let over = |l: &&Release| l.journal.outcome.as_ref().is_some_and(|o| o.reason == Cause::PolicyChanged);
    world.last.as_ref().filter(over).is_some_and(|l| l.fast && l.to.as_ref() == Some(to)) && recorded(world, to)
}

/// Stable serves: repair what others changed, then look for something new.
fn keep(policy: &Policy, world: &World, stable: &RevisionRef, now: DateTime<Utc>) -> Plan {
    let mut actions = adopt::prepare_policy(policy, world);
    actions.extend(raised(policy, world).map(Action::FillReplicas));
    let mut unrest = None;
    match converge(&desired(policy, world, stable, now), world) {
        Converged::Act(repairs) => actions.extend(repairs),
        // Stable's pods may come and go. It is said, and holds nothing up: the next version may be what mends them.
        Converged::Wait(waiting) => unrest = Some(waiting),
        Converged::InForce => {}
    }
    if !actions.is_empty() {
        return Plan { actions, ..Plan::default() };
    }
    let Some(workload) = &world.workload else {
        return Plan::idle(Waiting::for_person(
            "WorkloadGone",
            "the workload was deleted; its last version goes on serving: create the workload again, or delete the policy",
        ));
    };
    let kept = BTreeSet::from([stable.revision.clone()]);
    let leftovers = remove::prune(policy, world, &kept);
    if !leftovers.is_empty() {
        return Plan { actions: leftovers, ..Plan::default() };
    }
    let again = kept_until(policy, world).filter(|end| now < *end).map(|end| end - now);
    let mut plan = news(policy, world, workload.wish.as_ref(), stable);
    plan.requeue = plan.requeue.or(again);
    if plan.actions.is_empty() {
        plan.waiting = both(unrest, plan.waiting);
    }
    plan
}

/// Callers come first: what is wrong with what serves is said before why nothing newer is delivered.
fn both(unrest: Option<Waiting>, news: Option<Waiting>) -> Option<Waiting> {
    let (Some(unrest), Some(news)) = (&unrest, &news) else { return unrest.or(news) };
    let words = format!("{}; besides: {}", cut(unrest.message.as_str(), 400), news.message);
    let both = Waiting::for_it(&unrest.reason, words);
    Some(Waiting { stalled: unrest.stalled || news.stalled, ..both })
}

fn news(policy: &Policy, world: &World, wish: Option<&Wish>, stable: &RevisionRef) -> Plan {
    if let Some(plan) = going_back(world, stable) {
        return plan;
    }
    let Some(wish) = wish else {
        let blocker = world.blockers.first();
        return Plan::idle(blocker.map_or_else(
            || Waiting::for_it("Reading", "the workload is being read"),
            |b| Waiting::for_person(&b.reason, &b.message),
        ));
    };
    if wish.revision.digest == stable.digest {
        return Plan::default();
    }
    if let Some(waiting) = gone_back_from(world, wish).or_else(|| condemned(world, wish)) {
        return Plan::idle(waiting);
    }
    if policy.suspend {
        return Plan::idle(Waiting::for_person(
            "Suspended",
            "a new version waits; the policy is suspended until spec.suspend is set to false",
        ));
    }
    if let Some(blocker) = world.blockers.first() {
        return Plan::idle(Waiting::for_person(&blocker.reason, &blocker.message));
    }
    begin(world, Purpose::Update, Some(stable), wish)
}

/// The capacity that a workload scaled up by somebody asks for, where nobody but us has set the policy's. It never lowers it.
fn raised(policy: &Policy, world: &World) -> Option<u32> {
    let asked = world.workload.as_ref()?.replicas;
    let ours = world.capacity_is_ours && policy.replicas.is_some_and(|capacity| asked > capacity);
    ours.then_some(asked)
}

/// What stable needs, with the pods of a version that failed before it served kept for a while.
fn desired(policy: &Policy, world: &World, stable: &RevisionRef, now: DateTime<Utc>) -> Desired {
    let capacity = capacity(policy, world);
    let mut want = Desired {
        apex: Some(Selects::Serving(stable.revision.clone())),
        apex_needs: 1,
        workload: Some(0),
        capacity,
        ..Desired::default()
    }
    .pods(stable, capacity);
    let failed = world
        .last
        .as_ref()
        .and_then(|l| l.to.as_ref())
        .filter(|_| kept_until(policy, world).is_some_and(|end| now < end));
    if let Some(failed) = failed
        && let Some(replicas) = world.revisions.get(&failed.revision).and_then(|r| r.replicas)
    {
        want = want.pods(failed, replicas);
    }
    want
}

/// Until when the pods of the last release's failed candidate are kept.
fn kept_until(policy: &Policy, world: &World) -> Option<DateTime<Utc>> {
    let last = world.last.as_ref().filter(|l| l.journal.phase == Phase::RolledBack && !l.journal.served)?;
    Some(last.journal.finished_at? + policy.keep_failed)
}

/// Why a wish is not tried (again) by itself.
fn condemned(world: &World, wish: &Wish) -> Option<Waiting> {
    let digest = &wish.revision.digest;
    let last = world.last.as_ref().filter(|l| l.to.as_ref().is_some_and(|t| t.digest == *digest));
    if last.is_some_and(|l| retried(world, l)) {
        return None;
    }
    let id = &wish.revision.revision;
    let how = "deploy another version, or decide Retry";
    if let Some(last) = last
        && let Some(outcome) = &last.journal.outcome
        && tried(last)
    {
        let message = advised(&format!("revision {id} is not delivered: {}", cut(outcome.message.as_str(), 900)), how);
        return Some(Waiting::for_person(&format!("{:?}", last.journal.phase), message));
    }
    world
        .failed
        .contains(digest)
        .then(|| Waiting::for_person("RolledBack", format!("revision {id} has failed before; {how}")))
}

/// Whether a finished release means that its revision is not started again by itself.
fn tried(last: &Release) -> bool {
    let journal = &last.journal;
    let cause = journal.outcome.as_ref().map(|o| o.reason);
    let moved_on = matches!(
        cause,
        Some(
            Cause::NewerVersion
                | Cause::WishWithdrawn
                | Cause::Retried
                | Cause::PolicyDeleted
                | Cause::WorkloadGone
                | Cause::PolicyChanged
        )
    );
    journal.condemns() || (journal.phase != Phase::Succeeded && !moved_on)
}

/// Whether a person ordered another attempt after this release ended.
fn retried(world: &World, last: &Release) -> bool {
    ordered(world, last, &Order::Retry).is_some()
}

/// A decision about a release that has ended, which was not heeded before.
fn ordered<'a>(world: &'a World, last: &Release, order: &Order) -> Option<&'a Decision> {
    world.decisions.iter().find(|d| {
        let same = d.release == last.name && last.to.as_ref().is_some_and(|t| t.digest == d.digest);
        same && d.action == *order && d.refused.is_none() && !last.journal.orders.heeded.contains(&d.uid)
    })
}
