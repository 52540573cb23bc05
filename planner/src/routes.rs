//! What routes send to a candidate, where shares are weights of routes.
//!
//! A share goes past the Service that callers use: that Service goes on selecting the stable revision alone, so routes that send
//! everything to it are at rest, as their owner wrote them.

use crate::{
    converge::{Converged, Desired},
    journal::Purpose,
    plan::{Action, ROUTE_PENDING, STABLE_NOT_READY, Waiting},
    world::{Routes, Share, World},
};

/// Takes a share back, or makes it smaller: before anything else, and whatever else is amiss. A candidate of which no pod is ready
/// has none, whatever is asked for.
pub(crate) fn lower(want: &Desired, world: &World) -> Converged {
    let Some(live) = world.routes.as_ref().and_then(|r| r.share.as_ref()) else { return Converged::InForce };
    let wanted = want.share.as_ref().filter(|s| s.candidate == live.candidate && ready(world, s) > 0);
    if wanted.is_some_and(|s| s.percent >= live.percent) {
        return Converged::InForce;
    }
    let alone = world.apex.as_ref().is_some_and(|a| a.endpoints.is_empty()) && ready(world, live) > 0;
    if alone {
        let words = format!("no pod answers behind the Service, so the routes go on sending to {}", live.candidate);
        return Converged::Wait(Waiting::for_it(STABLE_NOT_READY, words));
    }
    Converged::Act(vec![Action::SetRoutes(wanted.cloned())])
}

/// Gives a share, when the candidate has the pods for it, and waits until it is in force.
pub(crate) fn raise(want: &Desired, world: &World) -> Converged {
    let Some(routes) = &world.routes else { return Converged::InForce };
    if let Some(trouble) = &routes.trouble {
        // Where they send nothing to anybody else, traffic is back already.
        let back = want.share.is_none() && routes.share.is_none();
        return if back { Converged::InForce } else { waits_for_a_person(trouble) };
    }
    if let Some(share) = &want.share
        && let Some(waiting) = short(want, world, routes, share)
    {
        return Converged::Wait(waiting);
    }
    if routes.share != want.share || routes.uneven {
        return Converged::Act(vec![Action::SetRoutes(want.share.clone())]);
    }
    // What others do with their routes between releases is theirs.
    let ours = world.release.as_ref().is_some_and(|r| r.purpose == Purpose::Update);
    match &routes.pending {
        Some(why) if ours => Converged::Wait(Waiting::for_it(ROUTE_PENDING, why.as_str())),
        _ => Converged::InForce,
    }
}

fn waits_for_a_person(trouble: &crate::world::Blocker) -> Converged {
    Converged::Wait(Waiting::for_person(&trouble.reason, &trouble.message))
}

/// Why the candidate cannot have its share, or has too few pods for the one it has.
fn short(want: &Desired, world: &World, routes: &Routes, share: &Share) -> Option<Waiting> {
    let live = world.revisions.get(&share.candidate);
    let there = routes.share.as_ref() == Some(share) && !routes.uneven;
    let able = if there { ready(world, share) } else { live.map_or(0, |r| r.steady() as usize) };
    let needs = want.share_needs.max(1);
    (able < needs as usize).then(|| {
        let words = format!("{able} of {needs} pods of revision {} are ready to take their share", share.candidate);
        Waiting::for_it("Capacity", words)
    })
}

fn ready(world: &World, share: &Share) -> usize {
    world.revisions.get(&share.candidate).map_or(0, |r| r.ready().len())
}
