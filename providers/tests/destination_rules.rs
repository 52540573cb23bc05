//! How proxies treat a candidate's own Service: as the one that callers use, by rules that the user has or that the policy gives.
#![allow(clippy::unwrap_used)]

use planner::RevisionId;
use providers::{Around, Change, DestinationRules, Marks, Names, Neighbour};
use serde_json::{Value, json};

fn of(given: Option<Value>) -> DestinationRules {
    let names = Names { namespace: "shop".into(), apex: "frontend".into(), policy: "web".into() };
    let marks = Marks { policy: "by/policy", uid: ("by/uid", "u1".into()), revision: "by/revision" };
    DestinationRules { names, marks, given }
}

fn id() -> RevisionId {
    RevisionId::parse("790d254b").unwrap()
}

fn pools() -> Value {
    json!({
        "connectionPool": { "http": { "http2MaxRequests": 100 } }, "tls": { "mode": "ISTIO_MUTUAL" },
        "portLevelSettings": [{ "port": { "number": 80 }, "loadBalancer": { "simple": "LEAST_REQUEST" } }],
    })
}

/// A rule as the API server gives it.
fn rule(name: &str, made: u32, spec: Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "spec": spec,
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-of-{name}"), "resourceVersion": "7",
            "creationTimestamp": format!("2026-01-01T00:00:{made:02}Z"), "labels": { "app.kubernetes.io/instance": "shop" },
            "annotations": { "argocd.argoproj.io/tracking-id": "shop" },
        },
    })
}

/// For the Service that callers use.
fn users() -> Value {
    let subsets = json!([{ "name": "v1", "labels": { "version": "v1" } }]);
    let spec = json!({ "host": "frontend", "trafficPolicy": pools(), "subsets": subsets, "exportTo": ["."] });
    rule("pools", 1, spec)
}

fn around(neighbours: &[&Value]) -> Around {
    Around { apex: None, neighbours: neighbours.iter().map(|o| (*o).clone()).collect() }
}

/// What the cluster has once these changes are made, beside what was there.
fn after(mut there: Vec<Value>, changes: Vec<Change>) -> Vec<Value> {
    for change in changes {
        match change {
            Change::Create(mut rule) => {
                rule["metadata"]["resourceVersion"] = "8".into();
                there.push(rule);
            }
            Change::Patch { name, patch } => {
                let rule = there.iter_mut().find(|r| r["metadata"]["name"] == name.as_str()).unwrap();
                assert_eq!(
                    patch[0]["value"], rule["metadata"]["resourceVersion"],
                    "it is for the version that was read"
                );
                for operation in &patch[1..] {
                    let path = operation["path"].as_str().unwrap();
                    let (parent, last) = path.rsplit_once('/').unwrap();
                    rule.pointer_mut(parent).unwrap()[last.replace("~1", "/")] = operation["value"].clone();
                }
            }
            Change::Delete { name, .. } => there.retain(|r| r["metadata"]["name"] != name.as_str()),
        }
    }
    there
}

/// The law: once what is wanted is written, nothing is left to write.
fn copied(rules: &DestinationRules, there: &[&Value]) -> Vec<Value> {
    let known = around(there);
    let there = after(known.neighbours.clone(), rules.for_apex(&known));
    let known = Around { apex: None, neighbours: there.clone() };
    assert_eq!(rules.for_apex(&known), []);
    let there = after(there, rules.for_revision(&known, &id()));
    let known = Around { apex: None, neighbours: there };
    assert_eq!(rules.for_revision(&known, &id()), []);
    assert_eq!(rules.for_apex(&known), []);
    rules.copies_of(&known, &id()).into_iter().cloned().collect()
}

/// A rule of ours and the patch by which it follows. kind-tests/tests/api_versions.rs has every such snapshot tried by real API servers.
fn written(rule: &Value, changes: Vec<Change>) -> Value {
    let [Change::Patch { patch, .. }] = changes.as_slice() else { panic!("{changes:?}") };
    json!({ "route": rule, "patch": patch })
}

fn changed(policy: Value) -> Value {
    let mut changed = policy;
    changed["tls"]["mode"] = "DISABLE".into();
    changed
}

#[test]
fn a_copy_has_neither_the_subsets_of_the_users_rule_nor_the_labels_of_tools_and_follows_it() {
    let rules = of(None);
    let [copy] = copied(&rules, &[&users()]).try_into().unwrap();
    let mut now = users();
    now["spec"]["trafficPolicy"] = changed(pools());
    insta::assert_yaml_snapshot!(written(&copy, rules.for_revision(&around(&[&now, &copy]), &id())));
}

#[test]
fn a_rule_that_the_policy_gives_is_written_for_the_service_and_for_the_candidates_and_follows_it() {
    let rules = of(Some(pools()));
    let own = after(vec![], rules.for_apex(&around(&[]))).remove(0);
    insta::assert_yaml_snapshot!(written(&own, of(Some(changed(pools()))).for_apex(&around(&[&own]))));
    let [copy] = copied(&rules, &[]).try_into().unwrap();
    assert_eq!(copy["spec"], json!({ "host": "web-790d254b", "trafficPolicy": pools() }));
}

#[test]
fn the_copy_is_spelt_as_the_rule_is() {
    for (host, of_copy) in [
        ("frontend", "web-790d254b"),
        ("frontend.shop.svc", "web-790d254b.shop.svc"),
        ("frontend.shop.svc.cluster.local", "web-790d254b.shop.svc.cluster.local"),
    ] {
        let rule = rule("pools", 1, json!({ "host": host, "trafficPolicy": pools() }));
        assert_eq!(copied(&of(None), &[&rule])[0]["spec"]["host"], of_copy);
    }
}

#[test]
fn rules_for_others_are_left_alone_and_so_are_wildcards_which_hold_for_both() {
    for host in ["frontend.web.svc.cluster.local", "backend", "frontend2", "*.shop.svc.cluster.local", "web-11111111"] {
        let rule = rule("other", 1, json!({ "host": host, "trafficPolicy": pools() }));
        assert_eq!(of(None).for_revision(&around(&[&rule]), &id()), [], "{host}");
        assert_eq!(of(Some(pools())).trouble(&around(&[&rule])), None, "{host}");
    }
}

#[test]
fn the_copy_goes_with_the_rule() {
    let rules = of(None);
    let [copy] = copied(&rules, &[&users()]).try_into().unwrap();
    let mut going = users();
    going["metadata"]["deletionTimestamp"] = "2026-01-01T01:00:00Z".into();
    for left in [vec![&copy], vec![&copy, &going]] {
        let gone = rules.for_revision(&around(&left), &id());
        assert_eq!(gone, [Change::Delete { name: "pools-790d254b".into(), uid: None }]);
    }
}

#[test]
fn of_rules_for_the_same_clients_the_first_traffic_policy_counts_and_other_clients_have_their_own() {
    let spec = |mode: &str, more: Value| {
        let mut spec = json!({ "host": "frontend", "trafficPolicy": { "tls": { "mode": mode } } });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let selects = json!({ "workloadSelector": { "matchLabels": { "app": "jobs" } } });
    let bare = rule("bare", 1, json!({ "host": "frontend", "subsets": [] }));
    let (first, second) = (rule("b", 2, spec("DISABLE", json!({}))), rule("a", 3, spec("SIMPLE", json!({}))));
    let jobs = rule("jobs", 4, spec("ISTIO_MUTUAL", selects.clone()));
    let copies = copied(&of(None), &[&second, &jobs, &bare, &first]);
    let said: Vec<_> = copies
        .iter()
        .map(|c| (c["metadata"]["name"].as_str().unwrap(), &c["spec"]["trafficPolicy"]["tls"]["mode"]))
        .collect();
    assert_eq!(said, [("b-790d254b", &json!("DISABLE")), ("jobs-790d254b", &json!("ISTIO_MUTUAL"))]);
    assert_eq!(copies[1]["spec"]["workloadSelector"], selects["workloadSelector"]);
}

#[test]
fn a_rule_of_the_users_and_one_of_the_policys_are_one_too_many() {
    let rules = of(Some(pools()));
    let known = around(&[&users()]);
    let trouble = rules.trouble(&known).unwrap();
    assert!(
        trouble.reason == "RuleTwice" && trouble.message.contains("DestinationRule pools is for Service frontend"),
        "{trouble}"
    );
    assert_eq!((rules.for_apex(&known), rules.for_revision(&known, &id())), (vec![], vec![]));
    // A copy of an earlier release is none of the user's.
    let copy = copied(&of(None), &[&users()]).remove(0);
    assert_eq!(rules.trouble(&around(&[&copy])), None);
}

#[test]
fn a_rule_of_somebody_else_that_has_the_name_is_not_written() {
    let taken = rule("web", 1, json!({ "host": "backend" }));
    let trouble = of(Some(pools())).trouble(&around(&[&taken])).unwrap();
    assert_eq!(trouble.reason, "RuleTaken");
    assert_eq!(of(Some(pools())).for_apex(&around(&[&taken])), []);
    assert_eq!(of(None).trouble(&around(&[&taken])), None);
}

#[test]
fn the_rule_of_the_service_goes_when_the_policy_gives_it_no_more_and_stays_when_the_policy_is_gone() {
    let own = after(vec![], of(Some(pools())).for_apex(&around(&[]))).remove(0);
    let known = around(&[&own]);
    assert_eq!(of(None).for_apex(&known), [Change::Delete { name: "web".into(), uid: None }]);
    // A policy made anew under the name: what was left there is the user's, unless it gives the field too.
    let anew = |given| {
        let mut rules = of(given);
        rules.marks.uid.1 = "u2".into();
        rules
    };
    assert_eq!(anew(None).for_apex(&known), []);
    assert_eq!(copied(&anew(None), &[&own])[0]["metadata"]["name"], "web-790d254b");
    let rules = anew(Some(pools()));
    assert_eq!(rules.trouble(&known), None);
    let mine = after(vec![own], rules.for_apex(&known)).remove(0);
    assert_eq!(mine["metadata"]["labels"]["by/uid"], "u2");
    assert_eq!(anew(None).for_apex(&around(&[&mine])).len(), 1);
}

#[test]
fn rules_are_read_where_istio_carries_a_route_out_and_nowhere_else() {
    let told = |by: &str| json!({ "kind": "HTTPRoute", "status": { "parents": [{ "controllerName": by }] } });
    let asks = |route: Value| of(None).neighbours([route].iter());
    let read = Some(Neighbour::DestinationRules { namespace: "shop".into() });
    assert_eq!(asks(json!({ "kind": "VirtualService" })), read);
    assert_eq!(asks(told("istio.io/mesh-controller")), read);
    assert_eq!(asks(told("istio.io/gateway-controller")), read);
    assert_eq!(asks(told("gateway.envoyproxy.io/gatewayclass-controller")), None);
    assert_eq!(asks(json!({ "kind": "HTTPRoute" })), None);
}

#[test]
fn names_have_room_for_the_revision() {
    let long = rule(&"a".repeat(253), 1, json!({ "host": "frontend" }));
    let copy = copied(&of(None), &[&long]).remove(0);
    assert_eq!(copy["metadata"]["name"].as_str().unwrap().len(), 253);
}
