//! A version whose pods do not come up is taken out by the progress deadline, and nothing else changes.

use std::collections::BTreeSet;

use crds::journal::Cause;
use kind_tests::prelude::*;
use kube::ResourceExt;

async fn pods(shop: &Policy, revision: &str) -> anyhow::Result<BTreeSet<String>> {
    Ok(shop.pods_of(revision).await?.iter().filter_map(ResourceExt::uid).collect())
}

async fn does_not_come_up(ns: Namespace, app: App, bad: App, phase: Phase, cause: Cause) -> anyhow::Result<()> {
    let shop = ns.taken_over(&app).await?;
    let load = Load::on(&ns, &app).rate(30).start().await?;
    let stable = shop.stable().await?;
    let (before, selectors) = (pods(&shop, &stable).await?, Selectors::of(&ns, &shop.name).await?);
    let release = shop.update(&bad).await?;
    let candidate = release.candidate().await?;
    let journal = release.ends_as(phase).await?;
    let outcome = journal.outcome.context("an outcome")?;
    println!("{:?}: {}", outcome.reason, outcome.message);
    ensure!(outcome.reason == cause, "{outcome:?}");
    println!("the policy says: {}", shop.says(&format!("{phase:?}")).await?);
    let condemned = !shop.status().await?.failed.is_empty();
    ensure!(condemned == cause.condemns(), "condemned: {condemned}");

    ensure!(pods(&shop, &stable).await? == before, "pods of the stable version changed");
    ensure!(selectors.seen().len() == 1, "the Service's selector changed: {:?}", selectors.seen());
    ensure!(shop.stable().await? == stable, "stable changed");
    load.sample("over", 60).await?;
    let traffic = load.stop().await?;
    traffic.no_request_failed()?;
    traffic.never_answered_by(&candidate)
}

fn app() -> App {
    App::testapp("shop").replicas(2).progress("12s")
}

#[tokio::test]
async fn a_version_whose_pods_crash_is_rolled_back() -> anyhow::Result<()> {
    with_namespace("crash", async |ns| {
        // Never ready either: a probe may come just before the crash, and then the conformance test fails it first.
        let bad = app().version("1.1.0").crashing_after("500ms").never_ready();
        does_not_come_up(ns, app(), bad, Phase::RolledBack, Cause::PodsFailed).await
    })
    .await
}

#[tokio::test]
async fn a_version_whose_pods_are_ready_for_a_moment_and_crash_meets_no_caller_where_they_have_to_stay_ready()
-> anyhow::Result<()> {
    with_namespace("moment", async |ns| {
        let app = app().min_ready(5).no_gates();
        let bad = app.clone().version("1.1.0").crashing_after("3s");
        does_not_come_up(ns, app, bad, Phase::RolledBack, Cause::PodsFailed).await
    })
    .await
}

#[tokio::test]
async fn a_version_whose_pods_never_become_ready_is_rolled_back() -> anyhow::Result<()> {
    with_namespace("unready", async |ns| {
        let bad = app().version("1.1.0").never_ready();
        does_not_come_up(ns, app(), bad, Phase::RolledBack, Cause::PodsFailed).await
    })
    .await
}

#[tokio::test]
async fn a_version_whose_image_cannot_be_had_is_inconclusive() -> anyhow::Result<()> {
    with_namespace("no-image", async |ns| {
        let bad = app().image("ghcr.io/sluice-dev/testapp:missing");
        does_not_come_up(ns, app(), bad, Phase::Inconclusive, Cause::PodsNotStarted).await
    })
    .await
}
