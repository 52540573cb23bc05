//! What a plan consists of: effects with absolute values, the next journal, and why nothing is happening.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    emergency::Emergency,
    id::RevisionId,
    journal::{Journal, Purpose, RevisionRef, cut},
    world::{RunKey, Selects, Share},
};

/// What is waited for while no pod of the stable revision is ready.
pub const STABLE_NOT_READY: &str = "StableNotReady";
/// What is waited for until the routes' own status says that they are carried out.
pub const ROUTE_PENDING: &str = "RoutePending";
/// What is waited for until a window opens.
pub const WINDOW: &str = "Window";
/// What is waited for until a freeze is over.
pub const FROZEN: &str = "Frozen";
/// What is waited for until every node has had time to learn who answers.
pub const PROPAGATION: &str = "Propagation";

/// What to do next. Actions are performed in order, up to the first that fails; then, if all went well, the journal is
/// written if it changed. Doing a plan twice equals doing it once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Effects, in order.
    pub actions: Vec<Action>,
    /// The active release's journal as it should be; `None` without an active release.
    pub journal: Option<Journal>,
    /// Journals between the active release's and that one, oldest first: moves that are not written down by themselves.
    pub between: Vec<Journal>,
    /// Why nothing is happening and who can change that.
    pub waiting: Option<Waiting>,
    /// Look again after this time even if nothing happens.
    pub requeue: Option<TimeDelta>,
}

/// One effect, idempotent, with absolute values and a deterministic name.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Put the finalizer on the policy.
    AddFinalizer,
    /// Write the policy's `spec.replicas`, while nobody but us does.
    FillReplicas(u32),
    /// Create a release.
    CreateRelease(NewRelease),
    /// Create what is missing of a revision: record, configuration copies, Service, Deployment with this many pods.
    /// A revision without a record is cut from the user's Deployment, whose digest must still be this.
    EnsureRevision {
        /// The revision.
        revision: RevisionRef,
        /// Pods of a Deployment that is created now; an existing one is left alone.
        replicas: u32,
    },
    /// Set the number of pods of a revision.
    ScaleRevision {
        /// The revision.
        revision: RevisionId,
        /// Pods.
        replicas: u32,
    },
    /// Let exactly these pods of `candidate` answer for `stable`.
    SetMembers {
        /// Whose callers are answered.
        stable: RevisionId,
        /// Whose pods answer too.
        candidate: RevisionId,
        /// The pods, by name.
        pods: BTreeSet<String>,
    },
    /// Write whom the apex selects, with our label and annotations; `Selects::Users` takes all of ours off again.
    SetApex {
        /// Whom.
        selects: Selects,
        /// What the annotation says is the capacity.
        capacity: u32,
    },
    /// Make the route that the policy holds, or put it right, with the share that it has.
    MakeRoute,
    /// Let the routes send this share to the candidate's own Service, and the rest, or all, to the Service that callers use.
    SetRoutes(Option<Share>),
    /// Lay down the rules that this share takes, such that they match no request yet.
    LayRoutes(Share),
    /// Take out the rules that match no request any more.
    TidyRoutes,
    /// Let proxies treat the Service that callers use as the policy says; a revision's own Service, where one is named, as that.
    EnsureSettings(Option<RevisionId>),
    /// Set the number of pods of the user's Deployment.
    ScaleWorkload(u32),
    /// Start a run of a gate's test.
    StartRun(RunKey),
    /// Delete every object of a revision.
    DeleteRevision(RevisionId),
    /// Delete everything of a revision but what serves, and mark the rest as left serving.
    LeaveServing(RevisionId),
    /// Delete a finished release.
    DeleteRelease(String),
    /// Take the finalizers off the policy and its releases: the last thing of a removal.
    ReleaseFinalizers,
}

/// A release to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRelease {
    /// What for.
    pub purpose: Purpose,
    /// What serves.
    pub from: Option<RevisionRef>,
    /// What is delivered.
    pub to: Option<RevisionRef>,
    /// The how-manieth attempt for `to`.
    pub attempt: u32,
    /// Going back to a revision that has passed before.
    pub fast: bool,
    /// Who wished for it, where that is known.
    pub author: Option<String>,
    /// A person goes back to `to`, whatever the workload wishes.
    pub rollback: bool,
    /// It is asked to take the emergency way.
    pub emergency: Option<Emergency>,
}

/// Why nothing is happening and who can change that.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// One word for programs.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// One sentence for people.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When it ends by itself, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Nothing will happen until a person acts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stalled: bool,
}

impl Waiting {
    /// It may last for days, and what ends it wakes whoever waits, or is known.
    pub(crate) fn is_long(&self) -> bool {
        self.stalled || self.reason == WINDOW || self.reason == FROZEN
    }

    /// Goes on by itself.
    pub fn for_it(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: cut(reason, 64), message: cut(message, 1024), until: None, stalled: false }
    }

    /// Goes on by itself at a known time.
    pub fn until(reason: &str, message: impl Into<String>, until: DateTime<Utc>) -> Self {
        Self { until: Some(until), ..Self::for_it(reason, message) }
    }

    /// Needs a person.
    pub fn for_person(reason: &str, message: impl Into<String>) -> Self {
        Self { stalled: true, ..Self::for_it(reason, message) }
    }
}

/// What happened with what to do about it in its first line; what a test printed follows.
pub(crate) fn advised(happened: &str, then: &str) -> String {
    match happened.split_once('\n') {
        Some((first, rest)) => format!("{first}; {then}\n{rest}"),
        None => format!("{happened}; {then}"),
    }
}

impl Plan {
    /// Effects first; the journal keeps what was learned.
    pub(crate) fn act(actions: Vec<Action>, journal: Journal) -> Self {
        Self { actions, journal: Some(journal), ..Self::default() }
    }

    /// The journal moved on.
    pub(crate) fn moved(mut journal: Journal) -> Self {
        journal.waiting = None;
        Self { journal: Some(journal), ..Self::default() }
    }

    /// Nothing to do now; the journal says why.
    pub(crate) fn wait(waiting: Waiting, mut journal: Journal) -> Self {
        journal.waiting = Some(waiting.clone());
        Self { journal: Some(journal), waiting: Some(waiting), ..Self::default() }
    }

    /// Nothing to do and no release.
    pub(crate) fn idle(waiting: Waiting) -> Self {
        Self { waiting: Some(waiting), ..Self::default() }
    }
}
