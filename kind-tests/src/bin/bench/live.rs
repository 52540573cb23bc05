//! One application under load: taken over, a good release, a bad one.

use anyhow::Result;
use apps::{clock, report::Report};
use chrono::{DateTime, Utc};
use crds::journal::Journal;
use kind_tests::{prelude::*, program::SLUICE};

use crate::{
    column::{Cell, Column},
    figure::Figure,
    laps::Laps,
    pods::Pods,
    progress::say,
    trail::{Trail, kinds},
};

/// The application's name, and so its Service's and policy's.
pub const NAME: &str = "shop";
/// The waits of the policy, in seconds: what a change must rest, each step's bake, and the propagation in each step.
const SETTLE: f64 = 1.0;
const BAKE: f64 = 10.0;
const PROPAGATION: f64 = 2.0;
const STEPS: f64 = 4.0;
/// Seconds that a release may take beyond them.
const BEYOND: f64 = 1.5;

/// Four pods that serve on for 3 s after SIGTERM, as podinfo does; four steps; one metric, looked at every 10 s.
pub fn app() -> App {
    App::testapp(NAME)
        .drains("3s")
        .canary([20, 30, 40, 50])
        .bake("10s")
        .success_rate(99.0)
        .policy("/analysis/interval", "10s".into())
        .no_gates()
}

/// The application under load.
pub struct Live {
    /// Its policy.
    pub shop: Policy,
    /// The load on it.
    pub laps: Laps,
}

/// Takes it over.
///
/// # Errors
///
/// When that does not end.
pub async fn take_over(ns: &Namespace, column: &mut Column) -> Result<Live> {
    say("take-over of a running workload");
    ns.deployed(&app()).await?;
    let mut laps = Laps::start(ns, &app(), NAME).await?;
    let shop = ns.policy_for(&app()).await?;
    shop.settled_on("1.0.0").await?;
    column.put(Figure::TakeOver, failed(laps.lap("take-over").await?.failed));
    Ok(Live { shop, laps })
}

/// A good version in four steps: failed requests, time, pods and writes.
///
/// # Errors
///
/// When it is not promoted.
pub async fn good(live: &mut Live, column: &mut Column) -> Result<()> {
    say("a good version in 4 steps of 10 s");
    let ns = live.shop.ns.clone();
    let (trail, pods) = (Trail::of(&SLUICE)?, Pods::follow(&ns).await?);
    let began = clock::unix_ms();
    let release = live.shop.update(&app().version("1.1.0")).await?;
    release.ends_as(Phase::Succeeded).await?;
    live.shop.settled_on("1.1.0").await?;
    column.put(Figure::Promotion, failed(live.laps.lap("promotion").await?.failed));

    let took = live.laps.last_of("1.0.0").await?.saturating_sub(began) as f64 / 1000.0;
    let beyond = took - SETTLE - STEPS * BAKE;
    let note = format!("({:.1} and {STEPS} x {PROPAGATION} s of propagation)", beyond - STEPS * PROPAGATION);
    say(&format!("  {took:.1} s from the change to the last answer of the old version"));
    column.put(Figure::Beyond, Cell::decimal(beyond).note(&note).met(beyond < BEYOND + STEPS * PROPAGATION));

    let started = pods.more();
    column.put(Figure::Pods, Cell::count(started).met(started == 4));
    let writes = writes(&trail, &ns)?;
    let met = writes.number.is_some_and(|n| n < 20.0);
    column.put(Figure::Writes, writes.met(met));
    Ok(())
}

/// A version that fails one request in three: how long users meet it.
///
/// # Errors
///
/// When it is not taken back.
pub async fn bad(live: &mut Live, column: &mut Column) -> Result<()> {
    const BAD: &str = "1.2.0";
    say("a bad version, looked at every 10 s, two failed looks needed");
    let steps = Recorder::start(&live.shop.ns);
    let release = live.shop.update(&app().version(BAD).errors(1.0 / 3.0)).await?;
    let journal = release.ends_as(Phase::RolledBack).await?;
    column.put(Figure::Rollback, failed(live.laps.lap_but("rollback", BAD).await?.failed));

    let report = live.laps.report().await?;
    let bad = seconds_of_bad_answers(&report, BAD).context("a bad answer")?;
    let after_look = ((bad.last_ms as f64 - millis(second_look(&journal)?)) / 1000.0).max(0.0);
    let of_it = |s: &&kind_tests::recorder::Stay| s.release == release.name;
    let raised = steps.stays().iter().filter(of_it).any(|s| s.step.is_some_and(|step| step > 1));
    let share = if raised { "the share was RAISED" } else { "share never raised" };
    let note = format!("({} answers; 2nd look + {after_look:.1} s; {share})", bad.answers);
    column.put(Figure::Bad, Cell::decimal(bad.seconds).note(&note).met(!raised && after_look <= 2.0));

    live.shop.wish(&app().version("1.1.0")).await?;
    live.shop.settled_on("1.1.0").await?;
    live.laps.lap("back-to-good").await?;
    Ok(())
}

/// The answers with an error that users got of a version.
pub struct BadAnswers {
    /// How many.
    pub answers: usize,
    /// From the first to the last.
    pub seconds: f64,
    /// The last, in Unix milliseconds.
    pub last_ms: u64,
}

/// Those of this version; nothing when there are none.
pub fn seconds_of_bad_answers(report: &Report, version: &str) -> Option<BadAnswers> {
    let at: Vec<_> = report.error_answers.iter().filter(|e| e.version == version).map(|e| e.at_ms).collect();
    let (first, last_ms) = (*at.iter().min()?, *at.iter().max()?);
    Some(BadAnswers { answers: at.len(), seconds: (last_ms - first) as f64 / 1000.0, last_ms })
}

/// What was written in a namespace; leases are elsewhere, events are counted apart.
///
/// # Errors
///
/// When the audit log cannot be read.
pub fn writes(trail: &Trail, ns: &Namespace) -> Result<Cell> {
    let requests = trail.requests()?;
    let (events, writes): (Vec<_>, Vec<_>) =
        requests.iter().filter(|r| r.is_write() && r.namespace == ns.name).partition(|r| r.is_of_event());
    say(&format!("  writes: {}", kinds(writes.iter().copied())));
    Ok(Cell::count(writes.len() as u64).note(&format!("(and {} events)", events.len())))
}

/// When the look was taken that decided.
fn second_look(journal: &Journal) -> Result<DateTime<Utc>> {
    let left = journal.timeline.iter().find(|e| e.reason == "AnalysisFailed");
    let told = || journal.timeline.iter().map(|e| e.reason.as_str()).collect::<Vec<_>>().join(", ");
    Ok(left.with_context(|| format!("finding the failed look in the timeline, which has {}", told()))?.at)
}

/// Failed requests, of which there should be none.
pub fn failed(count: u64) -> Cell {
    Cell::count(count).met(count == 0)
}

/// Unix milliseconds.
pub fn millis(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64
}
