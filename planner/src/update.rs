//! Delivering a new revision: what each phase wants, and when it is over.

use chrono::{DateTime, Utc};

use crate::{
    converge::{Converged, Desired, Members, converge},
    events::{enter, finish},
    gates::{self, Asked},
    journal::{Journal, Phase, RevisionRef, Split},
    looks,
    plan::{Plan, Waiting},
    policy::{Place, Policy, Strategy},
    split,
    world::{Release, Selects, World},
};

/// What the phase of the journal wants of the world.
pub(crate) fn desired(policy: &Policy, world: &World, release: &Release, journal: &Journal) -> Desired {
    let (Some(from), Some(to)) = (&release.from, &release.to) else { return Desired::default() };
    let capacity = capacity(policy, world);
    let live = world.revisions.get(&to.revision).and_then(|r| r.replicas).unwrap_or(0);
    let base = Desired {
        apex: Some(Selects::Serving(from.revision.clone())),
        workload: Some(0),
        capacity,
        ..Desired::default()
    };
    let none = members(from, to, 0);
    let phase = if journal.phase == Phase::Inconclusive { journal.held_in.unwrap_or(Phase::Shifting) } else { journal.phase };
    match phase {
        Phase::Pending => base.pods(from, capacity),
        Phase::Preparing | Phase::Gating => {
            let need = first_need(policy, capacity).max(live);
            Desired { members: none, ..base.pods(from, capacity).pods(to, need) }
        }
        Phase::Shifting => {
            let count = journal.step.map_or(0, |k| step_members(policy, world, release, k));
            let need = journal.step.map_or(1, |k| need(policy, capacity, k)).max(live);
            Desired { members: members(from, to, count), ..base.pods(from, capacity).pods(to, need) }
        }
        Phase::Promoting | Phase::Warm | Phase::Succeeded => {
            let old = journal.draining.unwrap_or(capacity);
            Desired {
                apex: Some(Selects::Serving(to.revision.clone())),
                apex_needs: capacity,
                members: Some(Members { stable: from.revision.clone(), candidate: to.revision.clone(), count: 0 })
                    .filter(|_| serves(world, to)),
                ..base.pods(from, old).pods(to, capacity.max(live))
            }
        }
        Phase::RollingBack | Phase::Held => {
            let keep = if journal.draining == Some(0) { 0 } else { live };
            Desired { members: none, apex_needs: capacity.div_ceil(2), ..base.pods(from, capacity).pods(to, keep) }
        }
        _ => base.pods(from, capacity),
    }
}

fn members(from: &RevisionRef, to: &RevisionRef, count: u32) -> Option<Members> {
    Some(Members { stable: from.revision.clone(), candidate: to.revision.clone(), count })
}

fn serves(world: &World, revision: &RevisionRef) -> bool {
    world.apex.as_ref().is_some_and(|a| a.selects == Selects::Serving(revision.revision.clone()))
}

/// Pods for all of the traffic.
pub(crate) fn capacity(policy: &Policy, world: &World) -> u32 {
    policy.replicas.or(world.apex.as_ref().and_then(|a| a.capacity)).unwrap_or(1)
}

fn first_need(policy: &Policy, capacity: u32) -> u32 {
    if policy.steps().is_empty() { capacity.max(1) } else { need(policy, capacity, 1) }
}

/// Candidate pods that step `k`, counted from 1, takes at full capacity.
fn need(policy: &Policy, capacity: u32, k: u32) -> u32 {
    let step = policy.steps().get(k.saturating_sub(1) as usize);
    step.map_or(1, |s| split::members(capacity, s.weight)).max(1)
}

/// Candidate pods that answer in step `k`, given the stable pods that are ready now; the number stays when none is.
fn step_members(policy: &Policy, world: &World, release: &Release, k: u32) -> u32 {
    let (Some(from), Some(to)) = (&release.from, &release.to) else { return 0 };
    let ready = |r: &RevisionRef| world.revisions.get(&r.revision).map_or(0, |r| r.ready().len() as u32);
    let Some(step) = policy.steps().get(k.saturating_sub(1) as usize) else { return 0 };
    match ready(from) {
        0 => world.revisions.get(&to.revision).map_or(0, |r| crate::converge::member_pods(r, &from.revision).len() as u32),
        stable => split::members(stable, step.weight),
    }
}

/// One pass over an update: converge, or move on.
pub(crate) fn pass(policy: &Policy, world: &World, release: &Release, mut journal: Journal, now: DateTime<Utc>) -> Plan {
    if !matches!(journal.phase, Phase::RollingBack | Phase::Held) {
        let start = gates::start(world, &journal);
        if !start.is_empty() {
            return Plan::act(start, journal);
        }
    }
    let want = desired(policy, world, release, &journal);
    match converge(&want, world) {
        Converged::Act(actions) => return Plan::act(actions, journal),
        // Before live traffic nothing depends on who answers now; and a person may promote past a stable version that is down.
        Converged::Wait(waiting) if !matches!(journal.phase, Phase::Pending | Phase::Preparing | Phase::Gating) && !past(&journal) => {
            return Plan::wait(waiting, journal);
        }
        Converged::Wait(_) | Converged::InForce => {}
    }
    let current = Release { journal: journal.clone(), ..release.clone() };
    match advance(policy, world, &current, &mut journal, now) {
        Ok(()) => Plan::moved(journal),
        Err(waiting) => Plan::wait(waiting, journal),
    }
}

/// Moves the journal on by one, or says what it waits for. The world matches the journal here.
fn advance(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    let rising = journal.phase < Phase::Promoting;
    if rising && journal.orders.paused {
        return Err(Waiting::for_person("Paused", "a person paused this release: it goes on after a Resume decision"));
    }
    if rising && policy.suspend {
        return Err(Waiting::for_person("Suspended", "the policy is suspended: it goes on after spec.suspend is set to false"));
    }
    match journal.phase {
        Phase::Pending => pending(policy, world, release, journal, now),
        Phase::Preparing => preparing(world, release, journal, now),
        Phase::Gating => gating(policy, release, journal, now),
        Phase::Shifting => shifting(policy, world, release, journal, now),
        Phase::Promoting => promoting(policy, world, release, journal, now),
        Phase::Warm => warm(policy, world, release, journal, now),
        Phase::RollingBack => rolling_back(policy, world, release, journal, now),
        Phase::Held => Err(Waiting::for_person("Held", outcome_words(journal, "it has no traffic and its pods are kept for looking at; decide Retry or Abort"))),
        Phase::Inconclusive => Err(Waiting::for_person("Inconclusive", outcome_words(journal, "traffic stays as it is; decide Retry, Promote or Abort"))),
        Phase::Succeeded | Phase::RolledBack | Phase::Superseded => Ok(()),
    }
}

fn past(journal: &Journal) -> bool {
    journal.phase == Phase::Shifting && journal.orders.promote
}

fn outcome_words(journal: &Journal, then: &str) -> String {
    format!("{}: {then}", journal.outcome.as_ref().map_or("no evidence", |o| o.message.as_str()))
}

/// Asks the gates of a place and waits for all of them.
pub(crate) fn ask(policy: &Policy, release: &Release, journal: &mut Journal, place: Place, step: Option<u32>, now: DateTime<Utc>) -> Result<bool, Waiting> {
    match gates::asked(policy, release, place, step) {
        Asked::Pass => Ok(true),
        Asked::Wait(waiting) => Err(waiting),
        Asked::NotYet => {
            gates::ask(policy, release, journal, place, step, now);
            Ok(false)
        }
    }
}

fn pending(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    if let Some(blocker) = world.blockers.first() {
        return Err(Waiting::for_person(&blocker.reason, &blocker.message));
    }
    if let Some((name, state)) = world.unsettled.iter().next() {
        return Err(Waiting::for_it("DependsOn", format!("waits for policy {name}, which is not settled on its own wish: {state}")));
    }
    if let Some(refusal) = inexact(policy, world) {
        return Err(refusal);
    }
    if ask(policy, release, journal, Place::Start, None, now)? {
        enter(journal, Phase::Preparing, now);
    }
    Ok(())
}

/// A share that the number of pods cannot make, where the policy wants it exact.
fn inexact(policy: &Policy, world: &World) -> Option<Waiting> {
    let error = policy.max_weight_error?;
    let capacity = capacity(policy, world);
    let bad = policy.steps().iter().find(|s| split::share(split::members(capacity, s.weight), capacity).abs_diff(s.weight.percent()) > error)?;
    let made = split::share(split::members(capacity, bad.weight), capacity);
    let takes = split::pods_for(bad.weight, error).map_or(String::new(), |n| format!("; it takes {n} pods"));
    let weight = bad.weight.percent();
    Some(Waiting::for_person(
        "WeightNotPossible",
        format!("with {capacity} pods a weight of {weight} becomes {made}, which is more than traffic.service.maxWeightError ({error}) away{takes}: raise replicas, or change the step"),
    ))
}

fn preparing(world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    let Some(to) = &release.to else { return Ok(()) };
    let live = world.revisions.get(&to.revision);
    let (need, ready) = live.map_or((1, 0), |r| (r.replicas.unwrap_or(1).max(1), r.ready().len() as u32));
    if ready < need {
        let why = live.and_then(|r| r.trouble()).map_or(String::new(), |(_, why)| format!(": {why}"));
        return Err(Waiting::for_it("Capacity", format!("{ready} of {need} pods of revision {} are ready{why}", to.revision)));
    }
    journal.note(now, "Prepared", format!("{ready} pods of revision {} are ready, without live traffic", to.revision));
    enter(journal, Phase::Gating, now);
    Ok(())
}

fn gating(policy: &Policy, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    if !ask(policy, release, journal, Place::Traffic, None, now)? {
        return Ok(());
    }
    let straight = policy.steps().is_empty() || release.fast || journal.orders.promote;
    if !straight {
        journal.note(now, "GatesPassed", "every gate before live traffic has passed");
        begin_step(policy, journal, 1, now);
    } else if ask(policy, release, journal, Place::Promotion, None, now)? {
        begin_promotion(policy, journal, now);
    }
    Ok(())
}

fn begin_step(policy: &Policy, journal: &mut Journal, k: u32, now: DateTime<Utc>) {
    enter(journal, Phase::Shifting, now);
    journal.step = Some(k);
    journal.served = true;
    let weight = policy.steps().get(k as usize - 1).map_or(0, |s| s.weight.percent());
    journal.note(now, "StepStarted", format!("step {k} of {}: weight {weight}", policy.steps().len()));
}

fn begin_promotion(policy: &Policy, journal: &mut Journal, now: DateTime<Utc>) {
    enter(journal, Phase::Promoting, now);
    journal.served = true;
    let how = if matches!(policy.strategy, Strategy::BlueGreen { .. }) { "all traffic goes over at once" } else { "the rest of the traffic goes over" };
    journal.note(now, "Promoting", how);
}

fn shifting(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    let k = journal.step.unwrap_or(1);
    let Some(step) = policy.steps().get(k as usize - 1) else { return Ok(()) };
    let split = observed(world, release, step.weight.percent());
    if journal.applied_at.is_none() {
        journal.applied_at = Some(now);
        journal.split = Some(split);
        let message = format!("step {k}: {} of {} answering pods are the candidate's ({} %)", split.members, split.members + split.stable_pods, split.effective);
        journal.note(now, "StepApplied", message);
        return Ok(());
    }
    let in_force = journal.applied_at.unwrap_or(now) + policy.propagation;
    let skipped = journal.orders.promote || journal.orders.skipped == Some(k);
    let place = ask(policy, release, journal, Place::Step, Some(k), now);
    if place == Ok(false) {
        return Ok(());
    }
    if !skipped {
        if now < in_force + step.bake {
            return Err(Waiting::until("Bake", format!("step {k} of {} holds weight {}", policy.steps().len(), step.weight.percent()), in_force + step.bake));
        }
        looks::open(policy, journal)?;
    }
    place?;
    if step.pause && !skipped && journal.orders.resumed != Some(k) {
        return Err(Waiting::for_person("PauseStep", format!("step {k} pauses here: it goes on after a Resume decision")));
    }
    if (k as usize) < policy.steps().len() && !journal.orders.promote {
        begin_step(policy, journal, k + 1, now);
    } else if ask(policy, release, journal, Place::Promotion, None, now)? {
        begin_promotion(policy, journal, now);
    }
    Ok(())
}

/// The split as the pods make it now.
fn observed(world: &World, release: &Release, wanted: u32) -> Split {
    let (Some(from), Some(to)) = (&release.from, &release.to) else { return Split::default() };
    let members = world.revisions.get(&to.revision).map_or(0, |r| crate::converge::member_pods(r, &from.revision).len() as u32);
    let stable = world.revisions.get(&from.revision).map_or(0, |r| r.ready().len() as u32);
    Split { wanted, effective: split::share(members, stable), members, stable_pods: stable }
}

fn promoting(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    let Some(applied) = journal.applied_at else {
        let to = release.to.as_ref().and_then(|t| world.revisions.get(&t.revision));
        let members = to.map_or(0, |r| r.ready().len() as u32);
        journal.applied_at = Some(now);
        journal.split = Some(Split { wanted: 100, effective: 100, members, stable_pods: 0 });
        journal.note(now, "Switched", "all new connections go to the candidate");
        return Ok(());
    };
    if now < applied + policy.propagation {
        return Err(Waiting::until("Propagation", "the switch reaches every node", applied + policy.propagation));
    }
    enter(journal, Phase::Warm, now);
    Ok(())
}

fn warm(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    let from = release.from.as_ref().and_then(|f| world.revisions.get(&f.revision));
    let pods = from.map_or(0, |r| r.pods.len() as u32);
    let Some(left) = journal.draining else {
        let end = journal.entered_at.unwrap_or(now) + policy.warm_for();
        let early = journal.drain_early;
        if !early && now < end {
            return Err(Waiting::until("Warm", "promoted; the old revision is kept at full capacity for the way back", end));
        }
        if !early && policy.suspend {
            return Err(Waiting::for_person("Suspended", "promoted; the policy is suspended, so the old revision is kept until spec.suspend is set to false"));
        }
        if !early && journal.analysis.metrics.iter().any(|m| m.failures > 0) {
            return Err(Waiting::for_it("Analysis", "promoted; a metric has failed looks, so the way back is kept"));
        }
        journal.draining = Some(pods.saturating_sub(1));
        return Ok(());
    };
    if pods > left {
        return Err(Waiting::for_it("Draining", format!("{pods} pods of the old revision are left; they end one at a time")));
    }
    if left > 0 {
        journal.draining = Some(left - 1);
    } else {
        finish(journal, Phase::Succeeded, now);
    }
    Ok(())
}

fn rolling_back(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
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
    if journal.draining.is_none() {
        journal.draining = Some(0);
        return Ok(());
    }
    let pods = release.to.as_ref().and_then(|t| world.revisions.get(&t.revision)).map_or(0, |r| r.pods.len());
    if pods > 0 {
        return Err(Waiting::for_it("Draining", format!("{pods} pods of the candidate end")));
    }
    finish(journal, phase, now);
    Ok(())
}
