//! A cluster in memory: an API server under the real `kube::Client`, models of what runs on it, requests that go through
//! it, and the faults that a test asks for. One seed, one history; tokio's paused clock is the only time.
//!
//! ```ignore
//! #[tokio::test(start_paused = true)]
//! async fn a_release_serves() {
//!     let cluster = Cluster::new(7);
//!     cluster.behaviour("web:2", Behaviour::healthy().failing(0.05));
//!     cluster.start();
//!     cluster.namespace("shop");
//!     cluster.apply(json!({"apiVersion": "apps/v1", "kind": "Deployment", ...}));
//!     cluster.traffic("shop", "web");
//!     let controller = tokio::spawn(run(cluster.client("controller")));
//!     cluster.advance_until("web is ready", Duration::from_secs(60), |c| {
//!         c.get("deployments", "shop", "web").is_some_and(|d| d["status"]["readyReplicas"] == 4)
//!     }).await;
//! }
//! ```
//!
//! `Cluster` is a cheap handle. Its methods take a lock for a moment and never wait, except those that are `async`; an
//! observer or an admission function is called under that lock and must use only what it is given.
#![allow(dead_code)] // each test crate uses a part of it

pub mod apply;
pub mod behaviour;
mod branch;
pub mod clock;
mod defaults;
mod delete;
mod deployments;
mod disturb;
mod dump;
mod endpoints;
pub mod failure;
pub mod faults;
mod fields;
pub mod gateway;
mod harness;
mod http;
mod jobs;
pub mod kinds;
mod measure;
pub mod object;
mod objects;
mod observers;
mod patch;
mod path;
mod pod_status;
mod pods;
pub mod records;
mod replicasets;
mod request;
mod scale;
pub mod selector;
pub mod store;
mod texts;
pub mod traffic;
mod watch;
mod world;
mod write;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::Value;
use tokio::{sync::Notify, task::JoinHandle};

#[allow(unused_imports)] // as above
pub use self::{
    behaviour::{Behaviour, Ending, JobOutcome},
    branch::Branch,
    clock::{Clock, Moment, Rng},
    failure::Failure,
    faults::{Crash, Fault},
    http::Entry,
    kinds::{Key, Kind},
    observers::Write,
    records::{Cause, Outcome, Record, Records, Subject},
    store::Store,
    traffic::{INSIDER, Settings},
};
use self::{branch::Branching, faults::Faults, texts::Wire, traffic::Traffic, world::World};

/// Everything that changes.
pub struct State {
    pub store: Store,
    pub world: World,
    pub traffic: Traffic,
    pub faults: Faults,
    pub log: Vec<Entry>,
    wire: Wire,
    rng: Rng,
    /// The least and the most time that a request takes.
    latency: (Duration, Duration),
    /// Answers access reviews, given their `spec`.
    allows: Box<dyn FnMut(&Value) -> bool + Send>,
    branching: Option<Branching>,
}

impl State {
    fn request_lag(&mut self) -> Duration {
        let (least, most) = self.latency;
        self.rng.between(least, most)
    }

    /// The process of an identity dies: its requests hang and its watches end.
    fn crash(&mut self, crash: Crash) {
        self.faults.kill(&crash.identity);
        self.store.hub.cut(&crash.identity);
        self.faults.crashes.push(crash);
    }
}

/// What the tasks of a cluster share.
pub struct Shared {
    state: Mutex<State>,
    pub clock: Clock,
    /// Told after every change of the store.
    pub dirty: Arc<Notify>,
    /// Told at every crash point.
    pub crashed: Notify,
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in one test task must not hide what the others saw.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The tasks of a cluster, which end with its last handle.
#[derive(Default)]
struct Tasks(Mutex<Vec<JoinHandle<()>>>);

impl Tasks {
    fn add(&self, task: JoinHandle<()>) {
        self.0.lock().unwrap().push(task);
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in self.0.lock().unwrap().drain(..) {
            task.abort();
        }
    }
}

/// A cluster. See the module's documentation.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
    tasks: Arc<Tasks>,
}
