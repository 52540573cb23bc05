//! Analysis: which metrics are measured against which objectives.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;

/// What is measured while the candidate has live traffic.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(self.mode) || self.metrics.all(m, !has(m.versusStable))", "mode.threshold compares with the objective alone: remove versusStable, or remove mode"),
    validation = ("has(self.mode) || self.metrics.all(m, m.name != 'success-rate' || has(m.template) || (has(m.objective.min) && m.objective.min > 0.0 && m.objective.min < 100.0))", "success-rate needs an objective.min above 0 and below 100, such as 99.9: no service answers everything, and at 100 a single failed request would condemn a version; with mode.threshold 100 can be given")
)]
pub struct Analysis {
    /// The MetricSource of this namespace to ask; without one of that name, the one in the controller's namespace.
    #[serde(default = "default_source")]
    #[schemars(length(min = 1, max = 63))]
    pub source: String,
    /// Who counts the requests of the built-in metrics: the application itself, or the proxies in front of it.
    #[serde(default)]
    pub measured_by: MeasuredBy,
    /// How often the metrics are looked at.
    #[serde(default = "fifteen_seconds")]
    #[x_kube(validation = ("!self.matches('^([0-9]{1,6}(ms|s|m|h))+$') || duration(self) >= duration('1s')", "analysis.interval must be at least 1s"))]
    pub interval: GoDuration,
    /// The metrics and their objectives.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = ("self.all(m, self.exists_one(n, n.name == m.name))", "the names of the metrics must be unique"))]
    pub metrics: Vec<Metric>,
    /// The probability that a version which is no worse is rolled back, over the whole release however often is looked; shared by
    /// the built-in metrics.
    #[serde(default = "hundredth")]
    #[x_kube(validation = ("self > 0.0 && self <= 0.5", "analysis.falseRollback must be above 0 and at most 0.5, such as 0.01"))]
    pub false_rollback: f64,
    /// Requests that the candidate must have had in a step before it may end.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000000))]
    pub min_requests: i32,
    /// How far back the service's past is asked for what it usually fails, before a release has live traffic: with few requests it
    /// tells more than the version beside it. `0s` asks for none; what has less than a day of requests has none.
    #[serde(default = "week")]
    #[x_kube(validation = ("!self.matches('^([0-9]{1,6}(ms|s|m|h))+$') || duration(self) == duration('0s') || (duration(self) >= duration('24h') && duration(self) <= duration('168h'))", "analysis.history must be 24h to 168h, or 0s for none"))]
    pub history: GoDuration,
    /// Another rule than sequential tests of the built-in metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What to do when the metrics say nothing.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// Who counts the requests of the built-in metrics.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MeasuredBy {
    /// The application, by the label of its pods.
    #[default]
    Application,
    /// Istio's sidecars, gateways and waypoints, by the Service that the route chose.
    Istio,
    /// Envoy Gateway's proxies, by the backend of the route; it needs a logger that counts.
    EnvoyGateway,
    /// Linkerd's proxies of the callers, by the backend of the route.
    Linkerd,
    /// Traefik, by its own name of the Service.
    Traefik,
}

/// A metric and its bound.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.template) || self.name == 'success-rate' || self.name.matches('^latency-p(0[1-9]|[1-9][0-9])$')", "the built-in metrics are success-rate and latency-p01 to latency-p99; for any other name give template"),
    validation = ("!has(self.versusStable) || !has(self.template)", "versusStable compares the requests of both versions, which are counted for the built-in metrics only: remove it or template"),
    validation = ("!self.name.startsWith('latency-p') || has(self.template) || has(self.objective.maxDuration)", "a latency needs objective.maxDuration, such as 500ms"),
    validation = ("self.name != 'success-rate' || has(self.template) || has(self.objective.min)", "success-rate needs objective.min, in percent, such as 99")
)]
pub struct Metric {
    /// `success-rate`, `latency-p99` and the like, or a name of your own with a template.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// What is still good.
    pub objective: Objective,
    /// How much worse than the stable version is still tolerated; by default a tenth more errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versus_stable: Option<VersusStable>,
    /// A query of your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateRef>,
}

/// How much worse than the stable version beside it a version may be: requests that fail, or take longer than the objective.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.margin) != has(self.marginPercent)", "versusStable needs either margin, in percentage points, or marginPercent, such as 10 for a tenth more errors"),
    validation = ("!has(self.margin) || (self.margin > 0.0 && self.margin < 100.0)", "versusStable.margin must be above 0 and below 100 percentage points, such as 0.5"),
    validation = ("!has(self.marginPercent) || (self.marginPercent >= 0.0 && self.marginPercent <= 1000.0)", "versusStable.marginPercent must be 0 to 1000, such as 10 for a tenth more errors")
)]
pub struct VersusStable {
    /// So many percentage points more of all requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// So many percent more errors: with 10, 1.1 % where the stable version fails 1 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin_percent: Option<f64>,
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

/// Another rule by which looks become a verdict.
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
    #[schemars(range(min = 1, max = 30))]
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

fn week() -> GoDuration {
    GoDuration::seconds(168 * 3600)
}

fn hundredth() -> f64 {
    0.01
}

fn hundred() -> i32 {
    100
}

fn two() -> i32 {
    2
}
