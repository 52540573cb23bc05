//! Traces of the real controller, sent over the network to a receiver in the cluster.

use kind_tests::{controller, prelude::*, receiver::Receiver};
use kube::ResourceExt;

#[tokio::test]
async fn a_release_and_the_passes_over_it_are_sent_to_who_asks_for_traces() -> anyhow::Result<()> {
    let _alone = super::alone().await;
    with_namespace("traces", async |ns| {
        let receiver = Receiver::start(&ns).await?;
        let variables = [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", receiver.url("/hook/traces")),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=shop%20floor".to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "1000".to_owned()),
        ];
        controller::upgrade_with(&ns.client, &variables).await?;
        let told = released(&ns, &receiver).await;
        // Whatever came of it, the tests after this one have a controller as the chart makes it.
        controller::upgrade_with(&ns.client, &[]).await?;
        told
    })
    .await
}

async fn released(ns: &Namespace, receiver: &Receiver) -> anyhow::Result<()> {
    let app = App::testapp("shop").replicas(2).canary([50]).bake("2s");
    let shop = ns.taken_over(&app).await?;
    let release = shop.update(&app.clone().version("1.1.0")).await?;
    release.ends_as(Phase::Succeeded).await?;
    let uid = release.get().await?.uid().context("a UID")?;
    // Names and texts stand in protobuf as they are; what is around them is decoded by the tests of the controller.
    let parts = [
        "release shop",
        "gate conformance",
        "step 1",
        "observe",
        "SetApex",
        "get pods",
        release.name.as_str(),
        "sluice-system",
    ];
    wait_for("the spans of the release", secs(30), async || {
        let taken = receiver.taken("/hook/traces").await?;
        let missing: Vec<_> = parts.iter().filter(|part| !taken.iter().any(|m| m.body.contains(*part))).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Seen::yet(format!("{} requests without {missing:?}", taken.len())))
        }
    })
    .await?;
    let taken = receiver.taken("/hook/traces").await?;
    println!("release {uid}: {} requests with spans", taken.len());
    for message in &taken {
        let header = |name: &str| message.headers.get(name).cloned().unwrap_or_default();
        ensure!(header("content-type") == "application/x-protobuf", "{:?}", message.headers);
        ensure!(header("x-tenant") == "shop floor", "{:?}", message.headers);
    }
    Ok(())
}
