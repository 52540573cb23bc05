//! The data plane: proxies with lagging views of the EndpointSlices and of routes, and the requests that go through them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::sleep_until;

use super::{
    Shared,
    clock::{Moment, Rng},
    endpoints::SERVICE_NAME,
    gateway::View,
    kinds, object,
    records::{Cause, Outcome, Record, Records},
    store::Store,
    world::World,
};

/// The pod behind an answer.
#[derive(Debug, Default)]
pub struct Server {
    pub namespace: String,
    pub pod: String,
    pub image: String,
    /// The label `sluice.dev/policy`; empty for the user's own pods.
    pub policy: String,
    /// The label `sluice.dev/revision`, else `pod-template-hash`.
    pub revision: String,
    pub labels: Box<Value>,
}

impl Server {
    pub fn of(pod: &Value) -> Self {
        let label = |key: &str| object::label(pod, key).unwrap_or("").to_owned();
        let revision = match object::label(pod, "sluice.dev/revision") {
            Some(revision) => revision.to_owned(),
            None => label("pod-template-hash"),
        };
        Self {
            namespace: object::text(pod, "/metadata/namespace").to_owned(),
            pod: object::name(pod).to_owned(),
            image: object::text(pod, "/spec/containers/0/image").to_owned(),
            policy: label("sluice.dev/policy"),
            revision,
            labels: Box::new(pod["metadata"]["labels"].clone()),
        }
    }
}

/// How requests are made. Changes apply from the next request on.
#[derive(Clone, Debug)]
pub struct Settings {
    pub proxies: usize,
    /// The time between two requests of one proxy to one target.
    pub every: Duration,
    /// The longest time a proxy's view is behind the EndpointSlices.
    pub propagation: Duration,
    /// The longest time it is behind the routes.
    pub route_propagation: Duration,
}

impl Default for Settings {
    /// Two proxies with 20 requests a second each, at most two seconds behind.
    fn default() -> Self {
        Self {
            proxies: 2,
            every: Duration::from_millis(50),
            propagation: Duration::from_secs(2),
            route_propagation: Duration::from_millis(300),
        }
    }
}

/// What every fourth request for a route has.
pub const INSIDER: (&str, &str) = ("x-canary", "insider");

/// A namespace, and a name in it.
pub type Name = (String, String);

/// What requests are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Service(Name),
    /// The Service that an HTTPRoute picks for each request.
    Route(Name),
}

/// A proxy's copy of the endpoints: the UIDs of pods to choose from, per Service.
#[derive(Clone)]
struct Proxy {
    view: BTreeMap<Name, Vec<String>>,
    seen: u64,
    syncs: Option<Moment>,
    routes: View,
}

#[derive(Clone)]
pub struct Traffic {
    pub rng: Rng,
    pub settings: Settings,
    targets: Vec<Target>,
    proxies: Vec<Proxy>,
    pub records: Records,
    pub running: bool,
    /// Requests for routes so far.
    asked: u64,
}

impl Traffic {
    pub fn new(rng: Rng) -> Self {
        Self {
            rng,
            settings: Settings::default(),
            targets: Vec::new(),
            proxies: Vec::new(),
            records: Records::default(),
            running: false,
            asked: 0,
        }
    }

    pub fn target(&mut self, target: Target) {
        if !self.targets.contains(&target) {
            self.targets.push(target);
        }
    }

    pub fn untarget(&mut self, namespace: &str, name: &str) {
        self.targets.retain(|target| {
            let (Target::Service(of) | Target::Route(of)) = target;
            (of.0.as_str(), of.1.as_str()) != (namespace, name)
        });
    }

    /// The pods that a proxy would choose from now, by UID.
    pub fn view(&self, proxy: usize, namespace: &str, service: &str) -> Vec<String> {
        let name = (namespace.to_owned(), service.to_owned());
        let proxy = self.proxies.get(proxy);
        proxy.and_then(|p| p.view.get(&name)).cloned().unwrap_or_default()
    }

    /// Brings the proxies' views up to date where their lag is over, and sends one request per proxy and target.
    fn tick(&mut self, world: &World, store: &Store) {
        let now = store.clock.elapsed();
        while self.proxies.len() < self.settings.proxies {
            // A new proxy begins with what is there.
            let view = endpoints(store);
            self.proxies.push(Proxy { view, seen: store.slices, syncs: None, routes: View::new(store) });
        }
        self.proxies.truncate(self.settings.proxies);
        for (index, proxy) in self.proxies.iter_mut().enumerate() {
            if proxy.seen != store.slices && proxy.syncs.is_none() {
                proxy.syncs = Some(now + self.rng.between(Duration::ZERO, self.settings.propagation));
            }
            if proxy.syncs.is_some_and(|due| due <= now) {
                proxy.syncs = None;
                proxy.seen = store.slices;
                proxy.view = endpoints(store);
            }
            proxy.routes.follow(store, self.settings.route_propagation, &mut self.rng);
            for (target, of) in self.targets.iter().enumerate() {
                let service = match of {
                    Target::Service(service) => Some(service),
                    Target::Route(route) => {
                        let headers: &[_] = if self.asked.is_multiple_of(4) { &[INSIDER] } else { &[] };
                        self.asked += 1;
                        proxy.routes.pick(route, headers, now, &mut self.rng)
                    }
                };
                let outcome = match service {
                    Some(service) => {
                        let choice = proxy.view.get(service).map_or(&[][..], Vec::as_slice);
                        request(choice, world, &mut self.rng)
                    }
                    None => Outcome::Failed(Cause::NoBackend),
                };
                self.records.push(Record { at: now, proxy: index, target, outcome });
            }
        }
    }

    /// What `Record::target` stands for.
    pub fn target_of(&self, target: usize) -> Option<&Target> {
        self.targets.get(target)
    }
}

fn request(choice: &[String], world: &World, rng: &mut Rng) -> Outcome {
    if choice.is_empty() {
        return Outcome::Failed(Cause::NoEndpoint);
    }
    let uid = &choice[rng.below(choice.len() as u64) as usize];
    match world.pods.get(uid) {
        None => Outcome::Failed(Cause::PodGone),
        Some(run) if !run.answers() => Outcome::Failed(Cause::PodNotReady),
        Some(run) => {
            let behaviour = world.behaviours.get(&run.server.image);
            let (rate, median) = behaviour.map_or((0.0, Duration::from_millis(20)), |b| (b.error_rate, b.latency));
            let share = 0.5 + rng.below(1000) as f64 / 1000.0;
            Outcome::Answered { server: run.server.clone(), ok: !rng.chance(rate), latency: median.mul_f64(share) }
        }
    }
}

/// As kube-proxy chooses: the ready ones; where there is none, those that end but still serve.
fn endpoints(store: &Store) -> BTreeMap<Name, Vec<String>> {
    let mut found: BTreeMap<Name, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for (key, slice) in store.of(&kinds::ENDPOINT_SLICES, "") {
        let Some(service) = object::label(slice, SERVICE_NAME) else {
            continue;
        };
        let entry = found.entry((key.namespace.clone(), service.to_owned())).or_default();
        for endpoint in object::items(slice, "/endpoints") {
            let uid = object::text(endpoint, "/targetRef/uid").to_owned();
            let is = |condition: &str| object::flag(endpoint, &format!("/conditions/{condition}"));
            if is("ready") {
                entry.0.push(uid);
            } else if is("serving") && is("terminating") {
                entry.1.push(uid);
            }
        }
    }
    let chosen = |(ready, ending): (Vec<_>, Vec<_>)| if ready.is_empty() { ending } else { ready };
    found.into_iter().map(|(service, sets)| (service, chosen(sets))).collect()
}

/// Sends requests for ever.
pub async fn run(shared: Arc<Shared>) {
    loop {
        let next = {
            let mut guard = shared.lock();
            let state = &mut *guard;
            state.traffic.tick(&state.world, &state.store);
            shared.clock.elapsed() + state.traffic.settings.every
        };
        sleep_until(shared.clock.instant(next)).await;
    }
}
