//! Analysis: which metrics are measured against which objectives.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;

/// What is measured while the candidate has live traffic.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// The MetricSource of this namespace to ask; without one of that name, the one in the controller's namespace.
    #[serde(default = "default_source")]
    #[schemars(length(min = 1, max = 63))]
    pub source: String,
    /// How often the metrics are looked at.
    #[serde(default = "fifteen_seconds")]
    #[x_kube(validation = ("!self.matches('^([0-9]{1,6}(ms|s|m|h))+$') || duration(self) >= duration('1s')", "analysis.interval must be at least 1s"))]
    pub interval: GoDuration,
    /// The metrics and their objectives.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = ("self.all(m, self.exists_one(n, n.name == m.name))", "the names of the metrics must be unique"))]
    pub metrics: Vec<Metric>,
    /// When a metric has failed.
    #[serde(default)]
    pub mode: Mode,
    /// What to do when the metrics say nothing.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// A metric and its bound.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.template) || self.name == 'success-rate' || self.name.matches('^latency-p[0-9][0-9]$')", "the built-in metrics are success-rate and latency-p50 to latency-p99; for any other name give template"),
    validation = ("!self.name.startsWith('latency-p') || has(self.template) || has(self.objective.maxDuration)", "a latency needs objective.maxDuration, such as 500ms"),
    validation = ("self.name != 'success-rate' || has(self.template) || has(self.objective.min)", "success-rate needs objective.min, in percent, such as 99")
)]
pub struct Metric {
    /// `success-rate`, `latency-p99` and the like, or a name of your own with a template.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// What is still good.
    pub objective: Objective,
    /// A query of your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateRef>,
}

/// A bound on a number. The bound itself is still good.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.min) || has(self.max) || has(self.maxDuration)", "an objective needs min, max or maxDuration"),
    validation = ("!(has(self.max) && has(self.maxDuration))", "give max or maxDuration, not both"),
    validation = ("!has(self.min) || !has(self.max) || self.min <= self.max", "objective.min must not be above objective.max")
)]
pub struct Objective {
    /// The value must be at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The value must be at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The value, in seconds, must be at most this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<GoDuration>,
}

/// A MetricTemplate with values for its variables.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TemplateRef {
    /// Its name, in the policy's namespace.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Values of its variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::bounded::texts")]
    pub variables: BTreeMap<String, String>,
}

/// The rule by which looks become a verdict.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Mode {
    /// A metric fails after this many looks in a row outside its objective.
    #[serde(default)]
    pub threshold: Threshold,
}

/// Counts failed looks.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Threshold {
    /// How many in a row.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 100))]
    pub failures: i32,
}

impl Default for Threshold {
    fn default() -> Self {
        Self { failures: two() }
    }
}

/// No data, errors and the like hold the release; this says for how long.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OnUnknown {
    /// How long to hold.
    #[serde(default = "ten_minutes")]
    pub hold: GoDuration,
    /// What then.
    #[serde(default)]
    pub then: Then,
}

impl Default for OnUnknown {
    fn default() -> Self {
        Self { hold: ten_minutes(), then: Then::default() }
    }
}

/// What follows a time without evidence.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Then {
    /// The release is Inconclusive: `onInconclusive` says what happens to the traffic.
    #[default]
    Inconclusive,
    /// The candidate is taken back.
    Rollback,
}

fn default_source() -> String {
    "default".into()
}

fn fifteen_seconds() -> GoDuration {
    GoDuration::seconds(15)
}

fn ten_minutes() -> GoDuration {
    GoDuration::seconds(600)
}

fn two() -> i32 {
    2
}
