//! What tests do with a cluster.

use std::{sync::Mutex, time::Duration};

use chrono::{DateTime, Utc};
use kube::Client;
use tokio::{sync::Notify, time::sleep};

use super::{
    Arc, Behaviour, Clock, Cluster, Faults, JobOutcome, Moment, Rng, Shared, State, Store, Tasks, Traffic, Wire, World,
    dump, http, object, world,
};

impl Cluster {
    /// An empty cluster with the namespaces `default` and `kube-system`. The runtime's time must be paused.
    pub fn new(seed: u64) -> Self {
        let clock = Clock::start();
        let mut rng = Rng::seeded(seed);
        let dirty = Arc::new(Notify::new());
        let state = State {
            store: Store::new(clock, rng.fork(), dirty.clone()),
            world: World::new(rng.fork()),
            traffic: Traffic::new(rng.fork()),
            faults: Faults::default(),
            log: Vec::new(),
            wire: Wire::default(),
            latency: (Duration::from_millis(1), Duration::from_millis(10)),
            allows: Box::new(|_| true),
            branching: None,
            rng,
        };
        let shared = Shared { state: Mutex::new(state), clock, dirty, crashed: Notify::new() };
        Self { shared: Arc::new(shared), tasks: Arc::new(Tasks::default()) }
    }

    /// Starts the models. Without this the API server is alone.
    pub fn start(&self) {
        self.tasks.add(tokio::spawn(world::run(self.shared.clone())));
    }

    /// A client of a new process of this identity: faults, counts and the log go by the identity, and a crash ends all
    /// clients that were made before it.
    pub fn client(&self, identity: &str) -> Client {
        let caller = http::Caller { identity: identity.to_owned(), deaths: self.shared.lock().faults.deaths(identity) };
        let shared = self.shared.clone();
        let service = tower::service_fn(move |request| http::serve(shared.clone(), caller.clone(), request));
        Client::new(service, "default")
    }

    /// Looks at everything under the lock.
    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let result = look(&mut self.shared.lock());
        self.shared.dirty.notify_one();
        result
    }

    pub fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// The virtual date.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.clock.now()
    }

    /// Virtual time since the cluster began, as records and the log have it.
    pub fn elapsed(&self) -> Moment {
        self.shared.clock.elapsed()
    }

    /// Looks at the objects. Nothing is cloned, and nobody is told.
    pub fn look<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&self.shared.lock().store)
    }

    // --- the models ---

    /// How the pods of an image behave, from now on.
    pub fn behaviour(&self, image: &str, behaviour: Behaviour) {
        self.with(|state| state.world.behaviours.insert(image.to_owned(), behaviour));
    }

    /// What Jobs of an image do; `image arg1 arg2` is for these arguments only.
    pub fn job_outcome(&self, image: &str, outcome: JobOutcome) {
        self.job_outcomes(image, vec![outcome]);
    }

    /// One outcome after the other; the last stays.
    pub fn job_outcomes(&self, image: &str, outcomes: Vec<JobOutcome>) {
        assert!(!outcomes.is_empty(), "an image needs an outcome");
        self.with(|state| state.world.outcomes.insert(image.to_owned(), outcomes.into()));
    }

    /// Makes the containers of a pod crash now.
    pub fn crash_pod(&self, namespace: &str, name: &str) {
        let now = self.elapsed();
        self.with(|state| {
            let uid = state.store.get("pods", namespace, name).map_or("", object::uid).to_owned();
            if let Some(run) = state.world.pods.get_mut(&uid) {
                run.crash(now);
            }
        });
    }

    /// The least and the most time until an EndpointSlice follows its pods.
    pub fn slice_lag(&self, least: Duration, most: Duration) {
        self.with(|state| state.world.slice_lag = (least, most));
    }

    /// The least and the most time until the gateway has accepted a route.
    pub fn route_lag(&self, least: Duration, most: Duration) {
        self.with(|state| state.world.route_lag = (least, most));
    }

    /// The least and the most time that a request to the API server takes.
    pub fn request_lag(&self, least: Duration, most: Duration) {
        self.with(|state| state.latency = (least, most));
    }

    // --- waiting ---

    /// Lets virtual time go by.
    pub async fn advance(&self, time: Duration) {
        sleep(time).await;
    }

    /// Waits in virtual time. Says how long it took; panics with what it saw when the deadline has passed.
    pub async fn advance_until(
        &self,
        what: &str,
        deadline: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Duration {
        let start = self.elapsed();
        while !holds(self) {
            let waited = self.elapsed() - start;
            assert!(
                waited < deadline,
                "{what}: not within {deadline:?} (at {:.3} s)\n{}",
                self.elapsed().as_secs_f64(),
                self.dump(),
            );
            sleep(Duration::from_millis(100)).await;
        }
        self.elapsed() - start
    }

    /// What is there, for messages.
    pub fn dump(&self) -> String {
        dump::dump(&self.shared.lock())
    }
}
