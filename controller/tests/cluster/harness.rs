//! What tests do with a cluster.

use std::{collections::BTreeMap, future::Future, sync::Mutex, time::Duration};

use chrono::{DateTime, Utc};
use kube::Client;
use serde_json::{Value, json};
use tokio::{sync::Notify, time::sleep};

use super::{
    Arc, Behaviour, Clock, Cluster, Crash, Entry, Failure, Fault, Faults, JobOutcome, Key, Kind,
    Moment, Record, Rng, Settings, Shared, State, Store, Subject, Tasks, Traffic, World, Write,
    dump, http, object, patch, store::By, traffic, world,
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
            latency: (Duration::from_millis(1), Duration::from_millis(10)),
            latency_of: BTreeMap::new(),
            allows: Box::new(|_| true),
            rng,
        };
        let shared = Shared {
            state: Mutex::new(state),
            clock,
            dirty,
            crashed: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
            tasks: Arc::new(Tasks::default()),
        }
    }

    /// Starts the models. Without this the API server is alone.
    pub fn start(&self) {
        self.tasks.add(tokio::spawn(world::run(self.shared.clone())));
    }

    /// A client of a new process of this identity: faults, counts and the log go by the identity, and a crash ends all
    /// clients that were made before it.
    pub fn client(&self, identity: &str) -> Client {
        let caller = http::Caller {
            identity: identity.to_owned(),
            deaths: self.shared.lock().faults.deaths(identity),
        };
        let shared = self.shared.clone();
        let service = tower::service_fn(move |request| {
            http::serve(shared.clone(), caller.clone(), request)
        });
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

    /// The least and the most time that a request to the API server takes.
    pub fn request_lag(&self, least: Duration, most: Duration) {
        self.with(|state| state.latency = (least, most));
    }

    // --- objects, as the user `user` and without delay ---

    pub fn namespace(&self, name: &str) {
        self.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    }

    /// One object, by the name of its resource.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.shared.lock().store.get(resource, namespace, name).cloned()
    }

    /// The objects of a resource; of all namespaces if none is given.
    pub fn list(&self, resource: &str, namespace: &str) -> Vec<Value> {
        let state = self.shared.lock();
        let within = |o: &&Value| namespace.is_empty() || o["metadata"]["namespace"] == namespace;
        state.store.list(resource).filter(within).cloned().collect()
    }

    /// Creates an object, or merges it into the one that is there. Panics when it is refused.
    #[track_caller]
    pub fn apply(&self, object: Value) -> Value {
        self.try_apply("user", object).unwrap_or_else(|failure| panic!("{}", failure.message))
    }

    /// The same as somebody else, who may be refused.
    pub fn try_apply(&self, identity: &str, body: Value) -> Result<Value, Failure> {
        self.with(|state| {
            let key = key_of(&state.store, &body)?;
            let by = |verb| By { actor: identity.to_owned(), manager: identity.to_owned(), verb, ..By::default() };
            let store = &mut state.store;
            let stored = match store.at(&key).cloned() {
                None => store.create(&by("create"), key.kind, &key.namespace, body)?,
                Some(old) => {
                    let mut merged = old.as_ref().clone();
                    patch::merge(&mut merged, &body);
                    store.update(&by("patch"), &key, merged)?
                }
            };
            Ok(stored.as_ref().clone())
        })
    }

    /// Merges a patch into an object that must exist.
    #[track_caller]
    pub fn patch(&self, resource: &str, namespace: &str, name: &str, change: &Value) -> Value {
        let old = self.get(resource, namespace, name);
        let mut object = old.unwrap_or_else(|| panic!("{resource} {namespace}/{name} does not exist"));
        patch::merge(&mut object, change);
        self.apply(object)
    }

    /// Server-side apply as a field manager.
    pub fn server_side_apply(&self, manager: &str, body: Value, force: bool) -> Result<Value, Failure> {
        self.with(|state| {
            let key = key_of(&state.store, &body)?;
            let by = By { actor: manager.to_owned(), manager: manager.to_owned(), verb: "apply", ..By::default() };
            let (object, _) = state.store.apply(&by, &key, body, force)?;
            Ok(object.as_ref().clone())
        })
    }

    /// Deletes an object, in the background. False when it is not there.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> bool {
        self.delete_with(resource, namespace, name, &json!({"propagationPolicy": "Background"}))
    }

    pub fn delete_with(&self, resource: &str, namespace: &str, name: &str, options: &Value) -> bool {
        self.with(|state| {
            let Some(kind) = state.store.kind(resource) else {
                return false;
            };
            let by = By { actor: "user".into(), manager: "user".into(), verb: "delete", ..By::default() };
            let key = Key::new(kind, namespace, name);
            state.store.delete(&by, &key, options).is_ok()
        })
    }

    /// Serves one more kind.
    pub fn install(&self, kind: Kind) {
        self.with(|state| {
            state.store.install(kind);
        });
    }

    /// Removes a kind and its objects; its paths answer 404.
    pub fn uninstall(&self, resource: &str) {
        self.with(|state| {
            if let Some(kind) = state.store.kind(resource) {
                state.store.uninstall(kind);
            }
        });
    }

    // --- traffic ---

    /// Sends requests to a Service from now on.
    pub fn traffic(&self, namespace: &str, service: &str) {
        let first = self.with(|state| {
            state.traffic.target(namespace, service);
            !std::mem::replace(&mut state.traffic.running, true)
        });
        if first {
            self.tasks.add(tokio::spawn(traffic::run(self.shared.clone())));
        }
    }

    pub fn stop_traffic(&self, namespace: &str, service: &str) {
        self.with(|state| state.traffic.untarget(namespace, service));
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

    // --- faults and observers ---

    /// Calls a function after every accepted write; what it returns is collected in `violations`.
    pub fn on_write(&self, observer: impl FnMut(&Write<'_>, &Store) -> Vec<String> + Send + 'static) {
        self.with(|state| state.store.observers.push(Box::new(observer)));
    }

    /// Asks a function before every write of a client; an error is a 403.
    pub fn admission(&self, ask: impl FnMut(&Write<'_>, &Store) -> Result<(), String> + Send + 'static) {
        self.with(|state| state.store.admission.push(Box::new(ask)));
    }

    /// Answers access reviews, given their `spec`. Without it everything is allowed.
    pub fn access(&self, allows: impl FnMut(&Value) -> bool + Send + 'static) {
        self.with(|state| state.allows = Box::new(allows));
    }

    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().store.violations.clone()
    }

    /// Plans a fault at the k-th write of an identity, counted from 1 since the beginning.
    pub fn fault(&self, identity: &str, write: u64, fault: Fault) {
        self.with(|state| state.faults.at_write(identity, write, fault));
    }

    /// Plans a fault at the n-th request of an identity, reads included.
    pub fn fault_at_request(&self, identity: &str, request: u64, fault: Fault) {
        self.with(|state| state.faults.at_request(identity, request, fault));
    }

    /// The writes of an identity so far, as fault plans count them.
    pub fn writes(&self, identity: &str) -> u64 {
        self.shared.lock().faults.writes(identity)
    }

    /// The next crash that was not yet asked for.
    pub async fn crash(&self) -> Crash {
        loop {
            let pending = {
                let mut state = self.shared.lock();
                let crashes = &mut state.faults.crashes;
                (!crashes.is_empty()).then(|| crashes.remove(0))
            };
            match pending {
                Some(crash) => return crash,
                None => self.shared.crashed.notified().await,
            }
        }
    }

    /// Runs something until it ends or a crash point is reached, and drops it then.
    pub async fn until_crash<T>(&self, work: impl Future<Output = T>) -> Result<T, Crash> {
        tokio::select! {
            biased;
            crash = self.crash() => Err(crash),
            done = work => Ok(done),
        }
    }

    /// Ends every watch of an identity.
    pub fn cut_watches(&self, identity: &str) {
        self.with(|state| state.store.hub.cut(identity));
    }

    /// Ends every watch of an identity with 410, and forgets the history that it would go on from.
    pub fn expire_watches(&self, identity: &str) {
        self.with(|state| {
            state.store.compact();
            state.store.hub.expire(identity);
        });
    }

    /// Holds back all watch events of an identity until `thaw_watches`.
    pub fn freeze_watches(&self, identity: &str) {
        self.with(|state| state.store.hub.freeze(identity));
    }

    pub fn thaw_watches(&self, identity: &str) {
        self.with(|state| state.store.hub.thaw(identity));
    }

    /// The request log.
    pub fn log(&self) -> Vec<Entry> {
        self.shared.lock().log.clone()
    }

    // --- waiting ---

    /// Lets virtual time go by.
    pub async fn advance(&self, time: Duration) {
        sleep(time).await;
    }

    /// Waits in virtual time. Says how long it took; panics with what it saw when the deadline has passed.
    pub async fn advance_until(&self, what: &str, deadline: Duration, mut holds: impl FnMut(&Self) -> bool) -> Duration {
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

/// The key that a whole object names.
fn key_of(store: &Store, object: &Value) -> Result<Key, Failure> {
    let api_version = object::text(object, "/apiVersion");
    let kind = object::text(object, "/kind");
    let fits = |k: &&&'static Kind| k.kind == kind && k.api_version() == api_version;
    let kind = store.kinds().iter().find(fits).copied();
    let kind = kind.ok_or_else(Failure::no_such_path)?;
    let namespace = match (kind.namespaced, object::text(object, "/metadata/namespace")) {
        (false, _) => "",
        (true, "") => "default",
        (true, stated) => stated,
    };
    Ok(Key::new(kind, namespace, object::name(object)))
}

