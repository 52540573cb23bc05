//! Metrics that are counted, tested over the whole release.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ci::Interval;
use crate::ingest::{CountBatch, UnixMillis};
use crate::release::{
    self, Entry, ErrorPolicy, MetricReport, Observed, PlanError, Policy, Replay, Settings, Signals, Standing, Step,
    Test, TestReport, Tolerance,
};
use crate::words::thousands;
use crate::{Alpha, Arm, Batch, MetricJudgement, Past, Rate, Sample, Verdict};

/// How metrics that are counted are tested.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential {
    /// The tests and how they share the probability of a false rollback.
    pub plan: release::Plan,
    /// Requests that the candidate must have had in a step before it may end.
    pub min_requests: u64,
}

/// A metric that is counted, as a policy states it.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedMetric {
    /// Unique.
    pub name: String,
    /// The share of requests that its objective lets fail.
    pub limit: Option<Rate>,
    /// How much worse than the stable version the candidate may be.
    pub tolerance: Tolerance,
}

/// What the tests of one metric say.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    /// The candidate's requests since its first live traffic.
    pub candidate: Tally,
    /// The stable version's in the same time.
    pub stable: Tally,
    /// The least level of the whole release at which this metric would have rolled it back by now.
    pub p: f64,
    /// What of `falseRollback` the metric may spend in the whole release.
    pub alpha: f64,
    /// What of that the exact tests have spent so far.
    pub alpha_used: f64,
    /// Each test by itself.
    #[schemars(length(max = 8))]
    pub tests: Vec<TestSaid>,
}

/// What was counted of one version, and its rate of errors with a 95 % interval that holds at all looks at once.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Requests.
    pub requests: u64,
    /// Those that failed, or took too long.
    pub errors: u64,
    /// In percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Lower end of the interval, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Its upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// What one test says.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TestSaid {
    /// `Comparison` and `Evidence` are against the stable version, `Objective` and `History` against a fixed rate, `Floor` is
    /// the rate below which nothing is rolled back.
    #[schemars(length(max = 16))]
    pub test: Cow<'static, str>,
    /// The least level at which it would have rejected the candidate by now.
    pub p: f64,
    /// Natural logarithm of the evidence against the candidate.
    pub log_e: f64,
    /// The errors that are tested, each look's cut at what one look may count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<u64>,
    /// So many of them reject the candidate at this look; absent where no number would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<u64>,
}

/// A metric that was tested, and whether it lets a step end that is not the last.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub judgement: MetricJudgement,
    pub steady: bool,
}

impl Sequential {
    /// Tests all metrics with equal parts of the probability of a false rollback. The steps are those with live traffic in
    /// order, the time after promotion as the last: with all of the traffic, it is tested anew.
    ///
    /// # Errors
    ///
    /// [`PlanError`]: no steps, a step without time, no metric, or two of one name.
    pub fn new(
        false_rollback: Alpha,
        steps: Vec<Step>,
        metrics: Vec<CountedMetric>,
        min_requests: u64,
    ) -> Result<Self, PlanError> {
        let metric = |CountedMetric { name, limit, tolerance }| {
            let policy = ErrorPolicy { tolerance, objective: limit, ..ErrorPolicy::default() };
            release::Metric { name, critical: true, weight: 1.0, policy: Policy::Errors(Box::new(policy)) }
        };
        let settings = Settings {
            alpha: false_rollback,
            anew: steps.iter().position(|step| step.weight >= 1.0),
            steps,
            metrics: metrics.into_iter().map(metric).collect(),
            // Pods make the split here; how far off that is, the journal says.
            watch_split: false,
            ..Settings::default()
        };
        Ok(Self { plan: release::Plan::new(settings)?, min_requests })
    }

    /// Whether a metric is counted.
    pub fn counts(&self, name: &str) -> bool {
        self.plan.metrics().any(|(metric, _)| metric.name == name)
    }

    /// Judges all metrics that are counted, over all looks, oldest first.
    pub(crate) fn judge(&self, batches: &[&Batch]) -> Vec<Judged> {
        let past = batches.iter().find(|batch| batch.is_counted()).and_then(|batch| batch.past.as_ref());
        let plan = past.and_then(|past| self.with_past(past));
        let mut replay = Replay::new(plan.as_ref().unwrap_or(&self.plan));
        batches.iter().filter_map(|batch| entry(batch)).for_each(|entry| replay.look(&entry));
        let step = batches.last().map_or(0, |batch| batch.step);
        let here = |name: &str| -> u64 {
            let samples = batches.iter().filter(|b| b.step == step).filter_map(|b| b.samples.get(name)?.counts);
            samples.map(|counted| counted.counts.canary.requests()).sum()
        };
        let last = |name: &str| batches.last().and_then(|batch| batch.samples.get(name));
        let reports = replay.decided().metrics;
        reports.iter().map(|report| self.judged(report, here(&report.name), last(&report.name))).collect()
    }

    /// The tests, with a limit from the service's past for each metric that has one.
    fn with_past(&self, past: &BTreeMap<String, Past>) -> Option<release::Plan> {
        let mut settings = self.plan.settings().clone();
        let beside: f64 = settings.steps.iter().map(|step| step.seconds * (1.0 - step.weight)).sum();
        for metric in &mut settings.metrics {
            let (Policy::Errors(policy), Some(past)) = (&mut metric.policy, past.get(&metric.name)) else { continue };
            policy.history = past.history();
            let usual = policy.history.map(|history| history.usual());
            policy.expected_errors = usual.map(|usual| usual * past.requests_per_second() * beside);
        }
        release::Plan::new(settings).ok()
    }

    fn judged(&self, report: &MetricReport, requests: u64, last: Option<&Sample>) -> Judged {
        let lack = match last {
            None => Some("not looked at yet".to_owned()),
            Some(sample) => sample.unknown.as_ref().map(|unknown| unknown.detail.clone()),
        };
        let few = requests < self.min_requests;
        let against = matches!(report.standing, Standing::Rejected { .. } | Standing::ServiceDegraded { .. });
        let steady = !against && !few && lack.is_none();
        let verdict = match report.standing {
            Standing::Rejected { .. } => Verdict::Fail,
            _ if steady && report.is_sufficient() => Verdict::Pass,
            _ => Verdict::Unknown,
        };
        let message = match lack {
            Some(lack) if report.counts.requests() == 0 || lack.is_empty() => lack,
            Some(lack) => format!("{lack}; so far: {}", report.message),
            None if few && !against => {
                let (have, need) = (thousands(requests), thousands(self.min_requests));
                format!("the candidate had {have} of the {need} requests that a step needs; {}", report.message)
            }
            None => report.message.clone(),
        };
        let judgement = MetricJudgement {
            name: report.name.clone(),
            verdict,
            value: report.counts.canary.rate().map(|rate| digits(100.0 * (1.0 - rate))),
            failures: u32::from(against),
            tested: (report.counts.requests() > 0).then(|| tested(report)),
            message,
        };
        Judged { judgement, steady }
    }
}

/// A look as the tests take it; none where nothing was counted.
fn entry(batch: &Batch) -> Option<Entry> {
    let window = batch.window?;
    let observed = |sample: &Sample| match (&sample.counts, &sample.unknown) {
        (Some(counted), _) => {
            let at_least = CountBatch { window, counts: counted.counts };
            counted.at_most.map_or(Observed::Counts(at_least), |at_most| Observed::Bracket { at_least, at_most })
        }
        (None, unknown) => Observed::NoData(unknown.as_ref().map_or_else(String::new, |u| u.detail.clone())),
    };
    Some(Entry {
        at: UnixMillis::from(batch.at),
        step: usize::try_from(batch.step.saturating_sub(1)).unwrap_or(usize::MAX),
        step_since: window.after,
        observed: batch.samples.iter().map(|(name, sample)| (name.clone(), observed(sample))).collect(),
        signals: Signals::default(),
    })
}

fn tested(report: &MetricReport) -> Tested {
    Tested {
        candidate: tally(report.counts.canary, report.canary_rate),
        stable: tally(report.counts.baseline, report.baseline_rate),
        p: digits(report.p),
        alpha: digits(report.alpha.get()),
        alpha_used: digits(report.used),
        tests: report.tests.iter().map(said).collect(),
    }
}

fn tally(arm: Arm, interval: Option<Interval>) -> Tally {
    let percent = |rate: f64| digits(100.0 * rate);
    Tally {
        requests: arm.requests(),
        errors: arm.errors(),
        percent: arm.rate().map(percent),
        low: interval.map(|i| percent(i.low)),
        high: interval.map(|i| percent(i.high)).filter(|high| high.is_finite()),
    }
}

fn said(report: &TestReport) -> TestSaid {
    let test = match report.test {
        Test::Comparison => "Comparison",
        Test::Evidence => "Evidence",
        Test::History => "History",
        Test::Objective => "Objective",
        Test::Floor => "Floor",
        Test::Ranks => "Ranks",
    };
    let (sum, bound) = report.sum.map_or((None, None), |(sum, bound)| (Some(sum), bound));
    TestSaid { test: test.into(), p: digits(report.p), log_e: digits(report.ln_e), sum, bound }
}

/// Four significant digits: what is stored is read by people. What is not finite could not be stored at all.
fn digits(value: f64) -> f64 {
    const LARGEST: f64 = 1e9;
    let value = if value.is_nan() { 0.0 } else { value.clamp(-LARGEST, LARGEST) };
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
#[path = "sequential_tests.rs"]
mod tests;
