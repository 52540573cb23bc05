//! A gateway: some time after an HTTPRoute changed it says so in the route's status, and its proxies send by the route as they
//! know it, which is a little later than it is.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    clock::{Moment, Rng},
    kinds, object,
    store::Store,
    traffic::Name,
    world::{Due, World},
};

const ACTOR: &str = "gateway";
const CONTROLLER: &str = "gateways.example.com/model";

/// Accepts routes, and looks up their Services.
pub fn step(world: &mut World, store: &mut Store, due: &mut Due) {
    let now = store.clock.elapsed();
    world.routes.retain(|key, _| store.at(key).is_some());
    for key in store.keys(&kinds::HTTP_ROUTES) {
        let route = store.at(&key).unwrap();
        let wanted = status(store, route);
        if route["status"] == wanted {
            world.routes.remove(&key);
            continue;
        }
        let (least, most) = world.route_lag;
        let lag = world.rng.between(least, most);
        let when = *world.routes.entry(key.clone()).or_insert(now + lag);
        if when > now {
            due.at(when);
            continue;
        }
        world.routes.remove(&key);
        store.report(ACTOR, &key, wanted);
    }
}

/// What it says of each parent: every generation is accepted, and a Service that is not there is told.
fn status(store: &Store, route: &Value) -> Value {
    let now = store.clock.stamp();
    let found = backends(route).iter().all(|((namespace, name), _)| store.get("services", namespace, name).is_some());
    let reason = if found { "ResolvedRefs" } else { "BackendNotFound" };
    let parents = object::items(route, "/spec/parentRefs").iter().map(|parent| {
        let told = object::items(route, "/status/parents").iter().find(|told| told["parentRef"] == *parent);
        let mut told = told.cloned().unwrap_or_else(|| json!({ "parentRef": parent, "controllerName": CONTROLLER }));
        object::set_condition(&mut told, &now, "Accepted", true, "Accepted");
        object::set_condition(&mut told, &now, "ResolvedRefs", found, reason);
        for condition in told["conditions"].as_array_mut().unwrap() {
            condition["observedGeneration"] = route["metadata"]["generation"].clone();
        }
        told
    });
    json!({ "parents": parents.collect::<Vec<_>>() })
}

/// Services and their weights.
type Backends = Vec<(Name, u64)>;

/// Where a route sends; a weight that is not written is 1. Every request is one for the first rule.
pub fn backends(route: &Value) -> Backends {
    let here = object::text(route, "/metadata/namespace");
    let backend = |entry: &Value| {
        let namespace = entry["namespace"].as_str().unwrap_or(here).to_owned();
        let name = object::text(entry, "/name").to_owned();
        ((namespace, name), entry["weight"].as_u64().unwrap_or(1))
    };
    object::items(route, "/spec/rules/0/backendRefs").iter().map(backend).collect()
}

/// What a proxy knows of the routes.
#[derive(Clone)]
pub struct View {
    routes: BTreeMap<Name, Backends>,
    syncs: Option<Moment>,
}

impl View {
    /// A new proxy begins with what is there.
    pub fn new(store: &Store) -> Self {
        Self { routes: live(store), syncs: None }
    }

    /// Brings it up to date once its lag is over, which is `most` at most.
    pub fn follow(&mut self, store: &Store, most: Duration, rng: &mut Rng) {
        let (now, live) = (store.clock.elapsed(), live(store));
        if self.routes != live && self.syncs.is_none() {
            self.syncs = Some(now + rng.between(Duration::ZERO, most));
        }
        if self.syncs.is_some_and(|due| due <= now) {
            *self = Self { routes: live, syncs: None };
        }
    }

    /// The Service for one request, by weight; `None` where the route is not there or sends to nobody.
    pub fn pick(&self, route: &Name, rng: &mut Rng) -> Option<&Name> {
        let backends = self.routes.get(route)?;
        let all: u64 = backends.iter().map(|(_, weight)| weight).sum();
        let mut left = rng.below(all);
        let hit = backends.iter().find(|(_, weight)| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        hit.map(|(service, _)| service)
    }
}

fn live(store: &Store) -> BTreeMap<Name, Backends> {
    let routes = store.of(&kinds::HTTP_ROUTES, "");
    routes.map(|(key, route)| ((key.namespace.clone(), key.name.clone()), backends(route))).collect()
}
