//! Other routes that leave nothing to a route: what is refused, and what is not, since it works.
#![allow(clippy::unwrap_used)]

use std::slice;

use planner::{RevisionId, picks::Picks, world::Share};
use providers::{Around, GatewayApi, Istio, Linkerd, Names, Neighbour, Provider, RouteKind};
use serde_json::{Value, json};

fn names() -> Names {
    Names { namespace: "shop".into(), apex: "frontend".into(), policy: "frontend".into() }
}

fn made(mut object: Value, name: &str, at: &str) -> Value {
    object["metadata"] = json!({ "name": name, "namespace": "shop", "creationTimestamp": at, "resourceVersion": "7" });
    object
}

const FIRST: &str = "2026-01-01T00:00:00Z";
const SECOND: &str = "2026-01-02T00:00:00Z";

/// A VirtualService of these fields that sends everything to a Service.
fn virtual_service(spec: Value, to: &str) -> Value {
    let mut spec = spec;
    if spec.get("http").is_none() {
        spec["http"] = json!([{ "route": [{ "destination": { "host": to } }] }]);
    }
    json!({ "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "spec": spec })
}

fn ours(spec: Value) -> Value {
    made(virtual_service(spec, "frontend"), "frontend", SECOND)
}

fn older(spec: Value) -> Value {
    made(virtual_service(spec, "legacy"), "legacy", FIRST)
}

fn around(neighbours: &[Value]) -> Around {
    let apex = json!({ "metadata": { "name": "frontend" }, "spec": { "ports": [{ "port": 80 }] } });
    Around { apex: Some(apex), neighbours: neighbours.to_vec() }
}

fn refused(route: &Value, neighbours: &[Value]) -> Option<String> {
    let unusable = Istio(names()).hindrance(route, &around(neighbours), &[])?;
    assert_eq!(unusable.reason, "RouteShadowed");
    Some(unusable.message)
}

#[test]
fn an_older_virtual_service_of_the_same_host_leaves_nothing_to_ours_in_the_mesh() {
    let of = |host: &str| json!({ "hosts": [host] });
    for (host, other) in [
        ("frontend", "frontend"),
        ("frontend", "frontend.shop.svc.cluster.local"),
        ("frontend.shop.svc.example.org", "frontend"),
        ("shop.example.com", "Shop.example.com"),
        ("*.example.com", "*.example.com"),
    ] {
        let says = refused(&ours(of(host)), &[older(of(other))]).unwrap_or_else(|| panic!("{host} and {other}"));
        let expected = format!(
            "VirtualService legacy is older than VirtualService frontend and takes the same requests for host {host} in the mesh"
        );
        assert!(says.starts_with(&expected) && says.contains("delete the other"), "{says}");
    }
    for (host, other) in [
        ("frontend", "backend"),
        ("frontend", "frontend.other.svc.cluster.local"),
        ("frontend", "frontend.shop"),
        ("frontend", "*.shop.svc.cluster.local"),
        ("shop.example.com", "*.example.com"),
        ("shop.example.com", "shop"),
    ] {
        assert_eq!(refused(&ours(of(host)), &[older(of(other))]), None, "{host} and {other}");
    }
}

#[test]
fn of_two_virtual_services_only_the_one_that_was_made_later_is_refused() {
    let spec = || json!({ "hosts": ["frontend"] });
    let other = |name: &str, at: &str| refused(&ours(spec()), &[made(virtual_service(spec(), "legacy"), name, at)]);
    assert!(other("legacy", FIRST).is_some());
    assert_eq!(other("legacy", "2026-01-03T00:00:00Z"), None);
    // In the same second the name decides, where all versions of Istio agree on that.
    let twins = |name: &str, of: &str| {
        let twin = |name: &str| made(virtual_service(spec(), "frontend"), name, SECOND);
        refused(&twin(of), &[twin(name)]).is_some()
    };
    assert!(twins("a", "b") && twins("front", "frontend"));
    assert!(!twins("b", "a") && !twins("shop", "shop-front") && !twins("shop-front", "shop"));
    let mut elsewhere = older(spec());
    elsewhere["metadata"]["namespace"] = json!("other");
    assert_eq!(refused(&ours(spec()), &[elsewhere]), None, "who sees it there is not known");
}

#[test]
fn what_reaches_somebody_all_the_same_is_not_refused() {
    let ours_is = ours(json!({ "hosts": ["frontend"] }));
    let elder = |fields: Value| {
        let mut spec = json!({ "hosts": ["frontend"] });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        older(spec)
    };
    let to = json!([{ "destination": { "host": "legacy" } }]);
    let http = |rule: Value| elder(json!({ "http": [rule] }));
    let works = [
        ("only at a gateway", elder(json!({ "gateways": ["public"] }))),
        ("no route of it is for proxies", http(json!({ "match": [{ "gateways": ["public"] }], "route": to }))),
        ("one port", http(json!({ "match": [{ "port": 9090 }], "route": to }))),
        ("some clients", http(json!({ "match": [{ "sourceLabels": { "app": "blog" } }], "route": to }))),
        ("delegates", http(json!({ "delegate": { "name": "other" } }))),
        ("only tcp", elder(json!({ "http": [], "tcp": [{ "route": to }] }))),
        ("for its namespace alone", elder(json!({ "exportTo": ["."] }))),
    ];
    for (why, other) in works {
        assert_eq!(refused(&ours_is, &[other]), None, "{why}");
    }
    let fails = [
        elder(json!({ "gateways": ["public", "mesh"] })),
        elder(json!({ "exportTo": ["*"] })),
        http(json!({ "match": [{ "uri": { "prefix": "/old" } }], "route": to })),
    ];
    for other in fails {
        assert!(refused(&ours_is, slice::from_ref(&other)).is_some(), "{other}");
    }
    let some_hosts = ours(json!({ "hosts": ["frontend", "shop.example.com"] }));
    assert_eq!(refused(&some_hosts, &[elder(json!({}))]), None, "the other host is left");
    let a_gateway_too = ours(json!({ "hosts": ["frontend"], "gateways": ["mesh", "public"] }));
    assert_eq!(refused(&a_gateway_too, &[elder(json!({}))]), None, "the gateway is left");
    // One that others delegate to asks for nothing itself.
    let delegate = ours(json!({}));
    assert_eq!(refused(&delegate, &[elder(json!({}))]), None);
    assert_eq!(Istio(names()).neighbours(&delegate, &[]), []);
}

#[test]
fn at_a_gateway_routes_are_put_together_so_only_the_same_match_leaves_nothing() {
    let at =
        |hosts: Value, gateways: Value, rule: Value| json!({ "hosts": hosts, "gateways": gateways, "http": [rule] });
    let to = |host: &str, uri: Value| {
        let mut rule = json!({ "route": [{ "destination": { "host": host } }] });
        if !uri.is_null() {
            rule["match"] = json!([{ "uri": uri }]);
        }
        rule
    };
    let shop = || json!(["shop.example.com"]);
    let all = ours(at(shop(), json!(["public"]), to("frontend", Value::Null)));
    let api = ours(at(shop(), json!(["public"]), to("frontend", json!({ "prefix": "/api" }))));
    let other = |gateway: &str, uri: Value| older(at(shop(), json!([gateway]), to("legacy", uri)));
    let says = refused(&all, &[other("shop/public", Value::Null)]).unwrap();
    assert!(says.contains("for host shop.example.com at Gateway shop/public"), "{says}");
    assert!(refused(&api, &[other("public", json!({ "prefix": "/api" }))]).is_some());
    assert_eq!(refused(&api, &[other("public", json!({ "prefix": "/" }))]), None, "it may come later");
    assert_eq!(refused(&api, &[other("public", Value::Null)]), None, "what matches everything comes last");
    assert_eq!(refused(&all, &[other("public", json!({ "prefix": "/old" }))]), None);
    assert_eq!(refused(&all, &[other("gateways/public", Value::Null)]), None, "another gateway");
}

#[test]
fn an_http_route_of_the_service_that_the_mesh_follows_leaves_nothing_to_a_virtual_service() {
    let accepted = |parent: Value, controller: &str, status: &str| {
        let told = json!({ "parentRef": parent, "controllerName": controller, "conditions": [{ "type": "Accepted", "status": status }] });
        let spec = json!({ "parentRefs": [parent], "rules": [] });
        let route = json!({ "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": spec, "status": { "parents": [told] } });
        made(route, "new", "2026-01-03T00:00:00Z")
    };
    let to = |name: &str| json!({ "group": "", "kind": "Service", "name": name });
    let mesh = "istio.io/mesh-controller";
    let route = ours(json!({ "hosts": ["frontend.shop.svc.cluster.local"] }));
    let says = refused(&route, &[accepted(to("frontend"), mesh, "True")]).unwrap();
    assert!(
        says.starts_with("Istio follows HTTPRoute new of Service frontend in place of VirtualService frontend"),
        "{says}"
    );
    let port = |port: u64| json!({ "group": "", "kind": "Service", "name": "frontend", "port": port });
    assert!(refused(&route, &[accepted(port(80), mesh, "True")]).is_some(), "its only port");
    assert!(
        refused(&route, &[accepted(port(80), "istio.io/gateway-controller", "True")]).is_some(),
        "as istiod tells it"
    );
    for works in [
        accepted(to("frontend"), mesh, "False"),
        accepted(to("frontend"), "linkerd.io/policy-controller", "True"),
        accepted(to("backend"), mesh, "True"),
        accepted(port(8080), mesh, "True"),
        accepted(json!({ "name": "frontend" }), mesh, "True"),
    ] {
        assert_eq!(refused(&route, slice::from_ref(&works)), None, "{works}");
    }
    let read = |of| Neighbour::Routes { of, namespace: "shop".into() };
    assert_eq!(Istio(names()).neighbours(&route, &[]), [read(RouteKind::VirtualService), read(RouteKind::Http)]);
    let at_gateway = ours(json!({ "hosts": ["shop.example.com"], "gateways": ["public"] }));
    assert_eq!(Istio(names()).neighbours(&at_gateway, &[]), [read(RouteKind::VirtualService)]);
}

/// An HTTPRoute with these hostnames, attached to these parents, which accept it, whose only rule has these matches.
fn http_route(hostnames: &[&str], parents: &[Value], matches: &Value, to: &str) -> Value {
    let told =
        |parent: &Value| json!({ "parentRef": parent, "conditions": [{ "type": "Accepted", "status": "True" }] });
    let mut rule = json!({ "backendRefs": [{ "name": to, "port": 80, "weight": 1 }] });
    if !matches.is_null() {
        rule["matches"] = matches.clone();
    }
    let mut spec = json!({ "parentRefs": parents, "rules": [rule] });
    if !hostnames.is_empty() {
        spec["hostnames"] = json!(hostnames);
    }
    let told: Vec<_> = parents.iter().map(told).collect();
    json!({ "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": spec, "status": { "parents": told } })
}

#[test]
fn an_older_route_with_the_same_parent_hostname_and_match_leaves_nothing_to_ours() {
    let gateways = ["public", "private"].map(|name| made(json!({ "kind": "Gateway" }), name, FIRST));
    let says = |ours: Value, older: Value| {
        let neighbours: Vec<_> = gateways.iter().cloned().chain([made(older, "legacy", FIRST)]).collect();
        let unusable = GatewayApi(names()).hindrance(&made(ours, "frontend", SECOND), &around(&neighbours), &[]);
        unusable.map(|u| {
            assert_eq!(u.reason, "RouteShadowed", "{u}");
            u.message
        })
    };
    let (public, private) = (json!({ "name": "public" }), json!({ "name": "private" }));
    let path = |value: &str| json!([{ "path": { "type": "PathPrefix", "value": value } }]);
    let ours = |matches: Value| http_route(&["a.example.com"], slice::from_ref(&public), &matches, "frontend");
    let older =
        |hosts: &[&str], matches: Value| http_route(hosts, &[private.clone(), public.clone()], &matches, "legacy");
    let both = &["b.example.com", "a.example.com"];
    let said = says(ours(Value::Null), older(both, path("/"))).unwrap();
    let expected = "HTTPRoute legacy is older than HTTPRoute frontend and takes the same requests for host a.example.com at public";
    assert!(said.starts_with(expected), "{said}");
    let works = [
        ("another path", ours(path("/api")), older(both, path("/"))),
        ("another host", ours(Value::Null), older(&["b.example.com"], path("/"))),
        ("any host, which is less", ours(Value::Null), older(&[], path("/"))),
        ("another gateway", ours(Value::Null), http_route(both, slice::from_ref(&private), &Value::Null, "legacy")),
        (
            "one of two hosts",
            http_route(both, slice::from_ref(&public), &Value::Null, "frontend"),
            older(&["a.example.com"], path("/")),
        ),
        (
            "one of two parents",
            http_route(&["a.example.com"], &[public.clone(), private.clone()], &Value::Null, "frontend"),
            http_route(both, slice::from_ref(&public), &Value::Null, "legacy"),
        ),
    ];
    for (why, ours, older) in works {
        assert_eq!(says(ours, older), None, "{why}");
    }
    let mut refused = older(both, path("/"));
    refused["status"]["parents"][1]["conditions"][0]["status"] = json!("False");
    assert_eq!(says(ours(Value::Null), refused), None, "the gateway does not follow it");
}

#[test]
fn an_older_route_of_linkerds_own_kind_is_told_from_one_of_the_gateway_api() {
    let service = json!({ "group": "core", "kind": "Service", "name": "frontend", "port": 80 });
    let linkerds = |to: &str| {
        let mut route = http_route(&[], slice::from_ref(&service), &Value::Null, to);
        route["apiVersion"] = json!("policy.linkerd.io/v1beta3");
        route
    };
    let route = made(linkerds("frontend"), "frontend", SECOND);
    let linkerd = Linkerd::new(names());
    let says =
        |older: Value| linkerd.hindrance(&route, &around(&[made(older, "legacy", FIRST)]), &[]).map(|u| u.reason);
    assert_eq!(says(linkerds("legacy")), Some("RouteShadowed"));
    assert_eq!(says(http_route(&[], slice::from_ref(&service), &Value::Null, "legacy")), None);
    let read = Neighbour::Routes { of: RouteKind::LinkerdHttp, namespace: "shop".into() };
    assert!(linkerd.neighbours(&route, &[]).contains(&read));
}

#[test]
fn a_route_in_the_middle_of_a_step_is_shadowed_as_it_is_at_rest() {
    let route = ours(json!({ "hosts": ["frontend"] }));
    let share = Share { candidate: RevisionId::parse("790d254b").unwrap(), percent: 20, picks: Picks::default() };
    let mut divided = route.clone();
    divided["spec"]["http"][0]["route"] = Istio(names()).write(&route, Some(&share)).unwrap()[1]["value"].clone();
    assert!(refused(&divided, &[older(json!({ "hosts": ["frontend"] }))]).is_some(), "{divided}");
}
