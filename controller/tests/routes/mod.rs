//! Shares that are weights of a route: a gateway that takes its time, and callers who come through it.

mod istio;
mod linkerd;
pub mod own;
mod parents;
mod rights;
mod rivals;
pub mod rules;
mod sticky;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    cluster::{Behaviour, Cluster, INSIDER},
    condition,
    lab::{Lab, NS, release, shop},
    remove, secs,
};

/// A controller, and pods that do not serve on when they are told to end: that nobody asks them any more has to be seen to before.
fn exiting_at_once() -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    for image in ["shop:1", "shop:2"] {
        lab.cluster.behaviour(image, Behaviour::healthy().exiting_at_once());
    }
    lab
}

async fn lab(strategy: Value) -> Lab {
    let lab = exiting_at_once();
    lab.running_behind_a_route().await;
    lab.cluster.apply(shop::by_routes(strategy));
    lab.until_settled_on("shop:1").await;
    lab
}

fn route(cluster: &Cluster) -> Value {
    cluster.get("httproutes", NS, "shop").unwrap()
}

/// All that an owner writes, to the byte.
pub fn is_as_written(lab: &Lab) {
    says_what_was_written(&route(&lab.cluster), &shop::route());
}

/// Nothing of a route goes to a candidate.
fn is_bare(cluster: &Cluster) -> bool {
    route(cluster)["spec"]["rules"][0]["backendRefs"].as_array().unwrap().len() == 1
}

fn says_what_was_written(now: &Value, written: &Value) {
    assert_eq!(now["spec"].to_string(), written["spec"].to_string());
    for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
        assert_eq!(now["metadata"][field], written["metadata"][field], "{field}");
    }
}

fn in_force(cluster: &Cluster, step: u32) -> bool {
    let status = release(cluster).map(|r| r["status"].clone()).unwrap_or_default();
    status["phase"] == "Shifting" && status["step"] == step && !status["appliedAt"].is_null()
}

async fn until_in_force(lab: &Lab, step: u32) {
    lab.until(&format!("step {step} is in force"), |c| in_force(c, step)).await;
}

/// Counts answers for a while in which every proxy knows the share.
async fn gets_its_share(lab: &Lab, step: u32, share: f64) {
    until_in_force(lab, step).await;
    lab.cluster.advance(secs(2)).await;
    let from = lab.cluster.elapsed();
    lab.cluster.advance(secs(8)).await;
    assert!(in_force(&lab.cluster, step), "step {step} was over before it was counted");
    let answers = answers_since(lab, from);
    let (of, all) = (answers.get("shop:2").copied().unwrap_or(0), answers.values().sum::<usize>());
    let (mean, deviation) = (all as f64 * share, (all as f64 * share * (1.0 - share)).sqrt());
    // Five standard deviations, so that another seed does not break it by chance.
    let within = mean - 5.0 * deviation..=mean + 5.0 * deviation;
    assert!(all > 200 && within.contains(&(of as f64)), "step {step}: {of} of {all} answers, expected {within:?}");
}

fn answers_since(lab: &Lab, from: Duration) -> BTreeMap<String, usize> {
    lab.cluster.answers(from, lab.cluster.elapsed())
}

/// The policy is stalled for that reason, with these words, and nothing was made or written for it: callers get version 1.
async fn is_stalled(lab: &Lab, reason: &str, words: &str) {
    lab.until(&format!("the policy says {reason}"), |c| waits(c).0 == reason).await;
    let said = waits(&lab.cluster).1;
    assert!(said.contains(words), "{said}");
    only_version_1_answers(lab).await;
    assert_eq!(waits(&lab.cluster).0, reason);
    let deployments = lab.cluster.list("deployments", NS);
    assert_eq!((deployments.len(), &deployments[0]["spec"]["replicas"]), (1, &json!(4)), "it is left alone");
}

/// What the policy waits for: reason and message.
fn waits(cluster: &Cluster) -> (String, String) {
    let policy = cluster.get("rolloutpolicies", NS, "shop").unwrap();
    let text = |field: &str| policy["status"]["waiting"][field].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

/// Callers get version 1 and nothing else.
async fn only_version_1_answers(lab: &Lab) {
    let from = lab.cluster.elapsed();
    lab.cluster.advance(secs(60)).await;
    assert_eq!(answers_since(lab, from).keys().collect::<Vec<_>>(), ["shop:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_good_version_gets_its_share_in_every_step_and_is_promoted_with_no_failed_request() {
    let lab = lab(shop::wide_steps("10s")).await;
    is_as_written(&lab);
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    gets_its_share(&lab, 2, 0.8).await;
    lab.until_settled_on("shop:2").await;
    is_as_written(&lab);
    lab.is_quiet().await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_taken_back_and_the_route_is_as_it_was_written() {
    let lab = lab(shop::wide_steps("10s")).await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().exiting_at_once().failing(0.3));
    lab.deploy("shop:bad");
    lab.until_phase("RolledBack").await;
    is_as_written(&lab);
    assert!(lab.answers().contains_key("shop:bad"), "it had its chance");
    only_version_1_answers(&lab).await;
    lab.is_quiet().await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

fn insiders() -> Value {
    json!([{ "headers": [{ "name": INSIDER.0, "exact": INSIDER.1 }] }])
}

/// Those whose requests have a header, for so long.
pub fn insiders_only(bake: &str) -> Value {
    json!({ "ab": { "match": insiders(), "expected": 25, "bake": bake } })
}

/// Those whose requests have a header, then a fifth of all others too, then half of all; each for so long.
pub fn insiders_first(bake: &str) -> Value {
    json!({ "canary": { "steps": [
        { "match": insiders(), "expected": 25, "bake": bake }, { "match": insiders(), "weight": 20, "bake": bake },
        { "weight": 50, "bake": bake },
    ] } })
}

#[tokio::test(start_paused = true)]
async fn those_whose_requests_match_come_first_and_no_request_meets_a_rule_with_nothing_behind_it() {
    let lab = lab(insiders_first("20s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.25).await;
    gets_its_share(&lab, 2, 0.25 + 0.75 * 0.2).await;
    gets_its_share(&lab, 3, 0.5).await;
    lab.until_settled_on("shop:2").await;
    is_as_written(&lab);
    lab.is_quiet().await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn somebody_who_takes_rules_away_again_and_again_is_named_too() {
    let lab = lab(insiders_only("300s")).await;
    lab.deploy("shop:2");
    until_in_force(&lab, 1).await;
    for _ in 0..3 {
        assert_ne!(condition(&lab.cluster, "RouteContested")["status"], "True");
        lab.cluster.apply(shop::route());
        lab.cluster.advance(secs(20)).await;
    }
    let said = condition(&lab.cluster, "RouteContested");
    assert_eq!(said["status"], "True", "{said}");
}

#[tokio::test(start_paused = true)]
async fn deleting_the_policy_while_requests_are_picked_out_leaves_the_route_as_it_was_written() {
    let lab = lab(insiders_first("60s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.25).await;
    remove(&lab).await;
    is_as_written(&lab);
    only_version_1_answers(&lab).await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_taken_from_those_whose_requests_match() {
    let lab = lab(insiders_first("60s")).await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().exiting_at_once().failing(0.3));
    lab.deploy("shop:bad");
    lab.until_phase("RolledBack").await;
    is_as_written(&lab);
    assert!(lab.answers().contains_key("shop:bad"), "it had its chance");
    only_version_1_answers(&lab).await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn deleting_the_policy_in_the_middle_of_a_step_leaves_the_route_as_it_was_written() {
    let lab = lab(shop::wide_steps("60s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    remove(&lab).await;
    is_as_written(&lab);
    only_version_1_answers(&lab).await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_route_that_somebody_writes_again_in_the_middle_of_a_step_gets_its_share_again() {
    let lab = lab(shop::wide_steps("60s")).await;
    lab.deploy("shop:2");
    gets_its_share(&lab, 1, 0.2).await;
    lab.cluster.apply(shop::route());
    is_as_written(&lab);
    let took = lab.cluster.advance_until("the share is back", secs(15), |c| !is_bare(c)).await;
    println!("the share was back after {took:?}");
    gets_its_share(&lab, 1, 0.2).await;
    lab.until_settled_on("shop:2").await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_step_is_in_force_when_the_gateway_has_accepted_it_and_not_before() {
    let lab = lab(shop::wide_steps("10s")).await;
    lab.cluster.route_lag(secs(8), secs(9));
    lab.deploy("shop:2");
    let waits = |c: &Cluster| release(c).is_some_and(|r| r["status"]["waiting"]["reason"] == "RoutePending");
    lab.until("the gateway is waited for", waits).await;
    let asked = lab.cluster.elapsed();
    until_in_force(&lab, 1).await;
    assert!(lab.cluster.elapsed() - asked > secs(5));
    let route = route(&lab.cluster);
    let told = &route["status"]["parents"][0]["conditions"][0]["observedGeneration"];
    assert_eq!(*told, route["metadata"]["generation"]);
    lab.until_settled_on("shop:2").await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_share_waits_for_the_pods_that_it_needs() {
    let lab = lab(shop::wide_steps("10s")).await;
    lab.cluster.behaviour("shop:2", Behaviour::healthy().exiting_at_once().ready_in(secs(25)));
    lab.deploy("shop:2");
    lab.until("step 2 has begun", |c| release(c).is_some_and(|r| r["status"]["step"] == 2)).await;
    let began = lab.cluster.elapsed();
    gets_its_share(&lab, 2, 0.8).await;
    lab.nothing_went_wrong();
    assert!(lab.cluster.elapsed() - began > secs(20), "its pods were not waited for");
    lab.until_settled_on("shop:2").await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_promotion_keeps_the_last_share_until_every_proxy_knows_that_the_service_leads_to_the_new_version() {
    let lab = lab(shop::canary()).await;
    lab.cluster.behaviour("shop:2", Behaviour::healthy().exiting_at_once().ready_in(secs(25)));
    lab.deploy("shop:2");
    until_in_force(&lab, 2).await;
    lab.cluster.advance(secs(2)).await;
    let from = lab.cluster.elapsed().as_secs();
    lab.until_settled_on("shop:2").await;
    let dip = |second: &u64| {
        let answers = lab.cluster.answers(secs(*second), secs(second + 1));
        let by = |image| answers.get(image).copied().unwrap_or(0);
        by("shop:2") * 3 < by("shop:1")
    };
    let dips: Vec<u64> = (from..lab.cluster.elapsed().as_secs()).filter(dip).collect();
    assert!(dips.is_empty(), "the new version lost its share in the seconds {dips:?}");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_not_there_is_named_and_the_workload_goes_on_serving() {
    let lab = Lab::new(7).controller(secs(5));
    lab.running_behind_a_route().await;
    let mut policy = shop::by_routes(shop::wide_steps("10s"));
    policy["spec"]["traffic"]["gatewayAPI"]["routes"][0]["name"] = json!("nowhere");
    lab.cluster.apply(policy);
    is_stalled(&lab, "RouteMissing", "HTTPRoute nowhere").await;
    assert_eq!(route(&lab.cluster)["metadata"]["generation"], 1, "nobody wrote the route");
    // Once the route is there, what was waited for goes on.
    let mut created = shop::route();
    created["metadata"]["name"] = json!("nowhere");
    created["spec"]["hostnames"] = json!(["nowhere.example.com"]);
    lab.cluster.apply(created);
    lab.until_settled_on("shop:1").await;
    assert_eq!(waits(&lab.cluster).0, "");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn somebody_who_writes_the_route_again_and_again_in_the_middle_of_a_step_is_named_and_the_release_waits() {
    let lab = lab(shop::wide_steps("300s")).await;
    // No look at the metrics wakes the release up.
    let mut policy = shop::by_routes(shop::wide_steps("300s"));
    policy["spec"]["analysis"] = Value::Null;
    lab.cluster.apply(policy);
    lab.deploy("shop:2");
    until_in_force(&lab, 1).await;
    for _ in 0..3 {
        assert_ne!(condition(&lab.cluster, "RouteContested")["status"], "True");
        lab.cluster.apply(shop::route());
        lab.cluster.advance(secs(20)).await;
    }
    let said = condition(&lab.cluster, "RouteContested");
    assert_eq!(said["status"], "True", "{said}");
    assert!(said["message"].as_str().unwrap().contains("user writes the routes again"), "{said}");
    // Until long after the step's bake.
    for _ in 0..9 {
        lab.cluster.apply(shop::route());
        lab.cluster.advance(secs(40)).await;
        assert!(in_force(&lab.cluster, 1) && !is_bare(&lab.cluster), "it is put right and does not go on");
    }
    let (reason, message) = waits(&lab.cluster);
    assert!(reason == "RouteContested" && message.starts_with("user writes the routes again"), "{reason}: {message}");
    let left_alone = lab.cluster.elapsed();
    until_in_force(&lab, 2).await;
    assert!(lab.cluster.elapsed() - left_alone > secs(120), "it goes on when it is sure to be left alone");
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(400)).await;
    assert_eq!(condition(&lab.cluster, "RouteContested")["status"], "False");
    is_as_written(&lab);
    lab.nothing_went_wrong();
}
