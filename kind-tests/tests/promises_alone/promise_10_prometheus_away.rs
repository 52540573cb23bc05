//! With Prometheus away, the release holds and says so, then continues when it is back.

use k8s_openapi::api::apps::v1::Deployment;
use kind_tests::{prelude::*, wait::stays};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

async fn scale(client: &Client, replicas: i32) -> anyhow::Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), "monitoring");
    let to = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    api.patch("prometheus", &PatchParams::default(), &to).await?;
    wait_for(&format!("{replicas} of Prometheus"), secs(60), async || {
        let status = api.get("prometheus").await?.status.unwrap_or_default();
        let (all, ready) = (status.replicas.unwrap_or(0), status.ready_replicas.unwrap_or(0));
        if all == replicas && ready == replicas { Ok(()) } else { Err(Seen::yet(format!("{ready} of {all} ready"))) }
    })
    .await
}

#[tokio::test]
async fn with_prometheus_away_the_release_holds_and_says_so_and_continues_when_it_is_back() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("prometheus", async |ns| {
        let app = App::testapp("shop").replicas(2).canary([30, 50]).bake("8s").success_rate(99.0);
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        let outcome = away_and_back(&ns, &release).await;
        // Whatever happened: others need it.
        scale(&ns.client, 1).await?;
        outcome?;
        release.ends_as(Phase::Succeeded).await?;
        load.stop().await?.no_request_failed()
    })
    .await
}

async fn away_and_back(ns: &Namespace, release: &Release) -> anyhow::Result<()> {
    scale(&ns.client, 0).await?;
    let (said, _) = release
        .journal_has("to say that a metric is unknown", |j| {
            let metric =
                j.analysis.metrics.iter().find(|m| format!("{:?}", m.verdict) == "Unknown" && m.value.is_none())?;
            let since = j.analysis.unknown_since?;
            let waiting = j.waiting.as_ref().map_or("", |w| w.message.as_str());
            Some(format!("{}, since {since}: {waiting}", metric.message))
        })
        .await?;
    println!("said: {said}");
    // Longer than the rest of the bake.
    stays("the release holds in its first step", secs(12), async || {
        let journal = release.journal().await.map_err(Seen::from)?;
        if journal.phase == Phase::Shifting && journal.step == Some(1) {
            Ok(())
        } else {
            Err(Seen::yet(format!("{:?} {:?}", journal.phase, journal.step)))
        }
    })
    .await
}
