//! Linkerd: what is refused, since it would say yes to it and do something else, and when a route counts as taken up.
#![allow(clippy::unwrap_used)]

use planner::{RevisionId, picks::Picks, world::Share};
use providers::{Around, Linkerd, Names, Neighbour, Provider, RouteKind};
use serde_json::{Value, json};

fn linkerd() -> Linkerd {
    Linkerd::new(Names { namespace: "shop".into(), apex: "frontend".into(), policy: "frontend".into() })
}

fn route() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": { "name": "frontend", "namespace": "shop", "generation": 3, "resourceVersion": "7" },
        "spec": {
            "parentRefs": [{ "group": "core", "kind": "Service", "name": "frontend", "port": 80 }],
            "rules": [
                { "matches": [{ "path": { "type": "PathPrefix", "value": "/old" } }],
                  "backendRefs": [{ "group": "", "kind": "Service", "name": "legacy", "port": 80, "weight": 1 }] },
                { "filters": [{ "type": "ResponseHeaderModifier", "responseHeaderModifier": { "set": [{ "name": "x-by", "value": "mesh" }] } }],
                  "backendRefs": [{ "group": "", "kind": "Service", "name": "frontend", "port": 80, "weight": 1 }] },
            ],
        },
    })
}

/// The document with one value changed; `null` takes it away.
fn but(mut document: Value, path: &str, value: Value) -> Value {
    let (above, last) = path.rsplit_once('/').unwrap();
    let above = document.pointer_mut(above).unwrap();
    match last.parse::<usize>() {
        Ok(index) => above[index] = value,
        Err(_) if value.is_null() => drop(above.as_object_mut().unwrap().remove(last)),
        Err(_) => above[last] = value,
    }
    document
}

fn around(spec: Value, neighbours: &[Value]) -> Around {
    let apex = json!({ "metadata": { "name": "frontend", "namespace": "shop" }, "spec": spec });
    Around { apex: Some(apex), neighbours: neighbours.to_vec() }
}

fn usual() -> Value {
    json!({ "clusterIP": "10.0.0.7", "ports": [{ "name": "http", "port": 80 }, { "name": "admin", "port": 9090 }] })
}

#[test]
fn a_route_of_linkerds_in_a_step_of_20_percent() {
    let share = Share { candidate: RevisionId::parse("790d254b").unwrap(), percent: 20, picks: Picks::default() };
    let patch = linkerd().write(&route(), Some(&share)).unwrap();
    // As in documents.rs: real API servers try it.
    insta::assert_yaml_snapshot!(json!({ "route": route(), "patch": patch }));
}

#[test]
fn a_route_as_linkerd_wants_it_is_not_refused() {
    assert_eq!(linkerd().read(&route(), &[]).trouble, None);
    assert_eq!(linkerd().hindrance(&route(), &around(usual(), &[]), &[]), None);
    for group in [json!("core"), json!(""), Value::Null] {
        let spelt = but(route(), "/spec/parentRefs/0/group", group);
        assert_eq!(linkerd().read(&spelt, &[]).trouble, None, "{spelt}");
    }
    for port in [json!(9090), Value::Null] {
        let attached = but(route(), "/spec/parentRefs/0/port", port);
        assert_eq!(linkerd().hindrance(&attached, &around(usual(), &[]), &[]), None, "{attached}");
    }
    for filter in ["RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect"] {
        let filtered = but(route(), "/spec/rules/1/filters", json!([{ "type": filter }]));
        assert_eq!(linkerd().read(&filtered, &[]).trouble, None, "{filtered}");
    }
}

/// One word and some of the advice.
type Refused = (&'static str, &'static str);

#[test]
fn a_route_that_linkerd_would_not_follow_is_refused_with_what_to_do() {
    let frozen = |filter: &str| but(route(), "/spec/rules/0/filters", json!([{ "type": filter }]));
    let own = but(route(), "/apiVersion", json!("policy.linkerd.io/v1beta3"));
    let cases: Vec<(Value, Refused)> = vec![
        (
            but(route(), "/spec/parentRefs/0", json!({ "name": "public", "namespace": "gateways" })),
            ("RouteDetached", "group core, kind Service, name frontend"),
        ),
        (
            but(route(), "/spec/parentRefs/0/namespace", json!("other")),
            ("RouteDetached", "give spec.parentRefs an entry"),
        ),
        (but(route(), "/spec/parentRefs/0/name", json!("legacy")), ("RouteDetached", "give spec.parentRefs an entry")),
        (
            but(route(), "/spec/parentRefs/0/group", json!("policy.linkerd.io")),
            ("RouteDetached", "give spec.parentRefs"),
        ),
        (but(route(), "/spec/rules/1/backendRefs/0/port", Value::Null), ("RoutePort", "add the port")),
        // It is the route that is not taken over, so every rule counts.
        (frozen("RequestMirror"), ("RouteFilters", "RequestMirror")),
        (frozen("URLRewrite"), ("RouteFilters", "URLRewrite")),
        (frozen("ExtensionRef"), ("RouteFilters", "ExtensionRef")),
        (frozen("CORS"), ("RouteFilters", "CORS")),
        (own, ("RouteFilters", "it knows RequestHeaderModifier, RequestRedirect")),
        // What is refused of every route of the Gateway API.
        (but(route(), "/spec/rules/1/sessionPersistence", json!({ "type": "Cookie" })), ("RouteSessions", "remove it")),
    ];
    for (route, (reason, says)) in cases {
        let refused = linkerd().read(&route, &[]).trouble.unwrap();
        assert_eq!(refused.reason, reason, "{refused}");
        assert!(refused.message.contains(says), "{refused}");
    }
}

#[test]
fn what_stands_around_a_route_is_refused_with_what_to_do() {
    let profile = |name: &str| json!({ "kind": "ServiceProfile", "metadata": { "name": name, "namespace": "shop" } });
    let wins = profile("frontend.shop.svc.example.org");
    let headless = but(usual(), "/clusterIP", json!("None"));
    let cases = [
        (route(), around(usual(), &[wins]), ("ServiceProfile", "frontend.shop.svc.example.org")),
        (route(), around(headless, &[]), ("ServiceHeadless", "without clusterIP: None")),
        (
            but(route(), "/spec/parentRefs/0/port", json!(8080)),
            around(usual(), &[]),
            ("RoutePort", "which has 80, 9090"),
        ),
    ];
    for (route, around, (reason, says)) in cases {
        let refused = linkerd().hindrance(&route, &around, &[]).unwrap();
        assert_eq!(refused.reason, reason, "{refused}");
        assert!(refused.message.contains(says), "{refused}");
    }
    let others =
        ["frontend-v2.shop.svc.cluster.local", "frontend.other.svc.cluster.local", "legacy.shop.svc.cluster.local"];
    assert_eq!(linkerd().hindrance(&route(), &around(usual(), &others.map(profile)), &[]), None);
    let profiles = Neighbour::ServiceProfiles { namespace: "shop".into() };
    let routes = Neighbour::Routes { of: RouteKind::Http, namespace: "shop".into() };
    assert_eq!(linkerd().neighbours(&route(), &[]), [routes, profiles], "they have to be read");
}

#[test]
fn a_share_is_taken_back_from_a_route_that_linkerd_does_not_follow() {
    let divided = json!([{ "name": "frontend", "weight": 80 }, { "name": "frontend-790d254b", "weight": 20 }]);
    let route = but(route(), "/spec/rules/1/backendRefs", divided);
    let read = linkerd().read(&route, &[]);
    assert_eq!((read.share.unwrap().percent, read.trouble.unwrap().reason), (20, "RoutePort"));
    let back = linkerd().write(&route, None).unwrap();
    assert_eq!(back[1]["value"], json!([{ "name": "frontend", "weight": 1 }]));
}

/// A status as Linkerd writes it: with the namespace, the group core, without a section and without a generation.
fn told(controller: &str, port: Value, conditions: &[(&str, &str)]) -> Value {
    let condition =
        |(kind, status): &(&str, &str)| json!({ "type": kind, "status": status, "reason": "Because", "message": "" });
    let mut parent = json!({ "group": "core", "kind": "Service", "namespace": "shop", "name": "frontend" });
    if !port.is_null() {
        parent["port"] = port;
    }
    json!({ "parentRef": parent, "controllerName": controller, "conditions": conditions.iter().map(condition).collect::<Vec<_>>() })
}

const LINKERD: &str = "linkerd.io/policy-controller";
const GOOD: [(&str, &str); 2] = [("Accepted", "True"), ("ResolvedRefs", "True")];

fn with_status(route: Value, parents: Vec<Value>) -> Value {
    but(route, "/status", json!({ "parents": parents }))
}

#[test]
fn a_route_is_taken_up_when_linkerd_says_so_of_whatever_generation() {
    let says = |parents| linkerd().pending(&with_status(route(), parents), &around(usual(), &[]));
    assert_eq!(says(vec![told(LINKERD, json!(80), &GOOD)]), None);
    let refused = told(LINKERD, json!(80), &[("Accepted", "False"), GOOD[1]]);
    let cases = [
        (vec![], "HTTPRoute frontend for Service frontend: has no status in it"),
        (vec![told(LINKERD, json!(9090), &GOOD)], "has no status in it"),
        (vec![told("istio.io/gateway-controller", json!(80), &GOOD)], "has no status in it"),
        (vec![told("istio.io/gateway-controller", json!(80), &GOOD), refused], "Accepted is False: Because"),
        (vec![told(LINKERD, json!(80), &GOOD[..1])], "its status says nothing of ResolvedRefs"),
    ];
    for (parents, expected) in cases {
        let pending = says(parents).unwrap();
        assert!(pending.contains(expected), "{pending}");
    }
}

#[test]
fn every_spelling_of_the_service_is_the_parent_that_linkerd_speaks_of() {
    for (group, section, port) in
        [("core", Value::Null, json!(80)), ("", json!("http"), json!(80)), ("", Value::Null, Value::Null)]
    {
        let mut parent = json!({ "group": group, "kind": "Service", "name": "frontend" });
        for (field, value) in [("sectionName", section), ("port", port.clone())] {
            if !value.is_null() {
                parent[field] = value;
            }
        }
        let route = with_status(but(route(), "/spec/parentRefs/0", parent), vec![told(LINKERD, port, &GOOD)]);
        assert_eq!(linkerd().pending(&route, &around(usual(), &[])), None, "{route}");
    }
}

#[test]
fn a_route_with_several_parents_waits_for_each() {
    let second = json!({ "group": "core", "kind": "Service", "name": "frontend", "port": 9090 });
    let parents = json!([route()["spec"]["parentRefs"][0], second]);
    let route = but(route(), "/spec/parentRefs", parents);
    let one = told(LINKERD, json!(80), &GOOD);
    let pending = |statuses| linkerd().pending(&with_status(route.clone(), statuses), &around(usual(), &[]));
    assert!(pending(vec![one.clone()]).unwrap().contains("has no status in it"));
    assert_eq!(pending(vec![told(LINKERD, json!(9090), &GOOD), one.clone()]), None);
    // What Linkerd says of a Server, which is about requests that come in, is not asked for.
    let server = json!({ "group": "policy.linkerd.io", "kind": "Server", "name": "frontend" });
    let both = but(route, "/spec/parentRefs/1", server);
    assert_eq!(linkerd().pending(&with_status(both, vec![one]), &around(usual(), &[])), None);
}
