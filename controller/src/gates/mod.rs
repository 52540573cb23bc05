//! Conformance Jobs: what is created for a run of a gate's test, and what its objects say.
//!
//! Everything here is pure. One Job answers one run; its name follows from the run, so that a lost answer or a crash never makes a
//! second one, and its annotations carry the run, so that reading back needs no name to be taken apart.
//!
//! A run's life: [`job`] is created; [`read`] says [`planner::world::Run::Going`] until the test ended; then [`wants_log`] names the
//! pod whose log must be fetched, and `read` with that log gives the verdict. A log that cannot be fetched is no reason to wait:
//! `read` without it gives the same verdict, with what the pod's status kept of the log.

mod environment;
mod job;
mod junit;
mod log;
mod name;
mod pod;
mod read;
mod report;
mod tap;
#[cfg(test)]
mod tests;

use chrono::TimeDelta;
use crds::suite::SuiteSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use planner::world::RunKey;

pub use environment::Told;
pub use job::job;
pub use name::{RUN, job_name, key_of};
pub use read::{read, wants_log};
pub use report::summarise;

/// Name of the container that runs the test.
pub const CONTAINER: &str = "test";
/// How many of a log's last lines are worth fetching: the report of a test stands at the end, the counts of TAP may stand before.
pub const LOG_LINES: i64 = 5000;

/// What a Job is made from.
#[derive(Clone, Debug)]
pub struct JobInput<'a> {
    /// The release.
    pub release: &'a str,
    /// Its policy.
    pub policy: &'a str,
    /// UID of the policy.
    pub policy_uid: &'a str,
    /// Namespace of all of them.
    pub namespace: &'a str,
    /// The release as the Job's owner.
    pub owner: OwnerReference,
    /// Which run.
    pub key: &'a RunKey,
    /// The test.
    pub suite: &'a SuiteSpec,
    /// What is left of the gate's timeout.
    pub timeout: TimeDelta,
    /// The revision that is tested.
    pub candidate: Target<'a>,
    /// The revision that serves, where there is one.
    pub stable: Option<Target<'a>>,
    /// Short id of the candidate.
    pub revision: &'a str,
    /// Full digest of the candidate.
    pub digest: &'a str,
    /// The span that the test's own are a part of, in W3C's words.
    pub traceparent: Option<&'a str>,
}

/// A revision's own Service, which never points at another revision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target<'a> {
    /// `name.namespace.svc`.
    pub host: &'a str,
    /// Name (or empty), number, and whether the port says that it speaks HTTP (`appProtocol: http`).
    pub ports: &'a [(String, i32, bool)],
}
