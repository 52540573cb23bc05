//! The models behind the API server, and the loop that runs them.
//!
//! Every model is level-triggered: one step looks at the whole store and does what is due. After a change of the store the
//! loop waits a few milliseconds, so that a chain such as Deployment, ReplicaSet, Pod, EndpointSlice takes as many hops of
//! time as it does in a cluster.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::{sleep, sleep_until};

use super::{
    Shared,
    behaviour::{Behaviour, JobOutcome},
    clock::{Moment, Rng},
    deployments, endpoints, gateway, jobs,
    kinds::Key,
    pods::{self, Run},
    replicasets,
    store::Store,
};

/// The state of the models that is not in the store.
#[derive(Clone)]
pub struct World {
    pub rng: Rng,
    pub behaviours: BTreeMap<String, Behaviour>,
    pub outcomes: BTreeMap<String, VecDeque<JobOutcome>>,
    /// Running pods by UID.
    pub pods: BTreeMap<String, Run>,
    /// When the EndpointSlice of a Service is next brought up to date.
    pub slices: BTreeMap<Key, Moment>,
    /// When the gateway next speaks of a route.
    pub routes: BTreeMap<Key, Moment>,
    /// The last sign of progress of a Deployment, by UID, and what it was.
    pub progress: BTreeMap<String, (Moment, String)>,
    /// How long the EndpointSlice controller takes.
    pub slice_lag: (Duration, Duration),
    /// How long the gateway takes to accept a route.
    pub route_lag: (Duration, Duration),
}

impl World {
    pub fn new(rng: Rng) -> Self {
        Self {
            rng,
            behaviours: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            pods: BTreeMap::new(),
            slices: BTreeMap::new(),
            routes: BTreeMap::new(),
            progress: BTreeMap::new(),
            slice_lag: (Duration::from_millis(50), Duration::from_millis(500)),
            route_lag: (Duration::from_millis(200), Duration::from_millis(900)),
        }
    }

    pub fn behaviour(&self, image: &str) -> Behaviour {
        self.behaviours.get(image).cloned().unwrap_or_default()
    }

    /// The outcome for `image arg1 arg2`, or for `image`. Where several are given they are used in order, the last for ever.
    pub fn outcome(&mut self, image: &str, args: &[String]) -> JobOutcome {
        let full = format!("{image} {}", args.join(" "));
        let key = if self.outcomes.contains_key(&full) { full } else { image.to_owned() };
        match self.outcomes.get_mut(&key) {
            Some(queue) if queue.len() > 1 => queue.pop_front().unwrap(),
            Some(queue) => queue[0].clone(),
            None => JobOutcome::pass(Duration::from_secs(1)),
        }
    }

    /// What a pod has printed; the error is the message of a 400.
    pub fn log(&self, uid: &str) -> Result<String, String> {
        let run = self.pods.get(uid).ok_or("the pod has no container yet")?;
        run.log()
    }
}

/// The earliest of the moments at which something is to be done.
#[derive(Default)]
pub struct Due(Option<Moment>);

impl Due {
    pub fn at(&mut self, moment: Moment) {
        self.0 = Some(self.0.map_or(moment, |known| known.min(moment)));
    }
}

/// Does all that is due now, and says when to come again.
pub fn step(world: &mut World, store: &mut Store) -> Option<Moment> {
    let mut due = Due::default();
    endpoints::step(world, store, &mut due);
    gateway::step(world, store, &mut due);
    pods::step(world, store, &mut due);
    jobs::step(store, &mut due);
    replicasets::step(store, &mut due);
    deployments::step(world, store, &mut due);
    store.collect_garbage();
    due.0
}

/// Runs the models for ever.
pub async fn run(shared: Arc<Shared>) {
    loop {
        let (next, lag) = {
            let mut guard = shared.lock();
            let state = &mut *guard;
            let next = step(&mut state.world, &mut state.store);
            (next, state.world.rng.millis(5, 40))
        };
        let clock = shared.clock;
        let next = next.unwrap_or(clock.elapsed() + Duration::from_secs(3600));
        tokio::select! {
            biased;
            () = shared.dirty.notified() => sleep(lag).await,
            () = sleep_until(clock.instant(next)) => {}
        }
    }
}
