//! One thing that happened in a release, with all that a reader needs to act on it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that happened in a release.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// The same whenever it is sent again, and of no other notice: the release's UID and the number.
    pub id: String,
    /// Its place among what happened in the release, counted from 1.
    pub number: u64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What sort of thing happened.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// The timeline's word for it, such as `AnalysisFailed`.
    pub reason: String,
    /// What happened, in a sentence; what a test printed may follow on lines of its own.
    pub message: String,
    /// The cluster, where its name is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The namespace of everything named here.
    pub namespace: String,
    /// The policy.
    pub policy: String,
    /// The Deployment whose changes are delivered.
    pub workload: String,
    /// The Release.
    pub release: String,
    /// Its UID.
    pub release_uid: String,
    /// The how-manieth attempt for the new version.
    pub attempt: u32,
    /// `Adopt`, `Update` or `Remove`.
    pub purpose: String,
    /// What served when the release began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Version>,
    /// What is delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Version>,
    /// The commit, tag or artefact that the new version was applied from, where GitOps left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Who wished for it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why bakes and analysis were skipped, where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<String>,
    /// Where the release stands, such as `Shifting`.
    pub phase: String,
    /// The step, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// What speaks against the version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// What the reader can do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Next>,
}

/// What sort of thing happened.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A release began.
    Started,
    /// More traffic, or the end of a bake.
    Step,
    /// A gate passed.
    GatePassed,
    /// People are asked.
    ApprovalNeeded,
    /// A person decided something.
    Decision,
    /// All traffic goes over.
    Promoted,
    /// A release ended well.
    Succeeded,
    /// Something speaks against the version; it is being taken back or held.
    Failed,
    /// The version is out.
    RolledBack,
    /// No evidence in time.
    Inconclusive,
    /// Something newer, or a person, ended it.
    Superseded,
    /// Nothing will happen until a person acts.
    Stalled,
    /// Anything else.
    Other,
}

/// How bad it is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Info,
    /// Somebody should look.
    Warning,
    /// A version failed.
    Error,
}

/// A version.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Its short id.
    pub revision: String,
    /// Its full digest.
    pub digest: String,
    /// The images of its containers.
    pub images: Vec<String>,
}

/// A step of a canary.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Counted from 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    /// The candidate's share, in percent.
    pub weight: u32,
}

/// A metric that missed its objective, or a gate that failed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The metric's or gate's name.
    pub what: String,
    /// The candidate's number with its unit, such as `4.1 %`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it should have been, such as `at most 1 %`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
    /// How many requests were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
    /// More of it: a sentence, or the last lines that a test printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Something that the reader can do.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Next {
    /// What it does, such as `to let it go on`.
    pub words: String,
    /// The command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}
