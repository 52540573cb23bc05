//! Making the world match what a phase wants, in the order that loses no request.
//!
//! Going up: capacity before weight. Going down: weight before capacity. One call gives the next effects only; what has to be
//! waited for in between comes back as a [`Waiting`].

use std::collections::BTreeMap;

use crate::{
    apex,
    id::RevisionId,
    journal::RevisionRef,
    plan::{Action, Waiting},
    routes, settings,
    world::{Selects, Share, World},
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
    /// Who is selected until then, where somebody else has meddled with the selector.
    pub meanwhile: Option<RevisionId>,
    /// The candidate's pods that answer for the stable revision; `None` leaves them alone.
    pub members: Option<Members>,
    /// What routes send to a candidate, where shares are weights of routes.
    pub share: Option<Share>,
    /// How many ready pods the candidate must have for that.
    pub share_needs: u32,
    /// Rules of routes that match no request any more may be there still: they are taken out when that is due.
    pub sleepers: bool,
    /// Pods of the user's Deployment; `None` leaves it alone.
    pub workload: Option<u32>,
    /// Pods for all of the traffic.
    pub capacity: u32,
    /// Traffic goes back: what counts is that nobody but the one selected answers. While that one has no ready pod, whoever
    /// answers goes on; without a Service nobody does.
    pub retreat: bool,
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
    for towards in [routes::lower, apex::weight, routes::follow, settings::ensure, routes::raise] {
        match towards(want, world) {
            Converged::InForce => {}
            other => return other,
        }
    }
    let down = capacity_down(want, world);
    if down.is_empty() { Converged::InForce } else { Converged::Act(down) }
}

fn capacity_up(want: &Desired, world: &World) -> Vec<Action> {
    let mut actions = Vec::new();
    for (id, (reference, replicas)) in &want.revisions {
        let live = world.revisions.get(id);
        let exists = live.is_some_and(|r| r.complete && r.replicas.is_some());
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
        // Only when the apex names it: until then its mark is all that tells which revision is stable.
        if let Some((reference, replicas)) = want.revisions.get(id).filter(|_| live.left_serving) {
            actions.push(Action::EnsureRevision { revision: reference.clone(), replicas: *replicas });
        }
    }
    if let (Some(wanted), Some(workload)) = (want.workload, &world.workload)
        && workload.replicas > wanted
    {
        actions.push(Action::ScaleWorkload(wanted));
    }
    actions
}
