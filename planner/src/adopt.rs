//! Taking over a running workload, and bringing up a first version behind its gates.

mod abandon;

use chrono::{DateTime, Utc};

use crate::{
    calendar,
    converge::{Converged, Desired, converge},
    events::{enter, succeed},
    gates,
    journal::{Journal, Phase, RevisionRef},
    plan::{Action, PROPAGATION, Plan, Waiting},
    policy::{Place, Policy},
    update::{ask, capacity, held_by_people, known_capacity},
    world::{Release, Revision, Selects, World},
};

/// What the phase of the journal wants of the world.
fn desired(policy: &Policy, world: &World, release: &Release, journal: &Journal) -> Desired {
    let Some(to) = &release.to else {
        return Desired::default();
    };
    let capacity = capacity(policy, world).max(1);
    let pods = pods(policy, world, journal, to);
    let before = policy.gate_first.then_some(Selects::Nobody);
    let want = Desired { capacity, ..Desired::default() };
    let serving = Desired {
        apex: Some(Selects::Serving(to.revision.clone())),
        apex_needs: pods,
        // Without a policy and a Service there is nobody left to be careful for.
        retreat: world.deleting && world.apex.is_none(),
        ..want.clone()
    };
    match journal.phase {
        Phase::Pending => want,
        Phase::Preparing | Phase::Gating => Desired { apex: before, ..want.pods(to, pods) },
        Phase::Promoting => serving.pods(to, pods),
        Phase::Warm => Desired { workload: Some(0), ..serving.pods(to, pods) },
        _ => abandon::desired(policy, world, to, journal),
    }
}

/// As many pods as the workload has that is taken over; scaling down waits until the release is over.
fn pods(policy: &Policy, world: &World, journal: &Journal, to: &RevisionRef) -> u32 {
    let live = world.revisions.get(&to.revision).and_then(|r| r.replicas);
    let runs = world.workload.as_ref().map(|w| w.replicas);
    let counts = !policy.gate_first && journal.phase != Phase::Warm;
    let runs = runs.filter(|_| counts).unwrap_or(0);
    capacity(policy, world).max(1).max(live.unwrap_or(0)).max(runs)
}

/// One pass over a take-over.
pub(crate) fn pass(
    policy: &Policy,
    world: &World,
    release: &Release,
    mut journal: Journal,
    now: DateTime<Utc>,
) -> Plan {
    if journal.phase == Phase::Pending {
        let actions = prepare_policy(policy, world);
        if !actions.is_empty() {
            return Plan::act(actions, journal);
        }
    } else {
        let start =
            if journal.phase == Phase::RollingBack { Vec::new() } else { gates::start(policy, world, &journal) };
        if !start.is_empty() {
            return Plan::act(start, journal);
        }
        match converge(&desired(policy, world, release, &journal), world) {
            Converged::Act(actions) => return Plan::act(actions, journal),
            Converged::Wait(waiting) => return Plan::wait(waiting, journal),
            Converged::InForce => {}
        }
    }
    let current = Release { journal: journal.clone(), ..release.clone() };
    match advance(policy, world, &current, &mut journal, now) {
        Ok(()) => Plan::moved(journal),
        Err(waiting) => Plan::wait(waiting, journal),
    }
}

/// The finalizer comes before anything of ours; the capacity is written down before it is relied on.
pub(crate) fn prepare_policy(policy: &Policy, world: &World) -> Vec<Action> {
    let mut actions = Vec::new();
    if !world.finalizer && !world.deleting {
        actions.push(Action::AddFinalizer);
    }
    if policy.replicas.is_none() {
        actions.extend(known_capacity(policy, world).map(Action::FillReplicas));
    }
    actions
}

fn advance(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Result<(), Waiting> {
    let Some(to) = &release.to else { return Ok(()) };
    if journal.phase < Phase::Promoting {
        held_by_people(policy, journal)?;
        calendar::thawed(world, release, now)?;
    }
    let live = world.revisions.get(&to.revision);
    let ready = live.map_or(0, Revision::steady);
    match journal.phase {
        Phase::Pending => pending(policy, world, journal, now)?,
        Phase::Preparing if ready < pods(policy, world, journal, to) => {
            let why = live.and_then(|r| r.trouble()).map_or(String::new(), |(_, why)| format!(": {why}"));
            let need = pods(policy, world, journal, to);
            let id = &to.revision;
            let message = format!("{ready} of {need} pods of revision {id} are ready beside the workload's own{why}");
            return Err(Waiting::for_it("Capacity", message));
        }
        Phase::Preparing if policy.gate_first => enter(journal, Phase::Gating, now),
        Phase::Preparing => begin_switch(journal, now),
        Phase::Gating => {
            if ask(policy, release, journal, Place::Traffic, None, now)?
                && ask(policy, release, journal, Place::Promotion, None, now)?
            {
                begin_switch(journal, now);
            }
        }
        Phase::Promoting => match journal.applied_at {
            None => {
                journal.applied_at = Some(now);
                journal.note(now, "Switched", format!("the Service's connections go to revision {}", to.revision));
            }
            Some(applied) if now < applied + policy.propagation => {
                return Err(Waiting::until(PROPAGATION, "the switch reaches every node", applied + policy.propagation));
            }
            Some(_) => enter(journal, Phase::Warm, now),
        },
        Phase::Warm => {
            // Whoever sets the workload's replicas back again and again makes pods that come and go for ever: they get no callers.
            let left = world.workload.as_ref().map_or(0, |w| w.pods);
            let drained = journal.entered_at.unwrap_or(now) + policy.drain;
            if left > 0 && now < drained {
                let words = format!("{left} pods of the workload itself end; its revisions serve");
                return Err(Waiting::until("Draining", words, drained));
            }
            succeed(journal, format!("revision {} serves in place of the workload's own pods", to.revision), now);
        }
        Phase::RollingBack => abandon::advance(policy, world, to, journal, now)?,
        // A take-over has no such phases.
        Phase::Shifting
        | Phase::Held
        | Phase::Inconclusive
        | Phase::Succeeded
        | Phase::RolledBack
        | Phase::Superseded => {}
    }
    Ok(())
}

fn begin_switch(journal: &mut Journal, now: DateTime<Utc>) {
    enter(journal, Phase::Promoting, now);
    journal.served = true;
}

fn pending(policy: &Policy, world: &World, journal: &mut Journal, now: DateTime<Utc>) -> Result<(), Waiting> {
    if let Some(blocker) = world.blockers.first() {
        return Err(Waiting::for_person(&blocker.reason, &blocker.message));
    }
    if let Some(trouble) = world.routes.as_ref().and_then(|r| r.trouble.as_ref()) {
        return Err(Waiting::for_person(&trouble.reason, &trouble.message));
    }
    let Some(workload) = &world.workload else {
        return Ok(());
    };
    if policy.gate_first {
        let serving = world.apex.as_ref().is_some_and(|a| a.selects == Selects::Users && !a.endpoints.is_empty());
        if serving {
            return Err(Waiting::for_person(
                "AlreadyServing",
                "firstRevision: Gate is for workloads that do not serve yet, and pods answer behind the Service already: use firstRevision: Trust, or scale the workload to zero",
            ));
        }
    } else if workload.replicas == 0 && policy.replicas.is_none() {
        return Err(Waiting::for_person(
            "NothingRuns",
            "the workload has no pods to take over: scale it up, or set replicas and firstRevision: Gate in the policy",
        ));
    } else if !workload.rolled_out && workload.replicas > 0 {
        return Err(Waiting::for_it(
            "WorkloadRollingOut",
            "the workload's own rollout must be finished before it is taken over",
        ));
    }
    if let Some((name, state)) = world.unsettled.iter().next() {
        return Err(Waiting::for_it(
            "DependsOn",
            format!("waits for policy {name}, which is not settled on its own wish: {state}"),
        ));
    }
    enter(journal, Phase::Preparing, now);
    Ok(())
}
