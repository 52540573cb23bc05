//! The strategy: how the candidate gets traffic.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{
    duration::GoDuration,
    picks::{Ab, Mirror, MirrorFirst, RequestMatch, Stickiness, half},
};

/// How the candidate gets traffic. Exactly one key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("[has(self.canary), has(self.blueGreen), has(self.ab)].filter(x, x).size() == 1", "give exactly one strategy: canary, blueGreen or ab"))]
pub struct Strategy {
    /// Traffic moves in steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// Traffic moves at once after the gates, and the old version is kept for the way back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_green: Option<BlueGreen>,
    /// Requests that match go to the candidate, until it is promoted; needs routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ab: Option<Ab>,
}

/// Steps, written out or by rule. Exactly one of `steps` and `linear`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.steps) != has(self.linear)", "give the steps of the canary either as a list (steps) or by rule (linear)"), validation = ("!has(self.stickiness) || !has(self.steps) || self.steps.exists(s, s.weight > 0)", "stickiness keeps those whom a weight has sent to the candidate, and no step has a weight: remove stickiness"))]
pub struct Canary {
    /// The steps in order, with rising weights; those without a weight come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = ("size(self) < 2 || self.map(s, s.weight).isSorted() && self.all(s, s.weight == 0 || self.exists_one(t, t.weight == s.weight))", "the weights of the steps must rise from step to step"))]
    pub steps: Option<Vec<Step>>,
    /// The short form: equal steps up to a maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linear: Option<Linear>,
    /// Callers whom a weight has sent to the candidate stay with it; for traffic.istio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness: Option<Stickiness>,
}

/// What the candidate gets of the traffic, held for a time: a percentage, requests that match, copies.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("(self.weight >= 1 && self.weight <= 99) || (self.weight == 0 && (has(self.match) || has(self.mirror)))", "a weight is 1 to 99: promotion goes from the last step to 100; only a step with match or mirror needs none"),
    validation = ("!has(self.mirror) || (!has(self.match) && self.weight == 0)", "copies are made in a step of their own: remove weight and match from it, or give them in a later step")
)]
pub struct Step {
    /// The candidate's share, in percent: of new connections, at most 50, on a plain Service; of requests, at most 99, by routes.
    #[serde(default)]
    pub weight: i32,
    /// Requests that go to the candidate besides, or instead: those that have all of one entry; needs routes.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8))]
    pub matches: Option<Vec<RequestMatch>>,
    /// With match: how much of the traffic you expect to match, in percent; the candidate gets pods for so much.
    #[serde(default = "half")]
    #[schemars(range(min = 1, max = 100))]
    pub expected: i32,
    /// Requests of which the candidate gets a copy; needs routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// How long the share is held, counted from when it was in force.
    pub bake: GoDuration,
    /// Wait for a Resume decision after the bake.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pause: bool,
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
pub struct BlueGreen {
    /// How long the new version is watched after the switch; `warmFor` counts where it is longer.
    #[serde(default = "no_time")]
    pub bake: GoDuration,
    /// Requests of which the candidate gets a copy before the switch; needs routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorFirst>,
}

fn no_time() -> GoDuration {
    GoDuration::seconds(0)
}
