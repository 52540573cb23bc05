//! The strategy: how the candidate gets traffic.

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;

/// How the candidate gets traffic. Exactly one key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("[has(self.canary), has(self.blueGreen), has(self.ab)].filter(x, x).size() == 1", "give exactly one strategy: canary or blueGreen"),
    validation = ("!has(self.ab)", "routing by header or cookie is not possible with any provider yet: use canary or blueGreen instead of strategy.ab")
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
    validation = ("self.weight >= 1 && self.weight <= 99", "a weight is 1 to 99: promotion goes from the last step to 100"),
    validation = ("!has(self.mirror)", "copying requests is not possible with any provider yet: remove mirror from the step")
)]
pub struct Step {
    /// The candidate's share, in percent: of new connections, at most 50, on a plain Service; of requests, at most 99, by routes.
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
    validation = ("self.max <= 99", "linear.max is at most 99: promotion goes from there to 100"),
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
#[x_kube(validation = ("!has(self.mirror)", "copying requests is not possible with any provider yet: remove blueGreen.mirror"))]
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

fn no_time() -> GoDuration {
    GoDuration::seconds(0)
}
