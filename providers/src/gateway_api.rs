//! Gateway API: HTTPRoute and GRPCRoute, at a Gateway or, with a Service parentRef, in a mesh.
//!
//! Fields and conditions as in the API's reference, <https://gateway-api.sigs.k8s.io/reference/spec/>.

use planner::{RevisionId, world::Share};
use serde_json::Value;

use crate::{
    Lists, Names, Provider, Reading, Unusable, name,
    pair::{self, Backend, Spelling},
    patch, trial,
};

/// The most backends that a rule may have.
const BACKENDS: usize = 16;

/// Routes of the Gateway API.
#[derive(Clone, Debug)]
pub struct GatewayApi(pub Names);

impl Provider for GatewayApi {
    fn read(&self, route: &Value) -> Reading {
        let ours = pair::ours(self, lists(route));
        // What has no room for a share is told before a release needs it.
        let trouble = self.trouble(route, &ours).or_else(|| self.write(route, Some(&trial())).err());
        pair::together(self, &ours, trouble)
    }

    fn write(&self, route: &Value, want: Option<&Share>) -> Result<Vec<Value>, Unusable> {
        let divided = pair::divide(self, route, &pair::ours(self, lists(route)), want)?;
        if divided.iter().any(|(_, list)| list.len() > BACKENDS) {
            let words = format!("{} has no room for one more backend in a rule ({BACKENDS} at most)", name(route));
            return Err(Unusable::new("RouteBackends", words));
        }
        Ok(patch(route, divided))
    }

    fn pending(&self, route: &Value) -> Option<String> {
        let generation = route.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        let parents = array(route, "/spec/parentRefs");
        let statuses = array(route, "/status/parents");
        parents.iter().find_map(|parent| {
            let told = statuses.iter().find(|s| same(&s["parentRef"], parent));
            let why = told.map_or(Some("has no status in it".into()), |s| refusal(s, generation))?;
            Some(format!("{} for {}: {why}", name(route), parent_name(parent)))
        })
    }
}

impl GatewayApi {
    /// What would make requests fail, or leave callers with a version that was taken back.
    fn trouble(&self, route: &Value, ours: &Lists<'_>) -> Option<Unusable> {
        let (name, apex) = (name(route), &self.0.apex);
        if ours.is_empty() {
            let words = format!(
                "{name} sends nothing to Service {apex}: give one of its rules a backendRef to it with a weight above 0"
            );
            return Some(Unusable::new("RouteElsewhere", words));
        }
        let sticky = |path: &str| {
            let rule = path.trim_end_matches("/backendRefs");
            route.pointer(&format!("{rule}/sessionPersistence")).is_some()
        };
        if ours.iter().any(|(path, _)| sticky(path)) {
            let words = format!(
                "{name} has sessionPersistence, which keeps callers with a version whatever its weight: remove it from the rules that name Service {apex}"
            );
            return Some(Unusable::new("RouteSessions", words));
        }
        let filtered = |e: &Value| {
            matches!(self.backend(e), Backend::Apex) && e["filters"].as_array().is_some_and(|f| !f.is_empty())
        };
        ours.iter().any(|(_, list)| list.iter().any(filtered)).then(|| {
            let words = format!(
                "{name} has filters at its backendRef to Service {apex}, and some gateways fail requests when such a backend comes or goes: move them to the rule"
            );
            Unusable::new("RouteFilters", words)
        })
    }
}

impl Spelling for GatewayApi {
    // The API's own bound.
    const MOST: u64 = 1_000_000;

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

/// Every rule's backends, with their path.
fn lists(route: &Value) -> Lists<'_> {
    let rules = array(route, "/spec/rules").iter().enumerate();
    rules
        .filter_map(|(i, r)| Some((format!("/spec/rules/{i}/backendRefs"), r.get("backendRefs")?.as_array()?)))
        .collect()
}

fn array<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a status speaks of this parent.
fn same(told: &Value, parent: &Value) -> bool {
    let gateway = "gateway.networking.k8s.io";
    let field = |v: &Value, name: &str, default: &str| v[name].as_str().unwrap_or(default).to_owned();
    let named = [("group", gateway), ("kind", "Gateway"), ("name", ""), ("sectionName", "")];
    // A namespace that is left out is the route's own, and implementations write it out or not.
    let namespace = |v: &Value| v["namespace"].as_str().map(str::to_owned);
    let apart = matches!((namespace(told), namespace(parent)), (Some(one), Some(other)) if one != other);
    !apart && told["port"] == parent["port"] && named.iter().all(|(n, d)| field(told, n, d) == field(parent, n, d))
}

fn parent_name(parent: &Value) -> String {
    let text = |name: &str, default: &str| parent[name].as_str().unwrap_or(default).to_owned();
    format!("{} {}", text("kind", "Gateway"), text("name", "?"))
}

/// Why a parent does not carry this generation out. Linkerd tells no generation.
fn refusal(status: &Value, generation: i64) -> Option<String> {
    let condition = |kind: &str| status["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == kind);
    for kind in ["Accepted", "ResolvedRefs"] {
        let Some(found) = condition(kind) else { return Some(format!("its status says nothing of {kind}")) };
        let seen = found["observedGeneration"].as_i64().unwrap_or(0);
        if seen != 0 && seen < generation {
            return Some(format!("{kind} is of generation {seen}, the route is at {generation}"));
        }
        if found["status"] != "True" {
            return Some(format!("{kind} is {}: {}", found["status"].as_str().unwrap_or("?"), told(found)));
        }
    }
    let partly = condition("PartiallyInvalid").filter(|c| c["status"] == "True")?;
    Some(format!("it is partially invalid: {}", told(partly)))
}

fn told(condition: &Value) -> String {
    let text = |name: &str| condition[name].as_str().unwrap_or("");
    format!("{} {}", text("reason"), text("message")).trim().to_owned()
}
