//! A version that answers badly under live traffic is taken back by itself, in a stated time.

use crds::journal::Cause;
use kind_tests::prelude::*;

/// Two looks of a second each, the first a window of four scrapes after the share was in force, and the propagation.
const STATED_MS: u64 = (2 + 4 + 2) * 1000;

/// From the first bad answer to the last that a new connection got of it.
async fn taken_back(ns: Namespace, app: App, bad: App, by_errors: bool) -> anyhow::Result<()> {
    let shop = ns.taken_over(&app).await?;
    let load = Load::on(&ns, &app).rate(50).start().await?;
    let release = shop.update(&bad).await?;
    let candidate = release.candidate().await?;
    let journal = release.ends_as(Phase::RolledBack).await?;
    let outcome = journal.outcome.context("an outcome")?;
    ensure!(outcome.reason == Cause::AnalysisFailed, "{outcome:?}");
    let after = load.sample("taken-back", 100).await?;
    ensure!(
        after.identities.iter().all(|i| i.version == "1.0.0"),
        "the bad version still answers: {:?}",
        after.identities
    );

    let traffic = load.stop().await?;
    let bad: Vec<_> = traffic.of(&candidate).collect();
    let first = bad.iter().map(|i| if by_errors { i.first_error_ms.unwrap_or(u64::MAX) } else { i.first_ms }).min();
    let last = bad.iter().filter_map(|i| i.last_fresh_ms).max();
    let (first, last) = (first.context("a bad answer")?, last.context("a last answer")?);
    println!(
        "{}: {:.1} s from the first bad answer to the last on a new connection, {} answers of the bad version: {}",
        shop.name,
        (last - first) as f64 / 1000.0,
        traffic.answers_by(&candidate),
        outcome.message
    );
    ensure!(last - first <= STATED_MS + 10_000, "it took {} ms", last - first);
    traffic.no_request_failed_but_by(&[&candidate])
}

#[tokio::test]
async fn a_version_that_answers_errors_is_taken_back_by_itself() -> anyhow::Result<()> {
    with_namespace("errors", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("60s").success_rate(99.0);
        taken_back(ns, app.clone(), app.version("1.1.0").errors(0.2), true).await
    })
    .await
}

#[tokio::test]
async fn a_version_that_answers_late_is_taken_back_by_itself() -> anyhow::Result<()> {
    with_namespace("latency", async |ns| {
        let app = App::testapp("shop").canary([20, 50]).bake("60s").latency_p90("300ms");
        taken_back(ns, app.clone(), app.version("1.1.0").latency_ms(600), false).await
    })
    .await
}
