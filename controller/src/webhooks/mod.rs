//! Webhooks: receivers that are asked about a release, beside the loop.
//!
//! What is asked of a gate is answered once: the verdict goes into the journal, and until then it is only remembered here. A controller
//! started anew remembers nothing and asks again, so a receiver is asked at least once; `id` in the body is the same each time.

mod asking;
mod body;
mod meaning;
mod rollback;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use planner::world::{Run, RunKey};
use tokio::task::AbortHandle;

pub use asking::{Question, ask};
pub use body::{About, Asked};
pub use rollback::{Stand, watch};

/// A release that no pass has looked at for so long is gone, with its policy perhaps: one that waits for a person is looked at every
/// five minutes.
const GONE: TimeDelta = TimeDelta::minutes(11);

/// What is being asked, and what was answered.
#[derive(Default)]
pub struct Webhooks {
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// By release and run.
    calls: BTreeMap<(String, RunKey), Call>,
    /// By release and name of a rollback webhook.
    watches: BTreeMap<(String, String), rollback::Watched>,
    /// By release: which webhook ordered it back and why.
    orders: BTreeMap<String, String>,
    /// By release: when a pass last looked at it.
    seen: BTreeMap<String, DateTime<Utc>>,
}

/// One question of a gate.
struct Call {
    /// Namespace and name.
    policy: String,
    /// When the gate was first asked: the same run asked anew is another question.
    since: DateTime<Utc>,
    run: Run,
    _task: Option<Task>,
}

/// Ends with its owner.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Webhooks {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic left maps that are still maps.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of a run that was begun for a gate asked since then; `None` when it was not.
    pub fn run(&self, release: &str, key: &RunKey, since: DateTime<Utc>) -> Option<Run> {
        let memory = self.memory();
        let call = memory.calls.get(&(release.to_owned(), key.clone()))?;
        (call.since == since).then(|| call.run.clone())
    }

    /// Whether a rollback webhook has ordered the release back: which and why.
    pub fn ordered(&self, release: &str) -> Option<String> {
        self.memory().orders.get(release).cloned()
    }

    /// A pass looks at a release.
    pub fn seen(&self, release: &str, at: DateTime<Utc>) {
        self.memory().seen.insert(release.to_owned(), at);
    }

    /// Whether nothing is left of a release to ask about.
    fn gone(&self, release: &str, now: DateTime<Utc>) -> bool {
        self.memory().seen.get(release).is_none_or(|at| now - *at > GONE)
    }

    /// Ends all questions of a release but these.
    pub fn keep(&self, release: &str, runs: &BTreeSet<RunKey>) {
        self.memory().calls.retain(|(of, key), _| of != release || runs.contains(key));
    }

    /// Ends the rollback webhooks of a release.
    pub fn unwatch(&self, release: &str) {
        let mut memory = self.memory();
        memory.watches.retain(|(of, _), _| of != release);
        memory.orders.remove(release);
    }

    /// Ends everything that is asked about a release.
    pub fn forget(&self, release: &str) {
        self.keep(release, &BTreeSet::new());
        self.unwatch(release);
        self.memory().seen.remove(release);
    }

    /// Ends everything that is asked for a policy that is gone, by namespace and name.
    pub fn forget_policy(&self, policy: &str) {
        let mut memory = self.memory();
        memory.calls.retain(|_, call| call.policy != policy);
        memory.watches.retain(|_, watched| watched.policy() != policy);
    }

    /// Says what became of a run, unless somebody has ended its question.
    fn tell(&self, release: &str, key: &RunKey, since: DateTime<Utc>, run: Run) {
        let mut memory = self.memory();
        let call = memory.calls.get_mut(&(release.to_owned(), key.clone())).filter(|call| call.since == since);
        if let Some(call) = call {
            call.run = run;
        }
    }
}
