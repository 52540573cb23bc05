//! What every pass needs from outside, and the little that is remembered between passes.
//!
//! Nothing here decides: after a restart all of it is empty, and only some looking is done again.

mod looks;
mod repairs;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use crds::RolloutPolicy;
use futures::channel::mpsc::UnboundedSender;
use kube::runtime::reflector::ObjectRef;
use planner::Digest;
use providers::Made;
use serde_json::Value;

use crate::{
    api::Kube,
    metrics::Measure,
    notify::Notifier,
    outbound::{Egress, Outbound, Post},
    traces::Traces,
    webhooks::Webhooks,
};

use looks::Pending;
pub use looks::Survey;
use repairs::Repair;
pub use repairs::{CONTEST, Contest};

/// The wall clock, or a test's.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What every pass needs.
pub struct Context {
    /// The API server.
    pub kube: Kube,
    /// The time.
    pub clock: Clock,
    /// Where numbers come from.
    pub measure: Arc<dyn Measure>,
    /// Carries requests to receivers that users name.
    pub post: Arc<dyn Post>,
    /// What webhooks are asked, and what they answered.
    pub webhooks: Webhooks,
    /// Wakes the loop for a policy.
    pub wake: UnboundedSender<ObjectRef<RolloutPolicy>>,
    /// What was counted and timed.
    pub telemetry: crate::telemetry::Telemetry,
    /// The pod that acts, for events.
    pub instance: Option<String>,
    /// Who tells people.
    pub notifier: Notifier,
    /// Where spans go.
    pub traces: Traces,
    /// The namespace that the controller itself lives in.
    pub home: String,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// By policy: the wish last seen, and since when.
    wishes: BTreeMap<String, (Digest, DateTime<Utc>)>,
    /// By release: a look that runs, or its result.
    looks: BTreeMap<String, Pending>,
    /// By release: what it waits for, seen first when.
    waits: BTreeMap<String, (String, DateTime<Utc>)>,
    /// By release: since when it has had too few ready pods.
    short: BTreeMap<String, DateTime<Utc>>,
    /// By policy: passes in a row that failed.
    failures: BTreeMap<String, u32>,
    /// By policy: what is known of the requests that it has.
    surveys: BTreeMap<String, Survey>,
    /// By policy or release: when its status was last written.
    told: BTreeMap<String, DateTime<Utc>>,
    /// By policy and decision: why its author may not make it, if they may not.
    reviews: BTreeMap<String, BTreeMap<String, Option<String>>>,
    /// By policy: what was put right.
    contests: BTreeMap<(String, Contest), Vec<Repair>>,
    /// By policy: what came of writing the route that it holds.
    made: BTreeMap<String, Made>,
    /// By policy: a route that the API server refused, when, and why.
    refused: BTreeMap<String, (Value, DateTime<Utc>, String)>,
}

impl Context {
    /// A context that remembers nothing yet.
    pub fn new(
        kube: Kube,
        clock: Clock,
        measure: Arc<dyn Measure>,
        wake: UnboundedSender<ObjectRef<RolloutPolicy>>,
        telemetry: crate::telemetry::Telemetry,
        instance: Option<String>,
    ) -> Self {
        let post = Arc::new(Outbound::new(kube.client(), Egress::default()));
        let home = "sluice-system".into();
        let (webhooks, notifier, traces, memory) = Default::default();
        Self { kube, clock, measure, post, webhooks, wake, telemetry, instance, notifier, traces, home, memory }
    }

    /// With somebody who tells people.
    #[must_use]
    pub fn telling(self, notifier: Notifier) -> Self {
        Self { notifier, ..self }
    }

    /// With somewhere for spans to go.
    #[must_use]
    pub fn traced(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// The same with another carrier.
    pub fn with_post(self, post: Arc<dyn Post>) -> Self {
        Self { post, ..self }
    }

    /// The same in a namespace of another name than usual.
    pub fn in_namespace(self, home: &str) -> Self {
        Self { home: home.into(), ..self }
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A pass that panicked left maps that are still maps.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when a policy's wish has been this one.
    pub fn wish_since(&self, policy: &str, digest: &Digest) -> DateTime<Utc> {
        let now = self.now();
        let mut memory = self.memory();
        let seen = memory.wishes.entry(policy.to_owned()).or_insert_with(|| (digest.clone(), now));
        if seen.0 != *digest {
            *seen = (digest.clone(), now);
        }
        seen.1
    }

    /// How long a release has waited for the same thing. Short waits need not be written down.
    pub fn waited(&self, release: &str, reason: &str) -> TimeDelta {
        let now = self.now();
        let mut memory = self.memory();
        let seen = memory.waits.entry(release.to_owned()).or_insert_with(|| (reason.to_owned(), now));
        if seen.0 != reason {
            *seen = (reason.to_owned(), now);
        }
        now - seen.1
    }

    /// How long a release has had too few ready pods, as this process has seen it. Pods that were just made need a moment.
    pub fn short_for(&self, release: &str, short: bool) -> TimeDelta {
        let now = self.now();
        let mut memory = self.memory();
        if !short {
            memory.short.remove(release);
            return TimeDelta::zero();
        }
        now - *memory.short.entry(release.to_owned()).or_insert(now)
    }

    /// Counts a failed pass; how many in a row it was.
    pub fn failed(&self, policy: &str) -> u32 {
        let mut memory = self.memory();
        let count = memory.failures.entry(policy.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Passes in a row that failed.
    pub fn failures(&self, policy: &str) -> u32 {
        self.memory().failures.get(policy).copied().unwrap_or(0)
    }

    /// A pass went well.
    pub fn went_well(&self, policy: &str) {
        self.memory().failures.remove(policy);
    }

    /// The status of a policy or a release was written.
    pub fn told(&self, object: &str) {
        let now = self.now();
        self.memory().told.insert(object.to_owned(), now);
    }

    /// Whether the status of a policy or a release was written within this time.
    pub fn told_within(&self, object: &str, time: TimeDelta) -> bool {
        let now = self.now();
        self.memory().told.get(object).is_some_and(|at| now - *at < time)
    }

    /// What a review of a decision brought: why its author may not make it, if they may not. `None` before there was one.
    pub fn review(&self, policy: &str, decision: &str) -> Option<Option<String>> {
        self.memory().reviews.get(policy)?.get(decision).cloned()
    }

    /// A decision was reviewed; it waits to be heeded, and is not reviewed in every pass until then.
    pub fn reviewed(&self, policy: &str, decision: &str, refused: Option<String>) {
        self.memory().reviews.entry(policy.to_owned()).or_default().insert(decision.to_owned(), refused);
    }

    /// Forgets the reviews of all other decisions.
    pub fn keep_reviews(&self, policy: &str, decisions: &BTreeSet<&str>) {
        let mut memory = self.memory();
        if let Some(reviews) = memory.reviews.get_mut(policy) {
            reviews.retain(|uid, _| decisions.contains(uid.as_str()));
        }
    }

    /// Forgets what was remembered of a policy that is gone.
    pub fn forget(&self, policy: &str) {
        self.telemetry.forget(policy);
        self.webhooks.forget_policy(policy);
        let mut memory = self.memory();
        memory.wishes.remove(policy);
        memory.failures.remove(policy);
        memory.reviews.remove(policy);
        memory.contests.retain(|(of, _), _| of != policy);
        memory.told.remove(policy);
        memory.surveys.remove(policy);
        memory.made.remove(policy);
        memory.refused.remove(policy);
    }

    /// Forgets what was remembered of a release that has ended.
    pub fn forget_release(&self, release: &str) {
        self.webhooks.forget(release);
        let mut memory = self.memory();
        memory.looks.remove(release);
        memory.waits.remove(release);
        memory.short.remove(release);
        memory.told.remove(release);
    }
}
