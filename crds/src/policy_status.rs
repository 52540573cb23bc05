//! What a policy says about itself; all of it follows from the releases and the cluster.

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use planner::{Waiting, journal::RevisionRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a policy says about itself.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct RolloutPolicyStatus {
    /// Generation of the policy this speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The workload as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadStatus>,
    /// `canary` or `blueGreen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub strategy: Option<String>,
    /// One word for what is going on: a phase of the release, `Settled`, or a reason why nothing can start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub phase: Option<String>,
    /// The revision that serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<RevisionRef>,
    /// The revision that is being tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<RevisionRef>,
    /// The candidate's share of the traffic in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
    /// The release under way, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub release: Option<String>,
    /// Pods that serve.
    #[serde(default)]
    pub replicas: i32,
    /// Label selector of the pods that serve, for autoscalers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub selector: Option<String>,
    /// Why nothing is happening and who can change that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Digests that failed and are not started again without a Retry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub failed: Vec<FailedDigest>,
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them; `Sensitivity`: what the metrics can see in these steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::bounded::conditions")]
    pub conditions: Vec<Condition>,
}

/// The workload as last seen.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    /// Generation of the workload this status speaks of.
    pub observed_generation: i64,
    /// Digest of what it wishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71))]
    pub digest: Option<String>,
    /// ConfigMaps whose content belongs to its revisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 253)))]
    pub config_maps: Vec<String>,
}

/// A digest that failed.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FailedDigest {
    /// The digest.
    #[schemars(length(max = 71))]
    pub digest: String,
    /// The release in which it failed.
    #[schemars(length(max = 63))]
    pub release: String,
    /// When.
    pub at: DateTime<Utc>,
}
