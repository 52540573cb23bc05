//! What the workload wishes is unproven: stable's pods go on under the old selector, and the workload stays at zero.

use chrono::{DateTime, Utc};

use super::{delete_all, keep, pods, set_users};
use crate::{
    converge::{Converged, Desired, converge},
    events::{enter, succeed},
    journal::{Journal, Phase, RevisionRef},
    plan::{Action, Plan, Waiting},
    policy::Policy,
    update::capacity,
    world::{Selects, World},
};

pub(super) fn pass(
    policy: &Policy,
    world: &World,
    stable: &RevisionRef,
    mut journal: Journal,
    late: bool,
    now: DateTime<Utc>,
) -> Plan {
    if journal.phase == Phase::Promoting {
        // The template changed in the middle of handing back: back to our keys, start again.
        enter(&mut journal, Phase::Preparing, now);
        return Plan::moved(journal);
    }
    let left = world.revisions.get(&stable.revision).is_some_and(|r| r.left_serving);
    if !left {
        return alone(policy, world, stable, journal, late);
    }
    if let Some(action) = set_users(world) {
        return Plan::act(vec![action], journal);
    }
    journal.note(now, "LeftServing", words(stable));
    succeed(&mut journal, format!("revision {} was left serving", stable.revision), now);
    Plan::moved(journal)
}

/// Until only stable's pods can match the old selector, ours stays.
fn alone(policy: &Policy, world: &World, stable: &RevisionRef, journal: Journal, late: bool) -> Plan {
    let own = Some(&stable.revision);
    let want = Desired {
        apex: Some(Selects::Serving(stable.revision.clone())),
        apex_needs: 1,
        workload: Some(0),
        ..keep(world, stable, capacity(policy, world))
    };
    match converge(&want, world) {
        Converged::Act(actions) => return Plan::act(actions, journal),
        Converged::Wait(waiting) if !late => return Plan::wait(waiting, journal),
        Converged::Wait(_) | Converged::InForce => {}
    }
    let others = delete_all(world, own);
    if !others.is_empty() {
        return Plan::act(others, journal);
    }
    let ending = pods(world, own) + world.workload.as_ref().map_or(0, |w| w.pods as usize);
    if ending > 0 {
        return Plan::wait(Waiting::for_it("Draining", format!("{ending} pods that must not serve end")), journal);
    }
    Plan::act(vec![Action::LeaveServing(stable.revision.clone())], journal)
}

fn words(stable: &RevisionRef) -> String {
    format!(
        "the workload's own pods are of a version that has not passed, or did not come up, so revision {} goes on serving \
         without a policy; make a new policy, or set the workload back and scale it up, then delete the Deployment \
         labelled sluice.dev/left-serving",
        stable.revision
    )
}
