//! The peer's object is deleted; the user's own manifests are applied again, as they are and with a new image.

use anyhow::Result;
use kind_tests::prelude::*;
use serde_json::json;
use tokio::time::sleep;

use super::{Peer, ward::Ward};
use crate::{
    applied::{NAME, UNCHECKED, app, apply, deleted},
    column::{Cell, Column},
    figure::Figure,
    laps::Laps,
    pods::Pods,
    progress::say,
};

/// Before either has looked at the version once.
const UNLOOKED: Duration = secs(10);
/// How long users are watched after the deletion, as with Sluice's policy: until its pods are gone, and 8 s.
const WATCHED: Duration = secs(20);

/// All three, one after the other, under load.
///
/// # Errors
///
/// When the peer does not take the application over, or a release does not end.
pub async fn run(peer: Peer, ns: &Namespace, column: &mut Column) -> Result<()> {
    apply(ns, &app()).await?;
    ns.rolled_out(&app()).await?;
    let ward = Ward::taken(peer, ns, &app(), NAME).await?;
    let mut laps = Laps::start(ns, &app(), NAME).await?;

    // First, since what is applied again leaves pods behind that would serve then.
    say("its object is deleted");
    ward.deleted().await?;
    sleep(WATCHED).await;
    column.put(Figure::Deleted, deleted(&laps.so_far("deleted").await?));
    say("and made again, with the workload scaled up by hand");
    ward.app.patch_workload(&json!({ "spec": { "replicas": app().capacity() } })).await?;
    ns.rolled_out(&app()).await?;
    ward.take().await?;
    laps.lap("made-again").await?;

    say("its manifests are applied again, unchanged");
    let pods = Pods::follow(ns).await?;
    apply(ns, &app()).await?;
    let lap = laps.lap("applied-again").await?;
    let more = pods.more();
    column.put(Figure::Reapplied, Cell::count(lap.failed).note(&format!("({more} pods more)")));

    say("and with a new image");
    apply(ns, &app().version(UNCHECKED).failing_conformance()).await?;
    sleep(UNLOOKED).await;
    let (answers, of) = (laps.answers_of(UNCHECKED).await?, laps.since_last().await?);
    let share = 100.0 * answers as f64 / of.max(1) as f64;
    column.put(Figure::Unchecked, Cell::count(answers).note(&format!("({share:.0} % of users for 10 s)")));
    ward.began().await?;
    let ended = ward.ended().await?;
    say(&format!("  the release ended as {ended:?}"));
    laps.lap("new-image").await?;
    Ok(())
}
