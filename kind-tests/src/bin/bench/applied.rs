//! The user's own manifests are applied again, as they are and with a new image; the policy is deleted.

use anyhow::Result;
use k8s_openapi::api::apps::v1::Deployment;
use kind_tests::{kubectl::kubectl, prelude::*};
use kube::api::PropagationPolicy;

use crate::{
    column::{Cell, Column},
    figure::Figure,
    laps::{Lap, Laps},
    live::failed,
    progress::say,
};

/// The application's name.
pub const NAME: &str = "shop";
/// The version that fails its conformance test.
pub const UNCHECKED: &str = "1.1.0";

/// With a conformance test before the first live request.
pub fn app() -> App {
    App::testapp(NAME).drains("3s").canary([20, 50])
}

/// All three, one after the other, under load.
///
/// # Errors
///
/// When the policy does not settle, or is not gone in time.
pub async fn run(ns: &Namespace, column: &mut Column) -> Result<()> {
    say("the same application, applied with kubectl, under a policy with a conformance test");
    apply(ns, &app()).await?;
    ns.rolled_out(&app()).await?;
    let shop = ns.policy_for(&app()).await?;
    shop.settled_on("1.0.0").await?;
    let mut laps = Laps::start(ns, &app(), NAME).await?;

    say("its manifests are applied again, unchanged");
    apply_over(ns, &app()).await?;
    column.put(Figure::Reapplied, failed(laps.lap("applied-again").await?.failed));

    say("and with a new image that fails its conformance test");
    let known = shop.release_names().await?;
    apply_over(ns, &app().version(UNCHECKED).failing_conformance()).await?;
    shop.next_release(&known).await?.ends_as(Phase::RolledBack).await?;
    let lap = laps.lap("new-image").await?;
    let answers = laps.answers_of(UNCHECKED).await?;
    let cell = Cell::count(answers).note(&format!("({} failed)", lap.failed));
    column.put(Figure::Unchecked, cell.met(answers == 0 && lap.failed == 0));

    say("the good version again; then the policy is deleted");
    apply_over(ns, &app()).await?;
    shop.settled_on("1.0.0").await?;
    laps.lap("good-again").await?;
    shop.deleted(PropagationPolicy::Background).await?;
    let lap = laps.lap("policy-deleted").await?;
    column.put(Figure::Deleted, deleted(&lap).met(lap.failed == 0));
    Ok(())
}

/// Failed requests, and of how many.
pub fn deleted(lap: &Lap) -> Cell {
    Cell::count(lap.failed).note(&format!("of {}", kind_tests::words::thousands(lap.sent)))
}

/// Applies the application's manifests with `kubectl`.
///
/// # Errors
///
/// When one is refused.
pub async fn apply(ns: &Namespace, app: &App) -> Result<()> {
    kubectl(&["apply", "-n", &ns.name, "-f", "-"], &app.manifests()).await?;
    Ok(())
}

/// Applies it where the policy has the workload at zero, and waits until the workload, which this scales up, has no pods
/// again.
async fn apply_over(ns: &Namespace, app: &App) -> Result<()> {
    let workloads = ns.api::<Deployment>();
    let before = workloads.get(NAME).await?.metadata.generation;
    apply(ns, app).await?;
    wait_for("the workload to be scaled up and to be at zero again", secs(90), async || {
        let workload = workloads.get(NAME).await?;
        let pods = workload.status.and_then(|s| s.replicas).unwrap_or(0);
        match workload.spec.and_then(|s| s.replicas) {
            Some(0) if pods == 0 && workload.metadata.generation > before => Ok(()),
            wanted => Err(Seen::yet(format!("{wanted:?} wanted, {pods} there"))),
        }
    })
    .await
}
