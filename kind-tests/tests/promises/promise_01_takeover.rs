//! A policy put on a running Deployment takes it over and no request fails; deleting the policy gives it back and no
//! request fails.

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Service};
use kind_tests::prelude::*;
use kube::api::{ListParams, PropagationPolicy};

/// The workload runs itself again, the Service is as the user wrote it, and nothing of ours is left.
async fn given_back(ns: &Namespace, app: &App) -> anyhow::Result<()> {
    let name = app.service()["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let service = ns.api::<Service>().get(&name).await?;
    let selector = serde_json::to_value(service.spec.and_then(|s| s.selector))?;
    ensure!(selector == app.service()["spec"]["selector"], "the Service selects {selector}");
    ensure!(
        !service.metadata.labels.unwrap_or_default().contains_key("sluice.dev/policy"),
        "the Service has our label"
    );
    let notes = service.metadata.annotations.unwrap_or_default();
    ensure!(!notes.keys().any(|key| key.contains("sluice.dev")), "the Service has annotations of ours: {notes:?}");
    let deployments = ns.api::<Deployment>().list(&ListParams::default()).await?;
    let names: Vec<_> = deployments.iter().filter_map(|d| d.metadata.name.as_deref()).collect();
    ensure!(names == [name.as_str()], "Deployments are left: {names:?}");
    let ready = deployments.items[0].status.as_ref().and_then(|s| s.ready_replicas);
    ensure!(ready == i32::try_from(app.capacity()).ok(), "{ready:?} pods of the workload are ready");
    let services = ns.api::<Service>().list(&ListParams::default()).await?;
    ensure!(services.items.len() == 1, "Services are left: {:?}", services.items.len());
    Ok(())
}

async fn there_and_back(ns: Namespace, app: App, how: PropagationPolicy) -> anyhow::Result<()> {
    ns.deployed(&app).await?;
    let load = Load::on(&ns, &app).start().await?;
    let shop = ns.policy_for(&app).await?;
    shop.settled_on(app.tag()).await?;
    let workload = ns.api::<Deployment>().get(&shop.name).await?;
    ensure!(workload.spec.and_then(|s| s.replicas) == Some(0), "the workload itself still has pods");
    let stable = shop.stable().await?;
    ensure!(shop.pods_of(&stable).await?.len() == app.capacity(), "not all pods of the stable revision are there");
    load.sample("taken-over", 60).await?;
    load.traffic().await?.no_request_failed()?;

    load.mark("deleted").await?;
    shop.deleted(how).await?;
    load.sample("given-back", 60).await?;
    load.stop().await?.no_request_failed()?;
    given_back(&ns, &app).await
}

#[tokio::test]
async fn a_running_deployment_is_taken_over_and_given_back_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("takeover", async |ns| there_and_back(ns, App::testapp("shop"), PropagationPolicy::Background).await)
        .await
}

#[tokio::test]
async fn podinfo_is_taken_over_and_given_back_by_a_foreground_deletion_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("foreground", async |ns| {
        there_and_back(ns, App::podinfo("shop").replicas(3), PropagationPolicy::Foreground).await
    })
    .await
}

/// Stable's pods go on serving without us, the workload stays at zero, and nothing else answers.
async fn left_serving(shop: &Policy, stable: &str) -> anyhow::Result<()> {
    let deployment = shop.ns.api::<Deployment>().get(&format!("{}-{stable}", shop.name)).await?;
    let labels = deployment.metadata.labels.unwrap_or_default();
    ensure!(labels.contains_key("sluice.dev/left-serving"), "stable's Deployment is not marked: {labels:?}");
    let workload = shop.ns.api::<Deployment>().get(&shop.name).await?;
    ensure!(workload.spec.and_then(|s| s.replicas) == Some(0), "the unproven workload has pods");
    Ok(())
}

#[tokio::test]
async fn a_policy_deleted_in_the_middle_of_a_canary_leaves_stable_serving_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("delete-canary", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("5m");
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let stable = shop.stable().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        load.sample("canary", 60).await?;
        load.mark("deleted").await?;
        shop.deleted(PropagationPolicy::Background).await?;
        let after = load.sample("removed", 120).await?;
        let others: Vec<_> = after.identities.iter().filter(|i| i.version != "1.0.0").collect();
        ensure!(others.is_empty(), "after the removal, others than 1.0.0 answered: {others:?}");
        load.stop().await?.no_request_failed()?;
        left_serving(&shop, &stable).await
    })
    .await
}

#[tokio::test]
async fn a_policy_deleted_while_a_version_is_gated_never_lets_it_answer() -> anyhow::Result<()> {
    with_namespace("delete-gating", async |ns| {
        let app = App::testapp("shop").test_takes(300).gate_timeout("10m");
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let stable = shop.stable().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.reaches(Phase::Gating).await?;
        shop.deleted(PropagationPolicy::Foreground).await?;
        load.sample("removed", 100).await?;
        let traffic = load.stop().await?;
        traffic.no_request_failed()?;
        traffic.never_answered_by_version("1.1.0")?;
        left_serving(&shop, &stable).await
    })
    .await
}

#[tokio::test]
async fn a_policy_deleted_after_a_rollback_leaves_stable_serving_and_the_failed_version_never_answers()
-> anyhow::Result<()> {
    with_namespace("delete-failed", async |ns| {
        let app = App::testapp("shop");
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let stable = shop.stable().await?;
        let release = shop.update(&app.clone().version("1.1.0").failing_conformance()).await?;
        release.ends_as(Phase::RolledBack).await?;
        shop.deleted(PropagationPolicy::Background).await?;
        load.sample("removed", 100).await?;
        let traffic = load.stop().await?;
        traffic.no_request_failed()?;
        traffic.never_answered_by_version("1.1.0")?;
        left_serving(&shop, &stable).await?;

        // A policy put on it again takes it from there, and lets go of it as it should.
        let again = App::testapp("shop").version("1.0.0");
        shop.wish(&again).await?;
        ns.create_object::<crds::RolloutPolicy>(again.rollout_policy()).await?;
        shop.settled().await?;
        ensure!(shop.stable().await? == stable, "another revision is stable now");
        shop.deleted(PropagationPolicy::Background).await?;
        given_back(&ns, &again).await
    })
    .await
}
