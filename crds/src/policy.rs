//! RolloutPolicy: how changes to one workload are delivered.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    analysis::Analysis, duration::GoDuration, gate::Gate, policy_status::RolloutPolicyStatus, strategy::Strategy,
    traffic::Traffic, webhook::RollbackWebhook,
};

/// How changes to one workload are delivered.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "sluice.dev", version = "v1alpha1", kind = "RolloutPolicy", plural = "rolloutpolicies",
    shortname = "rp", namespaced, status = "RolloutPolicyStatus", derive = "PartialEq",
    doc = "How changes to one workload are delivered: gates, traffic steps, objectives, and the way back.",
    scale(spec_replicas_path = ".spec.replicas", status_replicas_path = ".status.replicas", label_selector_path = ".status.selector"),
    printcolumn(json_path = ".spec.workload.name", name = "Workload", type_ = "string"),
    printcolumn(json_path = ".status.strategy", name = "Strategy", type_ = "string"),
    printcolumn(json_path = ".status.stable.revision", name = "Stable", type_ = "string"),
    printcolumn(json_path = ".status.candidate.revision", name = "Candidate", type_ = "string"),
    printcolumn(json_path = ".status.weight", name = "Weight", type_ = "integer"),
    printcolumn(json_path = ".status.phase", name = "Status", type_ = "string"),
    printcolumn(json_path = ".status.waiting.message", name = "Waiting for", type_ = "string", priority = 1),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date"),
    validation = ("size(self.metadata.name) <= 40", "a policy's name may have at most 40 characters: names of its revisions, releases and Jobs are made from it"),
    validation = ("!has(self.spec.dependsOn) || !(self.metadata.name in self.spec.dependsOn)", "a policy cannot depend on itself: remove its name from dependsOn")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(self.traffic.service) || !(has(self.strategy.ab) || (has(self.strategy.blueGreen) && has(self.strategy.blueGreen.mirror)) || (has(self.strategy.canary) && has(self.strategy.canary.steps) && self.strategy.canary.steps.exists(s, has(s.match) || has(s.mirror))))", "a plain Service sees connections and not requests, so it can neither match nor copy them: remove ab, match and mirror, or let routes move the traffic"),
    validation = ("!has(self.traffic.linkerd) || !((has(self.strategy.blueGreen) && has(self.strategy.blueGreen.mirror)) || (has(self.strategy.canary) && has(self.strategy.canary.steps) && self.strategy.canary.steps.exists(s, has(s.mirror))))", "Linkerd makes no copies of requests: remove mirror"),
    validation = ("has(self.traffic.istio) || has(self.traffic.gatewayAPI) || !has(self.strategy.canary) || !has(self.strategy.canary.stickiness)", "stickiness is for traffic.istio and traffic.gatewayAPI: plain Services and Linkerd set no cookies; remove stickiness, or match a cookie that your application sets"),
    validation = ("!has(self.traffic.service) || !has(self.strategy.canary) || ((!has(self.strategy.canary.steps) || self.strategy.canary.steps.all(s, s.weight <= 50)) && (!has(self.strategy.canary.linear) || self.strategy.canary.linear.max <= 50))", "a weight is at most 50 on a plain Service: beyond half, the stable version would have to shrink; promotion goes from the last step to 100"),
    validation = ("!has(self.strategy.blueGreen) || !has(self.gates) || self.gates.all(g, g.at != 'step')", "blueGreen has no steps: give its gates at: start, traffic or promotion"),
    validation = ("!has(self.analysis) || !has(self.strategy.canary) || !has(self.strategy.canary.steps) || !self.analysis.interval.matches('^([0-9]{1,6}(ms|s|m|h))+$') || self.strategy.canary.steps.all(s, !s.bake.matches('^([0-9]{1,6}(ms|s|m|h))+$') || duration(s.bake) >= duration(self.analysis.interval))", "every bake must be at least one analysis.interval long, else nothing is measured in that step"),
    validation = ("!has(self.analysis) || !has(self.strategy.canary) || !has(self.strategy.canary.linear) || !self.analysis.interval.matches('^([0-9]{1,6}(ms|s|m|h))+$') || !self.strategy.canary.linear.bake.matches('^([0-9]{1,6}(ms|s|m|h))+$') || duration(self.strategy.canary.linear.bake) >= duration(self.analysis.interval)", "linear.bake must be at least one analysis.interval long, else nothing is measured in a step"),
    validation = ("!has(self.analysis) || self.analysis.measuredBy == 'Application' || !((has(self.strategy.blueGreen) && has(self.strategy.blueGreen.mirror)) || (has(self.strategy.canary) && has(self.strategy.canary.steps) && self.strategy.canary.steps.exists(s, has(s.mirror))))", "proxies count requests and not their copies, so nothing would be known of the candidate while it gets copies alone: remove analysis.measuredBy, or mirror"),
    validation = ("!has(self.analysis) || self.analysis.measuredBy == 'Application' || !has(self.traffic.service)", "analysis.measuredBy names proxies, which tell two versions apart by the Services of a route, and a plain Service has one name for both: remove measuredBy, or name your routes in traffic"),
    validation = ("!has(self.analysis) || self.analysis.measuredBy == 'Application' || has(self.traffic.service) || has(self.traffic.gatewayAPI) || (self.analysis.measuredBy == 'Istio' && has(self.traffic.istio)) || (self.analysis.measuredBy == 'Linkerd' && !has(self.traffic.istio))", "analysis.measuredBy names proxies that know no such routes: with traffic.istio it can be Istio, with traffic.linkerd Linkerd, with traffic.gatewayAPI Istio, EnvoyGateway, Linkerd or Traefik"),
    validation = ("!has(self.gates) || !has(self.strategy.canary) || !has(self.strategy.canary.steps) || self.gates.all(g, !has(g.steps) || g.steps.all(i, i <= size(self.strategy.canary.steps)))", "a gate names a step that the canary does not have; steps are counted from 1"),
    validation = ("!has(self.gates) || !has(self.strategy.canary) || !has(self.strategy.canary.steps) || self.gates.all(g, g.at != 'step' || !has(g.approval) || !has(g.timeout) || !g.timeout.matches('^([0-9]{1,6}(ms|s|m|h))+$') || self.strategy.canary.steps.all(s, !s.bake.matches('^([0-9]{1,6}(ms|s|m|h))+$') || duration(s.bake) <= duration(g.timeout)))", "an approval at: step is asked while the step bakes and must not time out before: give it a timeout of at least the longest bake"),
    validation = ("!has(self.gates) || !has(self.strategy.canary) || !has(self.strategy.canary.linear) || !self.strategy.canary.linear.bake.matches('^([0-9]{1,6}(ms|s|m|h))+$') || self.gates.all(g, g.at != 'step' || !has(g.approval) || !has(g.timeout) || !g.timeout.matches('^([0-9]{1,6}(ms|s|m|h))+$') || duration(self.strategy.canary.linear.bake) <= duration(g.timeout))", "an approval at: step is asked while the step bakes and must not time out before: give it a timeout of at least linear.bake"),
    validation = ("self.firstRevision != 'Gate' || (has(self.replicas) && self.replicas >= 1)", "firstRevision: Gate needs replicas of at least 1, since the workload itself is shipped with replicas: 0"),
    validation = ("self.workload == oldSelf.workload && self.service == oldSelf.service", "workload and service cannot be changed: delete this policy (what serves goes on serving) and create another one")
)]
pub struct RolloutPolicySpec {
    /// The workload whose changes are delivered. It is the wish only: it is scaled to zero and its revisions run in Deployments of their own.
    pub workload: WorkloadRef,
    /// The Service that callers already use. All its ports are carried over.
    pub service: ServiceRef,
    /// Pods for all of the traffic; what an autoscaler changes through the scale subresource. Filled in from the workload when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10000))]
    pub replicas: Option<i32>,
    /// Whether the version that runs when the policy is made is trusted, or passes the gates first.
    #[serde(default)]
    pub first_revision: FirstRevision,
    /// Policies of this namespace that must be settled on their own wish before a release here starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 40)))]
    pub depends_on: Option<Vec<String>>,
    /// How long a change must rest before it counts, so that a Deployment and its ConfigMap applied together are one revision.
    #[serde(default = "five_seconds")]
    pub settle: GoDuration,
    /// What moves the traffic. Exactly one key.
    pub traffic: Traffic,
    /// How the candidate gets traffic. Exactly one key.
    pub strategy: Strategy,
    /// Conformance tests, webhooks and approvals, and where they must pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = ("self.all(g, self.exists_one(h, h.name == g.name))", "the names of the gates must be unique"))]
    pub gates: Option<Vec<Gate>>,
    /// Receivers that are asked, while the candidate has live traffic, whether it is to be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4))]
    #[x_kube(validation = ("self.all(w, self.exists_one(v, v.name == w.name))", "the names of the rollback webhooks must be unique"))]
    pub rollback_webhooks: Option<Vec<RollbackWebhook>>,
    /// What is measured while the candidate has live traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// What happens to the traffic when a release ends without evidence.
    #[serde(default)]
    pub on_inconclusive: OnInconclusive,
    /// What happens when a version fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// How a version is taken back.
    #[serde(default)]
    pub rollback: Rollback,
    /// How long the old revision keeps full capacity after promotion: within it, going back is one write.
    #[serde(default = "ten_minutes")]
    pub warm_for: GoDuration,
    /// Finished releases, and the revisions they speak of, that are kept.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 20))]
    pub history: i32,
    /// How long things may take.
    #[serde(default)]
    pub deadlines: Deadlines,
    /// Which configuration belongs to a revision.
    #[serde(default)]
    pub configs: Configs,
    /// Hold everything but a rollback and the end of a promotion.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

/// A workload of the policy's namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Kinds of workloads.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// apps/v1 Deployment.
    Deployment,
}

/// A Service of the policy's namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRef {
    /// Its name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// What is done with the first version.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FirstRevision {
    /// The running version is stable at once.
    #[default]
    Trust,
    /// The first version passes the gates before it serves; for workloads shipped with `replicas: 0`.
    Gate,
}

/// What happens to the traffic when a release ends without evidence.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnInconclusive {
    /// It stays as it is until a person decides.
    #[default]
    Hold,
    /// The candidate is taken back.
    Rollback,
}

/// What happens when a version fails.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It is taken back and its pods end.
    #[default]
    Rollback,
    /// Its traffic is taken away and its pods are kept until a person decides.
    Hold,
}

/// How a version is taken back.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// How long the pods of a version that failed before it served are kept for looking at.
    #[serde(default = "fifteen_minutes")]
    pub keep_failed_for: GoDuration,
}

impl Default for Rollback {
    fn default() -> Self {
        Self { keep_failed_for: fifteen_minutes() }
    }
}

/// How long things may take.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Deadlines {
    /// How long the pods of a revision may take to become ready.
    #[serde(default = "ten_minutes")]
    pub progress: GoDuration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { progress: ten_minutes() }
    }
}

/// Which configuration belongs to a revision. Secrets are always followed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Configs {
    /// ConfigMaps that the pod template names.
    #[serde(default)]
    pub config_maps: ConfigMode,
}

/// What a change of configuration means.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ConfigMode {
    /// It is a new revision; each revision keeps the content it was tested with.
    #[default]
    Track,
    /// It reaches running revisions as Kubernetes does it, and is no revision.
    Follow,
}

fn five_seconds() -> GoDuration {
    GoDuration::seconds(5)
}

fn ten_minutes() -> GoDuration {
    GoDuration::seconds(600)
}

fn fifteen_minutes() -> GoDuration {
    GoDuration::seconds(900)
}

fn five() -> i32 {
    5
}
