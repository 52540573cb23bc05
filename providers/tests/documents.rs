//! What is written in each state, to be read; what is refused, and when a route counts as taken up.
#![allow(clippy::unwrap_used)]

use planner::{
    RevisionId,
    picks::{Match, Mirror, Picks, Sticky, Text},
    world::Share,
};
use providers::{Around, GatewayApi, Istio, Names, Provider};
use serde_json::{Value, json};

fn names() -> Names {
    Names { namespace: "shop".into(), apex: "frontend".into(), policy: "frontend".into() }
}

fn share(percent: u32) -> Share {
    Share { candidate: RevisionId::parse("790d254b").unwrap(), percent, picks: Picks::default() }
}

fn http_route() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
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
        "apiVersion": "networking.istio.io/v1",
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

fn grpc_route() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GRPCRoute",
        "metadata": { "name": "frontend", "namespace": "shop", "generation": 3, "resourceVersion": "7" },
        "spec": {
            "parentRefs": [{ "name": "public", "namespace": "gateways" }],
            "rules": [{ "backendRefs": [{ "name": "frontend", "port": 80, "weight": 1 }] }],
        },
    })
}

/// As in a mesh: its parent is the Service.
fn mesh_route() -> Value {
    let route = but(http_route(), "/spec/parentRefs", json!([{ "group": "", "kind": "Service", "name": "frontend" }]));
    but(route, "/spec/rules", json!([{ "backendRefs": [{ "name": "frontend", "port": 80, "weight": 1 }] }]))
}

/// A route and what is written into it. kind-tests/tests/api_versions.rs has every such snapshot tried by real API servers.
fn written(provider: &impl Provider, route: &Value, share: &Share) -> Value {
    json!({ "route": route, "patch": provider.write(route, Some(share)).unwrap() })
}

#[test]
fn an_http_route_in_a_step_of_20_percent() {
    insta::assert_yaml_snapshot!(written(&GatewayApi(names()), &http_route(), &share(20)));
}

#[test]
fn a_grpc_route_in_a_step_of_1_percent() {
    insta::assert_yaml_snapshot!(written(&GatewayApi(names()), &grpc_route(), &share(1)));
}

#[test]
fn a_route_of_a_mesh_in_a_step_of_99_percent() {
    insta::assert_yaml_snapshot!(written(&GatewayApi(names()), &mesh_route(), &share(99)));
}

#[test]
fn a_virtual_service_in_a_step_of_5_percent() {
    insta::assert_yaml_snapshot!(written(&Istio(names()), &virtual_service(), &share(5)));
}

/// A share of requests that match, or of copies.
fn picked(picks: Picks) -> Share {
    Share { percent: 0, picks, ..share(0) }
}

fn insiders() -> Picks {
    let insider = ("x-canary".to_owned(), Text::Exact("insider".into()));
    let cookie = ("cookie".to_owned(), Text::Regex(r"^(?:.*;\s*)?canary=always(?:;.*)?$".into()));
    let matches = [insider, cookie].map(|header| Match { headers: [header].into() });
    Picks { matches: matches.into(), ..Picks::default() }
}

fn copies(percent: u32) -> Picks {
    let methods = ["GET", "HEAD", "OPTIONS"].map(str::to_owned).into();
    Picks { mirror: Some(Mirror { percent, methods }), ..Picks::default() }
}

#[test]
fn an_http_route_whose_rules_for_insiders_are_asleep() {
    let patch = GatewayApi(names()).lay(&http_route(), &picked(insiders())).unwrap();
    insta::assert_yaml_snapshot!(json!({ "route": http_route(), "patch": patch }));
}

#[test]
fn a_grpc_route_that_sends_insiders_to_the_candidate() {
    insta::assert_yaml_snapshot!(written(&GatewayApi(names()), &grpc_route(), &picked(insiders())));
}

#[test]
fn an_http_route_that_sends_insiders_to_the_candidate() {
    insta::assert_yaml_snapshot!(written(&GatewayApi(names()), &http_route(), &picked(insiders())));
}

#[test]
fn an_http_route_that_copies_a_fifth_of_what_only_reads() {
    insta::assert_yaml_snapshot!(written(&GatewayApi(names()), &http_route(), &picked(copies(20))));
}

#[test]
fn a_virtual_service_that_sends_insiders_to_the_candidate_and_a_tenth_of_the_others() {
    let share = Share { percent: 10, ..picked(insiders()) };
    insta::assert_yaml_snapshot!(written(&Istio(names()), &virtual_service(), &share));
}

#[test]
fn a_virtual_service_in_a_step_of_a_tenth_whose_callers_stay() {
    insta::assert_yaml_snapshot!(written(&Istio(names()), &virtual_service(), &staying(10)));
}

#[test]
fn a_route_of_a_mesh_in_a_step_of_a_tenth_whose_callers_stay() {
    insta::assert_yaml_snapshot!(written(&GatewayApi(names()), &mesh_route(), &staying(10)));
}

/// A share whose callers stay.
fn staying(percent: u32) -> Share {
    let sticky = Some(Sticky { cookie: "sluice".into(), max_age: 3600 });
    Share { percent, ..picked(Picks { sticky, ..Picks::default() }) }
}

#[test]
fn a_virtual_service_that_copies_a_fifth_of_what_only_reads() {
    insta::assert_yaml_snapshot!(written(&Istio(names()), &virtual_service(), &picked(copies(20))));
}

#[test]
fn rules_that_would_take_requests_from_others_or_cannot_be_told_apart_are_refused() {
    let (gateway, istio) = (GatewayApi(names()), Istio(names()));
    let elsewhere = json!([
        { "matches": [{ "path": { "type": "PathPrefix", "value": "/" }, "headers": [{ "name": "beta", "value": "1" }] }],
          "backendRefs": [{ "name": "legacy", "port": 80, "weight": 1 }] },
        { "backendRefs": [{ "name": "frontend", "port": 80, "weight": 1 }] },
    ]);
    let own_header = json!([{
        "matches": [{ "headers": [{ "type": "Exact", "name": "X-Canary", "value": "no" }] }],
        "backendRefs": [{ "name": "frontend", "port": 80, "weight": 1 }],
    }]);
    let full = json!(vec![json!({ "backendRefs": [{ "name": "frontend", "weight": 1 }] }); 16]);
    let grpc = but(http_route(), "/kind", "GRPCRoute".into());
    let mirror = json!([{ "route": [{ "destination": { "host": "frontend" } }], "mirror": { "host": "shadow" } }]);
    let header = json!([{ "match": [{ "headers": { "x-canary": { "exact": "no" } } }], "route": [{ "destination": { "host": "frontend" } }] }]);
    let rules = |of: Value| but(http_route(), "/spec/rules", of);
    let http = |of: Value| but(virtual_service(), "/spec/http", of);
    let cases = [
        ("RouteMatches", gateway.read(&rules(elsewhere.clone()), &[insiders()])),
        ("RouteMatches", gateway.read(&rules(own_header), &[insiders()])),
        ("RouteRules", gateway.read(&rules(full), &[insiders()])),
        ("RouteMirror", gateway.read(&grpc, &[copies(5)])),
        ("RouteMirror", istio.read(&http(mirror), &[copies(5)])),
        ("RouteMatches", istio.read(&http(header), &[insiders()])),
    ];
    for (at, (reason, read)) in cases.into_iter().enumerate() {
        assert_eq!(read.trouble.map(|refused| refused.reason), Some(reason), "case {at}");
    }
    // A policy that picks nothing out may have them.
    assert_eq!(gateway.read(&rules(elsewhere), &[]).trouble, None);
}

#[test]
fn a_rule_that_its_owner_adds_while_requests_are_picked_out_has_its_own_picked_out_too() {
    let (gateway, want) = (GatewayApi(names()), picked(insiders()));
    let rules = |route: &Value| route["spec"]["rules"].as_array().unwrap().clone();
    let used = but(http_route(), "/spec/rules", gateway.write(&http_route(), Some(&want)).unwrap()[1]["value"].clone());
    let added = json!({ "matches": [{ "path": { "type": "PathPrefix", "value": "/new" } }], "backendRefs": [{ "name": "frontend", "port": 81, "weight": 1 }] });
    let more = but(used.clone(), "/spec/rules", [vec![added], rules(&used)].concat().into());
    assert!(gateway.read(&more, &[insiders()]).uneven, "the new rule sends its insiders to stable");
    let now = but(more.clone(), "/spec/rules", gateway.write(&more, Some(&want)).unwrap()[1]["value"].clone());
    let read = gateway.read(&now, &[insiders()]);
    assert_eq!((rules(&now).len(), read.share, read.uneven), (5, Some(want), false), "{now}");
}

#[test]
fn rules_that_nobody_asked_for_are_put_out_of_use() {
    let gateway = GatewayApi(names());
    let stray = json!([
        { "backendRefs": [{ "name": "frontend", "port": 80, "weight": 1 }] },
        { "matches": [{ "headers": [{ "name": "a", "value": "b" }] }], "backendRefs": [{ "name": "frontend-790d254b", "port": 80, "weight": 1 }] },
    ]);
    let route = but(http_route(), "/spec/rules", stray);
    let read = gateway.read(&route, &[insiders()]);
    assert_eq!((read.share, read.uneven), (Some(share(100)), true));
    let patch = gateway.write(&route, None).unwrap();
    assert_eq!(patch[1]["value"][1]["matches"][0]["headers"][0]["name"], "x-sluice-asleep", "{patch:?}");
    let asleep = but(route, "/spec/rules", patch[1]["value"].clone());
    assert_eq!(gateway.read(&asleep, &[]).share, None);
    assert_eq!(gateway.tidy(&asleep)[1]["value"].as_array().unwrap().len(), 1);
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
        ("RouteElsewhere", gateway.read(&elsewhere, &[])),
        ("RouteSessions", gateway.read(&but(http_route(), "/spec/rules", json!([sticky])), &[])),
        ("RouteFilters", gateway.read(&but(http_route(), "/spec/rules", json!([filtered])), &[])),
        ("RouteElsewhere", istio.read(&but(virtual_service(), "/spec/http", json!([])), &[])),
        ("RouteSubset", istio.read(&but(virtual_service(), "/spec/http", subset), &[])),
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
        assert_eq!(gateway.read(&route, &[]).trouble.unwrap().reason, reason);
    }
}

#[test]
fn a_rule_that_needs_nothing_from_us_may_have_what_would_be_refused() {
    let sessions = but(http_route(), "/spec/rules/0/sessionPersistence", json!({ "type": "Cookie" }));
    assert_eq!(GatewayApi(names()).read(&sessions, &[]).trouble, None);
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
        (status(parent.clone(), 2, &good), "Accepted is of generation 2, and generation 3 is there"),
        (status(parent.clone(), 3, &good[..1]), "its status says nothing of ResolvedRefs"),
        (
            status(parent.clone(), 3, &[("Accepted", "False"), ("ResolvedRefs", "True")]),
            "Accepted is False: Because of that",
        ),
        (status(parent.clone(), 3, &[good[0], ("ResolvedRefs", "False")]), "ResolvedRefs is False: Because of that"),
        (status(parent.clone(), 3, &[good[0], good[1], ("PartiallyInvalid", "True")]), "it is partially invalid"),
    ];
    for (status, says) in cases {
        let pending = GatewayApi(names()).pending(&but(http_route(), "/status", status), &Around::default()).unwrap();
        assert!(pending.contains(says) && pending.contains("Gateway public"), "{pending}");
    }
    for generation in [3, 0] {
        // Linkerd tells no generation.
        let taken_up = but(http_route(), "/status", status(parent.clone(), generation, &good));
        assert_eq!(GatewayApi(names()).pending(&taken_up, &Around::default()), None);
    }
}

#[test]
fn services_of_other_namespaces_and_other_kinds_are_not_the_service() {
    let strangers = json!([{ "backendRefs": [
        { "name": "frontend", "namespace": "other", "weight": 1 },
        { "name": "frontend", "kind": "ServiceImport", "group": "multicluster.x-k8s.io", "weight": 1 },
    ] }]);
    let route = but(http_route(), "/spec/rules", strangers);
    assert_eq!(GatewayApi(names()).read(&route, &[]).trouble.unwrap().reason, "RouteElsewhere");
    let hosts = json!([{ "route": [{ "destination": { "host": "frontend.other.svc.cluster.local" } }] }]);
    assert_eq!(
        Istio(names()).read(&but(virtual_service(), "/spec/http", hosts), &[]).trouble.unwrap().reason,
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
    let read = gateway.read(&route, &[]);
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
    let read = gateway.read(&route, &[]);
    assert_eq!((read.share, read.trouble.unwrap().reason), (Some(share(20)), "RouteFilters"));
    let back = json!([{ "name": "frontend", "weight": 1, "filters": filters }]);
    assert_eq!(gateway.write(&route, None).unwrap()[1]["value"], back);
}
