//! Delivering a new revision: what each phase does, and when it is over.

mod back;
mod desired;
mod promotion;
mod steps;

use chrono::{DateTime, Utc};

use crate::{
    calendar,
    converge::{Converged, converge},
    events::enter,
    gates::{self, Asked},
    journal::{Journal, Phase},
    plan::{PROPAGATION, Plan, STABLE_NOT_READY, Waiting, advised},
    policy::{Place, Policy, Shares},
    split,
    world::{Release, World},
};

pub(crate) use desired::{capacity, known_capacity};

/// One pass over an update: converge, or move on.
pub(crate) fn pass(
    policy: &Policy,
    world: &World,
    release: &Release,
    mut journal: Journal,
    now: DateTime<Utc>,
) -> Plan {
    if !matches!(journal.phase, Phase::RollingBack | Phase::Held) {
        let start = gates::start(policy, world, &journal);
        if !start.is_empty() {
            return Plan::act(start, journal);
        }
    }
    let want = desired::desired(policy, world, release, &journal, now);
    match converge(&want, world) {
        Converged::Act(actions) => return Plan::act(actions, journal),
        Converged::Wait(waiting) if !regardless(&journal) => {
            let waiting = in_words(waiting, world, release, &journal);
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

/// Before live traffic nothing depends on who answers now; and a person may promote past a stable version that is down.
fn regardless(journal: &Journal) -> bool {
    match journal.phase {
        Phase::Pending | Phase::Preparing | Phase::Gating => true,
        Phase::Shifting => journal.orders.promote,
        _ => false,
    }
}

/// What is waited for, with who can change it in this phase.
fn in_words(waiting: Waiting, world: &World, release: &Release, journal: &Journal) -> Waiting {
    let from = release.from.as_ref();
    let from = from.and_then(|f| world.revisions.get(&f.revision));
    let down = from.is_none_or(|r| r.ready().is_empty());
    match journal.phase {
        Phase::Shifting | Phase::Promoting if waiting.reason == STABLE_NOT_READY => {
            let words = format!("{}; a Promote decision lets the candidate take over", waiting.message);
            Waiting::for_it(STABLE_NOT_READY, words)
        }
        Phase::RollingBack if down && waiting.reason == "Capacity" => Waiting::for_it("NoWayBack", waiting.message),
        _ => waiting,
    }
}

/// Moves the journal on by one, or says what it waits for. The world matches the journal here.
fn advance(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Result<(), Waiting> {
    // A step that has been written down comes into force, and is measured from there on, whatever holds the next one.
    let entered = journal.phase == Phase::Shifting && journal.applied_at.is_none();
    let rising = journal.phase < Phase::Promoting && !entered;
    if rising {
        // A suspension stops what is new, never the way back.
        held_by_people(policy, journal)
            .or_else(|w| if release.rollback && w.reason == "Suspended" { Ok(()) } else { Err(w) })?;
        calendar::thawed(world, release, now)?;
    }
    match journal.phase {
        Phase::Pending => pending(policy, world, release, journal, now),
        Phase::Preparing => preparing(world, release, journal, now),
        Phase::Gating => gating(policy, release, journal, now),
        Phase::Shifting => steps::advance(policy, world, release, journal, now),
        Phase::Promoting => promotion::switch(policy, world, release, journal, now),
        Phase::Warm => promotion::warm(policy, world, release, journal, now),
        Phase::RollingBack => back::advance(policy, world, release, journal, now),
        Phase::Held => Err(Waiting::for_person(
            "Held",
            outcome_words(journal, "it has no traffic and its pods are kept for looking at; decide Retry or Abort"),
        )),
        Phase::Inconclusive => Err(Waiting::for_person(
            "Inconclusive",
            outcome_words(journal, "traffic stays as it is; decide Retry, Promote or Abort"),
        )),
        Phase::Succeeded | Phase::RolledBack | Phase::Superseded => Ok(()),
    }
}

/// A pause or a suspension; both stop what rises and nothing else.
pub(crate) fn held_by_people(policy: &Policy, journal: &Journal) -> Result<(), Waiting> {
    if journal.orders.paused {
        let words = "a person paused this release: it goes on after a Resume decision";
        return Err(Waiting::for_person("Paused", words));
    }
    if policy.suspend {
        let words = "the policy is suspended: it goes on after spec.suspend is set to false";
        return Err(Waiting::for_person("Suspended", words));
    }
    Ok(())
}

fn outcome_words(journal: &Journal, then: &str) -> String {
    advised(journal.outcome.as_ref().map_or("no evidence", |o| o.message.as_str()), then)
}

/// Asks the gates of a place and waits for all of them, for windows last: what goes on then goes on while they are open.
pub(crate) fn ask(
    policy: &Policy,
    release: &Release,
    journal: &mut Journal,
    place: Place,
    step: Option<u32>,
    now: DateTime<Utc>,
) -> Result<bool, Waiting> {
    Ok(ask_but_windows(policy, release, journal, place, step, now)?
        && calendar::open(policy, release, journal, place, step, now)?)
}

/// Asks the gates of a place and waits for all of them but windows. The candidate's Service may be as young as its pods: a test that meets a node
/// which does not know it yet would blame the version, so no test begins before every node has had time to learn of it.
fn ask_but_windows(
    policy: &Policy,
    release: &Release,
    journal: &mut Journal,
    place: Place,
    step: Option<u32>,
    now: DateTime<Utc>,
) -> Result<bool, Waiting> {
    match gates::asked(policy, release, place, step) {
        Asked::Pass => Ok(true),
        Asked::Wait(waiting) => Err(waiting),
        Asked::NotYet => {
            let since = journal.applied_at.or(journal.entered_at).filter(|_| place != Place::Start);
            if let Some(known) = since.map(|at| at + policy.propagation).filter(|at| now < *at) {
                let words = "every node learns of the candidate's pods before the tests begin";
                return Err(Waiting::until(PROPAGATION, words, known));
            }
            gates::ask(policy, release, journal, place, step, now);
            Ok(false)
        }
    }
}

fn pending(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Result<(), Waiting> {
    if let Some(blocker) = world.blockers.first() {
        return Err(Waiting::for_person(&blocker.reason, &blocker.message));
    }
    if let Some((name, state)) = world.unsettled.iter().next() {
        return Err(Waiting::for_it(
            "DependsOn",
            format!("waits for policy {name}, which is not settled on its own wish: {state}"),
        ));
    }
    if let Some(trouble) = world.routes.as_ref().and_then(|r| r.trouble.as_ref()) {
        return Err(Waiting::for_person(&trouble.reason, &trouble.message));
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
    let Shares::Pods { max_error: Some(error) } = policy.shares else { return None };
    let capacity = capacity(policy, world);
    let bad = policy
        .steps()
        .iter()
        .find(|s| split::share(split::members(capacity, s.weight), capacity).abs_diff(s.weight.percent()) > error)?;
    let made = split::share(split::members(capacity, bad.weight), capacity);
    let takes = split::pods_for(bad.weight, error).map_or(String::new(), |n| format!("; it takes {n} pods"));
    let weight = bad.weight.percent();
    Some(Waiting::for_person(
        "WeightNotPossible",
        format!(
            "with {capacity} pods a weight of {weight} becomes {made}, which is more than traffic.service.maxWeightError ({error}) away{takes}: raise replicas or that error, or change the step"
        ),
    ))
}

fn preparing(world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    let Some(to) = &release.to else { return Ok(()) };
    let live = world.revisions.get(&to.revision);
    let (need, ready) = live.map_or((1, 0), |r| (r.replicas.unwrap_or(1).max(1), r.steady()));
    if ready < need {
        let fresh = live.is_some_and(|r| r.ready().len() as u32 >= need);
        let long = if fresh { " for as long as minReadySeconds" } else { "" };
        let why = live.and_then(|r| r.trouble()).map_or(String::new(), |(_, why)| format!(": {why}"));
        return Err(Waiting::for_it(
            "Capacity",
            format!("{ready} of {need} pods of revision {} are ready{long}{why}", to.revision),
        ));
    }
    journal.note(now, "Prepared", format!("{ready} pods of revision {} are ready, without live traffic", to.revision));
    enter(journal, Phase::Gating, now);
    Ok(())
}

fn gating(policy: &Policy, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    if !ask(policy, release, journal, Place::Traffic, None, now)? {
        return Ok(());
    }
    let straight = policy.steps().is_empty() || release.fast || release.is_emergency() || journal.orders.promote;
    if !straight {
        journal.note(now, "GatesPassed", "every gate before live traffic has passed");
        steps::begin(policy, journal, 1, now);
    } else if ask(policy, release, journal, Place::Promotion, None, now)? {
        promotion::begin(policy, journal, now);
    }
    Ok(())
}
