//! A good version passes its conformance Job, moves through 20 % and 50 %, and is promoted.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::Job;
use kind_tests::prelude::*;
use kube::{ResourceExt, api::ListParams};

/// UID of each pod of a revision, with the number of times a container of it was started again.
async fn pods(shop: &Policy, revision: &str) -> anyhow::Result<BTreeMap<String, i32>> {
    let restarts = |pod: &k8s_openapi::api::core::v1::Pod| {
        let statuses = pod.status.as_ref().and_then(|s| s.container_statuses.clone()).unwrap_or_default();
        statuses.iter().map(|c| c.restart_count).sum()
    };
    let pods = shop.pods_of(revision).await?;
    Ok(pods.iter().map(|pod| (pod.uid().unwrap_or_default(), restarts(pod))).collect())
}

async fn promoted(ns: Namespace, app: App, next: App) -> anyhow::Result<()> {
    let shop = ns.taken_over(&app).await?;
    let load = Load::on(&ns, &app).rate(50).fresh(0.8).start().await?;
    let release = shop.update(&next).await?;
    let candidate = release.candidate().await?;
    for step in [1, 2] {
        let journal = release.in_force(step).await?;
        let counts = load.sample(&format!("step-{step}"), 200).await?;
        let now = release.journal().await?;
        ensure!(now.step == Some(step), "step {step} was over before it was counted: {:?} {:?}", now.phase, now.step);
        share_is(&shop.name, &candidate, journal.split.context("a split")?, &counts)?;
    }
    let before = pods(&shop, &candidate).await?;
    ensure!(!before.is_empty(), "the candidate has no pods in the last step");
    let journal = release.ends_as(Phase::Succeeded).await?;
    let after = pods(&shop, &candidate).await?;
    for (uid, restarts) in &before {
        ensure!(
            after.get(uid) == Some(restarts),
            "a pod of the last step was replaced or restarted: {before:?} {after:?}"
        );
    }
    ensure!(after.len() == app.capacity(), "{} pods serve after promotion, not {}", after.len(), app.capacity());
    ensure!(after.values().all(|restarts| *restarts == 0), "pods were restarted: {after:?}");

    let gate = journal.gates.iter().find(|g| g.name == "conformance").context("a conformance gate")?;
    ensure!(gate.evidence.as_ref().and_then(|e| e.exit_code) == Some(0), "{gate:?}");
    ensure!(!ns.api::<Job>().list(&ListParams::default()).await?.items.is_empty(), "there was no Job");
    shop.settled_on(next.tag()).await?;
    load.sample("settled", 60).await?;
    load.stop().await?.no_request_failed()
}

#[tokio::test]
async fn a_good_version_moves_through_its_steps_and_is_promoted_without_a_failed_request() -> anyhow::Result<()> {
    with_namespace("good", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("10s").success_rate(99.0);
        promoted(ns, app.clone(), app.version("1.1.0")).await
    })
    .await
}

#[tokio::test]
async fn a_good_podinfo_moves_through_its_steps_and_is_promoted_without_a_failed_request() -> anyhow::Result<()> {
    with_namespace("good-podinfo", async |ns| {
        let app = App::podinfo("shop").canary([20, 50]).bake("10s").success_rate(99.0).latency_p90("500ms");
        promoted(ns, app.clone(), app.version("6.9.1")).await
    })
    .await
}

#[tokio::test]
async fn a_paused_step_waits_for_a_person_and_goes_on_when_told() -> anyhow::Result<()> {
    with_namespace("pause", async |ns| {
        let app = App::testapp("shop").replicas(2).canary([50]).bake("1s").pause_at(1);
        let shop = ns.taken_over(&app).await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        let (message, _) = release
            .journal_has("to wait for a person", |j| j.waiting.iter().find(|w| w.stalled).map(|w| w.message.clone()))
            .await?;
        ensure!(message.contains("Resume"), "it does not say what to do: {message}");
        release.decide(DecisionAction::Resume).await?;
        release.ends_as(Phase::Succeeded).await?;
        Ok(())
    })
    .await
}
