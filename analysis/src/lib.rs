//! What the numbers say: pure functions from evidence to verdicts.
//!
//! No I/O, no clock, no randomness: after a restart the journal is replayed and says the same.
//!
//! The controller asks [`judge`]. Metrics that are counted go to [`release`], which decides by sequential tests whose
//! probability of rolling a good version back is stated for the whole release; others fail after so many looks in a row
//! outside their objective. [`release`] takes counts from [`ingest`] and [`histogram`], gauges from [`gauge`], and
//! combines the exact test of [`xtest`], the evidence of [`eproc`] and the limits of [`history`]; [`power`] says what a
//! plan can see. [`kayenta`] is the peers' judge.
#![forbid(unsafe_code)]

pub mod accept;
pub mod burn;
pub mod ci;
pub mod counts;
pub mod eproc;
pub mod gauge;
pub mod histogram;
pub mod history;
pub mod ingest;
pub mod kayenta;
mod look;
pub mod merging;
pub mod moved;
mod objective;
pub mod phi;
pub mod power;
pub mod release;
mod sequential;
pub mod special;
pub mod srm;
pub mod values;
mod words;
pub mod xtest;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use counts::{Arm, Counts};
pub use look::{Batch, Counted, Past, Reason, Sample, Unknown};
pub use objective::Objective;
pub use sequential::{CountedMetric, Sequential, Tally, TestSaid, Tested};
pub use values::{Alpha, Invalid, Kappa, Phi, Progress, Rate, Ratio};

/// What evidence says. Only `Pass` opens a gate; `Unknown` holds; `Fail` is final for the revision.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verdict {
    /// The evidence is in favour.
    Pass,
    /// The evidence is against.
    Fail,
    /// There is no evidence, or not enough.
    #[default]
    Unknown,
}

/// The metrics of a release and the rules by which looks become a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In the order of the policy.
    pub metrics: Vec<Metric>,
    /// A metric that is not counted fails after this many failed looks in a row; at least 1.
    pub failures: u32,
    /// How the metrics that are counted are tested; those it does not name are judged by their objective alone.
    pub sequential: Option<Sequential>,
}

/// A metric and its bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Unique in the plan.
    pub name: String,
    /// What is still good.
    pub objective: Objective,
}

/// Which look is judged: everything up to and including its time counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// The time of the look.
    pub at: DateTime<Utc>,
}

/// What the evidence says at a look.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// For the release: `Fail` if any metric fails, `Pass` if all pass.
    pub verdict: Verdict,
    /// Whether a step that is not the last one may end: nothing speaks against the candidate, and it had its requests.
    pub steady: bool,
    /// By metric, in the order of the plan.
    pub metrics: Vec<MetricJudgement>,
}

/// What the evidence says of one metric.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MetricJudgement {
    /// The metric.
    #[schemars(length(max = 63))]
    pub name: String,
    /// What all its looks say.
    pub verdict: Verdict,
    /// The last value, where the last look gave one; of a metric that is counted, the candidate's so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Failed looks in a row.
    #[serde(default)]
    pub failures: u32,
    /// What the tests of a metric that is counted say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tested: Option<Tested>,
    /// One sentence for people.
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// What the evidence says at this look: per metric and for the release. Pure; the journal holds the counts of every look since
/// live traffic began, and every number since the step was in force.
pub fn judge(plan: &Plan, journal: &[Batch], look: Look) -> Judgement {
    let seen: Vec<&Batch> = journal.iter().filter(|b| b.at <= look.at).collect();
    let tested = plan.sequential.as_ref().map(|s| s.judge(&seen)).unwrap_or_default();
    let mut steady = true;
    let mut judged = |metric: &Metric| match tested.iter().find(|t| t.judgement.name == metric.name) {
        Some(tested) => {
            steady &= tested.steady;
            tested.judgement.clone()
        }
        None => {
            let judged = objective::judge(metric, plan.failures, &seen);
            steady &= judged.verdict == Verdict::Pass;
            judged
        }
    };
    let metrics: Vec<_> = plan.metrics.iter().map(&mut judged).collect();
    let verdict = if metrics.iter().any(|m| m.verdict == Verdict::Fail) {
        Verdict::Fail
    } else if metrics.iter().all(|m| m.verdict == Verdict::Pass) {
        Verdict::Pass
    } else {
        Verdict::Unknown
    };
    Judgement { verdict, steady, metrics }
}
