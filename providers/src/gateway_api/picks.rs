//! Rules of a Gateway API route that pick requests out for a candidate, or copy them.
//!
//! Of several rules that match a request the most specific one counts, by path, method, number of headers, number of query
//! parameters, and only then the first (<https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule>). So ours come last, where
//! they move no other rule, and win by the header or the method that they have more.

use planner::{
    RevisionId,
    picks::{Match, Mirror, Text},
    world::Share,
};
use serde_json::{Value, json};

use super::{GatewayApi, sticky};
use crate::{
    Unusable, array, cookie, name,
    pair::{self, Backend, Spelling},
    rules::Rules,
};

/// The most matches that a rule may have.
const MATCHES: usize = 64;
/// A header that nobody sends.
const ASLEEP: &str = "x-sluice-asleep";

impl Rules for GatewayApi {
    const PATHS: &'static [&'static str] = &["/spec/rules"];
    const BACKENDS: &'static str = "backendRefs";
    const MOST_RULES: usize = 16;
    const FIRST_MATCH: bool = false;

    fn picking(&self, route: &Value, _: &str, rule: &Value, share: &Share) -> Result<Vec<Value>, Unusable> {
        let grpc = route["kind"] == "GRPCRoute";
        let Some(mut alone) = pair::alone(self, array(rule, "/backendRefs"), &share.candidate) else {
            return Ok(Vec::new());
        };
        alone["weight"] = 1.into();
        let mut made = Vec::new();
        let asked: Vec<_> = share.picks.matches.iter().cloned().chain(cookie::again(share)).collect();
        if !asked.is_empty() {
            let mut copy = copied(rule, matching(route, rule, grpc, &asked)?);
            copy["backendRefs"] = json!([alone]);
            made.push(copy);
        }
        if let Some(mirror) = &share.picks.mirror {
            if grpc {
                let words = format!(
                    "{} is a GRPCRoute, and copies are made of HTTP requests only: remove mirror, or name HTTPRoutes only",
                    name(route)
                );
                return Err(Unusable::new("RouteMirror", words));
            }
            let mut copy = copied(rule, with_methods(rule, mirror));
            let filter = json!({ "type": "RequestMirror", "requestMirror": to(&alone, mirror) });
            copy["filters"] = array(rule, "/filters").iter().cloned().chain([filter]).collect::<Vec<_>>().into();
            made.push(copy);
        }
        // Without a match a rule would match everything.
        made.retain(|rule| !array(rule, "/matches").is_empty());
        if made.iter().any(|rule| array(rule, "/matches").len() > MATCHES) {
            let words = format!(
                "{} would need more than {MATCHES} matches in a rule: give fewer matches or methods",
                name(route)
            );
            return Err(Unusable::new("RouteRules", words));
        }
        Ok(made)
    }

    fn to_apex(&self, port: i64) -> Value {
        json!({ "name": self.0.apex, "port": port })
    }

    fn ends(&self, rule: &Value) -> bool {
        array(rule, "/filters").iter().any(|filter| filter["type"] == "RequestRedirect")
    }

    fn marked(
        &self,
        route: &Value,
        _: &str,
        rule: &Value,
        backends: Vec<Value>,
        share: &Share,
    ) -> Result<Vec<Value>, Unusable> {
        sticky::marked(self, route, rule, backends, share)
    }

    fn of(&self, rule: &Value) -> Option<RevisionId> {
        let candidate = |backend: &Value| match self.backend(backend) {
            Backend::Candidate(id) => Some(id),
            _ => None,
        };
        // A rule whose other backends somebody has removed has another weight, and is its owner's.
        let alone = match array(rule, "/backendRefs") {
            [only] if only["weight"] == 1 => candidate(only),
            _ => None,
        };
        let mirror = |filter: &Value| candidate(filter.pointer("/requestMirror/backendRef")?);
        alone.or_else(|| array(rule, "/filters").iter().find_map(mirror))
    }

    fn asleep(&self, rule: &Value) -> Option<Value> {
        let header = json!({ "type": "Exact", "name": ASLEEP, "value": self.of(rule)?.to_string() });
        // The API server fills in the path of an HTTPRoute.
        let path = rule.pointer("/matches/0/path").map(|_| json!({ "type": "PathPrefix", "value": "/" }));
        let mut asleep = rule.clone();
        asleep["matches"] = match path {
            Some(path) => json!([{ "path": path, "headers": [header] }]),
            None => json!([{ "headers": [header] }]),
        };
        Some(asleep)
    }
}

/// A rule of ours: its owner's, with other matches. A name is for one rule only.
fn copied(rule: &Value, matches: Vec<Value>) -> Value {
    let mut copy = rule.clone();
    if let Some(copy) = copy.as_object_mut() {
        copy.remove("name");
    }
    copy["matches"] = matches.into();
    copy
}

/// What the owner's rule matches; every request where it does not say.
fn matches(rule: &Value) -> Vec<Value> {
    let written = array(rule, "/matches");
    if written.is_empty() { vec![json!({})] } else { written.to_vec() }
}

/// The same as the API server fills it in.
pub(super) fn complete(route: &Value, rule: &Value) -> Vec<Value> {
    let grpc = route["kind"] == "GRPCRoute";
    matches(rule).into_iter().map(|own| if grpc { own } else { with_path(own) }).collect()
}

/// With each of these conditions besides.
fn matching(route: &Value, rule: &Value, grpc: bool, picks: &[Match]) -> Result<Vec<Value>, Unusable> {
    let mut all = Vec::new();
    for own in matches(rule) {
        for pick in picks {
            let mut own = if grpc { own.clone() } else { with_path(own.clone()) };
            let mut headers = array(&own, "/headers").to_vec();
            for (header, text) in &pick.headers {
                if headers.iter().any(|h| h["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(header))) {
                    return Err(taken(route, header));
                }
                let (kind, value) = match text {
                    Text::Exact(value) => ("Exact", value),
                    Text::Regex(value) => ("RegularExpression", value),
                };
                headers.push(json!({ "type": kind, "name": header, "value": value }));
            }
            own["headers"] = headers.into();
            all.push(own);
        }
    }
    Ok(all)
}

/// A header that the owner's rule matches already.
pub(crate) fn taken(route: &Value, header: &str) -> Unusable {
    let words = format!(
        "{} matches the header {header} itself, so requests cannot be picked out by it too: choose another header",
        name(route)
    );
    Unusable::new("RouteMatches", words)
}

/// With each of these methods; what matches another method already is not copied.
fn with_methods(rule: &Value, mirror: &Mirror) -> Vec<Value> {
    let of = |own: Value| match own["method"].as_str() {
        Some(method) => {
            let asked = mirror.methods.iter().any(|m| m == method);
            if asked { vec![own] } else { Vec::new() }
        }
        None => {
            let with = |method: &String| {
                let mut own = with_path(own.clone());
                own["method"] = method.as_str().into();
                own
            };
            mirror.methods.iter().map(with).collect()
        }
    };
    matches(rule).into_iter().flat_map(of).collect()
}

/// As the API server would fill it in, so that it is known again.
fn with_path(mut own: Value) -> Value {
    if own.get("path").is_none() {
        own["path"] = json!({ "type": "PathPrefix", "value": "/" });
    }
    own
}

/// Where copies go, and of how many requests.
fn to(candidate: &Value, mirror: &Mirror) -> Value {
    let mut backend = json!({ "group": "", "kind": "Service" });
    for field in ["name", "namespace", "port"] {
        if let Some(value) = candidate.get(field) {
            backend[field] = value.clone();
        }
    }
    if mirror.percent < 100 {
        json!({ "backendRef": backend, "percent": mirror.percent })
    } else {
        json!({ "backendRef": backend })
    }
}

/// Whether a rule sends some requests of a path elsewhere that these rules send to the Service.
pub(super) fn narrows(rule: &Value, ours: &[&Value]) -> bool {
    let path = |own: &Value| {
        let text = |field: &str, default: &str| own["path"][field].as_str().unwrap_or(default).to_owned();
        (text("type", "PathPrefix"), text("value", "/"))
    };
    let narrow = |own: &&Value| ["method", "headers", "queryParams"].iter().any(|field| own.get(field).is_some());
    let paths: Vec<_> = ours.iter().flat_map(|rule| matches(rule)).map(|own| path(&own)).collect();
    matches(rule).iter().filter(narrow).any(|own| paths.contains(&path(own)))
}
