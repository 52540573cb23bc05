//! What the numbers say: pure functions from evidence to verdicts.
//!
//! No I/O, no clock, no randomness: after a restart the journal is replayed and says the same.
//!
//! The controller asks [`judge`], which counts failed looks. [`release`] decides by sequential tests whose probability of
//! rolling a good version back is stated for the whole release; the controller does not ask it yet. It takes counts from
//! [`ingest`] and [`histogram`], gauges from [`gauge`], and combines the exact test of [`xtest`], the evidence of
//! [`eproc`] and the limits of [`history`]; [`power`] says what a plan can see. [`kayenta`] is the peers' judge.
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
pub mod merging;
mod objective;
pub mod phi;
pub mod power;
pub mod release;
pub mod special;
pub mod srm;
pub mod values;
mod words;
pub mod xtest;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use counts::{Arm, Counts};
pub use objective::Objective;
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

/// The metrics of a release and the rule by which looks become a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In the order of the policy.
    pub metrics: Vec<Metric>,
    /// A metric fails after this many failed looks in a row; at least 1.
    pub failures: u32,
}

/// A metric and its bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Unique in the plan.
    pub name: String,
    /// What is still good.
    pub objective: Objective,
}

/// What was measured at one look.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// When the metrics were read; the samples lie wholly in the window before.
    pub at: DateTime<Utc>,
    /// By name of the metric.
    #[schemars(extend("maxProperties" = 16))]
    pub samples: BTreeMap<String, Sample>,
}

/// One number, or why there is none. Never both, never neither.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The value, finite; percent for a success rate, seconds for a latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
}

impl Sample {
    /// A number; anything that is not finite is no evidence.
    pub fn value(value: f64) -> Self {
        if value.is_finite() {
            Self { value: Some(value), unknown: None }
        } else {
            Self::unknown(Reason::NotANumber, format!("the query answered {value}"))
        }
    }

    /// No number, and why; the detail is cut at 256 characters.
    pub fn unknown(reason: Reason, detail: impl Into<String>) -> Self {
        let detail: String = detail.into().chars().take(256).collect();
        Self { value: None, unknown: Some(Unknown { reason, detail }) }
    }
}

/// Why there is no number.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// The kind of lack.
    pub reason: Reason,
    /// In words.
    #[schemars(length(max = 256))]
    pub detail: String,
}

/// Kinds of lack of evidence.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The query gave no series: no traffic, or nothing scraped.
    NoData,
    /// NaN or infinite.
    NotANumber,
    /// More than one series where one number was asked for.
    ManySeries,
    /// The metrics server could not be asked, refused, or answered something else.
    ProviderError,
    /// The query or its source is wrong or missing.
    Misconfigured,
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
    /// What its last look says, and those before.
    pub verdict: Verdict,
    /// The last value, where the last look gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Failed looks in a row.
    #[serde(default)]
    pub failures: u32,
    /// One sentence for people.
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// What the evidence says at this look: per metric and for the release. Pure; the journal holds every batch since the step was in force.
pub fn judge(plan: &Plan, journal: &[Batch], look: Look) -> Judgement {
    let seen: Vec<&Batch> = journal.iter().filter(|b| b.at <= look.at).collect();
    let metrics: Vec<_> = plan.metrics.iter().map(|m| objective::judge(m, plan.failures, &seen)).collect();
    let verdict = if metrics.iter().any(|m| m.verdict == Verdict::Fail) {
        Verdict::Fail
    } else if metrics.iter().all(|m| m.verdict == Verdict::Pass) {
        Verdict::Pass
    } else {
        Verdict::Unknown
    };
    Judgement { verdict, metrics }
}
