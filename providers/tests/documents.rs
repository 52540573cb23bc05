//! What is written in each state, to be read; what is refused, and when a route counts as taken up.
#![allow(clippy::unwrap_used)]

use planner::{RevisionId, world::Share};
use providers::{GatewayApi, Istio, Names, Provider};
use serde_json::{Value, json};

fn names() -> Names {
    Names { namespace: "shop".into(), apex: "frontend".into(), policy: "frontend".into() }
}

fn share(percent: u32) -> Share {
    Share { candidate: RevisionId::parse("790d254b").unwrap(), percent }
}

fn http_route() -> Value {
    json!({
        "kind": "HTTPRoute",
        "metadata": { "name": "frontend", "namespace": "shop", "generation": 3, "resourceVersion": "7" },
        "spec": {
            "parentRefs": [{ "name": "public", "namespace": "gateways" }],
            "rules": [
                { "matches": [{ "path": { "value": "/old" } }], "backendRefs": [{ "name": "legacy", "port": 80, "weight": 1 }] },
                { "backendRefs": [
                    { "name": "frontend", "port": 80, "weight": 9 },
                    { "name": "legacy", "port": 80, "weight": 1 },
                ] },
            ],
        },
    })
}

fn virtual_service() -> Value {
    json!({
        "kind": "VirtualService",
        "metadata": { "name": "frontend", "namespace": "shop", "resourceVersion": "7" },
        "spec": {
            "hosts": ["frontend", "shop.example.com"],
            "http": [
                { "match": [{ "uri": { "prefix": "/old" } }], "redirect": { "uri": "/" } },
                { "route": [{ "destination": { "host": "frontend.shop.svc.cluster.local", "port": { "number": 80 } } }], "timeout": "5s" },
            ],
            "tcp": [{ "route": [{ "destination": { "host": "elsewhere.example.com" } }] }],
        },
    })
}

#[test]
fn an_http_route_in_a_step_of_20_percent() {
    insta::assert_yaml_snapshot!(GatewayApi(names()).write(&http_route(), Some(&share(20))).unwrap());
}

#[test]
fn a_virtual_service_in_a_step_of_5_percent() {
    insta::assert_yaml_snapshot!(Istio(names()).write(&virtual_service(), Some(&share(5))).unwrap());
}

#[test]
fn a_route_that_is_as_it_should_be_is_not_written() {
    assert!(GatewayApi(names()).write(&http_route(), None).unwrap().is_empty());
    assert!(Istio(names()).write(&virtual_service(), None).unwrap().is_empty());
    let weighted = json!([{ "route": [{ "destination": { "host": "frontend" }, "weight": 1 }] }]);
    assert!(Istio(names()).write(&but(virtual_service(), "/spec/http", weighted), None).unwrap().is_empty());
}

/// The document with one value changed.
fn but(mut route: Value, path: &str, value: Value) -> Value {
    let (above, last) = path.rsplit_once('/').unwrap();
    route.pointer_mut(above).unwrap()[last] = value;
    route
}

#[test]
fn a_route_that_cannot_be_used_is_refused_with_what_to_do() {
    let gateway = GatewayApi(names());
    let elsewhere = but(http_route(), "/spec/rules", json!([{ "backendRefs": [{ "name": "legacy" }] }]));
    let rule = http_route()["spec"]["rules"][1].clone();
    let sticky = but(rule.clone(), "/sessionPersistence", json!({ "type": "Cookie" }));
    let filtered = json!({ "backendRefs": [{ "name": "frontend", "weight": 1, "filters": [{ "type": "RequestHeaderModifier" }] }] });
    let istio = Istio(names());
    let subset = json!([{ "route": [{ "destination": { "host": "frontend", "subset": "v1" } }] }]);
    let cases = [
        ("RouteElsewhere", gateway.read(&elsewhere)),
        ("RouteSessions", gateway.read(&but(http_route(), "/spec/rules", json!([sticky])))),
        ("RouteFilters", gateway.read(&but(http_route(), "/spec/rules", json!([filtered])))),
        ("RouteElsewhere", istio.read(&but(virtual_service(), "/spec/http", json!([])))),
        ("RouteSubset", istio.read(&but(virtual_service(), "/spec/http", subset))),
    ];
    for (reason, read) in cases {
        let refused = read.trouble.unwrap();
        assert_eq!(refused.reason, reason, "{refused}");
        assert!(refused.message.contains("frontend"), "{refused}");
    }
    let heavy = json!([{ "backendRefs": [{ "name": "frontend", "weight": 10_001 }] }]);
    let full = json!([{ "backendRefs": vec![json!({ "name": "frontend", "weight": 1 }); 16] }]);
    for (reason, rules) in [("RouteWeights", heavy), ("RouteBackends", full)] {
        let route = but(http_route(), "/spec/rules", rules);
        assert_eq!(gateway.write(&route, Some(&share(20))).unwrap_err().reason, reason);
        // A release learns of it before it begins.
        assert_eq!(gateway.read(&route).trouble.unwrap().reason, reason);
    }
}

#[test]
fn a_rule_that_needs_nothing_from_us_may_have_what_would_be_refused() {
    let sessions = but(http_route(), "/spec/rules/0/sessionPersistence", json!({ "type": "Cookie" }));
    assert_eq!(GatewayApi(names()).read(&sessions).trouble, None);
}

fn status(parent: Value, generation: i64, conditions: &[(&str, &str)]) -> Value {
    let condition = |(kind, status): &(&str, &str)| json!({ "type": kind, "status": status, "reason": "Because", "message": "of that", "observedGeneration": generation });
    json!({ "parents": [{ "parentRef": parent, "conditions": conditions.iter().map(condition).collect::<Vec<_>>() }] })
}

#[test]
fn a_route_is_taken_up_when_every_parent_says_so_of_this_generation() {
    let parent =
        json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "gateways" });
    let other =
        json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "private", "namespace": "gateways" });
    let good = [("Accepted", "True"), ("ResolvedRefs", "True")];
    let cases = [
        (Value::Null, "has no status in it"),
        (status(other, 3, &good), "has no status in it"),
        (status(parent.clone(), 2, &good), "Accepted is of generation 2, the route is at 3"),
        (status(parent.clone(), 3, &good[..1]), "its status says nothing of ResolvedRefs"),
        (
            status(parent.clone(), 3, &[("Accepted", "False"), ("ResolvedRefs", "True")]),
            "Accepted is False: Because of that",
        ),
        (status(parent.clone(), 3, &[good[0], ("ResolvedRefs", "False")]), "ResolvedRefs is False: Because of that"),
        (status(parent.clone(), 3, &[good[0], good[1], ("PartiallyInvalid", "True")]), "it is partially invalid"),
    ];
    for (status, says) in cases {
        let pending = GatewayApi(names()).pending(&but(http_route(), "/status", status)).unwrap();
        assert!(pending.contains(says) && pending.contains("Gateway public"), "{pending}");
    }
    for generation in [3, 0] {
        // Linkerd tells no generation.
        let taken_up = but(http_route(), "/status", status(parent.clone(), generation, &good));
        assert_eq!(GatewayApi(names()).pending(&taken_up), None);
    }
}

#[test]
fn services_of_other_namespaces_and_other_kinds_are_not_the_service() {
    let strangers = json!([{ "backendRefs": [
        { "name": "frontend", "namespace": "other", "weight": 1 },
        { "name": "frontend", "kind": "ServiceImport", "group": "multicluster.x-k8s.io", "weight": 1 },
    ] }]);
    let route = but(http_route(), "/spec/rules", strangers);
    assert_eq!(GatewayApi(names()).read(&route).trouble.unwrap().reason, "RouteElsewhere");
    let hosts = json!([{ "route": [{ "destination": { "host": "frontend.other.svc.cluster.local" } }] }]);
    assert_eq!(
        Istio(names()).read(&but(virtual_service(), "/spec/http", hosts)).trouble.unwrap().reason,
        "RouteElsewhere"
    );
}

#[test]
fn a_share_that_somebody_else_has_left_behind_is_seen_and_taken_out() {
    let gateway = GatewayApi(names());
    let stray = json!([{ "backendRefs": [
        { "name": "frontend", "weight": 100 }, { "name": "frontend-790d254b", "weight": 0 },
    ] }]);
    let route = but(http_route(), "/spec/rules", stray);
    let read = gateway.read(&route);
    assert_eq!((read.share, read.uneven), (None, true));
    let patch = gateway.write(&route, None).unwrap();
    assert_eq!(patch[1]["value"], json!([{ "name": "frontend", "weight": 1 }]));
}

#[test]
fn a_share_is_seen_and_taken_back_in_a_route_into_which_none_may_be_written() {
    let gateway = GatewayApi(names());
    let filters = json!([{ "type": "RequestHeaderModifier" }]);
    let divided = json!([{ "backendRefs": [
        { "name": "frontend", "weight": 80, "filters": filters }, { "name": "frontend-790d254b", "weight": 20 },
    ] }]);
    let route = but(http_route(), "/spec/rules", divided);
    let read = gateway.read(&route);
    assert_eq!((read.share, read.trouble.unwrap().reason), (Some(share(20)), "RouteFilters"));
    let back = json!([{ "name": "frontend", "weight": 1, "filters": filters }]);
    assert_eq!(gateway.write(&route, None).unwrap()[1]["value"], back);
}
