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
    let refused = GatewayApi(names()).read(&http_route(), &known).trouble.unwrap();
    assert!(refused.reason == "RouteFilters" && refused.message.contains("remove stickiness"), "{refused}");
}
