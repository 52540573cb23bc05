//! What a test prints when what it waits for does not come.

use std::fmt::Write as _;

use serde_json::Value;

use super::{State, gateway, kinds, object};

pub fn dump(state: &State) -> String {
    let mut text = String::new();
    let store = &state.store;
    let place = |o: &Value| format!("{}/{}", object::text(o, "/metadata/namespace"), object::name(o));
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(text, "{title}:");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
    };
    let deployments = store.of(&kinds::DEPLOYMENTS, "").map(|(_, d)| {
        format!(
            "{} wants {} ({}), has {}, updated {}, ready {}",
            place(d),
            d["spec"]["replicas"],
            object::text(d, "/spec/template/spec/containers/0/image"),
            object::count(d, "/status/replicas"),
            object::count(d, "/status/updatedReplicas"),
            object::count(d, "/status/readyReplicas"),
        )
    });
    section("deployments", deployments.collect());
    let pods = store.of(&kinds::PODS, "").map(|(_, p)| {
        let ready = if object::is_true(p, "Ready") { "ready" } else { "not ready" };
        let ending = if object::is_terminating(p) { ", terminating" } else { "" };
        let waiting = object::text(p, "/status/containerStatuses/0/state/waiting/reason");
        let phase = object::text(p, "/status/phase");
        format!("{} {phase} {ready}{ending} {waiting} {}", place(p), p["metadata"]["labels"])
    });
    section("pods", pods.collect());
    let services = store.of(&kinds::SERVICES, "");
    section("services", services.map(|(_, s)| format!("{} selects {}", place(s), s["spec"]["selector"])).collect());
    let slices = store.of(&kinds::ENDPOINT_SLICES, "").map(|(_, s)| {
        let ready = |e: &&Value| object::flag(e, "/conditions/ready");
        let names = object::items(s, "/endpoints").iter().filter(ready);
        let names: Vec<_> = names.map(|e| object::text(e, "/targetRef/name")).collect();
        format!("{} ready {names:?}", place(s))
    });
    section("endpoint slices", slices.collect());
    let routes = store.of(&kinds::HTTP_ROUTES, "").chain(store.of(&kinds::LINKERD_ROUTES, "")).map(|(_, r)| {
        let backends = gateway::backends(r).into_iter().map(|((_, name), weight)| format!("{name}: {weight}"));
        let backends: Vec<_> = backends.collect();
        format!("{} generation {} sends to {backends:?} {}", place(r), r["metadata"]["generation"], r["status"])
    });
    section("routes", routes.collect());
    let jobs = store.of(&kinds::JOBS, "");
    section("jobs", jobs.map(|(_, j)| format!("{} {}", place(j), j["status"])).collect());
    let policies = store.of(&kinds::POLICIES, "");
    section("policies", policies.map(|(_, p)| format!("{} {}", place(p), p["status"])).collect());
    let releases = store.of(&kinds::RELEASES, "");
    section(
        "releases",
        releases.map(|(_, r)| format!("{} {} {}", place(r), object::text(r, "/status/phase"), r["status"])).collect(),
    );
    section("terminating", store.terminating().into_iter().collect());
    let last = state.log.len().saturating_sub(30);
    let requests = state.log[last..].iter().map(|e| {
        let at = e.at.as_secs_f64();
        let write = e.write.map_or(String::new(), |k| format!(" (write {k})"));
        format!("{at:>9.3} s  {} {} {} -> {}{write}", e.identity, e.verb, e.path, e.status)
    });
    section("last requests to the API server", requests.collect());
    let records = state.traffic.records.all();
    let recent = &records[records.len().saturating_sub(10)..];
    section("last requests to the services", recent.iter().map(ToString::to_string).collect());
    section("violations", store.violations.clone());
    text
}
