//! A version whose conformance Job fails never answers one live request. When the Job cannot start, nothing is held
//! against the version.

use k8s_openapi::api::core::v1::Event;
use kind_tests::prelude::*;
use kube::{
    ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

#[tokio::test]
async fn a_version_that_fails_its_conformance_test_never_answers_one_live_request() -> anyhow::Result<()> {
    with_namespace("bad-conformance", async |ns| {
        let app = App::testapp("shop").policy("/rollback/keepFailedFor", json!("20s"));
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.clone().version("1.1.0").failing_conformance()).await?;
        let candidate = release.candidate().await?;
        let (outcome, journal) = release.journal_has("to have an outcome", |j| j.outcome.clone()).await?;

        let failed = "conformance fails, as told by --fail-conformance";
        let gate = journal.gates.iter().find(|g| g.name == "conformance").context("the gate")?;
        let evidence = gate.evidence.as_ref().context("evidence of the gate")?;
        ensure!(evidence.exit_code == Some(1), "{evidence:?}");
        ensure!(evidence.log.as_deref().is_some_and(|log| log.contains(failed)), "the log is not there: {evidence:?}");
        ensure!(evidence.summary.as_deref().is_some_and(|s| s.contains("1 failed")), "{evidence:?}");
        ensure!(
            outcome.message.contains(failed),
            "the message does not hold the test's last lines: {}",
            outcome.message
        );

        // The failed pods are kept for a while, so they can be asked themselves.
        let pods = shop.pods_of(&candidate).await?;
        ensure!(!pods.is_empty(), "no pod of the failed version is left to ask");
        for pod in &pods {
            let requests = ns.live_requests(&pod.name_any()).await?;
            ensure!(requests == 0, "{} has had {requests} live requests", pod.name_any());
        }
        release.ends_as(Phase::RolledBack).await?;
        load.sample("rolled-back", 80).await?;
        let traffic = load.stop().await?;
        traffic.no_request_failed()?;
        traffic.never_answered_by(&candidate)?;
        traffic.never_answered_by_version("1.1.0")?;

        let said = shop.says("RolledBack").await?;
        ensure!(said.contains("Retry"), "the policy does not say what to do: {said}");
        let events = ns.api::<Event>().list(&ListParams::default()).await?;
        let told = events.iter().any(|e| e.message.as_deref().is_some_and(|m| m.contains(failed)));
        ensure!(told, "no event holds the test's last lines");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_test_that_cannot_start_is_inconclusive_and_a_retry_works_once_it_can() -> anyhow::Result<()> {
    with_namespace("no-test", async |ns| {
        let missing = "ghcr.io/sluice-dev/conformance:missing";
        let app = App::testapp("shop").replicas(2).suite_image(missing).gate_timeout("12s").canary([50]);
        let shop = ns.taken_over(&app).await?;
        let load = Load::on(&ns, &app).start().await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        let candidate = release.candidate().await?;
        let (message, _) = release
            .journal_has("to say why its test does not start", |j| {
                let gate = j.gates.iter().find(|g| g.name == "conformance")?;
                let unknown = format!("{:?}", gate.verdict) == "Unknown";
                let said = format!("{} {}", gate.message, j.waiting.as_ref().map_or("", |w| w.message.as_str()));
                (unknown && said.contains(missing)).then_some(said)
            })
            .await?;
        println!("said: {message}");
        release.ends_as(Phase::Inconclusive).await?;
        let status = shop.status().await?;
        ensure!(status.failed.is_empty(), "the version is condemned without evidence: {:?}", status.failed);
        load.traffic().await?.never_answered_by(&candidate)?;

        let known = shop.release_names().await?;
        let there = Patch::Merge(json!({ "spec": { "image": "ghcr.io/sluice-dev/conformance:1.0.0" } }));
        ns.api::<crds::ConformanceSuite>().patch(&shop.name, &PatchParams::default(), &there).await?;
        release.decide(DecisionAction::Retry).await?;
        let again = shop.next_release(&known).await?;
        ensure!(again.get().await?.spec.attempt == 2, "the second attempt is not counted as one");
        again.ends_as(Phase::Succeeded).await?;
        load.stop().await?.no_request_failed()
    })
    .await
}
