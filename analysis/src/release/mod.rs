//! A release as a whole: several metrics, one probability of a false rollback, one decision at each look.
//!
//! Pure over a journal: the state is replayed from the first look on, so that a restart changes no decision and every one
//! can be explained afterwards.
//!
//! Alpha is shared among the critical metrics, and within a metric among its tests; by the union bound a release whose
//! critical metrics are all tolerable is rolled back with probability at most alpha, however often one looks.

mod counted;
mod course;
mod decision;
mod errors;
mod gauges;
mod intake;
mod lint;
mod plan;
mod policy;
mod report;
mod sensitivity;
mod words;

use std::collections::BTreeMap;

pub use decision::{Decision, Signals};
pub use lint::{Warning, lint};
pub use plan::{Metric, Plan, PlanError, Settings, Step};
pub use policy::{ErrorPolicy, GaugePolicy, Policy, Shares, Tolerance};
pub use report::{MetricReport, Standing, Test, TestReport};
pub use sensitivity::{Finding, Remedy, Sensitivity, Sight, sensitivity};

use crate::ingest::{CountBatch, UnixMillis, Window};
use crate::merging::{EValue, e_bh};
use crate::srm::{Split, SplitWatch};
use crate::words::percent;
use crate::{Alpha, Counts};
use counted::Stages;
use decision::Position;
use errors::ErrorTests;
use gauges::GaugeTests;

/// The rate of metrics that are blamed and did not change.
const FALSE_DISCOVERIES: f64 = 0.1;

/// What was counted for a metric at a look, or why nothing was.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// Requests and errors of both arms.
    Counts(CountBatch),
    /// The same where errors can only be bracketed, such as requests over a bound that lies within a bucket.
    Bracket {
        /// The errors that there were at least, against the canary.
        at_least: CountBatch,
        /// Those that there were at most at the canary and at least at the stable version, to prove it good.
        at_most: Counts,
    },
    /// One number per pod.
    Pods(PodValues),
    /// Nothing to be used, in words.
    NoData(String),
}

/// What was measured of each pod in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct PodValues {
    /// When.
    pub window: Window,
    /// Of the canary's pods.
    pub canary: Vec<f64>,
    /// Of the stable version's.
    pub baseline: Vec<f64>,
}

/// One look of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: UnixMillis,
    /// In which step, from 0.
    pub step: usize,
    /// When that began.
    pub step_since: UnixMillis,
    /// By name of the metric; a name that is missing is no data.
    pub observed: BTreeMap<String, Observed>,
    /// What is known beside the metrics.
    pub signals: Signals,
}

/// What was decided at the last look, and on what grounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// What to do.
    pub decision: Decision,
    /// Why, in words.
    pub why: String,
    /// In the order of the plan.
    pub metrics: Vec<MetricReport>,
    /// Of alpha, what the exact tests of the critical metrics have spent.
    pub alpha_used: f64,
    /// Metrics to be looked at first, by name: a tenth of them are there by chance.
    pub blamed: Vec<String>,
}

/// The decision at the last look of the journal.
///
/// Looks that are not later than the one before are left out: the clock went back, or the look was written twice.
pub fn decide(plan: &Plan, journal: &[Entry]) -> Decided {
    let mut replay = Replay::new(plan);
    journal.iter().for_each(|entry| replay.look(entry));
    replay.decided()
}

/// The state between looks; giving it looks one by one is the same as giving all of them to [`decide`].
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    plan: &'a Plan,
    metrics: Vec<Tests<'a>>,
    split: Option<SplitWatch>,
    looks: u32,
    last: Option<Entry>,
}

impl<'a> Replay<'a> {
    /// Before the first look.
    pub fn new(plan: &'a Plan) -> Self {
        let settings = plan.settings();
        let anew = |step: usize| settings.strict || settings.anew == Some(step);
        let stages = Stages::new(settings.steps.iter().enumerate().map(|(i, step)| (step.seconds, anew(i))));
        let tests = |(metric, alpha)| Tests::new(metric, alpha, settings, stages.clone());
        Self { plan, metrics: plan.metrics().map(tests).collect(), split: None, looks: 0, last: None }
    }

    /// One more look. It is left out when it is not later than the one before.
    pub fn look(&mut self, entry: &Entry) {
        if self.last.as_ref().is_some_and(|last| entry.at <= last.at) {
            return;
        }
        if self.last.as_ref().is_none_or(|last| last.step != entry.step) {
            self.looks = 0;
            self.split = SplitWatch::new(self.plan.step(entry.step).weight).ok();
        }
        self.looks = self.looks.saturating_add(1);
        let mut requests = None;
        for (tests, (metric, _)) in self.metrics.iter_mut().zip(self.plan.metrics()) {
            let observed = entry.observed.get(&metric.name);
            tests.look(entry.step, observed);
            requests = requests.or(observed.and_then(Observed::counts).filter(|_| metric.critical));
        }
        if let (Some(split), Some(counts)) = (&mut self.split, requests) {
            split.add(counts.canary.requests(), counts.baseline.requests());
        }
        self.last = Some(entry.clone());
    }

    fn mismatch(&self) -> Option<String> {
        let watched = self.split.as_ref().filter(|_| self.plan.settings().watch_split)?;
        let Split::Mismatch { observed, weight } = watched.split() else { return None };
        let (observed, weight) = (percent(observed), percent(weight));
        Some(format!("{observed} of the requests reach the canary where {weight} should; check the routing"))
    }

    /// The decision at the last look.
    pub fn decided(&self) -> Decided {
        let metrics: Vec<MetricReport> = self.metrics.iter().map(Tests::report).collect();
        let alpha_used = metrics.iter().filter(|metric| metric.critical).map(|metric| metric.used).sum();
        let values: Vec<EValue> = metrics.iter().filter_map(|metric| EValue::from_ln(metric.ln_e).ok()).collect();
        let places = if values.len() == metrics.len() { e_bh(&values, FALSE_DISCOVERIES).ok() } else { None };
        let blamed = places.unwrap_or_default().into_iter().map(|place| metrics[place].name.clone()).collect();
        let (decision, why) = match &self.last {
            None => (Decision::Continue, "not looked at yet".to_owned()),
            Some(last) => {
                let position = Position {
                    plan: self.plan,
                    step: last.step,
                    age: last.at.since(last.step_since) as f64 / 1000.0,
                    looks: self.looks,
                    signals: &last.signals,
                    split: self.mismatch(),
                };
                decision::first_rule(&position, &metrics)
            }
        };
        Decided { decision, why, metrics, alpha_used, blamed }
    }
}

impl Observed {
    fn counts(&self) -> Option<Counts> {
        match self {
            Self::Counts(batch) | Self::Bracket { at_least: batch, .. } => Some(batch.counts),
            Self::Pods(_) | Self::NoData(_) => None,
        }
    }
}

/// The tests of a metric of any kind.
#[derive(Clone, Debug)]
enum Tests<'a> {
    Errors(Box<ErrorTests<'a>>),
    Gauge(Box<GaugeTests<'a>>),
}

impl<'a> Tests<'a> {
    fn new(metric: &'a Metric, alpha: Alpha, settings: &Settings, stages: Stages) -> Self {
        let release = settings.alpha;
        match &metric.policy {
            Policy::Errors(policy) => {
                Self::Errors(Box::new(ErrorTests::new(metric, policy, alpha, release, settings.beta, stages)))
            }
            Policy::Gauge(policy) => Self::Gauge(Box::new(GaugeTests::new(metric, policy, alpha, release, stages))),
        }
    }

    fn look(&mut self, step: usize, observed: Option<&Observed>) {
        match (self, observed) {
            (Self::Errors(tests), Some(Observed::Counts(batch))) => tests.look(step, batch, &batch.counts),
            (Self::Errors(tests), Some(Observed::Bracket { at_least, at_most })) => tests.look(step, at_least, at_most),
            (Self::Gauge(tests), Some(Observed::Pods(values))) => tests.look(step, values),
            (tests, Some(Observed::NoData(why))) => tests.lack(why),
            (tests, None) => tests.lack("it was not asked for"),
            (tests, Some(_)) => tests.lack("what was measured does not suit the metric; check its kind"),
        }
    }

    fn lack(&mut self, why: &str) {
        match self {
            Self::Errors(tests) => tests.lack(why),
            Self::Gauge(tests) => tests.lack(why),
        }
    }

    fn report(&self) -> MetricReport {
        match self {
            Self::Errors(tests) => tests.report(),
            Self::Gauge(tests) => tests.report(),
        }
    }
}

#[cfg(test)]
mod tests;
