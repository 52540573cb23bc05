//! A gateway, and Linkerd for routes of a Service: some time after an HTTPRoute changed they say so in the route's status, and their
//! proxies send by the route as they know it, which is a little later than it is.

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
/// The class of Gateways that are looked after.
pub const CLASS: &str = "model";
/// The class of those that Istio looks after.
pub const ISTIOS: &str = "istio";
const ISTIO: &str = "istio.io/gateway-controller";

/// Accepts routes, and looks up their Services.
pub fn step(world: &mut World, store: &mut Store, due: &mut Due) {
    program(store);
    let now = store.clock.elapsed();
    world.routes.retain(|key, _| store.at(key).is_some());
    for key in store.keys(&kinds::HTTP_ROUTES).into_iter().chain(store.keys(&kinds::LINKERD_ROUTES)) {
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

/// Gateways of its class have proxies at once.
fn program(store: &mut Store) {
    for key in store.keys(&kinds::GATEWAYS) {
        let gateway = store.at(&key).unwrap();
        if [CLASS, ISTIOS].iter().any(|class| gateway["spec"]["gatewayClassName"] == *class) {
            let mut status = gateway["status"].clone();
            object::set_condition(&mut status, &store.clock.stamp(), "Programmed", true, "Programmed");
            status["conditions"][0]["observedGeneration"] = gateway["metadata"]["generation"].clone();
            store.report(ACTOR, &key, status);
        }
    }
}

/// What is said of each parent, and that a Service that is not there is not: by a gateway of every generation; by Linkerd in words of
/// its own, and of no generation.
fn status(store: &Store, route: &Value) -> Value {
    let now = store.clock.stamp();
    let mut backends = rules(route).into_iter().flat_map(|rule| rule.backends);
    let found = backends.all(|((namespace, name), _)| store.get("services", &namespace, &name).is_some());
    let reason = if found { "ResolvedRefs" } else { "BackendNotFound" };
    let parents = object::items(route, "/spec/parentRefs").iter().map(|parent| {
        let linkerd = parent["kind"] == "Service";
        let (speaks, of) = if linkerd { linkerds(parent, route) } else { (controller(store, parent), parent.clone()) };
        let told = object::items(route, "/status/parents").iter().find(|told| told["parentRef"] == of);
        let mut told = told.cloned().unwrap_or_else(|| json!({ "parentRef": of, "controllerName": speaks }));
        object::set_condition(&mut told, &now, "Accepted", true, "Accepted");
        object::set_condition(&mut told, &now, "ResolvedRefs", found, reason);
        for condition in told["conditions"].as_array_mut().unwrap().iter_mut().filter(|_| !linkerd) {
            condition["observedGeneration"] = route["metadata"]["generation"].clone();
        }
        told
    });
    json!({ "parents": parents.collect::<Vec<_>>() })
}

/// Who looks after a Gateway.
fn controller(store: &Store, parent: &Value) -> &'static str {
    let gateway = store.get("gateways", object::text(parent, "/namespace"), object::text(parent, "/name"));
    if gateway.is_some_and(|g| g["spec"]["gatewayClassName"] == ISTIOS) { ISTIO } else { CONTROLLER }
}

/// A Service as Linkerd names it in a status.
fn linkerds(parent: &Value, route: &Value) -> (&'static str, Value) {
    let mut of = json!({ "group": "core", "kind": "Service", "name": parent["name"], "namespace": route["metadata"]["namespace"] });
    if let Some(port) = parent.get("port") {
        of["port"] = port.clone();
    }
    ("linkerd.io/policy-controller", of)
}

/// Services and their weights.
type Backends = Vec<(Name, u64)>;

/// A rule, as far as it decides where requests go: headers, all of one list, and the Services. Every request is one for every path.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    matches: Vec<BTreeMap<String, String>>,
    backends: Backends,
}

/// Where the first rule of a route sends.
pub fn backends(route: &Value) -> Backends {
    rules(route).into_iter().next().map(|rule| rule.backends).unwrap_or_default()
}

/// A weight that is not written is 1.
fn rules(route: &Value) -> Vec<Rule> {
    let here = object::text(route, "/metadata/namespace");
    let backend = |entry: &Value| {
        let namespace = entry["namespace"].as_str().unwrap_or(here).to_owned();
        let name = object::text(entry, "/name").to_owned();
        ((namespace, name), entry["weight"].as_u64().unwrap_or(1))
    };
    let header = |h: &Value| (object::text(h, "/name").to_owned(), object::text(h, "/value").to_owned());
    let headers = |one: &Value| object::items(one, "/headers").iter().map(header).collect();
    let rule = |rule: &Value| {
        let written: Vec<_> = object::items(rule, "/matches").iter().map(headers).collect();
        Rule {
            matches: if written.is_empty() { vec![BTreeMap::new()] } else { written },
            backends: object::items(rule, "/backendRefs").iter().map(backend).collect(),
        }
    };
    object::items(route, "/spec/rules").iter().map(rule).collect()
}

/// How long a proxy knows a rule before it can send by it: what is behind a new rule has to be looked up first.
const COLD: Duration = Duration::from_millis(700);

/// What a proxy knows of the routes. As with Envoy Gateway, what is behind a rule is known by the rule's number: it comes a little later than
/// a new rule, and goes a little earlier than one that is taken away.
#[derive(Clone)]
pub struct View {
    routes: BTreeMap<Name, Vec<Rule>>,
    /// How many of a route's rules have something behind them, and from when.
    behind: BTreeMap<Name, Vec<Moment>>,
    syncs: Option<Moment>,
}

impl View {
    /// A new proxy begins with what is there.
    pub fn new(store: &Store) -> Self {
        let routes = live(store);
        let behind = routes.iter().map(|(name, rules)| (name.clone(), vec![store.clock.elapsed(); rules.len()]));
        Self { behind: behind.collect(), routes, syncs: None }
    }

    /// Brings it up to date once its lag is over, which is `most` at most.
    pub fn follow(&mut self, store: &Store, most: Duration, rng: &mut Rng) {
        let (now, live) = (store.clock.elapsed(), live(store));
        if self.routes != live && self.syncs.is_none() {
            self.syncs = Some(now + rng.between(Duration::ZERO, most));
        }
        for (name, rules) in &live {
            let behind = self.behind.entry(name.clone()).or_default();
            behind.truncate(rules.len());
            behind.resize(rules.len(), now + COLD);
        }
        if self.syncs.is_some_and(|due| due <= now) {
            (self.routes, self.syncs) = (live, None);
        }
    }

    /// The Service for one request with these headers, by the most specific rule and by weight; `None` where the route is not
    /// there, sends to nobody, or nothing is behind its rule.
    pub fn pick(&self, route: &Name, headers: &[(&str, &str)], now: Moment, rng: &mut Rng) -> Option<&Name> {
        let rules = self.routes.get(route)?;
        let has = |(name, value): (&String, &String)| headers.contains(&(name.as_str(), value.as_str()));
        let fits = |rule: &Rule| rule.matches.iter().filter(|m| m.iter().all(has)).map(BTreeMap::len).max();
        let fitting = rules.iter().enumerate().filter_map(|(i, rule)| Some((fits(rule)?, i)));
        let (_, at) = fitting.max_by_key(|(specific, i)| (*specific, usize::MAX - i))?;
        self.behind.get(route)?.get(at).filter(|ready| **ready <= now)?;
        let backends = &rules[at].backends;
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

fn live(store: &Store) -> BTreeMap<Name, Vec<Rule>> {
    let routes = store.of(&kinds::HTTP_ROUTES, "").chain(store.of(&kinds::LINKERD_ROUTES, ""));
    routes.map(|(key, route)| ((key.namespace.clone(), key.name.clone()), rules(route))).collect()
}
