//! Sluice's own decision, taken from the crate as the controller takes it.

use std::collections::BTreeMap;

use analysis::counts::Counts;
use analysis::ingest::{CountBatch, UnixMillis, Window};
use analysis::release::{
    Decision, Entry, ErrorPolicy, Metric, Observed, Plan, Policy, Replay, Settings, Signals, Standing, Step,
};

use crate::rollout::Schedule;

/// The name of the only metric, where there is one.
pub const ERRORS: &str = "errors";

/// A plan over this schedule with one critical metric.
pub fn plan(schedule: &Schedule, policy: ErrorPolicy, change: impl FnOnce(&mut Settings)) -> Plan {
    let policy = Policy::Errors(Box::new(policy));
    plan_of(schedule, vec![Metric { name: ERRORS.into(), critical: true, weight: 1.0, policy }], change)
}

/// A plan over this schedule.
pub fn plan_of(schedule: &Schedule, metrics: Vec<Metric>, change: impl FnOnce(&mut Settings)) -> Plan {
    let step = |(weight, looks): &(f64, usize)| Step { weight: *weight, seconds: *looks as f64 * schedule.seconds };
    let mut settings = Settings {
        steps: schedule.steps.iter().map(step).collect(),
        metrics,
        watch_split: false,
        ..Settings::default()
    };
    change(&mut settings);
    Plan::new(settings).expect("a plan that fits together")
}

/// The window of a look, by its number from 0.
pub fn window(look: usize, seconds: f64) -> Window {
    let at = |look: usize| UnixMillis((look as f64 * seconds * 1_000.0) as i64);
    Window { after: at(look), until: at(look + 1) }
}

/// One look of the journal.
pub fn entry(look: usize, seconds: f64, step: usize, since: usize, observed: BTreeMap<String, Observed>) -> Entry {
    let at = window(look, seconds).until;
    let step_since = window(since, seconds).after;
    Entry { at, step, step_since, observed, signals: Signals::default() }
}

/// What was counted of the only metric.
pub fn counted(look: usize, seconds: f64, counts: Counts) -> BTreeMap<String, Observed> {
    BTreeMap::from([(ERRORS.into(), Observed::Counts(CountBatch { window: window(look, seconds), counts }))])
}

/// The journal of a rollout with one metric.
pub fn journal(schedule: &Schedule, windows: &[Counts]) -> Vec<Entry> {
    observed_journal(schedule, windows, |look, counts| counted(look, schedule.seconds, *counts))
}

/// The journal of a rollout.
pub fn observed_journal<T>(
    schedule: &Schedule,
    windows: &[T],
    observe: impl Fn(usize, &T) -> BTreeMap<String, Observed>,
) -> Vec<Entry> {
    let mut since = 0;
    let mut last = 0;
    let entry = |(look, ((step, _), window)): (usize, ((usize, f64), &T))| {
        if step != last {
            (last, since) = (step, look);
        }
        entry(look, schedule.seconds, step, since, observe(look, window))
    };
    schedule.looks().zip(windows).enumerate().map(entry).collect()
}

/// The number of the first look, from 0, at which the release is rolled back.
pub fn first_rollback(plan: &Plan, journal: &[Entry]) -> Option<usize> {
    let blames = |replay: &Replay| replay.decided().metrics.iter().any(|m| m.tests.iter().any(|test| test.rejected));
    let (from, states) = first(plan, journal, blames)?;
    // A limit that has rejected blames the canary once the stable version keeps it.
    (from..journal.len()).find(|look| states[*look].decided().decision == Decision::Rollback)
}

/// The number of the first look, from 0, at which every metric is proven good enough.
pub fn first_accepted(plan: &Plan, journal: &[Entry]) -> Option<usize> {
    let accepted = |replay: &Replay| replay.decided().metrics.iter().all(|m| m.standing == Standing::Accepted);
    first(plan, journal, accepted).map(|(look, _)| look)
}

/// The first look from which on something is so, which then stays so, and the states after each look. To ask is dear,
/// so the looks 1, 2, 4, 8, ... are asked first.
fn first<'a>(plan: &'a Plan, journal: &[Entry], so: impl Fn(&Replay) -> bool) -> Option<(usize, Vec<Replay<'a>>)> {
    let mut replay = Replay::new(plan);
    let states: Vec<Replay> = journal
        .iter()
        .map(|entry| {
            replay.look(entry);
            replay.clone()
        })
        .collect();
    let (mut low, mut high) = (0, 1);
    while !so(states.get(high - 1)?) {
        if high == states.len() {
            return None;
        }
        (low, high) = (high, (2 * high).min(states.len()));
    }
    // It is so after `high` looks and not after `low`.
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if so(&states[middle - 1]) { high = middle } else { low = middle }
    }
    Some((high - 1, states))
}
