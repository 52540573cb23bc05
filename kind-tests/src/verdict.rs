//! A version with one percent more errors than a stable one that is noisy, and one that is as noisy.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::journal::{Cause, Phase};
use serde_json::json;

use crate::{app::App, load::Load, namespace::Namespace, wait::secs};

/// Half a percent of the requests fail at every version, each by itself, at an objective of 99 %.
pub const NOISE: f64 = 0.005;
/// Requests per second, each on a connection of its own, one half of them to the candidate. Over the bake that finds one percent
/// more in 9,999 of 10,000 releases, and in 998 of 1,000 when the machine brings 80, as the condition Sensitivity reckons.
const RATE: u32 = 100;
const BAKE: &str = "240s";

/// How a release was decided.
#[derive(Debug)]
pub struct Delivered {
    /// The sentence of the verdict.
    pub message: String,
    /// From the change of the workload to the end.
    pub took: Duration,
}

/// Of the noisy version's releases at most this part is taken back: a test must not fail now and then.
const FALSE_ROLLBACK: f64 = 0.001;

/// The application with its success rate counted and tested; without a conformance test, which would meet an error too.
pub fn app(name: &str) -> App {
    let app = App::testapp(name).no_gates().canary([50]).bake(BAKE).success_rate(99.0).tested();
    app.policy("/analysis/falseRollback", json!(FALSE_ROLLBACK))
}

/// Delivers a version that is as noisy, which must be promoted, or one percent worse, which must be taken back.
///
/// # Errors
///
/// When it is decided otherwise, or not within eight minutes, or a request failed otherwise than by the versions' own errors.
pub async fn delivered(ns: &Namespace, worse: bool) -> Result<Delivered> {
    let name = if worse { "worse" } else { "noisy" };
    let shop = ns.taken_over(&app(name).noisy(NOISE)).await?;
    let load = Load::on(ns, &app(name)).rate(RATE).fresh(1.0).start().await?;
    let began = Instant::now();
    let release = shop.update(&app(name).version("1.1.0").noisy(if worse { NOISE + 0.01 } else { NOISE })).await?;
    let (stable, candidate) = (release.stable().await?, release.candidate().await?);
    let ends = if worse { Phase::RolledBack } else { Phase::Succeeded };
    let journal = release.ends_within(ends, secs(480)).await?;
    let took = began.elapsed();
    load.stop().await?.no_request_failed_but_by(&[&stable, &candidate])?;
    let measured = journal.analysis.metrics.first().context("a metric")?;
    let tested = measured.tested.as_ref().context("what was counted")?;
    println!("{name}: {:.0} s: {} {}", took.as_secs_f64(), measured.message, serde_json::to_string(tested)?);
    if worse {
        let outcome = journal.outcome.context("an outcome")?;
        ensure!(outcome.reason == Cause::AnalysisFailed && outcome.message.contains(&measured.message), "{outcome:?}");
        ensure!(tested.p <= tested.alpha, "it was taken back at {}, with {} to spend", tested.p, tested.alpha);
    }
    ensure!(tested.alpha_used <= tested.alpha, "{tested:?}");
    Ok(Delivered { message: measured.message.clone(), took })
}
