//! A route that the policy holds itself.

use serde_json::{Value, json};

use super::{
    exiting_at_once, gets_its_share, in_force, insiders_first, is_bare, is_stalled, only_version_1_answers, release,
    route, waits,
};
use crate::{
    cluster::{Behaviour, Cluster},
    condition,
    lab::{Lab, NS, shop},
    remove, secs,
};

const POLICY: &str = "/metadata/labels/sluice.dev~1policy";

/// Version 1 runs behind a Gateway, without any route.
async fn running() -> Lab {
    let lab = exiting_at_once();
    lab.running_behind_a_gateway().await;
    lab
}

/// The policy has made its route, and callers come through it.
async fn lab(strategy: Value) -> Lab {
    let lab = running().await;
    lab.cluster.apply(shop::by_own_route(strategy));
    lab.until_settled_on("shop:1").await;
    lab.cluster.advance(secs(2)).await;
    lab.cluster.traffic_through(NS, "shop");
    lab
}

/// What the API server makes of the policy's route when nothing is divided in it.
fn undivided(timeout: &str) -> Value {
    json!({
        "parentRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "gateways" }],
        "hostnames": ["shop.example.com"],
        "rules": [{
            "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
            "backendRefs": [{ "group": "", "kind": "Service", "name": "shop", "port": 80, "weight": 1 }],
            "timeouts": { "request": timeout },
        }],
    })
}

/// It says what the policy says anew, and nothing of it is divided.
pub fn is_as_wished(lab: &Lab) {
    is_undivided(lab, "7s");
}

/// In the middle of the first step the policy says something new.
pub async fn is_wished_anew_in_a_step(lab: &Lab) {
    lab.until("step 1 is in force", |c| in_force(c, 1)).await;
    wish_timeout(lab, "7s");
}

fn is_undivided(lab: &Lab, timeout: &str) {
    assert_eq!(route(&lab.cluster)["spec"], undivided(timeout));
}

fn has_timeout(cluster: &Cluster, timeout: &str) -> bool {
    route(cluster)["spec"]["rules"][0]["timeouts"]["request"] == timeout
}

/// The policy's owner gives its route another timeout.
fn wish_timeout(lab: &Lab, timeout: &str) {
    let rules = json!([{ "timeouts": { "request": timeout } }]);
    let change = json!({ "spec": { "traffic": { "gatewayAPI": { "route": { "rules": rules } } } } });
    lab.cluster.patch("rolloutpolicies", NS, "shop", &change);
}

/// Somebody gives the route itself another timeout, and a rule more.
fn meddle(lab: &Lab) {
    let mut rules = route(&lab.cluster)["spec"]["rules"].clone();
    rules[0]["timeouts"]["request"] = json!("99s");
    let more = json!({ "matches": [{ "path": { "type": "Exact", "value": "/x" } }], "backendRefs": [{ "name": "shop", "port": 80 }] });
    rules.as_array_mut().unwrap().push(more);
    lab.cluster.patch("httproutes", NS, "shop", &json!({ "spec": { "rules": rules } }));
}

fn weights(cluster: &Cluster) -> Vec<u64> {
    let backends = route(cluster)["spec"]["rules"][0]["backendRefs"].as_array().unwrap().clone();
    backends.iter().map(|b| b["weight"].as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn it_is_made_and_divided_in_every_step_and_is_as_it_was_after_the_release() {
    let lab = lab(shop::wide_steps("10s")).await;
    is_undivided(&lab, "10s");
    assert_eq!(route(&lab.cluster).pointer(POLICY), Some(&json!("shop")));
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    gets_its_share(&lab, 2, 0.8).await;
    lab.until_settled_on("shop:2").await;
    is_undivided(&lab, "10s");
    lab.is_quiet().await;
    is_undivided(&lab, "10s");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn those_whose_requests_match_come_first_by_it_too() {
    let lab = lab(insiders_first("20s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.25).await;
    wish_timeout(&lab, "7s");
    lab.cluster.advance_until("the policy is followed", secs(10), |c| has_timeout(c, "7s")).await;
    gets_its_share(&lab, 2, 0.25 + 0.75 * 0.2).await;
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    is_undivided(&lab, "7s");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn what_the_policy_says_anew_in_the_middle_of_a_step_is_followed_and_the_share_stays() {
    let lab = lab(shop::wide_steps("60s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    let written = lab.cluster.writes("controller");
    wish_timeout(&lab, "7s");
    lab.cluster.advance_until("the policy is followed", secs(10), |c| has_timeout(c, "7s")).await;
    assert_eq!(weights(&lab.cluster), [80, 20], "by the write that followed the policy");
    assert!(lab.cluster.writes("controller") <= written + 2, "one write, and perhaps a status");
    gets_its_share(&lab, 1, 0.2).await;
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    is_undivided(&lab, "7s");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_writes_into_it_is_put_right_in_a_step_and_between_releases() {
    let lab = lab(shop::wide_steps("60s")).await;
    meddle(&lab);
    let took = lab.cluster.advance_until("it is put right", secs(65), |c| route(c)["spec"] == undivided("10s")).await;
    println!("between releases it took {took:?}");
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    meddle(&lab);
    let took = lab.cluster.advance_until("it is put right", secs(10), |c| has_timeout(c, "10s")).await;
    println!("in a step it took {took:?}");
    assert_eq!(
        (weights(&lab.cluster), route(&lab.cluster)["spec"]["rules"].as_array().unwrap().len()),
        (vec![80, 20], 1)
    );
    gets_its_share(&lab, 1, 0.2).await;
    lab.until_settled_on("shop:2").await;
    is_undivided(&lab, "10s");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn somebody_who_writes_it_again_and_again_is_named_and_whoever_changes_the_policy_is_not() {
    let lab = lab(shop::wide_steps("300s")).await;
    lab.deploy("shop:2");
    lab.until("step 1 is in force", |c| in_force(c, 1)).await;
    for timeout in ["1s", "2s", "3s", "4s"] {
        wish_timeout(&lab, timeout);
        lab.cluster.advance(secs(10)).await;
    }
    assert_ne!(condition(&lab.cluster, "RouteContested")["status"], "True");
    for _ in 0..3 {
        meddle(&lab);
        lab.cluster.advance(secs(10)).await;
    }
    let said = condition(&lab.cluster, "RouteContested");
    assert_eq!(said["status"], "True", "{said}");
}

#[tokio::test(start_paused = true)]
async fn it_is_made_again_where_somebody_has_deleted_it() {
    let lab = lab(shop::wide_steps("60s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    lab.cluster.delete("httproutes", NS, "shop");
    let there = |c: &Cluster| c.get("httproutes", NS, "shop").is_some() && !is_bare(c);
    lab.cluster.advance_until("it is there with its share", secs(15), there).await;
    gets_its_share(&lab, 1, 0.2).await;
    let violations = lab.cluster.violations();
    assert!(violations.is_empty(), "{violations:?}");
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_comes_back_in_the_middle_of_a_step_changes_nothing_in_it() {
    let lab = lab(shop::wide_steps("60s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    let before = route(&lab.cluster);
    lab.cluster.fault("controller", lab.cluster.writes("controller") + 1, crate::cluster::Fault::CrashBefore);
    wish_timeout(&lab, "7s");
    lab.cluster.advance_until("the policy is followed", secs(30), |c| has_timeout(c, "7s")).await;
    let generation = |r: &Value| r["metadata"]["generation"].as_u64().unwrap();
    assert_eq!(generation(&route(&lab.cluster)), generation(&before) + 1);
    lab.until_settled_on("shop:2").await;
    is_undivided(&lab, "7s");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn one_of_that_name_that_it_has_not_made_is_left_alone_until_it_may_be_replaced() {
    let lab = running().await;
    lab.cluster.apply(shop::route());
    lab.cluster.traffic_through(NS, "shop");
    lab.cluster.apply(shop::by_own_route(shop::wide_steps("10s")));
    is_stalled(&lab, "RouteNotOurs", "HTTPRoute shop is there and was not made for this policy").await;
    super::is_as_written(&lab);
    lab.cluster.patch("httproutes", NS, "shop", &json!({ "metadata": { "labels": { "sluice.dev/policy": "shop" } } }));
    lab.until_settled_on("shop:1").await;
    is_undivided(&lab, "10s");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_names_the_route_of_another_one_says_so() {
    let lab = running().await;
    let mut theirs = shop::route();
    theirs["metadata"]["labels"] = json!({ "sluice.dev/policy": "other" });
    lab.cluster.apply(theirs);
    lab.cluster.traffic_through(NS, "shop");
    lab.cluster.apply(shop::by_routes(shop::wide_steps("10s")));
    is_stalled(&lab, "RouteNotOurs", "HTTPRoute shop was made for policy other").await;
    lab.cluster.patch("httproutes", NS, "shop", &json!({ "metadata": { "labels": { "sluice.dev/policy": null } } }));
    lab.until_settled_on("shop:1").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn one_that_somebody_takes_the_label_off_loses_no_share_in_silence() {
    let lab = lab(shop::wide_steps("300s")).await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().exiting_at_once().failing(0.3));
    lab.deploy("shop:bad");
    lab.until("step 1 is in force", |c| in_force(c, 1)).await;
    lab.cluster.patch("httproutes", NS, "shop", &json!({ "metadata": { "labels": { "sluice.dev/policy": null } } }));
    lab.until("the version was taken back", |c| release(c).unwrap()["status"]["phase"] == "RolledBack").await;
    is_undivided(&lab, "10s");
    only_version_1_answers(&lab).await;
    assert_eq!(waits(&lab.cluster).0, "RouteNotOurs");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn it_stays_undivided_when_the_policy_is_deleted_in_the_middle_of_a_step_and_is_found_by_the_next() {
    let lab = lab(shop::wide_steps("60s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    remove(&lab).await;
    is_undivided(&lab, "10s");
    only_version_1_answers(&lab).await;
    let mut again = shop::by_own_route(shop::wide_steps("10s"));
    again["spec"]["traffic"]["gatewayAPI"]["route"]["rules"][0]["timeouts"]["request"] = json!("7s");
    lab.cluster.apply(again);
    lab.cluster.advance_until("the new policy is followed", secs(60), |c| has_timeout(c, "7s")).await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn it_stays_as_it_is_when_the_policy_goes_over_to_routes_that_are_named() {
    let lab = lab(shop::wide_steps("60s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    let named = json!([{ "kind": "HTTPRoute", "name": "shop" }]);
    let change = json!({ "spec": { "traffic": { "gatewayAPI": { "route": null, "routes": named } } } });
    lab.cluster.patch("rolloutpolicies", NS, "shop", &change);
    lab.until_settled_on("shop:2").await;
    is_undivided(&lab, "10s");
    meddle(&lab);
    lab.cluster.advance(secs(120)).await;
    assert!(has_timeout(&lab.cluster, "99s"), "it is the user's now");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn one_that_the_api_server_refuses_is_told_and_tried_again() {
    let lab = running().await;
    lab.cluster.refuse("controller", "create", "httproutes");
    lab.cluster.apply(shop::by_own_route(shop::wide_steps("10s")));
    lab.until("the policy says so", |c| waits(c).0 == "RouteRefused").await;
    let (_, words) = waits(&lab.cluster);
    assert!(words.contains("creating httproutes shop") && words.contains("forbidden"), "{words}");
    assert_eq!(lab.cluster.get("deployments", NS, "shop").unwrap()["spec"]["replicas"], 4, "it serves as before");
    lab.cluster.grant("controller", "create", "httproutes");
    lab.until_settled_on("shop:1").await;
    is_undivided(&lab, "10s");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_which_nobody_knows_the_port_is_told_before_anything_is_made() {
    let lab = running().await;
    let ports = json!([{ "name": "http", "port": 80, "targetPort": "http" }, { "name": "admin", "port": 81 }]);
    lab.cluster.patch("services", NS, "shop", &json!({ "spec": { "ports": ports } }));
    lab.cluster.apply(shop::by_own_route(shop::wide_steps("10s")));
    lab.until("the policy says so", |c| waits(c).0 == "RouteIncomplete").await;
    let (_, words) = waits(&lab.cluster);
    assert!(words.contains("the Service has 2 ports (80, 81)"), "{words}");
    assert!(lab.cluster.get("httproutes", NS, "shop").is_none() && lab.cluster.list("deployments", NS).len() == 1);
    let rules = json!([{ "backendRefs": [{ "name": "shop", "port": 80 }] }]);
    let change = json!({ "spec": { "traffic": { "gatewayAPI": { "route": { "rules": rules } } } } });
    lab.cluster.patch("rolloutpolicies", NS, "shop", &change);
    lab.until_settled_on("shop:1").await;
    assert_eq!(weights(&lab.cluster), [1]);
}
