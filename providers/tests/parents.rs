//! What routes of the Gateway API are attached to: what is refused before a release needs it, and what is waited for.
#![allow(clippy::unwrap_used)]

use planner::picks::{Mirror, Picks};
use providers::{Around, GatewayApi, Names, Neighbour, Provider, RouteKind};
use serde_json::{Value, json};

fn provider() -> GatewayApi {
    GatewayApi(Names { namespace: "shop".into(), apex: "frontend".into(), policy: "frontend".into() })
}

/// A route with these parents, of which all say that they carry it out.
fn route(parents: &[Value]) -> Value {
    let condition = |kind| json!({ "type": kind, "status": "True", "observedGeneration": 3 });
    let status = |parent: &Value| json!({ "parentRef": parent, "conditions": [condition("Accepted"), condition("ResolvedRefs")] });
    json!({
        "kind": "HTTPRoute", "metadata": { "name": "frontend", "namespace": "shop", "generation": 3 },
        "spec": { "parentRefs": parents, "rules": [{ "backendRefs": [{ "name": "frontend", "port": 80, "weight": 1 }] }] },
        "status": { "parents": parents.iter().map(status).collect::<Vec<_>>() },
    })
}

fn gateway(namespace: &str, programmed: Value) -> Value {
    json!({
        "kind": "Gateway", "metadata": { "name": "public", "namespace": namespace, "generation": 2 },
        "status": { "conditions": [programmed] },
    })
}

fn programmed(status: &str, generation: u64) -> Value {
    json!({ "type": "Programmed", "status": status, "reason": "AddressNotAssigned", "message": "no address", "observedGeneration": generation })
}

fn around(neighbours: Vec<Value>) -> Around {
    let apex = json!({ "metadata": { "name": "frontend" }, "spec": { "ports": [{ "port": 80 }, { "port": 81 }] } });
    Around { apex: Some(apex), neighbours }
}

#[test]
fn gateways_are_read_in_the_namespace_that_the_parent_names() {
    let (near, far) = (json!({ "name": "public" }), json!({ "name": "public", "namespace": "gateways" }));
    let route = route(&[near, far, json!({ "group": "", "kind": "Service", "name": "frontend" })]);
    let one = |namespace: &str| Neighbour::Gateway { namespace: namespace.into(), name: "public".into() };
    let routes = Neighbour::Routes { of: RouteKind::Http, namespace: "shop".into() };
    assert_eq!(provider().neighbours(&route, &[]), [one("shop"), one("gateways"), routes]);
    let only_near = around(vec![gateway("shop", programmed("True", 2))]);
    let refused = provider().hindrance(&route, &only_near, &[]).unwrap();
    assert_eq!(refused.reason, "GatewayMissing");
    assert!(refused.message.contains("Gateway public of namespace gateways"), "{refused}");
    assert!(refused.message.contains("create it, or correct spec.parentRefs"), "{refused}");
    let both = ["shop", "gateways"].map(|ns| gateway(ns, programmed("True", 2)));
    assert_eq!(provider().hindrance(&route, &around(both.to_vec()), &[]), None);
    assert_eq!(provider().pending(&route, &around(both.to_vec())), None);
}

#[test]
fn a_gateway_that_is_not_programmed_holds_what_is_behind_it() {
    let route = route(&[json!({ "name": "public" })]);
    let pending = |condition| provider().pending(&route, &around(vec![gateway("shop", condition)]));
    assert_eq!(pending(programmed("True", 2)), None);
    let unsaid = json!({ "type": "Programmed", "status": "True" });
    assert_eq!(pending(unsaid), None, "a generation that nobody tells is not asked for");
    let cases = [
        (programmed("False", 2), "Gateway public: Programmed is False: AddressNotAssigned no address"),
        (programmed("True", 1), "Gateway public: Programmed is of generation 1, and generation 2 is there"),
        (json!({ "type": "Accepted", "status": "True" }), "Gateway public: its status says nothing of Programmed"),
    ];
    for (condition, says) in cases {
        assert_eq!(pending(condition).unwrap(), says);
    }
}

#[test]
fn what_the_route_itself_waits_for_is_told_before_its_gateway() {
    let mut route = route(&[json!({ "name": "public" })]);
    route["status"] = Value::Null;
    let pending = provider().pending(&route, &around(vec![gateway("shop", programmed("False", 2))])).unwrap();
    assert!(pending.contains("has no status in it"), "{pending}");
}

#[test]
fn a_port_that_the_service_does_not_have_is_refused_in_a_mesh() {
    let to = |name: &str, port: u64| json!({ "group": "", "kind": "Service", "name": name, "port": port });
    let refused =
        provider().hindrance(&route(&[to("frontend", 81), to("frontend", 8080)]), &around(vec![]), &[]).unwrap();
    assert_eq!(refused.reason, "RoutePort");
    assert!(refused.message.contains("port 8080 of Service frontend, which has 80, 81"), "{refused}");
    // Nobody has looked at the ports of another Service; and a Gateway's port is one of its listeners.
    let elsewhere = route(&[to("legacy", 8080), json!({ "name": "public", "port": 8080 })]);
    assert_eq!(provider().hindrance(&elsewhere, &around(vec![gateway("shop", programmed("True", 2))]), &[]), None);
    // While the Service is not there, its ports are nothing to go by.
    assert_eq!(provider().hindrance(&route(&[to("frontend", 8080)]), &Around::default(), &[]), None);
}

/// Copies of so many percent.
fn copying(percent: u32) -> Vec<Picks> {
    vec![Picks { mirror: Some(Mirror { percent, methods: vec!["GET".into()] }), ..Picks::default() }]
}

#[test]
fn copies_are_asked_of_nobody_who_is_not_known_to_make_them() {
    let carried_out = |by: &str| {
        let mut route = route(&[json!({ "name": "public" })]);
        let parent = json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public" });
        route["status"] = json!({ "parents": [{ "parentRef": parent, "controllerName": by, "conditions": [] }] });
        route
    };
    let around = |features: Value| {
        let mut gateway = gateway("shop", programmed("True", 2));
        gateway["spec"]["gatewayClassName"] = json!("ours");
        let class = json!({ "kind": "GatewayClass", "metadata": { "name": "ours" }, "status": { "supportedFeatures": features } });
        around(vec![gateway, class])
    };
    let says = |by: &str, features: Value, percent: u32| {
        provider().hindrance(&carried_out(by), &around(features), &copying(percent)).map(|refused| refused.reason)
    };
    let (envoy, contour, traefik) = (
        "gateway.envoyproxy.io/gatewayclass-controller",
        "projectcontour.io/gateway-controller",
        "traefik.io/gateway-controller",
    );
    assert_eq!(says(envoy, json!([]), 10), None);
    assert_eq!((says(contour, json!([]), 100), says(contour, json!([]), 10)), (None, Some("RouteMirror")));
    assert_eq!(says(traefik, json!([]), 100), Some("RouteMirror"));
    // What its class says counts more than what is known of it.
    let all = json!([{ "name": "HTTPRouteRequestMirror" }, { "name": "HTTPRouteRequestPercentageMirror" }]);
    assert_eq!(says("new.example.com/controller", all, 10), None);
    let whole = json!(["HTTPRouteRequestMirror"]);
    assert_eq!((says(envoy, whole.clone(), 100), says(envoy, whole, 10)), (None, Some("RouteMirror")));
    // Without copies nobody is asked.
    assert_eq!(provider().hindrance(&carried_out(traefik), &around(json!([])), &[]), None);
    assert_eq!(provider().neighbours(&carried_out(envoy), &copying(10)).last(), Some(&Neighbour::GatewayClasses));
}
