//! Routes that a policy holds: how they are filled in, and written over what is there.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use planner::{
    RevisionId,
    picks::{Match, Picks, Text},
    world::Share,
};
use providers::{Around, GatewayApi, Istio, Names, Own, Provider, Unusable, restored};
use serde_json::{Value, json};

fn names() -> Names {
    Names { namespace: "shop".into(), apex: "frontend".into(), policy: "web".into() }
}

fn own(kind: &str, spec: Value) -> Own {
    let api_version = if kind == "VirtualService" { "networking.istio.io/v1" } else { "gateway.networking.k8s.io/v1" };
    let labels = BTreeMap::from([("sluice.dev/policy".to_owned(), "web".to_owned())]);
    Own { api_version: api_version.into(), kind: kind.into(), labels, annotations: BTreeMap::new(), spec }
}

fn share(percent: u32) -> Share {
    Share { candidate: RevisionId::parse("790d254b").unwrap(), percent, picks: Picks::default() }
}

fn insiders() -> Picks {
    let insider = ("x-canary".to_owned(), Text::Exact("insider".into()));
    Picks { matches: vec![Match { headers: [insider].into() }], ..Picks::default() }
}

/// As the API server gives it.
fn stored(mut route: Value) -> Value {
    route["metadata"]["resourceVersion"] = "7".into();
    route
}

/// What the API server makes of a patch.
fn patched(route: &Value, patch: &[Value]) -> Value {
    let mut route = route.clone();
    for change in patch.iter().filter(|change| change["op"] != "test") {
        let (above, field) = change["path"].as_str().unwrap().rsplit_once('/').unwrap();
        let above = route.pointer_mut(above).unwrap();
        match field.parse::<usize>() {
            Ok(index) if above.is_array() => above[index] = change["value"].clone(),
            _ => above[field] = change["value"].clone(),
        }
    }
    route
}

fn header(value: &str) -> Value {
    json!({ "type": "RequestHeaderModifier", "requestHeaderModifier": { "set": [{ "name": "x-shop", "value": value }] } })
}

fn http_route() -> Own {
    let spec = json!({
        "parentRefs": [{ "name": "public", "namespace": "gateways" }],
        "hostnames": ["shop.example.com"],
        "rules": [
            { "matches": [{ "path": { "type": "Exact", "value": "/old" } }],
              "filters": [{ "type": "RequestRedirect", "requestRedirect": { "statusCode": 301 } }] },
            { "matches": [{ "path": { "type": "PathPrefix", "value": "/static" } }], "backendRefs": [{ "name": "static", "port": 80 }] },
            { "filters": [header("1")] },
        ],
    });
    own("HTTPRoute", spec)
}

fn delegate() -> Own {
    let spec = json!({ "http": [
        { "match": [{ "uri": { "exact": "/old" } }], "redirect": { "uri": "/" } },
        { "match": [{ "uri": { "prefix": "/api" } }] },
    ] });
    own("VirtualService", spec)
}

/// What is made of it, and how it is divided; every such snapshot is tried by real API servers.
fn made(provider: &impl Provider, own: &Own) -> Value {
    let route = own.base(provider, &names(), &[80]).unwrap();
    let patch = provider.write(&stored(route.clone()), Some(&share(20))).unwrap();
    json!({ "route": stored(route), "patch": patch })
}

#[test]
fn an_http_route_of_a_policy_in_a_step_of_20_percent() {
    insta::assert_yaml_snapshot!(made(&GatewayApi(names()), &http_route()));
}

#[test]
fn a_virtual_service_of_a_policy_that_others_delegate_to_in_a_step_of_20_percent() {
    insta::assert_yaml_snapshot!(made(&Istio(names()), &delegate()));
}

#[test]
fn where_the_service_has_several_ports_every_rule_has_to_say_where_it_sends() {
    let refusal = |provider: &dyn Provider, own: &Own, ports: &[i64]| own.base(provider, &names(), ports).unwrap_err();
    for ports in [&[80, 9090][..], &[]] {
        let Unusable { reason, message } = refusal(&GatewayApi(names()), &http_route(), ports);
        assert!(reason == "RouteIncomplete" && message.contains("HTTPRoute frontend has no backendRefs"), "{message}");
        let Unusable { reason, message } = refusal(&Istio(names()), &delegate(), ports);
        assert!(reason == "RouteIncomplete" && message.contains("VirtualService frontend has no route"), "{message}");
    }
    let said = own("HTTPRoute", json!({ "rules": [{ "backendRefs": [{ "name": "frontend", "port": 9090 }] }] }));
    let base = said.base(&GatewayApi(names()), &names(), &[80, 9090]).unwrap();
    assert_eq!(base["spec"], said.spec, "as it was given");
}

#[test]
fn nothing_is_put_into_rules_that_answer_themselves_or_name_a_backend() {
    let ends = json!([
        { "redirect": { "uri": "/" } }, { "directResponse": { "status": 503 } }, { "delegate": { "name": "other" } },
        { "route": [{ "destination": { "host": "static" } }] },
    ]);
    let service = own("VirtualService", json!({ "hosts": ["shop.example.com"], "http": ends }));
    let base = service.base(&Istio(names()), &names(), &[80, 81]).unwrap();
    assert_eq!(base["spec"]["http"], ends);
    let read = Istio(names()).read(&base, &[]);
    assert_eq!(read.trouble.unwrap().reason, "RouteElsewhere");
}

#[test]
fn rules_that_sleep_and_those_in_use_stay_where_they_are_when_the_base_changes() {
    let provider = GatewayApi(names());
    let known = [insiders()];
    let base = http_route().base(&provider, &names(), &[80]).unwrap();
    let live = stored(base.clone());
    let picked = Share { picks: insiders(), ..share(0) };
    let asleep = patched(&live, &provider.lay(&live, &picked).unwrap());
    let awake = patched(&asleep, &provider.write(&asleep, Some(&picked)).unwrap());
    let changed = {
        let mut own = http_route();
        own.spec["rules"][2]["filters"][0] = header("2");
        own.base(&provider, &names(), &[80]).unwrap()
    };
    for before in [asleep, awake] {
        let after = patched(&before, &restored(&provider, &before, &changed, &known).unwrap());
        assert_eq!(provider.read(&after, &known), provider.read(&before, &known));
        let rules = |of: &Value| of["spec"]["rules"].as_array().unwrap().clone();
        let matches = |of: &Value| rules(of).iter().map(|rule| rule["matches"].clone()).collect::<Vec<_>>();
        assert_eq!(matches(&after), matches(&before), "proxies know rules by their number");
        assert!(rules(&after)[2..].iter().all(|rule| rule["filters"][0] == header("2")), "{after}");
    }
}

#[test]
fn rules_that_nobody_knows_are_dropped_and_never_taken_for_all_of_the_traffic() {
    let provider = GatewayApi(names());
    let base = http_route().base(&provider, &names(), &[80]).unwrap();
    let picked = Share { picks: insiders(), ..share(0) };
    let live = stored(base.clone());
    let live = patched(&live, &provider.write(&live, Some(&picked)).unwrap());
    let after = patched(&live, &restored(&provider, &live, &base, &[]).unwrap());
    assert_eq!(after["spec"], base["spec"]);
}

#[test]
fn labels_and_annotations_of_others_stay_and_ours_are_put_right() {
    let provider = GatewayApi(names());
    let mut own = http_route();
    own.annotations = [("example.com/owner".to_owned(), "shop".to_owned())].into();
    let base = own.base(&provider, &names(), &[80]).unwrap();
    let mut live = stored(base.clone());
    live["metadata"]["labels"] = json!({ "theirs": "x", "sluice.dev/policy": "web" });
    live["metadata"]["annotations"] = Value::Null;
    let patch = restored(&provider, &live, &base, &[]).unwrap();
    let expected = json!([
        { "op": "test", "path": "/metadata/resourceVersion", "value": "7" },
        { "op": "add", "path": "/metadata/annotations", "value": { "example.com/owner": "shop" } },
    ]);
    assert_eq!(json!(patch), expected);
}

/// A VirtualService without hosts asks for nothing itself: whoever delegates to it does.
#[test]
fn one_that_others_delegate_to_stands_in_nobodys_way_and_nobody_in_its() {
    let provider = Istio(names());
    let live = stored(delegate().base(&provider, &names(), &[80]).unwrap());
    assert_eq!(provider.read(&live, &[insiders()]).trouble, None);
    assert_eq!(provider.neighbours(&live, &[]), [], "nothing has to be read for it");
    let root = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": { "name": "root", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": { "hosts": ["frontend"], "http": [{ "delegate": { "name": "frontend" } }] },
    });
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": { "name": "frontend", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": { "parentRefs": [{ "group": "", "kind": "Service", "name": "frontend" }] },
    });
    let around = Around { apex: None, neighbours: vec![root.clone(), route] };
    assert_eq!(provider.hindrance(&live, &around, &[]), None);
    // And to one beside it that is younger than the root: what is behind a delegate is not known.
    let mut younger = live.clone();
    younger["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z".into();
    younger["spec"]["hosts"] = json!(["frontend"]);
    assert_eq!(provider.hindrance(&younger, &Around { apex: None, neighbours: vec![root] }, &[]), None);
}

#[test]
fn the_users_own_delegate_is_divided_and_picked_from_as_any_other() {
    let provider = Istio(names());
    let theirs = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": { "name": "frontend-routes", "namespace": "shop", "resourceVersion": "7" },
        "spec": { "http": [{ "match": [{ "uri": { "prefix": "/api" } }], "route": [{ "destination": { "host": "frontend" } }] }] },
    });
    let want = Share { picks: insiders(), ..share(20) };
    let divided = patched(&theirs, &provider.write(&theirs, Some(&want)).unwrap());
    let ours = &divided["spec"]["http"][0];
    let expected = json!([{ "uri": { "prefix": "/api" }, "headers": { "x-canary": { "exact": "insider" } } }]);
    assert_eq!(ours["match"], expected, "within what the root delegates");
    assert_eq!(provider.read(&divided, &[insiders()]).share, Some(want));
    assert_eq!(patched(&divided, &provider.write(&divided, None).unwrap()), theirs);
}
