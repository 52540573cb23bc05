//! What routes send to a candidate, where shares are weights of routes.
//!
//! A share goes past the Service that callers use: that Service goes on selecting the stable revision alone, so routes that send
//! everything to it are at rest, as their owner wrote them.

use crate::{
    converge::{Converged, Desired},
    journal::Purpose,
    plan::{Action, PROPAGATION, ROUTE_PENDING, STABLE_NOT_READY, Waiting},
    settings,
    world::{Routes, Share, World},
};

/// Takes a share back, or makes it smaller: before anything else, and whatever else is amiss. A candidate of which no pod is ready
/// has none, whatever is asked for.
pub(crate) fn lower(want: &Desired, world: &World) -> Converged {
    let Some(live) = world.routes.as_ref().and_then(|r| r.share.as_ref()) else { return Converged::InForce };
    let wanted = want.share.as_ref().filter(|s| s.candidate == live.candidate && ready(world, s) > 0);
    if wanted.is_some_and(|s| s.percent >= live.percent && (s == live || !s.within(live))) {
        return Converged::InForce;
    }
    let alone = world.apex.as_ref().is_some_and(|a| a.endpoints.is_empty()) && ready(world, live) > 0;
    if alone {
        let words = format!("no pod answers behind the Service, so the routes go on sending to {}", live.candidate);
        return Converged::Wait(Waiting::for_it(STABLE_NOT_READY, words));
    }
    Converged::Act(vec![Action::SetRoutes(wanted.cloned())])
}

/// Makes the route that the policy holds, or puts it right, when nothing stands against it. A policy that goes leaves it as it is.
pub(crate) fn follow(want: &Desired, world: &World) -> Converged {
    let Some(routes) = world.routes.as_ref().filter(|r| r.astray && !world.deleting) else { return Converged::InForce };
    match &routes.trouble {
        None => Converged::Act(vec![Action::MakeRoute]),
        // A release of an update goes as far as it can with the route that is there.
        Some(_) if want.retreat || updates(world) => Converged::InForce,
        Some(trouble) => waits_for_a_person(trouble),
    }
}

/// Gives a share, when the candidate has the pods for it, and waits until it is in force.
pub(crate) fn raise(want: &Desired, world: &World) -> Converged {
    let Some(routes) = &world.routes else { return Converged::InForce };
    if let Some(trouble) = &routes.trouble {
        // Where they send nothing to anybody else, traffic is back already.
        let back = want.share.is_none() && routes.share.is_none();
        if !back {
            return waits_for_a_person(trouble);
        }
        if routes.asleep.is_none() {
            return Converged::InForce;
        }
    }
    if let Some(share) = &want.share
        && let Some(waiting) = short(want, world, routes, share).or_else(|| settings::unknown(routes, share))
    {
        return Converged::Wait(waiting);
    }
    let picking = want.share.as_ref().filter(|s| !s.picks.is_none());
    if routes.share != want.share || routes.uneven {
        return picking
            .and_then(|share| laid(world, routes, share))
            .unwrap_or_else(|| Converged::Act(vec![Action::SetRoutes(want.share.clone())]));
    }
    if routes.asleep.is_some() && picking.is_none() {
        match unknown(routes).or_else(|| untaken(world, routes)) {
            None => return Converged::Act(vec![Action::TidyRoutes]),
            Some(waiting) if !want.sleepers => return Converged::Wait(waiting),
            Some(_) => {}
        }
    }
    untaken(world, routes).map_or(Converged::InForce, Converged::Wait)
}

/// The routes' own status does not say that what is written is carried out. What others do with their routes between releases is
/// theirs.
fn untaken(world: &World, routes: &Routes) -> Option<Waiting> {
    routes.pending.as_ref().filter(|_| updates(world)).map(|why| Waiting::for_it(ROUTE_PENDING, why.as_str()))
}

fn updates(world: &World) -> bool {
    world.release.as_ref().is_some_and(|r| r.purpose == Purpose::Update)
}

/// What comes before rules that pick requests out may be put to use.
fn laid(world: &World, routes: &Routes, share: &Share) -> Option<Converged> {
    let uses = |live: &Share| live.candidate == share.candidate && share.picks.within(&live.picks);
    let used = routes.share.as_ref().is_some_and(uses);
    if routes.at_once || used {
        return None;
    }
    let wanted = (share.candidate.clone(), share.picks.clone());
    if !routes.asleep.as_ref().is_some_and(|a| a.laid.contains(&wanted)) {
        return Some(Converged::Act(vec![Action::LayRoutes(share.clone())]));
    }
    unknown(routes).or_else(|| untaken(world, routes)).map(Converged::Wait)
}

/// Proxies have not had time to know what was laid down in the routes, or taken out of use.
fn unknown(routes: &Routes) -> Option<Waiting> {
    let asleep = routes.asleep.as_ref().filter(|a| !a.known)?;
    let words = "every proxy learns of the rules that pick requests out, before they begin to or after they have ended";
    Some(Waiting::until(PROPAGATION, words, asleep.known_at))
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
