//! A laboratory: the real controller loop on a cluster in memory, an application with a policy, and what must hold at
//! every write and for every request.

#![allow(dead_code)] // each test crate uses a part of it

pub mod crashes;
mod invariants;
pub mod receivers;
pub mod shop;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use analysis::{
    Arm, Batch, Counted, Counts, Reason, Sample,
    ingest::{UnixMillis, Window},
};
use chrono::DateTime;
use controller::{
    api::Kube,
    context::{Clock, Context},
    metrics::{Counting, Measure, Request, Services, Usual},
    notify::{self, Notifier, Office},
    telemetry::Telemetry,
    traces::Traces,
    watch,
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::cluster::{Branch, Cluster, Store};
use receivers::Receivers;

/// The namespace of everything.
pub const NS: &str = "shop";

/// A cluster with a controller that comes back after every crash.
pub struct Lab {
    /// The cluster.
    pub cluster: Cluster,
    /// What the controller counts and times.
    pub telemetry: Telemetry,
    /// Receivers of webhooks and messages.
    pub receivers: Receivers,
    /// Where spans go.
    pub traces: Traces,
    controller: Option<JoinHandle<()>>,
}

impl Lab {
    /// A cluster with what the chart installs; no controller yet.
    pub fn new(seed: u64) -> Self {
        logging();
        let cluster = Cluster::new(seed);
        cluster.namespace(NS);
        for kind in ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"] {
            cluster.apply(json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
                "metadata": { "name": "sluice-decisions" }, "spec": { "validationActions": ["Deny"] },
            }));
        }
        invariants::watch(&cluster);
        cluster.start();
        Self::on(cluster)
    }

    fn on(cluster: Cluster) -> Self {
        let receivers = Receivers::new(&cluster);
        Self { cluster, telemetry: Telemetry::default(), receivers, traces: Traces::default(), controller: None }
    }

    /// Goes on where the controller has crashed.
    pub fn resume(branch: Branch) -> Self {
        Self::on(Cluster::resume(branch, "controller"))
    }

    /// Starts the controller. When its process dies, it comes back after `pause`.
    pub fn controller(self, pause: Duration) -> Self {
        self.controller_in(Duration::ZERO, pause)
    }

    /// The same, for the first time after a while.
    pub fn controller_in(mut self, first: Duration, pause: Duration) -> Self {
        let (cluster, telemetry, receivers) = (self.cluster.clone(), self.telemetry.clone(), self.receivers.clone());
        let traces = self.traces.clone();
        self.controller = Some(tokio::spawn(async move {
            tokio::time::sleep(first).await;
            while cluster.until_crash(process(&cluster, &telemetry, &receivers, &traces)).await.is_err() {
                tokio::time::sleep(pause).await;
            }
        }));
        self
    }

    /// Ends the controller for good.
    pub fn stop_controller(&mut self) {
        if let Some(task) = self.controller.take() {
            task.abort();
        }
    }

    /// Waits in virtual time; panics with what is there.
    pub async fn until(&self, what: &str, holds: impl FnMut(&Cluster) -> bool) {
        self.cluster.advance_until(what, Duration::from_secs(600), holds).await;
    }

    /// The policy's phase.
    pub async fn until_phase(&self, phase: &str) {
        self.until(&format!("the policy is {phase}"), |c| self::phase(c) == phase).await;
    }

    /// Waits until a policy is settled on an image.
    pub async fn until_settled_on(&self, image: &str) {
        self.until(&format!("settled on {image}"), |c| {
            c.look(|store| {
                let status = store.get("rolloutpolicies", NS, "shop").and_then(|p| p.get("status"));
                let says = |pointer, what: &str| status.and_then(|s| s.pointer(pointer)).is_some_and(|s| s == what);
                says("/phase", "Settled") && says("/stable/images/0", image)
            })
        })
        .await;
    }

    /// No request failed and nothing that must never happen did.
    pub fn nothing_went_wrong(&self) {
        let (from, to) = (Duration::ZERO, self.cluster.elapsed());
        let failures = self.cluster.failures(from, to);
        let asked = self.cluster.requests(from, to);
        let shown: Vec<_> = failures.iter().take(10).map(ToString::to_string).collect();
        assert!(
            failures.is_empty(),
            "{} of {asked} requests failed:\n{}\n{}",
            failures.len(),
            shown.join("\n"),
            self.cluster.dump()
        );
        let violations = self.cluster.violations();
        assert!(violations.is_empty(), "{}\n{}", violations.join("\n"), self.cluster.dump());
    }

    /// Answers by image since the beginning.
    pub fn answers(&self) -> BTreeMap<String, usize> {
        self.cluster.answers(Duration::ZERO, self.cluster.elapsed())
    }

    /// Nothing is written while nothing is left to do.
    pub async fn is_quiet(&self) {
        self.cluster.stop_traffic(NS, "shop");
        // Longer than failed pods are kept for looking at.
        self.cluster.advance(Duration::from_secs(1200)).await;
        let before = self.cluster.writes("controller");
        self.cluster.advance(Duration::from_secs(3600)).await;
        let after = self.cluster.writes("controller");
        assert_eq!(before, after, "something is written although nothing is left to do\n{}", self.cluster.dump());
    }

    /// What matters at the end, to compare two histories.
    pub fn outcome(&self) -> Value {
        let c = &self.cluster;
        let phases: BTreeMap<_, _> = c
            .list("releases", NS)
            .iter()
            .map(|r| (name(r), r.pointer("/status/phase").cloned().unwrap_or_default()))
            .collect();
        let replicas: BTreeMap<_, _> =
            c.list("deployments", NS).iter().map(|d| (name(d), d["spec"]["replicas"].clone())).collect();
        let selector = c.get("services", NS, "shop").map(|s| s["spec"]["selector"].clone());
        let route = c.get("httproutes", NS, "shop").map(|r| r["spec"].clone());
        let members: Vec<_> = c
            .list("pods", NS)
            .iter()
            .filter_map(|p| p.pointer("/metadata/labels").cloned())
            .map(|l| l.as_object().map(|l| l.keys().filter(|k| k.starts_with("serving.")).cloned().collect::<Vec<_>>()))
            .collect();
        json!({
            "policy": phase(c), "releases": phases, "replicas": replicas,
            "selector": selector, "route": route, "members": members,
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop_controller();
    }
}

/// One process of the controller: everything it remembers ends with it.
fn process(cluster: &Cluster, telemetry: &Telemetry, receivers: &Receivers, traces: &Traces) -> BoxFuture<'static, ()> {
    let client = cluster.client("controller");
    let (wake, woken) = futures::channel::mpsc::unbounded();
    let clock = cluster.clock();
    let clock: Clock = Arc::new(move || clock.now());
    let measure = Arc::new(Numbers(cluster.clone()));
    let context = Context::new(Kube::new(client.clone()), clock.clone(), measure, wake, telemetry.clone(), None);
    let (notifier, happenings) = Notifier::new(Some("lab".into()));
    let office = Office {
        kube: Kube::new(client.clone()),
        post: Arc::new(receivers.clone()),
        clock,
        telemetry: telemetry.clone(),
        namespace: "sluice-system".into(),
        cluster: Some("lab".into()),
    };
    let context = context.with_post(Arc::new(receivers.clone())).telling(notifier).traced(traces.clone());
    let telling = notify::run(Arc::new(office), client.clone(), happenings);
    let delivering = watch::run(client, Arc::new(context), woken).for_each(|()| std::future::ready(()));
    async move {
        tokio::select! {
            () = delivering => {}
            () = telling => {}
        }
    }
    .boxed()
}

/// Metrics from the requests that were really made.
struct Numbers(Cluster);

impl Measure for Numbers {
    fn measure<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Batch> {
        if self.0.get("httproutes", &request.namespace, &request.service).is_some() {
            self.services_lead_to_their_versions(request);
        }
        let window = request.window.to_std().unwrap_or_default();
        let sample = |name: &str| {
            let (policy, revision) = (&request.policy, &request.revision);
            let value = match name {
                "success-rate" => self.0.success_rate(&request.namespace, policy, revision, window),
                _ => self.0.latency(&request.namespace, policy, revision, 0.99, window).map(|l| l.as_secs_f64()),
            };
            value.map_or_else(|| Sample::unknown(Reason::NoData, "no requests"), Sample::value)
        };
        let counted = request.counting.as_ref().map(|counting| {
            let window = Window { after: counting.after, until: request.at.into() };
            let sample = self.counts(request, counting, window);
            (window, sample.unwrap_or_else(|| Sample::unknown(Reason::NoData, "no requests")))
        });
        let sample = |name: &str| counted.as_ref().map_or_else(|| sample(name), |(_, sample)| sample.clone());
        let samples = request.analysis.metrics.iter().map(|m| (m.name.clone(), sample(&m.name))).collect();
        let window = counted.as_ref().map(|(window, _)| *window);
        async move { Batch { at: request.at, window, step: 0, past: None, samples } }.boxed()
    }

    fn usual<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Usual> {
        let (to, window) = (self.0.elapsed(), request.window.to_std().unwrap_or_default());
        let from = to.saturating_sub(window);
        let (all, errors) = self.0.counts(&request.namespace, &request.policy, &request.revision, from, to);
        let usual = Usual {
            requests_per_second: Some(all as f64 / window.as_secs_f64()),
            errors: (all > 0).then(|| errors as f64 / all as f64),
        };
        async move { usual }.boxed()
    }

    fn scrape_interval<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Duration> {
        async { Duration::from_secs(1) }.boxed()
    }
}

impl Numbers {
    /// A proxy that knows a version by this Service counts no other one's requests under its name.
    fn services_lead_to_their_versions(&self, request: &Request) {
        let behind = |service: &str| self.0.look(|store| invariants::behind(store, service));
        let Services { measured, stable } = &request.services;
        let only = |version: &str| BTreeSet::from([version.to_owned()]);
        assert_eq!(behind(measured), only(&request.revision), "behind {measured}, in {request:?}");
        let Some(stable) = stable else {
            assert!(request.counting.as_ref().is_none_or(|counting| !counting.both), "{request:?}");
            return;
        };
        let old = behind(stable);
        assert!(old.len() == 1 && !old.contains(&request.revision), "{old:?} behind {stable}, in {request:?}");
        if let Some(counting) = &request.counting {
            assert_eq!(old, counting.stable.as_deref().map(only).unwrap_or_default(), "{request:?}");
        }
    }

    /// Requests of both versions and those that failed; `None` without any of the candidate.
    fn counts(&self, request: &Request, counting: &Counting, window: Window) -> Option<Sample> {
        let moment = |at: UnixMillis| self.0.clock().moment(DateTime::from_timestamp_millis(at.0).unwrap());
        let of = |revision: &str| {
            let (from, to) = (moment(window.after), moment(window.until));
            let (all, errors) = self.0.counts(&request.namespace, &request.policy, revision, from, to);
            Arm::new(all, errors).unwrap()
        };
        let stable = counting.stable.as_deref().map_or_else(Arm::default, of);
        let candidate = of(&request.revision);
        (candidate.requests() > 0).then(|| Sample::counts(Counted::exactly(Counts::new(candidate, stable))))
    }
}

/// The policy's phase as its status says it.
pub fn phase(cluster: &Cluster) -> String {
    cluster.look(|store| phase_of(store.get("rolloutpolicies", NS, "shop")))
}

/// The newest release.
pub fn release(cluster: &Cluster) -> Option<Value> {
    cluster.look(|store| newest(store).cloned())
}

/// The phase of the newest release, as a word.
pub fn release_phase(cluster: &Cluster) -> String {
    cluster.look(|store| phase_of(newest(store)))
}

fn phase_of(object: Option<&Value>) -> String {
    let phase = object.and_then(|o| o.pointer("/status/phase")?.as_str());
    phase.unwrap_or_default().to_owned()
}

fn newest(store: &Store) -> Option<&Value> {
    store.list("releases").max_by_key(|r| {
        let sequence = r.pointer("/metadata/annotations/sluice.dev~1sequence").and_then(Value::as_str);
        sequence.and_then(|s| s.parse::<u64>().ok())
    })
}

fn name(object: &Value) -> String {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Prints what the controller does when `RUST_LOG` is set.
pub fn logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).without_time().with_test_writer().try_init();
}
