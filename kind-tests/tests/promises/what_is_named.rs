//! What a policy names beside workload and Service: a metrics source and its Secret, queries, volume claims of its pods.

use crds::{MetricSource, MetricTemplate};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kind_tests::{app::set, kubectl::kubectl, prelude::*};
use serde_json::json;

#[tokio::test]
async fn the_token_of_a_metrics_source_is_waited_for_by_name_and_used_once_it_is_there() -> anyhow::Result<()> {
    with_namespace("token", async |ns| {
        let source = json!({
            "metadata": { "name": "guarded" },
            "spec": { "prometheus": {
                "url": "http://prometheus.monitoring:9090", "scrapeInterval": "1s",
                "bearerToken": { "name": "prometheus-token", "key": "token" },
            } },
        });
        ns.create_object::<MetricSource>(source).await?;
        let app = App::testapp("shop").canary([20, 50]).success_rate(90.0).policy("/analysis/source", json!("guarded"));
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.version("1.1.0")).await?;
        let said = |j: &crds::journal::Journal| {
            let metrics = j.analysis.metrics.iter();
            let mut messages = metrics.map(|m| m.message.clone());
            messages.find(|m| m.contains("prometheus-token") && m.contains("is missing: create it with token"))
        };
        let (message, journal) = release.journal_has("to ask for the Secret", said).await?;
        println!("without the Secret: {message}");
        ensure!(journal.step == Some(1), "it went on to step {:?} without a number", journal.step);
        let secret = json!({ "metadata": { "name": "prometheus-token" }, "stringData": { "token": "hush" } });
        ns.create_object::<Secret>(secret).await?;
        release.ends_as(Phase::Succeeded).await?;
        load.stop().await?.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn a_query_of_ones_own_takes_a_bad_version_back() -> anyhow::Result<()> {
    with_namespace("template", async |ns| {
        let requests = |more: &str| {
            let labels = format!(r#"namespace="{{{{ namespace }}}}",sluice_dev_revision="{{{{ revision }}}}"{more}"#);
            format!("sum(rate(http_request_duration_seconds_count{{{labels}}}[{{{{ window }}}}]))")
        };
        let errors = requests(r#",status=~"{{ class }}..""#);
        let query = format!("100 * ({errors} or vector(0)) / {}", requests(""));
        let template = json!({
            "metadata": { "name": "errors" },
            "spec": { "query": query, "variables": [{ "name": "class", "type": "LabelValue", "default": "4" }] },
        });
        ns.create_object::<MetricTemplate>(template).await?;
        let metric = json!({
            "name": "errors", "template": { "name": "errors", "variables": { "class": "5" } }, "objective": { "max": 5 },
        });
        let analysis = json!({ "interval": "1s", "metrics": [metric] });
        let app = App::testapp("shop").canary([20, 50]).bake("30s").policy("/analysis", analysis);
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.version("1.1.0").errors(0.5)).await?;
        let candidate = release.candidate().await?;
        let outcome = release.ends_as(Phase::RolledBack).await?.outcome.context("an outcome")?;
        println!("taken back: {}", outcome.message);
        ensure!(outcome.message.starts_with("errors: "), "{outcome:?}");
        load.stop().await?.no_request_failed_but_by(&[&candidate])
    })
    .await
}

#[tokio::test]
async fn a_volume_that_only_one_node_can_mount_is_refused_before_anything_is_changed() -> anyhow::Result<()> {
    with_namespace("volume", async |ns| {
        let app = App::testapp("shop").replicas(1);
        let claim = json!({
            "metadata": { "name": "data" },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Mi" } } },
        });
        ns.create_object::<PersistentVolumeClaim>(claim).await?;
        let mut manifests = app.manifests();
        for deployment in manifests.iter_mut().filter(|d| d["kind"] == "Deployment") {
            let volume = json!({ "name": "data", "persistentVolumeClaim": { "claimName": "data" } });
            set(deployment, "/spec/template/spec/volumes", json!([volume]));
        }
        kubectl(&["apply", "-n", &ns.name, "-f", "-"], &manifests).await?;
        let shop = ns.policy_for(&app).await?;
        let said = shop.says("CannotRunSideBySide").await?;
        println!("refused: {said}");
        ensure!(said.contains("data") && said.contains("ReadWriteOnce"), "the claim is not named: {said}");
        ensure!(shop.releases().await?.is_empty(), "a release was begun");
        Ok(())
    })
    .await
}
