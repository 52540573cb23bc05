//! Routes of a VirtualService that pick requests out for a candidate, or copy them. The first that matches a request counts, so
//! each stands before the one that it is made of, and takes from no other.

use planner::{
    RevisionId,
    picks::{Match, Text},
    world::Share,
};
use serde_json::{Value, json};

use super::{Istio, sticky};
use crate::{Unusable, cookie, gateway_api::taken, name, pair, rules::Rules};

/// What the names of our routes begin with; a revision's id follows.
const OURS: &str = "sluice-";

impl Rules for Istio {
    const PATHS: &'static [&'static str] = &["/spec/http", "/spec/tls", "/spec/tcp"];
    const BACKENDS: &'static str = "route";
    const MOST_RULES: usize = usize::MAX;
    const FIRST_MATCH: bool = true;

    fn picking(&self, route: &Value, path: &str, rule: &Value, share: &Share) -> Result<Vec<Value>, Unusable> {
        let backends = rule["route"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(mut alone) = pair::alone(self, backends, &share.candidate).filter(|_| path == "/spec/http") else {
            return Ok(Vec::new());
        };
        if let Some(alone) = alone.as_object_mut() {
            alone.remove("weight");
        }
        let named = |matches: Vec<Value>| {
            let mut copy = rule.clone();
            copy["name"] = format!("{OURS}{}", share.candidate).into();
            copy["match"] = matches.into();
            copy
        };
        let mut made = Vec::new();
        let asked: Vec<_> = share.picks.matches.iter().cloned().chain(cookie::again(share)).collect();
        if !asked.is_empty() {
            let mut copy = named(matching(route, rule, &asked)?);
            copy["route"] = json!([alone]);
            made.push(copy);
        }
        if let Some(mirror) = &share.picks.mirror {
            if rule.get("mirror").is_some() {
                let words = format!(
                    "a route of {} has mirror, beside which no other copies are made: give it as an entry of mirrors",
                    name(route)
                );
                return Err(Unusable::new("RouteMirror", words));
            }
            let copy = json!({ "destination": alone["destination"], "percentage": { "value": mirror.percent } });
            let mut rule = named(with_methods(rule, &mirror.methods));
            let before = rule["mirrors"].as_array().cloned().unwrap_or_default();
            rule["mirrors"] = before.into_iter().chain([copy]).collect::<Vec<_>>().into();
            made.push(rule);
        }
        // Without a match a route would match everything.
        made.retain(|rule| rule["match"].as_array().is_some_and(|all| !all.is_empty()));
        Ok(made)
    }

    fn marked(
        &self,
        route: &Value,
        path: &str,
        rule: &Value,
        backends: Vec<Value>,
        share: &Share,
    ) -> Result<Vec<Value>, Unusable> {
        // Those of tls and tcp have no headers.
        if path == "/spec/http" { sticky::marked(self, route, rule, backends, share) } else { Ok(backends) }
    }

    fn to_apex(&self, _: i64) -> Value {
        // Where a Service has one port only, it need not be said.
        json!({ "destination": { "host": self.0.apex } })
    }

    fn ends(&self, rule: &Value) -> bool {
        ["redirect", "directResponse", "delegate"].iter().any(|field| rule.get(field).is_some())
    }

    fn of(&self, rule: &Value) -> Option<RevisionId> {
        RevisionId::parse(rule["name"].as_str()?.strip_prefix(OURS)?)
    }

    fn asleep(&self, _: &Value) -> Option<Value> {
        None
    }
}

/// What the owner's route matches; every request where it does not say.
fn matches(rule: &Value) -> Vec<Value> {
    let written = rule["match"].as_array().filter(|all| !all.is_empty());
    written.cloned().unwrap_or_else(|| vec![json!({})])
}

/// With each of these conditions besides.
fn matching(route: &Value, rule: &Value, picks: &[Match]) -> Result<Vec<Value>, Unusable> {
    let mut all = Vec::new();
    for own in matches(rule) {
        for pick in picks {
            let mut own = own.clone();
            let mut headers = own["headers"].as_object().cloned().unwrap_or_default();
            for (header, text) in &pick.headers {
                let value = match text {
                    Text::Exact(value) => json!({ "exact": value }),
                    Text::Regex(value) => json!({ "regex": value }),
                };
                if headers.insert(header.clone(), value).is_some() {
                    return Err(taken(route, header));
                }
            }
            own["headers"] = headers.into();
            all.push(own);
        }
    }
    Ok(all)
}

/// With one of these methods; what matches a method already is copied where it is one of them.
fn with_methods(rule: &Value, methods: &[String]) -> Vec<Value> {
    let one_of = json!({ "regex": methods.join("|") });
    let of = |mut own: Value| match own.get("method") {
        Some(method) => {
            let asked = method["exact"].as_str().is_some_and(|m| methods.iter().any(|asked| asked == m));
            asked.then_some(own)
        }
        None => {
            own["method"] = one_of.clone();
            Some(own)
        }
    };
    matches(rule).into_iter().filter_map(of).collect()
}
