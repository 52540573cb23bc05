//! How traffic is moved: the provider and the strategy.

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;

/// What moves the traffic. Exactly one key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.service)", "name what moves the traffic: service: {} for plain Services"))]
pub struct Traffic {
    /// No mesh and no gateway: a share of the traffic is a number of pods behind the plain Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceTraffic>,
}

/// Settings of the plain Service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTraffic {
    /// How long a change of endpoints may take to reach every node.
    #[serde(default = "fifteen_seconds")]
    pub propagation: GoDuration,
    /// How long a pod that has served is kept after its share went to zero, for open connections to end.
    #[serde(default = "thirty_seconds")]
    pub drain: GoDuration,
    /// Refuse a step whose share the number of pods misses by more than this many percentage points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_weight_error: Option<i32>,
}

impl Default for ServiceTraffic {
    fn default() -> Self {
        Self { propagation: fifteen_seconds(), drain: thirty_seconds(), max_weight_error: None }
    }
}

/// How the candidate gets traffic. Exactly one key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("[has(self.canary), has(self.blueGreen), has(self.ab)].filter(x, x).size() == 1", "give exactly one strategy: canary or blueGreen"),
    validation = ("!has(self.ab)", "a plain Service cannot route by header or cookie, so strategy.ab is not possible here: use canary or blueGreen")
)]
pub struct Strategy {
    /// Traffic moves in steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// Traffic moves at once after the gates, and the old version is kept for the way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_green: Option<BlueGreen>,
    /// Refused: needs a provider that routes by header or cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ab: Option<Refused>,
}

/// Steps, written out or by rule. Exactly one of `steps` and `linear`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.steps) != has(self.linear)", "give the steps of the canary either as a list (steps) or by rule (linear)"))]
pub struct Canary {
    /// The steps in order, with strictly rising weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = ("size(self) < 2 || self.map(s, s.weight).isSorted() && self.all(s, self.exists_one(t, t.weight == s.weight))", "the weights of the steps must rise from step to step"))]
    pub steps: Option<Vec<Step>>,
    /// The short form: equal steps up to a maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear: Option<Linear>,
}

/// A share of the traffic, held for a time.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("self.weight >= 1 && self.weight <= 50", "a weight is 1 to 50 on a plain Service: beyond half, the stable version would have to shrink; promotion goes from the last step to 100"),
    validation = ("!has(self.mirror)", "a plain Service cannot copy requests: remove mirror from the step")
)]
pub struct Step {
    /// The candidate's share of new connections, in percent.
    pub weight: i32,
    /// How long the share is held, counted from when it was in force.
    pub bake: GoDuration,
    /// Wait for a Resume decision after the bake.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pause: bool,
    /// Refused: needs a provider that copies requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Refused>,
}

/// Equal steps: `step`, `2 step`, ... up to `max`, never beyond it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("self.step >= 1 && self.step <= self.max", "linear.step must be at least 1 and at most linear.max"),
    validation = ("self.max <= 50", "linear.max is at most 50 on a plain Service: promotion goes from there to 100"),
    validation = ("self.step < 1 || self.max / self.step < 32", "at most 32 steps: give a larger linear.step")
)]
pub struct Linear {
    /// By how much the weight rises.
    pub step: i32,
    /// The last weight before promotion.
    pub max: i32,
    /// How long each step is held.
    pub bake: GoDuration,
}

/// Everything at once.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("!has(self.mirror)", "a plain Service cannot copy requests: remove blueGreen.mirror"))]
pub struct BlueGreen {
    /// How long the new version is watched after the switch; `warmFor` counts where it is longer.
    #[serde(default = "no_time")]
    pub bake: GoDuration,
    /// Refused: needs a provider that copies requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Refused>,
}

/// A field that exists only so that the refusal can say why.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(transparent)]
pub struct Refused(pub serde_json::Value);

impl JsonSchema for Refused {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Refused".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
    }
}

fn fifteen_seconds() -> GoDuration {
    GoDuration::seconds(15)
}

fn thirty_seconds() -> GoDuration {
    GoDuration::seconds(30)
}

fn no_time() -> GoDuration {
    GoDuration::seconds(0)
}
