//! What must hold after every single write, whoever made it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::NS;
use crate::cluster::{Cluster, Store, Write, gateway};

/// Checks the invariants at every write from now on.
pub fn watch(cluster: &Cluster) {
    let mut adopted = false;
    cluster.on_write(move |write, store| check(write, store, &mut adopted));
}

fn check(write: &Write<'_>, store: &Store, adopted: &mut bool) -> Vec<String> {
    let mut broken = Vec::new();
    let Some(apex) = store.get("services", NS, "shop") else { return broken };
    let selector = strings(apex.pointer("/spec/selector"));
    *adopted |= selector.keys().any(|k| k.starts_with("serving."));
    let say = |what: String| format!("{} {} {} by {}: {what}", write.at, write.verb, write.key, write.actor);
    let ready = |selector| store.list("pods").filter(|p| selects(selector, p) && is_ready(p)).count();
    let stable = ready(&selector);
    if *adopted && stable == 0 && write.actor == "controller" && write.key.to_string().contains("services") {
        broken.push(say("callers have nobody to answer them".into()));
    }
    let routed = routed(store);
    if write.actor == "controller" && write.key.to_string().contains("httproutes") {
        let all: u64 = routed.iter().map(|(_, weight, _)| weight).sum();
        for (service, weight, selector) in &routed {
            // Capacity before weight: a pod gets no more than one of the stable revision's had of the whole.
            let (there, load) = (ready(selector) as u64, weight * stable as u64);
            if there == 0 || load > all * there {
                broken.push(say(format!("a route sends {weight} of {all} to {there} pods of {service}")));
            }
        }
    }
    let answering = |pod: &Value| selects(&selector, pod) || routed.iter().any(|(_, _, s)| selects(s, pod));
    for release in store.list("releases") {
        broken.extend(unproven(store, release, &answering).map(&say));
        broken.extend(stable_shrinks(write, release).map(&say));
    }
    broken
}

/// The Services that the route sends to, with their weights and what they select: nothing where one is not there.
fn routed(store: &Store) -> Vec<(String, u64, BTreeMap<String, String>)> {
    let route = store.get("httproutes", NS, "shop").or(store.get("httproutes.policy.linkerd.io", NS, "shop"));
    let backends = route.map(gateway::backends).unwrap_or_default();
    let live = backends.into_iter().filter(|(_, weight)| *weight > 0);
    let selector = |name: &str| strings(store.get("services", NS, name).and_then(|s| s.pointer("/spec/selector")));
    live.map(|((_, name), weight)| (name.clone(), weight, selector(&name))).collect()
}

/// Conformance first, and nothing for a revision that has failed.
fn unproven(store: &Store, release: &Value, answering: &dyn Fn(&Value) -> bool) -> Option<String> {
    if release.pointer("/spec/purpose")? != "Update" || release.pointer("/status/finishedAt").is_some() {
        return None;
    }
    let to = release.pointer("/spec/to/revision")?.as_str()?;
    let fast = release.pointer("/spec/fast").is_some_and(|f| f == true);
    if fast || !store.list("pods").any(|p| revision(p) == Some(to) && answering(p)) {
        return None;
    }
    let plan: Value = serde_json::from_str(release.pointer("/spec/plan")?.as_str()?).ok()?;
    let list = |gates: Option<&Value>| gates.and_then(Value::as_array).cloned().unwrap_or_default();
    let wanted = list(plan.get("gates")).iter().filter(|g| g["at"] == "traffic").count();
    let verdicts = list(release.pointer("/status/gates"));
    let passed = verdicts.iter().filter(|g| g["at"] == "traffic" && g["verdict"] == "Pass").count();
    (passed < wanted).then(|| format!("revision {to} answers callers before its gates have passed"))
}

/// The stable revision keeps its pods until everything has gone over.
fn stable_shrinks(write: &Write<'_>, release: &Value) -> Option<String> {
    let from = release.pointer("/spec/from/revision")?.as_str()?;
    let phase = release.pointer("/status/phase")?.as_str()?;
    let (old, new) = (write.old?, write.new?);
    let over = matches!(phase, "Warm" | "Succeeded") || release.pointer("/status/finishedAt").is_some();
    if over
        || new["kind"] != "Deployment"
        || release.pointer("/spec/purpose")? != "Update"
        || revision(new) != Some(from)
    {
        return None;
    }
    let count = |o: &Value| o.pointer("/spec/replicas").and_then(Value::as_u64);
    (count(new) < count(old)).then(|| format!("the stable revision {from} loses pods in phase {phase}"))
}

/// The revisions whose ready pods are behind a Service.
pub fn behind(store: &Store, service: &str) -> BTreeSet<String> {
    let selector = strings(store.get("services", NS, service).and_then(|s| s.pointer("/spec/selector")));
    let pods = store.list("pods").filter(|pod| selects(&selector, pod) && is_ready(pod));
    pods.filter_map(|pod| revision(pod).map(str::to_owned)).collect()
}

fn strings(map: Option<&Value>) -> BTreeMap<String, String> {
    map.and_then(|m| serde_json::from_value(m.clone()).ok()).unwrap_or_default()
}

fn selects(selector: &BTreeMap<String, String>, pod: &Value) -> bool {
    let here = pod.pointer("/metadata/namespace").is_some_and(|n| n == NS);
    let labelled = |(key, value): (&String, &String)| pod["metadata"]["labels"].get(key).is_some_and(|v| v == value);
    here && !selector.is_empty() && selector.iter().all(labelled)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.is_some_and(|c| c.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"));
    ready && pod.pointer("/metadata/deletionTimestamp").is_none()
}

fn revision(object: &Value) -> Option<&str> {
    object.pointer("/metadata/labels/sluice.dev~1revision")?.as_str()
}
