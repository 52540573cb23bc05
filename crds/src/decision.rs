//! Decision: what a person decided about one release.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A decision is a record: it cannot be changed afterwards, and it is about one revision only.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "Decision",
    plural = "decisions",
    shortname = "dec",
    namespaced,
    derive = "PartialEq",
    doc = "What a person decided about one release: an immutable record.",
    printcolumn(json_path = ".spec.release", name = "Release", type_ = "string"),
    printcolumn(json_path = ".spec.action", name = "Action", type_ = "string"),
    printcolumn(json_path = ".spec.by", name = "By", type_ = "string"),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("self == oldSelf", "a decision cannot be changed: create another one"),
    validation = ("(self.action in ['Approve', 'Reject']) == has(self.gate)", "Approve and Reject need gate, the name of the gate that asks for it; the other actions have none")
)]
pub struct DecisionSpec {
    /// The release it is about.
    #[schemars(length(min = 1, max = 63))]
    pub release: String,
    /// Digest of the revision that was looked at; must be the release's, so that a decision never carries over to another version.
    #[schemars(length(max = 71))]
    #[x_kube(validation = ("self.matches('^sha256:[0-9a-f]{64}$')", "give the full digest, as in the release's spec.to.digest"))]
    pub digest: String,
    /// What to do.
    pub action: DecisionAction,
    /// With Approve and Reject: the gate that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub gate: Option<String>,
    /// Who decided; must be the user who creates this object.
    #[schemars(length(min = 1, max = 253))]
    pub by: String,
    /// Groups of that user that matter for the decision: those that give the right to it, and those that a gate asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub groups: Vec<String>,
    /// Why, for those who read it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub comment: Option<String>,
}

/// What a person can decide.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DecisionAction {
    /// Agree with what a gate asks about.
    Approve,
    /// Refuse it: the candidate is taken back and not tried again by itself.
    Reject,
    /// Hold the release where it is.
    Pause,
    /// Go on after a pause.
    Resume,
    /// End this step's bake, pause and analysis now; never conformance, approvals or capacity.
    SkipStep,
    /// Go straight to promotion; never past conformance, approvals or capacity.
    Promote,
    /// Take the candidate back.
    Abort,
    /// Try a failed, held or inconclusive revision once more.
    Retry,
    /// Go back from the version that was delivered last to the one before it, while that is kept.
    Rollback,
}
