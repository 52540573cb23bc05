//! Gates: places where a release waits for a verdict.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{duration::GoDuration, suite::SuiteSpec};

/// A conformance test that must pass at one place of a release.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.suite) != has(self.job)", "a gate needs either suite (the name of a ConformanceSuite) or job (the test itself), not both"),
    validation = ("!has(self.steps) || self.at == 'step'", "steps limits a gate with at: step; remove steps or set at: step")
)]
pub struct Gate {
    /// Unique in the policy; a lower-case DNS label.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = ("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')", "a gate's name is made of lower-case letters, digits and dashes"))]
    pub name: String,
    /// Where the release waits for it.
    pub at: GateAt,
    /// With `at: step`: the steps it runs in, counted from 1; all steps when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), inner(range(min = 1, max = 32)))]
    pub steps: Option<Vec<i32>>,
    /// A reusable test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<SuiteRef>,
    /// A test given here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<SuiteSpec>,
    /// How long one place may wait for the verdict, all attempts together. Running out of it is no evidence against the version: the release ends Inconclusive.
    #[serde(default = "ten_minutes")]
    pub timeout: GoDuration,
    /// How many failed runs it takes to fail the gate.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub attempts: i32,
    /// Also run when going back to a revision that has passed before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub always_gate: bool,
}

/// A place of a release at which gates are asked.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub enum GateAt {
    /// Before anything of the candidate exists.
    Start,
    /// The candidate runs and gets no live request yet.
    Traffic,
    /// While a step is held.
    Step,
    /// After the last step, before all traffic goes over.
    Promotion,
}

/// Names a ConformanceSuite of the policy's namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SuiteRef {
    /// Its name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

fn ten_minutes() -> GoDuration {
    GoDuration::seconds(600)
}

fn one() -> i32 {
    1
}
