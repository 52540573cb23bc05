//! What proxies do with requests beside sending them. A candidate is treated as what serves is, so that what is proved is what is
//! promoted: before it is tested, and before it gets a share.

use crate::{
    converge::{Converged, Desired},
    id::RevisionId,
    journal::Purpose,
    plan::{Action, PROPAGATION, Waiting},
    world::{Routes, Selects, Share, World},
};

/// Writes what differs. The way back does not need it, and must not depend on it.
pub(crate) fn ensure(want: &Desired, world: &World) -> Converged {
    let Some(settings) = world.routes.as_ref().map(|r| &r.settings) else { return Converged::InForce };
    if want.retreat || world.deleting || world.namespace_terminating {
        return Converged::InForce;
    }
    if settings.apex_differs {
        return Converged::Act(vec![Action::EnsureSettings(None)]);
    }
    match candidate(want, world).filter(|id| settings.differ.contains(id)) {
        Some(id) => Converged::Act(vec![Action::EnsureSettings(Some(id))]),
        None => Converged::InForce,
    }
}

/// The revision that is being delivered, while it has a Service of its own by which requests are to come.
fn candidate(want: &Desired, world: &World) -> Option<RevisionId> {
    let release = world.release.as_ref().filter(|r| r.purpose == Purpose::Update)?;
    let id = &release.to.as_ref()?.revision;
    let wanted = want.revisions.get(id).is_some_and(|(_, replicas)| *replicas > 0);
    let over = want.apex.as_ref() == Some(&Selects::Serving(id.clone()));
    (wanted && !over && world.revisions.get(id)?.complete).then(|| id.clone())
}

/// Why a candidate that has no share yet cannot have one: some proxies may not know how to treat it.
pub(crate) fn unknown(routes: &Routes, share: &Share) -> Option<Waiting> {
    let has = routes.share.as_ref().is_some_and(|live| live.candidate == share.candidate);
    let known_at = routes.settings.known_at.get(&share.candidate).filter(|_| !has)?;
    let words =
        format!("every proxy learns to treat requests for revision {} as those for the Service", share.candidate);
    Some(Waiting::until(PROPAGATION, words, *known_at))
}
