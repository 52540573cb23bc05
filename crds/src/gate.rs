//! Gates: places where a release waits for a verdict.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{duration::GoDuration, suite::SuiteSpec, webhook::Webhook};

/// A conformance test or a webhook that must pass, people who must approve, or a time in which to go on, at one place of a release.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("(has(self.suite) ? 1 : 0) + (has(self.job) ? 1 : 0) + (has(self.webhook) ? 1 : 0) + (has(self.approval) ? 1 : 0) + (has(self.window) ? 1 : 0) == 1", "a gate needs exactly one of suite (the name of a ConformanceSuite), job (the test itself), webhook (who is asked by HTTP), approval (who must agree) and window (when it is open)"),
    validation = ("!has(self.approval) || !has(self.attempts)", "attempts counts the runs of a test: remove it from a gate that asks people"),
    validation = ("!has(self.onTimeout) || has(self.approval)", "onTimeout is for approvals: a test that is late is no evidence against the version"),
    validation = ("!has(self.window) || !(has(self.timeout) || has(self.attempts) || (has(self.alwaysGate) && self.alwaysGate))", "a window is waited for as long as it takes, and never holds the way back: remove timeout, attempts and alwaysGate"),
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
    /// A receiver that is asked by HTTP: 2xx is a pass, 4xx a failure, all else is asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// People who must agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// When the release may go on. It is asked last, and may be at any place; in a step it is what the rise after that step waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// How long one place may wait for the verdict, all attempts together; when absent 10m for a test or a webhook and 24h for an approval. Not for a window, which is waited for as long as it takes. Running out of it is no evidence against the version: the release ends Inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
    /// What it means that not enough people approved in time; Inconclusive when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<OnTimeout>,
    /// How many failed runs of a test, or failures that a webhook answers, it takes to fail the gate; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub attempts: Option<i32>,
    /// Also run when going back to a revision that has passed before. Not for a window, which never holds the way back.
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

/// Who must agree, by Decisions with `action: Approve` and the gate's name. Whoever approves also needs the verb `approve` on releases.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// How many different people.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub approvals: i32,
    /// Members of these groups count. With neither groups nor users, everybody counts who has the right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 253)))]
    pub groups: Option<Vec<String>>,
    /// These users count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 253)))]
    pub users: Option<Vec<String>>,
    /// Whoever changed the workload does not count: the user in its annotation `sluice.dev/author`. While nobody knows who that is, the gate holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_author: bool,
}

/// A time in which a release may go on, again and again. Once it is passed, that it closes takes nothing back.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// When it opens, in local time: a cron expression of five fields, minute, hour, day of the month, month and day of the week, such as `0 9 * * 1-5`.
    #[schemars(length(min = 9, max = 128))]
    #[x_kube(validation = ("self.matches('^[-0-9A-Za-z*/,#?]+( +[-0-9A-Za-z*/,#?]+){4}$')", "schedule is a cron expression of five fields, minute, hour, day of the month, month and day of the week, such as 0 9 * * 1-5"))]
    pub schedule: String,
    /// How long it is open each time, at most 168h: time that goes by, also where clocks are changed meanwhile.
    #[x_kube(validation = ("!self.matches('^([0-9]{1,6}(ms|s|m|h))+$') || (duration(self) > duration('0s') && duration(self) <= duration('168h'))", "a window's duration must be longer than 0s and at most 168h"))]
    pub duration: GoDuration,
    /// Whose clock counts: the IANA name of a time zone, such as Europe/Paris.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
}

/// What it means that not enough people approved in time.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnTimeout {
    /// Nobody has said anything about the version: the release ends without a verdict, and may be retried.
    #[default]
    Inconclusive,
    /// Nobody wants it: as if it had been rejected.
    Reject,
}

impl Gate {
    /// How long one place may wait for the verdict.
    pub fn timeout(&self) -> GoDuration {
        let by_kind = if self.approval.is_some() { GoDuration::seconds(24 * 3600) } else { GoDuration::seconds(600) };
        self.timeout.unwrap_or(by_kind)
    }
}

fn utc() -> String {
    "UTC".into()
}

fn one() -> i32 {
    1
}
