//! Istio: VirtualServices, for sidecars and gateways alike.
//!
//! Fields as in Istio's reference, <https://istio.io/latest/docs/reference/config/networking/virtual-service/>. There is no status of
//! being carried out: distribution tracking was removed in 1.23, so only time and observation tell.

mod destination_rules;
mod picks;
mod shadow;
mod sticky;

pub use destination_rules::{Change, DestinationRules, Marks};
use planner::{RevisionId, picks::Picks, world::Share};
use serde_json::Value;

use crate::{
    Around, Names, Neighbour, Provider, Reading, RouteKind, Unusable, name, own,
    pair::{Backend, Spelling},
    rules, trials,
};

/// VirtualServices.
#[derive(Clone, Debug)]
pub struct Istio(pub Names);

impl Provider for Istio {
    fn read(&self, route: &Value, known: &[Picks]) -> Reading {
        // What has no room for a share is told before a release needs it.
        let lacks = || trials(known).find_map(|share| rules::set(self, route, Some(&share)).err());
        Reading { trouble: self.trouble(route).or_else(lacks), ..rules::read(self, route, known) }
    }

    fn write(&self, route: &Value, want: Option<&Share>) -> Result<Vec<Value>, Unusable> {
        rules::set(self, route, want)
    }

    fn filled(&self, route: Value, ports: &[i64]) -> Result<Value, Unusable> {
        own::filled(self, route, ports)
    }

    /// Proxies know every Service whether a route names it or not.
    fn at_once(&self) -> bool {
        true
    }

    fn neighbours(&self, route: &Value, _: &[Picks]) -> Vec<Neighbour> {
        let all = |of| Neighbour::Routes { of, namespace: self.0.namespace.clone() };
        let rivals = (!shadow::claims(route, &self.0).is_empty()).then(|| all(RouteKind::VirtualService));
        rivals.into_iter().chain(shadow::in_mesh(route, &self.0).then(|| all(RouteKind::Http))).collect()
    }

    fn hindrance(&self, route: &Value, around: &Around, _: &[Picks]) -> Option<Unusable> {
        shadow::hindrance(self, route, around)
    }
}

impl Istio {
    /// What would leave callers of a candidate without an answer.
    fn trouble(&self, route: &Value) -> Option<Unusable> {
        let (name, apex) = (name(route), &self.0.apex);
        let (ours, _) = rules::owners(self, route);
        if ours.is_empty() {
            let words = format!(
                "{name} sends nothing to Service {apex}: give one of its routes a destination with that host and a weight above 0"
            );
            return Some(Unusable::new("RouteElsewhere", words));
        }
        let subset = |e: &Value| matches!(self.backend(e), Backend::Apex) && e["destination"]["subset"].is_string();
        ours.iter().any(|rule| rule["route"].as_array().into_iter().flatten().any(subset)).then(|| {
            let words = format!(
                "{name} names a subset of Service {apex}, which a candidate's Service does not have: remove the subset"
            );
            Unusable::new("RouteSubset", words)
        })
    }
}

impl Spelling for Istio {
    // Weights are added up as 32 bits.
    const MOST: u64 = 1 << 28;
    // There is none.
    const MOST_BACKENDS: usize = usize::MAX;

    fn unwritten(&self, among: usize) -> u64 {
        // A single destination gets everything; among several, one without a weight gets nothing.
        u64::from(among == 1)
    }

    fn undivided(&self, mut list: Vec<Value>) -> Vec<Value> {
        if let [only] = list.as_mut_slice()
            && only["weight"] == 1
            && let Some(only) = only.as_object_mut()
        {
            // What was divided had none.
            only.remove("weight");
        }
        list
    }

    fn backend(&self, entry: &Value) -> Backend {
        let host = entry.pointer("/destination/host").and_then(Value::as_str);
        host.map_or(Backend::Other, |host| whom(&self.0, host))
    }

    fn candidate(&self, apex: &Value, candidate: &RevisionId) -> Value {
        let mut entry = apex.clone();
        let host = apex.pointer("/destination/host").and_then(Value::as_str).unwrap_or_default();
        entry["destination"]["host"] = spelt(host, &self.0.service_of(candidate)).into();
        entry
    }
}

/// Whom a host names.
fn whom(names: &Names, host: &str) -> Backend {
    let (service, rest) = host.split_once('.').unwrap_or((host, ""));
    let namespace = &names.namespace;
    // A name with one dot is not completed by Istio, but `name.namespace` resolves all the same in Kubernetes.
    let here = rest.is_empty()
        || rest == namespace.as_str()
        || rest.strip_prefix(namespace.as_str()).is_some_and(|r| r == ".svc" || r.starts_with(".svc."));
    match service {
        _ if !here => Backend::Other,
        service if service == names.apex => Backend::Apex,
        service => names.revision(service).map_or(Backend::Other, Backend::Candidate),
    }
}

/// Another Service of the namespace, spelt as this host is.
fn spelt(like: &str, service: &str) -> String {
    let rest = like.find('.').map_or("", |dot| &like[dot..]);
    format!("{service}{rest}")
}
