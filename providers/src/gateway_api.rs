//! Gateway API: HTTPRoute and GRPCRoute, at a Gateway or, with a Service parentRef, in a mesh.
//!
//! Fields and conditions as in the API's reference, <https://gateway-api.sigs.k8s.io/reference/spec/>.

mod picks;
mod shadow;
mod sticky;

use planner::{RevisionId, picks::Picks, world::Share};
use serde_json::Value;

use crate::{
    Around, Names, Neighbour, Provider, Reading, RouteKind, Unusable, array, copies, name, own,
    pair::{Backend, Spelling},
    parents, rules, trials,
};

pub(crate) use picks::taken;

/// Routes of the Gateway API.
#[derive(Clone, Debug)]
pub struct GatewayApi(pub Names);

impl Provider for GatewayApi {
    fn read(&self, route: &Value, known: &[Picks]) -> Reading {
        let trouble = self.trouble(route, known);
        // What has no room for a share is told before a release needs it.
        let lacks = || trials(known).find_map(|share| rules::set(self, route, Some(&share)).err());
        Reading { trouble: trouble.or_else(lacks), ..rules::read(self, route, known) }
    }

    fn write(&self, route: &Value, want: Option<&Share>) -> Result<Vec<Value>, Unusable> {
        rules::set(self, route, want)
    }

    fn lay(&self, route: &Value, share: &Share) -> Result<Vec<Value>, Unusable> {
        rules::lay(self, route, share)
    }

    fn tidy(&self, route: &Value) -> Vec<Value> {
        rules::tidy(self, route).unwrap_or_default()
    }

    fn filled(&self, route: Value, ports: &[i64]) -> Result<Value, Unusable> {
        own::filled(self, route, ports)
    }

    /// Envoy Gateway has an Envoy cluster for each rule: requests that a rule gets before its cluster is known fail, and so do those
    /// that it gets after its cluster has gone (measured: 4 of 12,000 and 23 of 22,000 in 15 such changes to and fro, none with rules that sleep between).
    fn at_once(&self) -> bool {
        false
    }

    fn neighbours(&self, route: &Value, known: &[Picks]) -> Vec<Neighbour> {
        let classes = copies::wanted(known).then_some(Neighbour::GatewayClasses);
        let rivals = Neighbour::Routes { of: kind(route), namespace: self.0.namespace.clone() };
        parents::neighbours(route).into_iter().chain([rivals]).chain(classes).collect()
    }

    fn hindrance(&self, route: &Value, around: &Around, known: &[Picks]) -> Option<Unusable> {
        parents::hindrance(route, &self.0, around)
            .or_else(|| copies::refused(route, around, known))
            .or_else(|| shadow::hindrance(self, route, around))
    }

    fn pending(&self, route: &Value, around: &Around) -> Option<String> {
        parents::pending(route, around, |_, _| true)
    }
}

/// Linkerd has a kind of its own.
fn kind(route: &Value) -> RouteKind {
    let linkerds = route["apiVersion"].as_str().is_some_and(|version| version.starts_with("policy.linkerd.io/"));
    match route["kind"].as_str() {
        Some("GRPCRoute") => RouteKind::Grpc,
        _ if linkerds => RouteKind::LinkerdHttp,
        _ => RouteKind::Http,
    }
}

impl GatewayApi {
    /// What would make requests fail, or leave callers with a version that was taken back.
    fn trouble(&self, route: &Value, known: &[Picks]) -> Option<Unusable> {
        let (name, apex) = (name(route), &self.0.apex);
        let (ours, others) = rules::owners(self, route);
        if ours.is_empty() {
            let words = format!(
                "{name} sends nothing to Service {apex}: give one of its rules a backendRef to it with a weight above 0"
            );
            return Some(Unusable::new("RouteElsewhere", words));
        }
        if ours.iter().any(|rule| rule.get("sessionPersistence").is_some()) {
            let words = format!(
                "{name} has sessionPersistence, which keeps callers with a version whatever its weight: remove it from the rules that name Service {apex}"
            );
            return Some(Unusable::new("RouteSessions", words));
        }
        let filtered = |e: &Value| {
            matches!(self.backend(e), Backend::Apex) && e["filters"].as_array().is_some_and(|f| !f.is_empty())
        };
        if ours.iter().any(|rule| array(rule, "/backendRefs").iter().any(filtered)) {
            let words = format!(
                "{name} has filters at its backendRef to Service {apex}, and some gateways fail requests when such a backend comes or goes: move them to the rule"
            );
            return Some(Unusable::new("RouteFilters", words));
        }
        if let Some(refused) = sticky::refused(route, known) {
            return Some(refused);
        }
        let stolen = !known.is_empty() && others.iter().any(|rule| picks::narrows(rule, &ours));
        stolen.then(|| {
            let words = format!(
                "a rule of {name} sends requests of the same path elsewhere by header, query or method, and rules that pick requests out for a candidate may come before it: put that rule into a route of its own"
            );
            Unusable::new("RouteMatches", words)
        })
    }
}

impl Spelling for GatewayApi {
    // The API's own bounds.
    const MOST: u64 = 1_000_000;
    const MOST_BACKENDS: usize = 16;

    fn backend(&self, entry: &Value) -> Backend {
        let text = |field: &str| entry.get(field).and_then(Value::as_str);
        let service =
            text("kind").is_none_or(|k| k == "Service") && text("group").is_none_or(|g| matches!(g, "" | "core"));
        let here = text("namespace").is_none_or(|n| n == self.0.namespace);
        match text("name").filter(|_| service && here) {
            Some(name) if name == self.0.apex => Backend::Apex,
            Some(name) => self.0.revision(name).map_or(Backend::Other, Backend::Candidate),
            None => Backend::Other,
        }
    }

    fn candidate(&self, apex: &Value, candidate: &RevisionId) -> Value {
        let mut entry = apex.clone();
        entry["name"] = self.0.service_of(candidate).into();
        entry
    }
}
