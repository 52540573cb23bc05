//! Callers who stay with the candidate by a cookie: who has it, what is refused, and that nothing of it is left.
#![allow(clippy::unwrap_used)]

use planner::{
    RevisionId,
    picks::{Picks, Sticky},
    world::Share,
};
use providers::{GatewayApi, Istio, Names, Provider};
use serde_json::{Value, json};

fn names() -> Names {
    Names { namespace: "shop".into(), apex: "frontend".into(), policy: "frontend".into() }
}

fn virtual_service() -> Value {
    let to = |host: &str| json!([{ "destination": { "host": host } }]);
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": { "name": "frontend", "namespace": "shop", "resourceVersion": "7" },
        "spec": {
            "hosts": ["frontend"],
            "http": [{ "match": [{ "uri": { "prefix": "/old" } }], "redirect": { "uri": "/" } }, { "route": to("frontend") }],
            "tcp": [{ "route": to("elsewhere.example.com") }],
        },
    })
}

fn http_route() -> Value {
    json!({
        "kind": "HTTPRoute", "metadata": { "name": "frontend", "namespace": "shop" },
        "spec": { "parentRefs": [{ "name": "public" }], "rules": [{ "backendRefs": [{ "name": "frontend", "port": 80, "weight": 1 }] }] },
    })
}

/// The document with one value changed.
fn but(mut route: Value, path: &str, value: Value) -> Value {
    *route.pointer_mut(path).unwrap() = value;
    route
}

/// A share whose callers stay.
fn staying(percent: u32) -> Share {
    let sticky = Some(Sticky { cookie: "sluice".into(), max_age: 3600 });
    Share { candidate: RevisionId::parse("790d254b").unwrap(), percent, picks: Picks { sticky, ..Picks::default() } }
}

#[test]
fn callers_stay_with_the_candidate_whose_cookie_they_have_and_with_no_other() {
    let istio = Istio(names());
    let patch = istio.write(&virtual_service(), Some(&staying(10))).unwrap();
    let rules = &patch[1]["value"];
    let regex = rules[1]["match"][0]["headers"]["cookie"]["regex"].as_str().unwrap();
    let regex = regex::Regex::new(regex).unwrap();
    for stays in ["sluice=790d254b", "a=b; sluice=790d254b; c=d", "a=b;sluice=790d254b"] {
        assert!(regex.is_match(stays), "{stays}");
    }
    for other in ["sluice=00000001", "xsluice=790d254b", "sluice=790d254b0", "a=sluice=790d254b"] {
        assert!(!regex.is_match(other), "{other}");
    }
    assert_eq!(rules[1]["route"].as_array().unwrap().len(), 1, "to the candidate alone");
    let cookie = |entry: usize| rules[2]["route"][entry]["headers"]["response"]["add"]["set-cookie"].clone();
    assert_eq!(cookie(0), Value::Null, "the stable version sets none");
    assert_eq!(cookie(1), "sluice=790d254b; Path=/; Max-Age=3600; HttpOnly");
    // Nothing of it is left for those who still have the cookie.
    let divided = but(virtual_service(), "/spec/http", rules.clone());
    let back = istio.write(&divided, None).unwrap();
    assert_eq!(back[1]["value"], virtual_service()["spec"]["http"]);
}

#[test]
fn a_cookie_that_somebody_has_taken_out_is_missed_and_put_back() {
    let istio = Istio(names());
    let known = [staying(10).picks];
    let rules = istio.write(&virtual_service(), Some(&staying(10))).unwrap()[1]["value"].clone();
    let divided = but(virtual_service(), "/spec/http", rules);
    assert!(!istio.read(&divided, &known).uneven);
    let mut bare = divided.clone();
    bare["spec"]["http"][2]["route"][1].as_object_mut().unwrap().remove("headers");
    let read = istio.read(&bare, &known);
    assert_eq!((read.share, read.uneven), (Some(staying(10)), true));
    let patch = istio.write(&bare, Some(&staying(10))).unwrap();
    assert_eq!(patch[1]["value"], divided["spec"]["http"][2]["route"]);
}

#[test]
fn cookies_are_for_http_and_stand_beside_what_the_owner_does_with_headers() {
    let istio = Istio(names());
    let known = [staying(10).picks];
    let to = |host: &str| json!([{ "destination": { "host": host }, "headers": { "response": { "set": { "x-by": "mesh" } } } }]);
    let route = but(virtual_service(), "/spec/http", json!([{ "route": to("frontend") }]));
    assert_eq!(istio.read(&route, &known).trouble, None);
    let headers =
        istio.write(&route, Some(&staying(10))).unwrap()[1]["value"][1]["route"][1]["headers"]["response"].clone();
    assert_eq!((&headers["set"]["x-by"], headers["add"].as_object().unwrap().len()), (&json!("mesh"), 1));
    let tcp = but(virtual_service(), "/spec/tcp", json!([{ "route": [{ "destination": { "host": "frontend" } }] }]));
    let patch = istio.write(&tcp, Some(&staying(10))).unwrap();
    let of_tcp = patch.iter().find(|p| p["path"].as_str().unwrap().starts_with("/spec/tcp")).unwrap();
    assert!(of_tcp["value"].as_array().unwrap().iter().all(|entry| entry.get("headers").is_none()), "{of_tcp}");
}

#[test]
fn a_cookie_that_could_not_be_set_or_found_is_refused_before_a_release_needs_it() {
    let known = [staying(10).picks];
    let rule = |field: &str, headers: Value| {
        let mut rule = json!({ "route": [{ "destination": { "host": "frontend" } }] });
        *rule.pointer_mut(field).unwrap() = match field {
            "" => json!({ "route": [{ "destination": { "host": "frontend" } }], "headers": headers }),
            _ => json!({ "destination": { "host": "frontend" }, "headers": headers }),
        };
        Istio(names()).read(&but(virtual_service(), "/spec/http", json!([rule])), &known).trouble.map(|u| u.reason)
    };
    let adds = json!({ "response": { "add": { "Set-Cookie": "a=b" } } });
    let removes = json!({ "response": { "remove": ["set-cookie"] } });
    assert_eq!(rule("", adds.clone()), Some("RouteCookies"));
    assert_eq!(rule("/route/0", adds), Some("RouteCookies"));
    assert_eq!(rule("", removes), Some("RouteCookies"));
    assert_eq!(rule("", json!({ "request": { "remove": ["set-cookie"] } })), None);
    let own = json!([{ "match": [{ "headers": { "cookie": { "exact": "a=b" } } }], "route": [{ "destination": { "host": "frontend" } }] }]);
    let read = Istio(names()).read(&but(virtual_service(), "/spec/http", own), &known);
    assert_eq!(read.trouble.unwrap().reason, "RouteMatches");
}

/// What a policy with such steps has against a route that these carry out, parent by parent.
fn refusal(kind: &str, by: &[&[&str]]) -> Option<(&'static str, String)> {
    let parent = |n: usize| json!({ "name": format!("gateway-{n}") });
    let mut route = http_route();
    route["kind"] = kind.into();
    route["spec"]["parentRefs"] = (0..by.len().max(1)).map(parent).collect();
    let told = by.iter().enumerate().flat_map(|(n, all)| all.iter().map(move |by| (n, by)));
    let told: Vec<_> = told.map(|(n, by)| json!({ "parentRef": parent(n), "controllerName": by })).collect();
    route["status"]["parents"] = told.into();
    assert_eq!(GatewayApi(names()).read(&route, &[]).trouble, None);
    GatewayApi(names()).read(&route, &[staying(10).picks]).trouble.map(|u| (u.reason, u.message))
}

#[test]
fn a_route_of_the_gateway_api_has_cookies_where_istio_alone_carries_it_out() {
    const GATEWAY: &str = "istio.io/gateway-controller";
    const MESH: &str = "istio.io/mesh-controller";
    const ENVOY: &str = "gateway.envoyproxy.io/gatewayclass-controller";
    for istios in [&[&[GATEWAY][..]][..], &[&[MESH]], &[&[GATEWAY], &[MESH]]] {
        assert_eq!(refusal("HTTPRoute", istios), None, "{istios:?}");
    }
    for (others, who) in [
        (&[&[ENVOY][..]][..], ENVOY),
        (&[&[GATEWAY], &[ENVOY]], ENVOY),
        (&[&[MESH, "linkerd.io/policy-controller"]], "linkerd.io/policy-controller"),
        (&[&["istio.io/agentgateway-controller"]], "istio.io/agentgateway-controller"),
        (&[], "nobody has accepted HTTPRoute frontend"),
        (&[&[GATEWAY], &[]], "nobody has accepted HTTPRoute frontend"),
    ] {
        let (reason, says) = refusal("HTTPRoute", others).unwrap();
        assert!(reason == "RouteCookies" && says.contains(who) && says.contains("remove stickiness"), "{says}");
    }
    let (reason, says) = refusal("GRPCRoute", &[&[GATEWAY]]).unwrap();
    assert!(reason == "RouteCookies" && says.contains("name HTTPRoutes only"), "{says}");
}

/// The route of the Gateway API with these rules.
fn with_rules(rules: Value) -> Value {
    let mut route = but(http_route(), "/spec/rules", rules);
    route["metadata"]["resourceVersion"] = "7".into();
    let by = "istio.io/gateway-controller";
    route["status"] = json!({ "parents": [{ "parentRef": { "name": "public" }, "controllerName": by }] });
    route
}

#[test]
fn at_the_gateway_api_the_cookie_is_a_filter_of_the_candidates_backend_which_is_missed_and_put_back() {
    let (api, known) = (GatewayApi(names()), [staying(10).picks]);
    let at_rest = http_route()["spec"]["rules"].clone();
    let rules = api.write(&with_rules(at_rest.clone()), Some(&staying(10))).unwrap()[1]["value"].clone();
    let cookie = json!([{ "type": "ResponseHeaderModifier", "responseHeaderModifier": { "add": [
        { "name": "set-cookie", "value": "sluice=790d254b; Path=/; Max-Age=3600; HttpOnly" },
    ] } }]);
    assert_eq!(rules[0]["backendRefs"][0].get("filters"), None, "the stable version sets none");
    assert_eq!(rules[0]["backendRefs"][1]["filters"], cookie);
    let stay = &rules[1]["matches"][0]["headers"][0];
    assert_eq!((&stay["name"], &stay["type"]), (&json!("cookie"), &json!("RegularExpression")));
    assert_eq!(rules[1]["backendRefs"], json!([{ "name": "frontend-790d254b", "port": 80, "weight": 1 }]));
    let read = api.read(&with_rules(rules.clone()), &known);
    assert_eq!((read.share, read.uneven, read.trouble), (Some(staying(10)), false, None));
    let mut bare = with_rules(rules.clone());
    bare["spec"]["rules"][0]["backendRefs"][1].as_object_mut().unwrap().remove("filters");
    let read = api.read(&bare, &known);
    assert_eq!((read.share, read.uneven), (Some(staying(10)), true));
    let patch = api.write(&bare, Some(&staying(10))).unwrap();
    assert_eq!(patch[1]["value"], rules[0]["backendRefs"]);
    // Taken back whoever carries it out by now.
    let mut nobodys = with_rules(rules);
    nobodys["status"] = Value::Null;
    let read = api.read(&nobodys, &known);
    assert_eq!((read.share, read.trouble.map(|u| u.reason)), (Some(staying(10)), Some("RouteCookies")));
    let back = api.write(&nobodys, None).unwrap();
    let back = back.iter().find(|p| p["path"] == "/spec/rules").unwrap()["value"].clone();
    assert_eq!(back[0], at_rest[0]);
    assert_eq!(api.read(&with_rules(back), &known).share, None);
}

#[test]
fn a_route_of_the_gateway_api_that_writes_cookies_itself_is_refused() {
    let known = [staying(10).picks];
    let of = |operations: Value| {
        let filter = json!({ "type": "ResponseHeaderModifier", "responseHeaderModifier": operations });
        let backends = http_route()["spec"]["rules"][0]["backendRefs"].clone();
        let route = with_rules(json!([{ "filters": [filter], "backendRefs": backends }]));
        GatewayApi(names()).read(&route, &known).trouble.map(|u| u.reason)
    };
    for field in ["add", "set"] {
        assert_eq!(of(json!({ field: [{ "name": "Set-Cookie", "value": "a=b" }] })), Some("RouteCookies"));
        assert_eq!(of(json!({ field: [{ "name": "x-by", "value": "gateway" }] })), None);
    }
    assert_eq!(of(json!({ "remove": ["set-cookie"] })), Some("RouteCookies"));
}
