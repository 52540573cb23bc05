//! A version with one percent more errors is taken back, and one that is as noisy as the stable version is promoted.

use crds::journal::Cause;
use kind_tests::prelude::*;

/// Half a percent of the requests fail at every version, at an objective of 99 %.
const NOISE: f64 = 0.005;

/// One release of a version that is as noisy, or one percent worse; the sentence of its verdict.
async fn delivered(ns: &Namespace, worse: bool) -> anyhow::Result<String> {
    let name = if worse { "worse" } else { "noisy" };
    // A conformance test would meet an error now and then, too.
    let app = App::testapp(name).no_gates().canary([50]).bake("20s").success_rate(99.0).tested();
    let shop = ns.taken_over(&app.clone().noisy(NOISE)).await?;
    let load = Load::on(ns, &app).rate(150).start().await?;
    let next = app.clone().version("1.1.0").noisy(if worse { NOISE + 0.01 } else { NOISE });
    let release = shop.update(&next).await?;
    let stable = release.stable().await?;
    let candidate = release.candidate().await?;
    let journal = release.ends_within(if worse { Phase::RolledBack } else { Phase::Succeeded }, secs(420)).await?;
    load.stop().await?.no_request_failed_but_by(&[&stable, &candidate])?;
    let measured = journal.analysis.metrics.first().context("a metric")?;
    let tested = measured.tested.as_ref().context("what was counted")?;
    println!("{name}: {} {}", measured.message, serde_json::to_string(tested)?);
    if worse {
        let outcome = journal.outcome.context("an outcome")?;
        ensure!(outcome.reason == Cause::AnalysisFailed && outcome.message.contains(&measured.message), "{outcome:?}");
        ensure!(tested.p <= 0.01, "it was taken back at {}", tested.p);
    } else {
        ensure!(tested.alpha_used <= 0.01, "{tested:?}");
    }
    Ok(measured.message.clone())
}

#[tokio::test]
async fn a_version_with_one_percent_more_errors_is_taken_back_with_a_stated_error() -> anyhow::Result<()> {
    with_namespace("one-percent-more", async |ns| {
        let message = delivered(&ns, true).await?;
        ensure!(message.contains("would show this in 1 of ") && message.contains(" releases"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_version_that_is_as_noisy_as_the_stable_one_is_promoted() -> anyhow::Result<()> {
    with_namespace("noisy", async |ns| delivered(&ns, false).await.map(|_| ())).await
}

#[tokio::test]
async fn a_policy_says_what_its_steps_can_see() -> anyhow::Result<()> {
    with_namespace("sensitivity", async |ns| {
        let app = App::testapp("shop").no_gates().canary([20, 50]).bake("60s").success_rate(99.0).tested();
        let shop = ns.taken_over(&app.noisy(NOISE)).await?;
        let load = Load::on(&ns, &App::testapp("shop")).rate(50).start().await?;
        let said = wait_for("the condition Sensitivity", secs(150), async || {
            let status = shop.get().await?.status.unwrap_or_default();
            match status.conditions.into_iter().find(|c| c.type_ == "Sensitivity" && c.status != "Unknown") {
                Some(condition) => Ok(condition.message),
                None => Err(Seen::yet("it says nothing")),
            }
        })
        .await?;
        println!("{said}");
        let begins = "requests per second these steps find success-rate going from ";
        ensure!(said.contains(begins) && said.contains(" of 100 releases"), "{said}");
        load.stop().await?;
        Ok(())
    })
    .await
}
