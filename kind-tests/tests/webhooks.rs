//! Webhooks of a policy, answered by Flagger's own load tester.
//!
//! Needs the controller.
#![forbid(unsafe_code)]

use apps::clock;
use http::{Request, header::CONTENT_TYPE};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Secret, Service},
};
use kind_tests::prelude::*;
use serde_json::{Value, json};

const IMAGE: &str = "ghcr.io/sluice-dev/flagger-loadtester:1.41.0";
const NAME: &str = "loadtester";

/// Puts the load tester into a namespace; its address there.
async fn load_tester(ns: &Namespace) -> anyhow::Result<String> {
    let labels = json!({ "app": NAME });
    ns.create_object::<Service>(json!({
        "metadata": { "name": NAME }, "spec": { "selector": labels, "ports": [{ "port": 80, "targetPort": 8080 }] },
    }))
    .await?;
    let probe = json!({ "httpGet": { "path": "/healthz", "port": 8080 }, "periodSeconds": 1 });
    let container = json!({
        "name": NAME, "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["/loadtester"],
        "args": ["-port=8080", "-log-level=info", "-timeout=1m"], "env": [{ "name": "PATH", "value": "/bin" }],
        "readinessProbe": probe,
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
        },
    });
    let security = json!({ "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" } });
    ns.create_object::<Deployment>(json!({
        "metadata": { "name": NAME },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": { "securityContext": security, "containers": [container] } },
        },
    }))
    .await?;
    wait_for("the load tester to be ready", secs(60), async || {
        let status = ns.api::<Deployment>().get(NAME).await?.status.unwrap_or_default();
        if status.ready_replicas == Some(1) { Ok(()) } else { Err(Seen::yet(format!("{status:?}"))) }
    })
    .await?;
    Ok(format!("http://{NAME}.{}", ns.name))
}

/// Tells the load tester something about an application.
async fn tell(ns: &Namespace, path: &str, name: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/namespaces/{}/services/{NAME}:80/proxy{path}", ns.name);
    let body = json!({ "name": name, "namespace": ns.name }).to_string().into_bytes();
    ns.client.request_text(Request::post(path).header(CONTENT_TYPE, "application/json").body(body)?).await?;
    Ok(())
}

fn shop(gates: Value) -> App {
    App::testapp("shop").replicas(2).canary([50]).bake("3s").policy("/gates", gates)
}

async fn record(release: &Release, gate: &str) -> anyhow::Result<crds::journal::GateRecord> {
    let journal = release.journal().await?;
    journal.gates.into_iter().find(|g| g.name == gate).with_context(|| format!("a record of gate {gate}"))
}

#[tokio::test]
async fn the_load_tester_lets_a_version_through_after_its_command_has_asked_the_candidate() -> anyhow::Result<()> {
    with_namespace("hooks", async |ns| {
        let at = load_tester(&ns).await?;
        ns.create_object::<Secret>(json!({ "metadata": { "name": "hook" }, "stringData": { "X-Api-Key": "k", "key": "s" } }))
            .await?;
        let metadata = json!({
            "type": "bash", "cmd": "wget -q -O- $(SLUICE_CANDIDATE_URL)/readyz", "returnCmdOutput": "true",
        });
        let signature = json!({ "name": "hook", "key": "key" });
        let app = shop(json!([
            { "name": "approve", "at": "start", "webhook": { "url": format!("{at}/gate/approve"), "headersFrom": { "name": "hook" } } },
            { "name": "load", "at": "step", "webhook": { "url": at, "metadata": metadata, "signature": signature } },
        ]));
        let policy = ns.taken_over(&app).await?;
        let release = policy.update(&app.clone().version("1.1.0")).await?;
        release.ends_as(Phase::Succeeded).await?;
        let approve = record(&release, "approve").await?;
        ensure!(approve.message == format!("webhook approve of {at} answered 200: OK"), "{}", approve.message);
        let load = record(&release, "load").await?;
        ensure!(load.message.starts_with(&format!("webhook load of {at} answered 200")), "{}", load.message);
        policy.settled_on("1.1.0").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_gate_that_is_closed_ends_the_version_and_an_open_one_lets_the_next_through() -> anyhow::Result<()> {
    with_namespace("gate", async |ns| {
        let at = load_tester(&ns).await?;
        let app = shop(json!([{ "name": "check", "at": "traffic", "webhook": { "url": format!("{at}/gate/check") } }]));
        let policy = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = policy.update(&app.clone().version("1.1.0")).await?;
        let journal = release.ends_as(Phase::RolledBack).await?;
        let said = journal.outcome.context("an outcome")?.message;
        ensure!(said == format!("gate check failed: webhook check of {at} answered 403: Forbidden"), "{said}");
        tell(&ns, "/gate/open", "shop").await?;
        policy.update(&app.clone().version("1.2.0")).await?.ends_as(Phase::Succeeded).await?;
        let traffic = load.stop().await?;
        traffic.never_answered_by_version("1.1.0")?;
        traffic.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn a_command_that_fails_is_no_verdict_since_the_load_tester_answers_500() -> anyhow::Result<()> {
    with_namespace("cmd", async |ns| {
        let at = load_tester(&ns).await?;
        let metadata = json!({ "type": "bash", "cmd": "echo too slow; exit 3" });
        let app = shop(json!([
            { "name": "load", "at": "traffic", "timeout": "8s", "webhook": { "url": at, "metadata": metadata } },
        ]));
        let policy = ns.taken_over(&app).await?;
        let release = policy.update(&app.clone().version("1.1.0")).await?;
        let journal = release.ends_as(Phase::Inconclusive).await?;
        let said = journal.outcome.context("an outcome")?.message;
        ensure!(said.contains("gave no verdict within 8s") && said.contains("answered 500"), "{said}");
        ensure!(said.contains("too slow"), "{said}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_rollback_that_is_opened_takes_the_candidate_back_within_an_interval() -> anyhow::Result<()> {
    with_namespace("order", async |ns| {
        let at = load_tester(&ns).await?;
        let watch = json!([{ "name": "watch", "url": format!("{at}/rollback/check"), "interval": "5s" }]);
        let app = App::testapp("shop").replicas(2).canary([50]).bake("5m").policy("/rollbackWebhooks", watch);
        let policy = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = policy.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        let opened = clock::now();
        tell(&ns, "/rollback/open", "shop").await?;
        release.journal_has("to go back", |j| (j.phase == Phase::RollingBack).then_some(())).await?;
        let took = clock::now().duration_since(opened).as_secs_f64();
        println!("from the order to the way back: {took:.2} s, asked every 5 s");
        ensure!(took < 8.0, "an order took {took:.2} s to be heard");
        let journal = release.ends_as(Phase::RolledBack).await?;
        let outcome = journal.outcome.context("an outcome")?;
        ensure!(
            outcome.message == format!("rollback webhook watch of {at} answered 200: Approved"),
            "{}",
            outcome.message
        );
        load.stop().await?.no_request_failed()
    })
    .await
}
