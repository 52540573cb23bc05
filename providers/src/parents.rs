//! What a route of the Gateway API is attached to, Gateways or Services, and what its status says of each.
//!
//! Fields and conditions as in the API's reference, <https://gateway-api.sigs.k8s.io/reference/spec/>.

use serde_json::Value;

use crate::{
    Names, Unusable,
    around::{Around, Neighbour},
    array, name,
};

const GROUP: &str = "gateway.networking.k8s.io";

/// Gateways that a route is attached to, each with its namespace and name, and the reference.
fn gateways(route: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let here = text(&route["metadata"], "namespace", "");
    let gateways = array(route, "/spec/parentRefs").iter().filter(|p| is(p, GROUP, "Gateway"));
    gateways.map(move |p| (text(p, "namespace", here), text(p, "name", ""), p))
}

/// What has to be read for these.
pub(crate) fn neighbours(route: &Value) -> Vec<Neighbour> {
    let one = |(namespace, name, _): (&str, &str, _)| Neighbour::Gateway {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    gateways(route).map(one).collect()
}

/// The Gateway that a reference of a route names, where it is there.
pub(crate) fn gateway<'a>(route: &Value, parent: &Value, around: &'a Around) -> Option<&'a Value> {
    let here = text(&route["metadata"], "namespace", "");
    let named = is(parent, GROUP, "Gateway").then(|| (text(parent, "namespace", here), text(parent, "name", "")))?;
    around.find("Gateway", named.0, named.1)
}

/// References to the Service that callers use.
pub(crate) fn to_apex<'a>(route: &'a Value, names: &Names) -> Vec<&'a Value> {
    let ours = |p: &&Value| {
        let here = text(p, "namespace", &names.namespace) == names.namespace;
        is_service(p) && here && p["name"] == names.apex.as_str()
    };
    array(route, "/spec/parentRefs").iter().filter(ours).collect()
}

/// A parent that can carry nothing, whatever the route says.
pub(crate) fn hindrance(route: &Value, names: &Names, around: &Around) -> Option<Unusable> {
    absent(route, around).or_else(|| astray(route, names, around))
}

fn absent(route: &Value, around: &Around) -> Option<Unusable> {
    let (namespace, gateway, _) = gateways(route).find(|(ns, name, _)| around.find("Gateway", ns, name).is_none())?;
    let words = format!(
        "{} is attached to Gateway {gateway} of namespace {namespace}, which is not there: create it, or correct spec.parentRefs",
        name(route)
    );
    Some(Unusable::new("GatewayMissing", words))
}

/// A port that the Service does not have: such a parent is accepted, and no request is ever for it.
fn astray(route: &Value, names: &Names, around: &Around) -> Option<Unusable> {
    let ports = around.ports()?;
    let port = |p: &&Value| p["port"].as_i64().filter(|port| !ports.contains(port));
    let port = to_apex(route, names).iter().find_map(port)?;
    let has = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let words = format!(
        "{} is attached to port {port} of Service {}, which has {has}: requests for those never meet the route. Correct the port of that parentRef, or leave it out",
        name(route),
        names.apex
    );
    Some(Unusable::new("RoutePort", words))
}

/// What a route is attached to where one who speaks for it has accepted it.
pub(crate) fn carried(route: &Value, speaks: impl Fn(&Value) -> bool) -> Vec<&Value> {
    let accepted = |status: &Value| condition(status, "Accepted").is_some_and(|c| c["status"] == "True");
    let told: Vec<_> = array(route, "/status/parents").iter().filter(|s| speaks(s) && accepted(s)).collect();
    let carried = |parent: &&Value| told.iter().any(|status| same(&status["parentRef"], parent));
    array(route, "/spec/parentRefs").iter().filter(carried).collect()
}

/// For each parent, the controllers that speak of it.
pub(crate) fn speakers(route: &Value) -> Vec<Vec<&str>> {
    let statuses = array(route, "/status/parents");
    let of = |parent: &Value| {
        let told = statuses.iter().filter(|status| same(&status["parentRef"], parent));
        told.filter_map(|status| status["controllerName"].as_str()).collect()
    };
    array(route, "/spec/parentRefs").iter().map(of).collect()
}

/// Whether two routes of this namespace mean the same parent by these.
pub(crate) fn is_one(parent: &Value, other: &Value, namespace: &str) -> bool {
    same(parent, other) && text(parent, "namespace", namespace) == text(other, "namespace", namespace)
}

/// Why what is written may not be in force: every parent must say that it carries this generation out, and a Gateway that it is
/// itself at work. `speaks` tells whether a status is one of those that count for a parent.
pub(crate) fn pending(route: &Value, around: &Around, speaks: impl Fn(&Value, &Value) -> bool) -> Option<String> {
    let statuses = array(route, "/status/parents");
    let untaken = array(route, "/spec/parentRefs").iter().find_map(|parent| {
        let told = statuses.iter().find(|s| same(&s["parentRef"], parent) && speaks(s, parent));
        let why = match told {
            Some(told) => unmet(told, &["Accepted", "ResolvedRefs"], generation(route)).or_else(|| partly(told))?,
            None => "has no status in it".into(),
        };
        let (kind, of) = (text(parent, "kind", "Gateway"), text(parent, "name", "?"));
        Some(format!("{} for {kind} {of}: {why}", name(route)))
    });
    untaken.or_else(|| gateways(route).find_map(|(ns, name, _)| idle(around.find("Gateway", ns, name)?)))
}

/// A Gateway that has no proxies yet, or proxies that do not know its newest generation.
fn idle(gateway: &Value) -> Option<String> {
    let why = unmet(&gateway["status"], &["Programmed"], generation(gateway))?;
    Some(format!("{}: {why}", name(gateway)))
}

fn generation(object: &Value) -> i64 {
    object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0)
}

/// Whether a status speaks of this parent.
fn same(told: &Value, parent: &Value) -> bool {
    let service = is_service(told) && is_service(parent);
    let kind = service || ["group", "kind"].iter().all(|f| text(told, f, default(f)) == text(parent, f, default(f)));
    // A namespace that is left out is the route's own, and implementations write it out or not.
    let namespace = |v: &Value| v["namespace"].as_str().map(str::to_owned);
    let apart = matches!((namespace(told), namespace(parent)), (Some(one), Some(other)) if one != other);
    let rest = ["name", "sectionName"].iter().all(|f| text(told, f, "") == text(parent, f, ""));
    kind && !apart && rest && told["port"] == parent["port"]
}

/// The core group is written as "" by most, and as "core" by Linkerd.
pub(crate) fn is_service(reference: &Value) -> bool {
    reference["kind"] == "Service" && matches!(text(reference, "group", ""), "" | "core")
}

fn is(reference: &Value, group: &str, kind: &str) -> bool {
    text(reference, "group", default("group")) == group && text(reference, "kind", default("kind")) == kind
}

/// What a field of a reference is when it is left out.
fn default(field: &str) -> &'static str {
    if field == "group" { GROUP } else { "Gateway" }
}

fn text<'a>(value: &'a Value, field: &str, default: &'a str) -> &'a str {
    value[field].as_str().unwrap_or(default)
}

/// The first of these conditions that is not true of this generation. Where no generation is told, as by Linkerd, none is asked for.
fn unmet(status: &Value, kinds: &[&str], generation: i64) -> Option<String> {
    kinds.iter().find_map(|kind| {
        let Some(found) = condition(status, kind) else { return Some(format!("its status says nothing of {kind}")) };
        let seen = found["observedGeneration"].as_i64().unwrap_or(0);
        if seen != 0 && seen < generation {
            return Some(format!("{kind} is of generation {seen}, and generation {generation} is there"));
        }
        let is = text(found, "status", "?");
        (is != "True").then(|| format!("{kind} is {is}: {}", told(found)))
    })
}

fn partly(status: &Value) -> Option<String> {
    let partly = condition(status, "PartiallyInvalid").filter(|c| c["status"] == "True")?;
    Some(format!("it is partially invalid: {}", told(partly)))
}

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    array(status, "/conditions").iter().find(|c| c["type"] == kind)
}

fn told(condition: &Value) -> String {
    format!("{} {}", text(condition, "reason", ""), text(condition, "message", "")).trim().to_owned()
}
