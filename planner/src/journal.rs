//! The journal of a release: everything that a controller started anew needs to go on.
//!
//! It is the status of the `Release`, and nothing else remembers anything that decides.

mod records;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::{Digest, RevisionId},
    plan::Waiting,
    policy::Place,
};

pub use records::{Approved, EarlyApproval, Evidence, GateRecord, Measured, Orders};

/// What a release is for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Taking over a running workload.
    Adopt,
    /// Delivering a new revision.
    Update,
    /// Giving the workload back when the policy is deleted.
    Remove,
}

/// Where a release stands.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Phase {
    /// Waits to begin: dependencies, `start` gates.
    #[default]
    Pending,
    /// Objects and pods of the candidate come up.
    Preparing,
    /// Conformance tests run; no live traffic.
    Gating,
    /// Live traffic comes in steps.
    Shifting,
    /// All traffic goes over.
    Promoting,
    /// All traffic is over; the old revision is kept for the way back, then drained.
    Warm,
    /// Done.
    Succeeded,
    /// Traffic goes back to the stable revision.
    RollingBack,
    /// The candidate failed and is out.
    RolledBack,
    /// The candidate failed, has no traffic, and its pods wait for a person.
    Held,
    /// No evidence in time.
    Inconclusive,
    /// Something newer, or a person, ended it.
    Superseded,
}

/// A revision as people and other objects name it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RevisionRef {
    /// Short id.
    pub revision: RevisionId,
    /// Full digest.
    pub digest: Digest,
    /// Images of its containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 512)))]
    pub images: Vec<String>,
}

impl RevisionRef {
    /// The revision of this digest.
    pub fn new(digest: Digest, images: Vec<String>) -> Self {
        Self { revision: digest.id(), digest, images }
    }
}

/// The journal.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Where the release stands; absent until the first pass.
    #[serde(default)]
    pub phase: Phase,
    /// When the phase, or within `Shifting` the step, was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered_at: Option<DateTime<Utc>>,
    /// When what the phase or step wants was seen to be so; times of dwelling count from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<DateTime<Utc>>,
    /// In `Shifting`: the step, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Pods are being ended: of the old revision in `Warm`, a quarter at a time; of the candidate in `RollingBack`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub draining: bool,
    /// In `Warm`: the old revision is drained before its time, since something newer waits.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drain_early: bool,
    /// Whether the candidate may have had live requests.
    #[serde(default, skip_serializing_if = "is_false")]
    pub served: bool,
    /// Since when the candidate has had fewer ready pods than it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_since: Option<DateTime<Utc>>,
    /// Since when those that are missing run and are not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unready_since: Option<DateTime<Utc>>,
    /// Shares of the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Verdicts of the gates, in the order in which they were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub gates: Vec<GateRecord>,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Measured::is_empty")]
    pub analysis: Measured,
    /// What people decided that is still in effect.
    #[serde(default, skip_serializing_if = "Orders::is_none")]
    pub orders: Orders,
    /// Why the release is ending, from the moment that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// There was evidence against the version, whatever the release ends as afterwards.
    #[serde(default, skip_serializing_if = "is_false")]
    pub condemned: bool,
    /// In `RollingBack`: the old revision had begun to be drained, so it gets its full capacity back before traffic.
    #[serde(default, skip_serializing_if = "is_false")]
    pub refill: bool,
    /// With `Inconclusive` and traffic held: the phase in which evidence ran out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_in: Option<Phase>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
    /// Why nothing is happening and who can change that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// What happened, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub timeline: Vec<Entry>,
    /// Entries before those of the timeline, which are not kept any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub forgotten: u64,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// The first `most` characters: what is longer than the schema allows would make a status that can never be written.
pub(crate) fn cut(text: impl Into<String>, most: usize) -> String {
    let mut text: String = text.into();
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    text
}

/// The longest timeline that is kept.
pub const TIMELINE: usize = 200;
/// The most looks of one step whose numbers are kept; those that are counted are kept as [`crate::looks`] says.
pub const LOOKS: usize = 30;

/// Shares of the traffic, in percent for the candidate.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// What the policy asks for.
    pub wanted: u32,
    /// What the numbers of pods make of it.
    pub effective: u32,
    /// Candidate pods that answer callers.
    pub members: u32,
    /// Stable pods that answer callers.
    pub stable_pods: u32,
}

/// Why a release ends, and as what.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The phase it ends in.
    pub phase: Phase,
    /// One word for programs.
    pub reason: Cause,
    /// One sentence for people.
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// Why a release ends otherwise than by success.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A conformance test failed, or a webhook said no.
    ConformanceFailed,
    /// An objective was missed.
    AnalysisFailed,
    /// Its pods crashed or did not become ready.
    PodsFailed,
    /// Its pods never started: image, quota, scheduling.
    PodsNotStarted,
    /// A gate gave no verdict in time.
    GateTimeout,
    /// The metrics gave no evidence in time.
    NoEvidence,
    /// A newer version was wished for.
    NewerVersion,
    /// The wish went back to the stable version.
    WishWithdrawn,
    /// A person refused it at a gate, or too few approved in time where that means the same.
    Rejected,
    /// A rollback webhook ordered it back.
    RollbackOrdered,
    /// A person ended it.
    Aborted,
    /// A person ordered another attempt.
    Retried,
    /// The policy was deleted.
    PolicyDeleted,
    /// The workload was deleted.
    WorkloadGone,
    /// The policy was changed before the candidate had live traffic; the release starts over under it.
    PolicyChanged,
}

impl Cause {
    /// Whether it speaks against the version, so that the digest is not tried again by itself.
    pub fn condemns(self) -> bool {
        matches!(
            self,
            Self::ConformanceFailed | Self::AnalysisFailed | Self::PodsFailed | Self::Rejected | Self::RollbackOrdered
        )
    }
}

/// Something that happened.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// One word for programs; also the reason of the event.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// One sentence for people.
    #[schemars(length(max = 512))]
    pub message: String,
}

impl Journal {
    /// Whether nothing more will happen to this release.
    pub fn finished(&self) -> bool {
        self.finished_at.is_some()
    }

    /// Whether the digest must not be tried again before a person says so.
    pub fn condemns(&self) -> bool {
        self.condemned && self.outcome.as_ref().is_none_or(|o| o.reason != Cause::Retried)
    }

    /// Adds to the timeline, dropping the oldest beyond the bound.
    pub fn note(&mut self, at: DateTime<Utc>, reason: &str, message: impl Into<String>) {
        let message = cut(message, 512);
        self.timeline.push(Entry { at, reason: reason.into(), message });
        if self.timeline.len() > TIMELINE {
            self.timeline.remove(0);
            self.forgotten += 1;
        }
    }

    /// How many entries the timeline has had.
    pub fn noted(&self) -> u64 {
        self.forgotten + self.timeline.len() as u64
    }

    /// The entries after the first `known`, each with its number, counted from 1.
    pub fn entries_after(&self, known: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let numbers = self.forgotten + 1..;
        numbers.zip(&self.timeline).filter(move |(number, _)| *number > known)
    }

    /// The record of a gate at a place.
    pub fn gate(&self, name: &str, at: Place, step: Option<u32>) -> Option<&GateRecord> {
        self.gates.iter().find(|g| g.name == name && g.at == at && g.step == step)
    }
}
