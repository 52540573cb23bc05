//! Requests to Services and through routes, and what is asked about them.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Cluster, Moment, Record, Settings, Subject,
    traffic::{self, Target},
};

impl Cluster {
    /// Sends requests to a Service from now on.
    pub fn traffic(&self, namespace: &str, service: &str) {
        self.sends_to(Target::Service((namespace.to_owned(), service.to_owned())));
    }

    /// Sends requests to a gateway that has an HTTPRoute for them.
    pub fn traffic_through(&self, namespace: &str, route: &str) {
        self.sends_to(Target::Route((namespace.to_owned(), route.to_owned())));
    }

    fn sends_to(&self, target: Target) {
        let first = self.with(|state| {
            state.traffic.target(target);
            !std::mem::replace(&mut state.traffic.running, true)
        });
        if first {
            self.send_requests();
        }
    }

    pub(super) fn send_requests(&self) {
        self.tasks.add(tokio::spawn(traffic::run(self.shared.clone())));
    }

    /// Ends the requests to a Service, and those through a route of that name.
    pub fn stop_traffic(&self, namespace: &str, name: &str) {
        self.with(|state| state.traffic.untarget(namespace, name));
    }

    pub fn traffic_settings(&self, settings: Settings) {
        self.with(|state| state.traffic.settings = settings);
    }

    /// Answers by image from one moment to another.
    pub fn answers(&self, from: Moment, to: Moment) -> BTreeMap<String, usize> {
        self.shared.lock().traffic.records.by_image(from, to)
    }

    /// Answers by revision.
    pub fn answers_by_revision(&self, from: Moment, to: Moment) -> BTreeMap<String, usize> {
        self.shared.lock().traffic.records.by_revision(from, to)
    }

    /// Requests that got no answer.
    pub fn failures(&self, from: Moment, to: Moment) -> Vec<Record> {
        let state = self.shared.lock();
        state.traffic.records.failures(from, to).into_iter().cloned().collect()
    }

    /// How many requests were made.
    pub fn requests(&self, from: Moment, to: Moment) -> usize {
        self.shared.lock().traffic.records.between(from, to).len()
    }

    /// Per cent of a revision's answers within the last `window` that were good; `None` without an answer.
    pub fn success_rate(&self, namespace: &str, policy: &str, revision: &str, window: Duration) -> Option<f64> {
        let subject = Subject { namespace, policy, revision };
        let now = self.elapsed();
        let state = self.shared.lock();
        state.traffic.records.success_rate(&subject, now.saturating_sub(window), now)
    }

    /// The latency that a share `q` of a revision's answers within the last `window` does not exceed.
    pub fn latency(&self, namespace: &str, policy: &str, revision: &str, q: f64, window: Duration) -> Option<Duration> {
        let subject = Subject { namespace, policy, revision };
        let now = self.elapsed();
        let state = self.shared.lock();
        state.traffic.records.latency(&subject, q, now.saturating_sub(window), now)
    }

    /// A revision's answers after one moment and up to another, and how many of them were errors.
    pub fn counts(&self, namespace: &str, policy: &str, revision: &str, from: Moment, to: Moment) -> (u64, u64) {
        let subject = Subject { namespace, policy, revision };
        self.shared.lock().traffic.records.tally(&subject, from, to)
    }
}
