//! Webhooks that order a version back while it has live traffic.

use crate::{
    journal::{Cause, Journal, Phase, Purpose},
    world::{Release, World},
};

/// Whether rollback webhooks are asked about a release now: callers may meet the candidate, and there is a way back. A person who goes
/// back is not sent forward again by an order that nobody has taken away yet.
pub fn may_be_ordered_back(release: &Release) -> bool {
    open(release, &release.journal)
}

fn open(release: &Release, journal: &Journal) -> bool {
    let under_way = match journal.phase {
        Phase::Shifting | Phase::Promoting => true,
        Phase::Warm => !journal.draining,
        Phase::Inconclusive => journal.held_in.is_some(),
        _ => false,
    };
    under_way && !journal.finished() && release.purpose == Purpose::Update && !release.rollback
}

/// Why the release must end, if a webhook says so.
pub(crate) fn record(world: &World, release: &Release, journal: &Journal) -> Option<(Cause, String)> {
    world.ordered_back.clone().filter(|_| open(release, journal)).map(|words| (Cause::RollbackOrdered, words))
}
