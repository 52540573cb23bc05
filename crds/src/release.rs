//! Release: one attempt to move from a stable revision to a candidate. Its status is the journal.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use planner::{
    Emergency,
    journal::{Journal, Purpose, RevisionRef},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One attempt, under a frozen copy of the policy. Made by the controller only.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "Release",
    plural = "releases",
    shortname = "rel",
    namespaced,
    status = "ReleaseStatus",
    derive = "PartialEq",
    doc = "One attempt to move from a stable revision to a candidate; its status is the journal.",
    printcolumn(json_path = ".spec.policy.name", name = "Policy", type_ = "string"),
    printcolumn(json_path = ".spec.purpose", name = "Purpose", type_ = "string"),
    printcolumn(json_path = ".spec.from.revision", name = "From", type_ = "string"),
    printcolumn(json_path = ".spec.to.revision", name = "To", type_ = "string"),
    printcolumn(json_path = ".status.phase", name = "Phase", type_ = "string"),
    printcolumn(json_path = ".status.split.wanted", name = "Weight", type_ = "integer"),
    printcolumn(json_path = ".status.waiting.message", name = "Waiting for", type_ = "string", priority = 1),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self == oldSelf", "a release cannot be changed: edit the policy, which applies to the next release, or create a Decision"))]
pub struct ReleaseSpec {
    /// Taking over, an update, or giving back.
    pub purpose: Purpose,
    /// The policy it belongs to.
    pub policy: PolicyRef,
    /// The revision that serves when it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RevisionRef>,
    /// The revision it delivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<RevisionRef>,
    /// Who changed the workload, as its annotation `sluice.dev/author` said when the release began; with `rollback` whoever decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub author: Option<String>,
    /// The commit, tag or artefact that the workload was applied from, as its annotation `sluice.dev/source` said when the release began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub source: Option<String>,
    /// The how-manieth attempt for this revision.
    #[schemars(range(min = 1))]
    pub attempt: i32,
    /// The policy's spec as it was when the release began, as canonical JSON.
    #[schemars(length(max = 65536))]
    pub plan: String,
    /// Going back to a revision that has passed before: no bakes, and `traffic` gates only where `alwaysGate` asks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fast: bool,
    /// A person went back to `to`, whatever the workload wishes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rollback: bool,
    /// It was asked to take the emergency way, by the annotation `sluice.dev/emergency` of the pod template, when it began: without steps, windows and freezes, past no test and no approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Emergency>,
}

/// A policy of the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRef {
    /// Its name.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Its UID.
    #[schemars(length(max = 63))]
    pub uid: String,
}

/// The journal of a release, and its conditions.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseStatus {
    /// Generation of the release this speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where it stands, with everything that was found out.
    #[serde(flatten)]
    pub journal: Journal,
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus defines them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::bounded::conditions")]
    pub conditions: Vec<Condition>,
}
