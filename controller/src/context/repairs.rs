//! What was put right, and who had written it; and the routes that policies hold.

use chrono::{DateTime, TimeDelta, Utc};
use providers::Made;
use serde_json::Value;

use super::Context;

/// Within this time, so many repairs of the same thing are a contest.
pub const CONTEST: TimeDelta = TimeDelta::minutes(5);
const CONTESTED: usize = 3;

/// How soon a route that was refused is tried again.
const REFUSED: TimeDelta = TimeDelta::seconds(30);

/// What somebody else may write again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contest {
    /// The workload's replicas, which are zero.
    Replicas,
    /// The backends of routes, in the middle of a step.
    Routes,
}

/// When something was put right, and who had written it.
pub(super) type Repair = (DateTime<Utc>, String);

impl Context {
    /// Something of a policy was put right after this manager had written it.
    pub fn put_right(&self, policy: &str, what: Contest, manager: &str) {
        let now = self.now();
        let mut memory = self.memory();
        let contest = memory.contests.entry((policy.to_owned(), what)).or_default();
        contest.retain(|(at, _)| now - *at < CONTEST);
        contest.push((now, manager.to_owned()));
    }

    /// Who writes it again and again.
    pub fn contested_by(&self, policy: &str, what: Contest) -> Option<String> {
        let now = self.now();
        let memory = self.memory();
        let mut recent =
            memory.contests.get(&(policy.to_owned(), what))?.iter().rev().filter(|(at, _)| now - *at < CONTEST);
        let last = recent.next()?;
        (recent.count() + 1 >= CONTESTED).then(|| last.1.clone())
    }

    /// What came of writing the route that a policy holds; after a restart it is written once more, which changes nothing.
    pub fn made(&self, policy: &str) -> Option<Made> {
        self.memory().made.get(policy).cloned()
    }

    /// The route that a policy holds was written.
    pub fn has_made(&self, policy: &str, made: Made) {
        let mut memory = self.memory();
        memory.refused.remove(policy);
        memory.made.insert(policy.to_owned(), made);
    }

    /// Why the API server refused this route not long ago.
    pub fn refused(&self, policy: &str, route: &Value) -> Option<String> {
        let now = self.now();
        let memory = self.memory();
        let (_, _, why) = memory.refused.get(policy).filter(|(what, at, _)| what == route && now - *at < REFUSED)?;
        Some(why.clone())
    }

    /// The API server refused the route that a policy holds.
    pub fn was_refused(&self, policy: &str, route: &Value, why: String) {
        let now = self.now();
        self.memory().refused.insert(policy.to_owned(), (route.clone(), now, why));
    }
}
