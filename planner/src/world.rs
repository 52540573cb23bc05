//! The facts that a plan is made from. They may be out of date the moment they are read.

mod freeze;
mod order;

use std::collections::{BTreeMap, BTreeSet};

use analysis::Batch;
use chrono::{DateTime, Utc};

use crate::{
    emergency::Emergency,
    id::{Digest, RevisionId},
    journal::{Cause, Evidence, Journal, Purpose, RevisionRef},
    picks::Picks,
    policy::Place,
};

pub use freeze::Freeze;
pub use order::{Decision, Order};

/// Everything a plan is made from besides the policy and the time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// The policy is being deleted.
    pub deleting: bool,
    /// The policy carries our finalizer.
    pub finalizer: bool,
    /// Nobody but us has set the policy's `spec.replicas`.
    pub capacity_is_ours: bool,
    /// The namespace is being deleted: nothing can be created in it.
    pub namespace_terminating: bool,
    /// The user's Deployment; `None` when it is gone or going.
    pub workload: Option<Workload>,
    /// The Service that callers use; `None` when it is gone or going.
    pub apex: Option<Apex>,
    /// What the routes do; `None` where shares are numbers of pods.
    pub routes: Option<Routes>,
    /// The revisions that have objects.
    pub revisions: BTreeMap<RevisionId, Revision>,
    /// What is known to serve: from the last finished release, the policy's status or the apex itself.
    pub stable: Option<RevisionRef>,
    /// The release under way, or held; never a finished one.
    pub release: Option<Release>,
    /// The policy says something else than when that release began, as far as a release keeps what it began with.
    pub plan_changed: bool,
    /// The last finished release.
    pub last: Option<Release>,
    /// Finished releases before `last`, oldest first.
    pub history: Vec<PastRelease>,
    /// Digests that failed and nobody asked to try again.
    pub failed: BTreeSet<Digest>,
    /// Runs of the gates' tests.
    pub runs: BTreeMap<RunKey, Run>,
    /// The newest look at the metrics that the journal does not have yet.
    pub look: Option<Batch>,
    /// A webhook ordered the candidate back; which and why, for people.
    pub ordered_back: Option<String>,
    /// Decisions about the active or the last release, oldest first.
    pub decisions: Vec<Decision>,
    /// Policies named in `dependsOn` that are not settled on their own wish, with what they say.
    pub unsettled: BTreeMap<String, String>,
    /// Times in which nothing rises, past and to come too.
    pub freezes: Vec<Freeze>,
    /// Why no release may take the emergency way, if none may.
    pub no_emergency: Option<String>,
    /// The effects of the last pass failed.
    pub failing: bool,
    /// What must be mended by a person before this workload can be taken over or a release can begin.
    pub blockers: Vec<Blocker>,
}

/// The user's Deployment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// `spec.replicas`.
    pub replicas: u32,
    /// Pods it has at all.
    pub pods: u32,
    /// Pods of its newest template that are ready.
    pub ready: u32,
    /// Every pod is of the newest template and ready, and its controller has seen the newest generation.
    pub rolled_out: bool,
    /// `pod-template-hash` of the ReplicaSet of its template, where there is one.
    pub hash: Option<String>,
    /// What it wishes; `None` while that cannot be read (see `blockers`).
    pub wish: Option<Wish>,
}

/// A version that is wished for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The revision.
    pub revision: RevisionRef,
    /// It has been unchanged for the policy's `settle`, and all that it names exists.
    pub settled: bool,
    /// Who wished it, where that is known.
    pub author: Option<String>,
    /// Why it is to take the emergency way, if it is.
    pub emergency: Option<String>,
}

/// The Service that callers use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Apex {
    /// Whom it selects.
    pub selects: Selects,
    /// Names of the ready pods its EndpointSlices list.
    pub endpoints: BTreeSet<String>,
    /// Capacity as the apex remembers it.
    pub capacity: Option<u32>,
    /// It carries our label or annotations.
    pub marked: bool,
}

/// What the routes in front of the Service that callers use do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// What they send past that Service to a candidate, as it is written; the largest of several.
    pub share: Option<Share>,
    /// They do not all say the same.
    pub uneven: bool,
    /// The policy holds the route itself, and it is not there, or not known to be so.
    pub astray: bool,
    /// They have rules of ours that match no request: what makes requests fail when it is added to live traffic, or taken away
    /// from it, is laid down before and taken away after.
    pub asleep: Option<Asleep>,
    /// Nothing fails when such rules come and go at once.
    pub at_once: bool,
    /// Why what is written may not be in force yet, in words.
    pub pending: Option<String>,
    /// Why no share can be written.
    pub trouble: Option<Blocker>,
    /// Who writes them again and again in the middle of a step.
    pub contested: Option<String>,
    /// What proxies do with requests beside sending them.
    pub settings: Settings,
}

/// What proxies do with requests to a Service beside sending them: connection pools, TLS and the like. A revision's own Service has what
/// the one has that callers use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The Service that callers use does not have what the policy gives for it.
    pub apex_differs: bool,
    /// Revisions whose own Service has something else.
    pub differ: BTreeSet<RevisionId>,
    /// Revisions whose own Service has had it for so short a time that not every proxy knows, with when every one does.
    pub known_at: BTreeMap<RevisionId, DateTime<Utc>>,
}

/// Rules that match no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asleep {
    /// For whom what they would pick out.
    pub laid: Vec<(RevisionId, Picks)>,
    /// When every proxy has had time to know them so.
    pub known_at: DateTime<Utc>,
    /// Whether that is over.
    pub known: bool,
}

/// A share of the traffic that routes send to a candidate's own Service; the rest goes to the Service that callers use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The candidate.
    pub candidate: RevisionId,
    /// Of all requests, 0 to 99; 0 only where something is picked out.
    pub percent: u32,
    /// What it gets besides.
    pub picks: Picks,
}

/// Whom the apex Service selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selects {
    /// The user's own keys and none of ours.
    #[default]
    Users,
    /// Members of this revision: `serving.sluice.dev/<id>`.
    Serving(RevisionId),
    /// Pods of this revision and nobody else, members or not.
    Only(RevisionId),
    /// Nobody: before a first version has passed its gates.
    Nobody,
    /// The user's own keys and the pods of one ReplicaSet of the workload.
    Hash(String),
    /// Our keys in a combination that nothing of ours writes.
    Garbled,
}

/// The objects of a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Its full digest.
    pub digest: Digest,
    /// `spec.replicas` of its Deployment; `None` while it has none.
    pub replicas: Option<u32>,
    /// Everything else of it exists: Service, configuration, record.
    pub complete: bool,
    /// Its record exists, so that its Deployment can be made again.
    pub recorded: bool,
    /// Its pods, by name.
    pub pods: BTreeMap<String, Pod>,
    /// It was left serving by a policy that was deleted.
    pub left_serving: bool,
}

/// A pod of a revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// Its Ready condition, false once it is being deleted.
    pub ready: bool,
    /// It has been ready for less than the workload's `minReadySeconds`.
    pub fresh: bool,
    /// It is being deleted.
    pub terminating: bool,
    /// The revisions it answers for.
    pub members_of: BTreeSet<RevisionId>,
    /// What is wrong with it, if something is.
    pub trouble: Option<Trouble>,
}

/// What is wrong with a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// It ran and ended, or runs and is not ready: evidence against the version.
    Failed(String),
    /// It never ran: image, quota, scheduling.
    NotStarted(String),
}

/// A release and its journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// What served when it began.
    pub from: Option<RevisionRef>,
    /// What it delivers.
    pub to: Option<RevisionRef>,
    /// The how-manieth attempt for this revision.
    pub attempt: u32,
    /// Going back to a revision that has passed before.
    pub fast: bool,
    /// Who wished for it, where that was known when it began.
    pub author: Option<String>,
    /// A person went back to `to`, whatever the workload wishes.
    pub rollback: bool,
    /// It was asked to take the emergency way.
    pub emergency: Option<Emergency>,
    /// It is being deleted.
    pub deleting: bool,
    /// Its journal.
    pub journal: Journal,
}

/// A finished release, as far as it matters for cleaning up.
#[derive(Clone, Debug, PartialEq)]
pub struct PastRelease {
    /// Its name.
    pub name: String,
    /// The revision it delivered.
    pub to: Option<RevisionId>,
    /// The digest, where it succeeded: it has passed its gates before.
    pub passed: Option<Digest>,
    /// The revision that a person went back from.
    pub taken_back: Option<RevisionId>,
    /// The attempt it was.
    pub attempt: u32,
}

/// Names one run of a gate's test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunKey {
    /// The gate.
    pub gate: String,
    /// Where it was asked.
    pub at: Place,
    /// The step, counted from 1, with `Place::Step`.
    pub step: Option<u32>,
    /// The run, counted from 1.
    pub attempt: u32,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// It runs, or waits for something that may still come; what, for people.
    Going(String),
    /// The test passed.
    Passed(Evidence),
    /// The test ran and failed.
    Failed(Evidence),
    /// It ended without a verdict: eviction, node loss; why.
    Broken(String),
}

/// Something that a person must mend.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocker {
    /// One word for programs.
    pub reason: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Share {
    /// This share, where there is any.
    pub fn of(candidate: RevisionId, percent: u32, picks: Picks) -> Option<Self> {
        (percent > 0 || !picks.is_none()).then_some(Self { candidate, percent, picks })
    }

    /// Whether it gives the candidate nothing that the other does not give it.
    pub fn within(&self, other: &Self) -> bool {
        self.candidate == other.candidate && self.percent <= other.percent && self.picks.within(&other.picks)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.percent, self.picks.is_none()) {
            (percent, true) => write!(out, "{percent} %"),
            (0, false) => write!(out, "{}", self.picks),
            (percent, false) => write!(out, "{} and {percent} %", self.picks),
        }
    }
}

impl Pod {
    /// Whether it may be given, or keep, the callers of another revision.
    pub fn may_answer(&self, serving: &RevisionId) -> bool {
        self.ready && (!self.fresh || self.members_of.contains(serving))
    }
}

impl Revision {
    /// Names of its ready pods.
    pub fn ready(&self) -> BTreeSet<&str> {
        self.pods.iter().filter(|(_, p)| p.ready).map(|(n, _)| n.as_str()).collect()
    }

    /// How many pods have been ready for the workload's `minReadySeconds`.
    pub fn steady(&self) -> u32 {
        u32::try_from(self.pods.values().filter(|p| p.ready && !p.fresh).count()).unwrap_or(u32::MAX)
    }

    /// The worst trouble of its pods: evidence against the version counts before pods that never ran.
    pub fn trouble(&self) -> Option<(Cause, &str)> {
        let troubles = || self.pods.values().filter_map(|p| p.trouble.as_ref());
        let failed = troubles().find_map(|t| match t {
            Trouble::Failed(m) => Some((Cause::PodsFailed, m.as_str())),
            Trouble::NotStarted(_) => None,
        });
        failed.or_else(|| {
            troubles().find_map(|t| match t {
                Trouble::NotStarted(m) => Some((Cause::PodsNotStarted, m.as_str())),
                Trouble::Failed(_) => None,
            })
        })
    }
}
