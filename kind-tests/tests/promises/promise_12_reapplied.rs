//! While the manifests are applied again and again, as GitOps tools do, no ungated version answers and no request fails.

use k8s_openapi::api::core::v1::Service;
use kind_tests::{app::set, kubectl::kubectl, prelude::*};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// How a GitOps tool applies.
#[derive(Clone, Copy, Debug)]
enum How {
    ClientSide,
    ServerSide,
}

impl How {
    /// What it calls itself.
    fn manager(self) -> &'static str {
        match self {
            Self::ClientSide => "kubectl-client-side-apply",
            Self::ServerSide => "gitops",
        }
    }

    async fn apply(self, ns: &str, manifests: &[Value]) -> anyhow::Result<String> {
        match self {
            Self::ClientSide => kubectl(&["apply", "-n", ns, "-f", "-"], manifests).await,
            Self::ServerSide => {
                let how =
                    ["apply", "-n", ns, "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-"];
                kubectl(&how, manifests).await
            }
        }
    }
}

/// Applies the same again every few seconds until it is dropped; the first failure ends it and is told by `ended`.
struct Again(JoinHandle<anyhow::Result<()>>);

impl Again {
    fn start(how: How, ns: &Namespace, manifests: Vec<Value>) -> Self {
        let ns = ns.name.clone();
        Self(tokio::spawn(async move {
            let mut every = tokio::time::interval(secs(4));
            loop {
                every.tick().await;
                how.apply(&ns, &manifests).await?;
            }
        }))
    }

    async fn ended(self) -> anyhow::Result<()> {
        if self.0.is_finished() {
            return self.0.await?;
        }
        self.0.abort();
        Ok(())
    }
}

/// A good version, then one that fails its test, while the manifests of each are applied again and again.
async fn reapplied(ns: Namespace, how: How, app: App, manifests: impl Fn(&App) -> Vec<Value>) -> anyhow::Result<()> {
    let shop = ns.policy_for(&app).await?;
    let again = Again::start(how, &ns, manifests(&app));
    shop.settled_on("1.0.0").await?;
    again.ended().await?;
    let load = Load::on(&ns, &app).start().await?;

    let next = app.clone().version("1.1.0");
    let known = shop.release_names().await?;
    let again = Again::start(how, &ns, manifests(&next));
    let release = shop.next_release(&known).await?;
    let said = shop.says("ScaledUpAgain").await?;
    println!("{how:?}: {said}");
    ensure!(said.contains(how.manager()) && said.contains("drop replicas"), "who and what to do: {said}");
    let journal = release.ends_as(Phase::Succeeded).await?;
    load.sample("promoted", 200).await?;
    let gated = journal.timeline.iter().find(|e| e.reason == "GatesPassed").context("gates that have passed")?;
    load.traffic().await?.answered_only_after(&release.candidate().await?, gated.at)?;
    again.ended().await?;

    let bad = app.clone().version("1.2.0").failing_conformance();
    let known = shop.release_names().await?;
    let again = Again::start(how, &ns, manifests(&bad));
    let release = shop.next_release(&known).await?;
    release.ends_as(Phase::RolledBack).await?;
    load.sample("rolled-back", 300).await?;
    again.ended().await?;
    let traffic = load.stop().await?;
    traffic.no_request_failed()?;
    traffic.never_answered_by_version("1.2.0")
}

#[tokio::test]
async fn client_side_applies_again_and_again_change_nothing() -> anyhow::Result<()> {
    with_namespace("apply", async |ns| {
        let app = App::testapp("shop").replicas(3);
        How::ClientSide.apply(&ns.name, &app.manifests()).await?;
        rolled_out(&ns, &app).await?;
        reapplied(ns, How::ClientSide, app, App::manifests).await
    })
    .await
}

#[tokio::test]
async fn a_selector_that_is_applied_server_side_is_refused_with_its_remedy_and_then_left_alone() -> anyhow::Result<()> {
    with_namespace("server-side", async |ns| {
        let app = App::testapp("shop").replicas(3);
        How::ServerSide.apply(&ns.name, &app.manifests()).await?;
        rolled_out(&ns, &app).await?;
        let shop = ns.policy_for(&app).await?;
        let said = shop.says("SelectorOwnedByGitOps").await?;
        println!("refused: {said}");
        ensure!(said.contains("gitops"), "the manager is not named: {said}");
        let remedy = "kustomize.toolkit.fluxcd.io/ssa";
        ensure!(said.contains(remedy) && said.contains("IfNotPresent"), "the remedy is not named: {said}");

        // The remedy: the tool leaves a Service alone that is there. kubectl does not know that, so it gets the rest.
        let note = Patch::Merge(json!({ "metadata": { "annotations": { remedy: "IfNotPresent" } } }));
        ns.api::<Service>().patch(&shop.name, &PatchParams::default(), &note).await?;
        shop.settled_on("1.0.0").await?;
        let known = app.manifests();
        let refused = How::ServerSide.apply(&ns.name, &known).await.err().map(|e| e.to_string()).unwrap_or_default();
        println!("refused: {refused}");
        ensure!(
            refused.contains("delete RolloutPolicy shop first"),
            "a forced apply of the Service is not refused: {refused}"
        );

        ns.api::<crds::RolloutPolicy>().get(&shop.name).await?;
        let load = Load::on(&ns, &app).start().await?;
        let next = app.clone().version("1.1.0");
        let without_service =
            |app: &App| app.manifests().into_iter().filter(|d| d["kind"] != "Service").collect::<Vec<_>>();
        let before = shop.release_names().await?;
        let again = Again::start(How::ServerSide, &ns, without_service(&next));
        let release = shop.next_release(&before).await?;
        release.ends_as(Phase::Succeeded).await?;
        load.sample("promoted", 200).await?;
        again.ended().await?;
        load.stop().await?.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn server_side_applies_that_share_the_selector_with_sluice_change_nothing() -> anyhow::Result<()> {
    with_namespace("shared", async |ns| {
        let app = App::testapp("shop").replicas(3);
        let without_selector = |app: &App| {
            let mut documents = app.manifests();
            for document in documents.iter_mut().filter(|d| d["kind"] == "Service") {
                set(document, "/spec/selector", Value::Null);
            }
            documents
        };
        How::ServerSide.apply(&ns.name, &app.manifests()).await?;
        rolled_out(&ns, &app).await?;
        // The other remedy: Sluice comes to own the same selector once, then Git drops it, and nothing is taken away.
        let owned = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "shop" },
            "spec": { "selector": app.service()["spec"]["selector"] },
        });
        kubectl(&["apply", "-n", &ns.name, "--server-side", "--field-manager=sluice", "-f", "-"], &[owned]).await?;
        How::ServerSide.apply(&ns.name, &without_selector(&app)).await?;
        reapplied(ns, How::ServerSide, app, without_selector).await
    })
    .await
}

async fn rolled_out(ns: &Namespace, app: &App) -> anyhow::Result<()> {
    let name = app.deployment()["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    kubectl(&["rollout", "status", "-n", &ns.name, &format!("deployment/{name}"), "--timeout=60s"], &[]).await?;
    Ok(())
}
