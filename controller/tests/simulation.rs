//! The real controller on a cluster in memory: every promise that needs no real proxy, and a crash at every write.
#![allow(clippy::unwrap_used)]

mod approvals;
mod calendar;
mod cluster;
mod counted;
mod crash;
mod lab;
mod routes;
mod signals;
mod standby;
mod told;
mod webhooks;

use std::time::Duration;

use cluster::{Behaviour, JobOutcome};
use lab::{Lab, NS, phase, release, release_phase, shop};
use serde_json::{Value, json};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn lab(strategy: Value) -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    lab.running().await;
    lab.taken_over(strategy).await;
    lab
}

#[tokio::test(start_paused = true)]
async fn a_policy_takes_a_running_deployment_over_and_no_request_fails() {
    let lab = lab(shop::canary()).await;
    assert_eq!(lab.cluster.get("deployments", NS, "shop").unwrap()["spec"]["replicas"], 0);
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_good_version_moves_through_its_steps_and_is_promoted() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    let weights: Vec<_> = steps(&release(&lab.cluster).unwrap());
    assert_eq!(weights, ["step 1 of 2: weight 20", "step 2 of 2: weight 50"]);
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn pods_that_were_just_made_are_no_lack_that_is_written_down() {
    let lab = lab(shop::canary()).await;
    lab.cluster.on_write(|write, _| {
        let lacks = |of: Option<&Value>| of.is_some_and(|v| !v["status"]["shortSince"].is_null());
        if lacks(write.new) { vec![format!("{}: a lack of a moment was written down", write.at)] } else { vec![] }
    });
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn pods_are_let_in_when_they_have_been_ready_for_as_long_as_the_workload_asks() {
    let lab = lab(shop::canary()).await;
    lab.cluster.patch("deployments", NS, "shop", &json!({ "spec": { "minReadySeconds": 12 } }));
    let labels = |pod: Option<&Value>| pod.and_then(|p| p["metadata"]["labels"].as_object()).map_or(0, |l| l.len());
    lab.cluster.on_write(move |write, _| {
        let pod = write.new.filter(|_| write.verb == "patch" && *write.key.kind == cluster::kinds::PODS);
        let Some(pod) = pod.filter(|pod| labels(Some(pod)) > labels(write.old)) else { return vec![] };
        let ready = cluster::object::condition(pod, "Ready").map(|c| cluster::object::text(c, "/lastTransitionTime"));
        let since = ready.and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
        let early = since.is_none_or(|since| write.at < since + chrono::TimeDelta::seconds(12));
        if early { vec![format!("{}: {} is let in, ready since {ready:?}", write.at, write.key.name)] } else { vec![] }
    });
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    assert_eq!(steps(&release(&lab.cluster).unwrap()).len(), 2);
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

fn steps(release: &Value) -> Vec<String> {
    let timeline = release.pointer("/status/timeline").and_then(Value::as_array).unwrap();
    let started = timeline.iter().filter(|e| e["reason"] == "StepStarted");
    started.map(|e| e["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_version_that_answers_errors_is_taken_back_by_itself() {
    let lab = lab(shop::canary()).await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().failing(0.3));
    lab.deploy("shop:bad");
    lab.until_phase("RolledBack").await;
    assert_eq!(steps(&release(&lab.cluster).unwrap()).len(), 1, "the share is never raised after a failed look");
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_conformance_answers_no_live_request() {
    let lab = lab(shop::canary()).await;
    lab.cluster
        .job_outcome("suite:1", JobOutcome::fail(secs(2), 1, "1..1\nnot ok 1 - checkout refuses an expired card\n"));
    lab.deploy("shop:2");
    lab.until_phase("RolledBack").await;
    assert_eq!(lab.answers().get("shop:2"), None);
    let release = release(&lab.cluster).unwrap();
    let message = release.pointer("/status/outcome/message").unwrap().as_str().unwrap();
    assert!(message.contains("checkout refuses an expired card"), "{message}");
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_test_that_cannot_start_ends_inconclusive_and_a_retry_works() {
    let lab = lab(shop::canary()).await;
    lab.cluster.job_outcome("suite:1", JobOutcome::image_missing());
    lab.deploy("shop:2");
    lab.until("the reason is told", |c| {
        release(c)
            .is_some_and(|r| r.pointer("/status/waiting/message").is_some_and(|m| m.to_string().contains("suite:1")))
    })
    .await;
    lab.until_phase("Inconclusive").await;
    lab.cluster.job_outcome("suite:1", JobOutcome::pass(secs(2)));
    decide(&lab, "Retry");
    lab.until_settled_on("shop:2").await;
    lab.nothing_went_wrong();
}

fn decide(lab: &Lab, action: &str) {
    let release = release(&lab.cluster).unwrap();
    lab.cluster.apply(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "Decision",
        "metadata": { "name": action.to_lowercase(), "namespace": NS },
        "spec": {
            "release": release["metadata"]["name"], "digest": release["spec"]["to"]["digest"],
            "action": action, "by": "somebody",
        },
    }));
}

#[tokio::test(start_paused = true)]
async fn pods_that_crash_are_evidence_and_an_image_that_is_missing_is_none() {
    for (image, behaviour, expected) in [
        ("shop:crash", Behaviour::healthy().crashing_in(secs(1), 1), "RolledBack"),
        ("shop:never", Behaviour::healthy().never_ready(), "RolledBack"),
        ("shop:missing", Behaviour::healthy().image_missing(), "Inconclusive"),
    ] {
        let lab = lab(shop::canary()).await;
        lab.cluster.behaviour(image, behaviour);
        lab.deploy(image);
        lab.until_phase(expected).await;
        assert_eq!(lab.answers().get(image), None);
        lab.nothing_went_wrong();
    }
}

#[tokio::test(start_paused = true)]
async fn blue_green_switches_at_once_and_goes_back_in_one_write_when_it_turns_bad() {
    let lab = lab(shop::blue_green()).await;
    lab.deploy("shop:2");
    lab.until("warm", |c| release_phase(c) == "Warm").await;
    lab.cluster.behaviour("shop:2", Behaviour::healthy().failing(0.5));
    lab.until_phase("RolledBack").await;
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_supersedes_the_one_that_is_being_tried() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until("live", |c| release_phase(c) == "Shifting").await;
    lab.deploy("shop:3");
    lab.until_settled_on("shop:3").await;
    let phases: Vec<_> = lab.cluster.list("releases", NS).iter().map(|r| r["status"]["phase"].clone()).collect();
    assert!(phases.contains(&json!("Superseded")), "{phases:?}");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn setting_the_workload_back_in_the_middle_of_a_release_takes_the_candidate_out() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until("live", |c| release_phase(c) == "Shifting").await;
    lab.deploy("shop:1");
    lab.until_settled_on("shop:1").await;
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn deleting_a_settled_policy_gives_the_workload_back() {
    let lab = lab(shop::canary()).await;
    remove(&lab).await;
    assert_eq!(lab.cluster.get("deployments", NS, "shop").unwrap()["spec"]["replicas"], 4);
    assert_eq!(lab.cluster.list("deployments", NS).len(), 1);
    assert_eq!(lab.cluster.list("releases", NS).len(), 0);
    lab.nothing_went_wrong();
}

async fn remove(lab: &Lab) {
    delete(lab);
    until_removed(lab).await;
    is_as_before(lab).await;
}

fn delete(lab: &Lab) {
    lab.cluster.delete("rolloutpolicies", NS, "shop");
}

async fn until_removed(lab: &Lab) {
    lab.until("the policy is gone", |c| c.look(|store| store.get("rolloutpolicies", NS, "shop").is_none())).await;
}

async fn is_as_before(lab: &Lab) {
    lab.cluster.advance(secs(60)).await;
    let selector = lab.cluster.get("services", NS, "shop").unwrap()["spec"]["selector"].clone();
    assert_eq!(selector, json!({ "app": "shop" }));
}

#[tokio::test(start_paused = true)]
async fn deleting_a_policy_in_the_middle_of_a_canary_leaves_the_stable_version_serving() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until("live", |c| release_phase(c) == "Shifting").await;
    lab.cluster.advance(secs(5)).await;
    remove(&lab).await;
    let at = lab.cluster.elapsed();
    lab.cluster.advance(secs(60)).await;
    let answers = lab.cluster.answers(at, lab.cluster.elapsed());
    assert_eq!(answers.keys().collect::<Vec<_>>(), ["shop:1"], "the unproven version never serves");
    // A new policy takes what was left serving for stable, not the unproven wish.
    lab.cluster.apply(shop::policy(shop::canary()));
    lab.until_settled_on("shop:2").await;
    let began = release(&lab.cluster).unwrap();
    assert_eq!(began["spec"]["purpose"], "Update", "version 2 is delivered through the gates");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_rolled_back_is_not_started_again_by_itself() {
    let lab = lab(shop::canary()).await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().failing(0.5));
    lab.deploy("shop:bad");
    lab.until_phase("RolledBack").await;
    let releases = lab.cluster.list("releases", NS).len();
    lab.deploy("shop:1");
    lab.until_settled_on("shop:1").await;
    lab.deploy("shop:bad");
    lab.until_phase("RolledBack").await;
    lab.cluster.advance(secs(60)).await;
    assert_eq!(lab.cluster.list("releases", NS).len(), releases);
    lab.nothing_went_wrong();
}

fn condition(cluster: &cluster::Cluster, kind: &str) -> Value {
    let policy = cluster.get("rolloutpolicies", NS, "shop").unwrap();
    let all = policy.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    all.into_iter().find(|c| c["type"] == kind).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_is_said_in_the_status_and_the_release_goes_on_once_it_is_there() {
    let lab = lab(shop::canary()).await;
    lab.cluster.refuse("controller", "create", "deployments");
    lab.deploy("shop:2");
    let said = |c: &cluster::Cluster| {
        let ready = condition(c, "Ready");
        ready["reason"] == "PassFailed" && ready["message"].as_str().unwrap().contains("deployments")
    };
    lab.until("the failure is told", said).await;
    lab.cluster.grant("controller", "create", "deployments");
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn somebody_who_scales_the_workload_up_again_and_again_is_named() {
    let lab = lab(shop::canary()).await;
    for _ in 0..3 {
        assert_ne!(condition(&lab.cluster, "ReplicasContested")["status"], "True");
        lab.cluster.patch("deployments", NS, "shop", &json!({ "spec": { "replicas": 4 } }));
        lab.cluster.advance(secs(20)).await;
    }
    let said = condition(&lab.cluster, "ReplicasContested");
    assert_eq!((&said["status"], phase(&lab.cluster).as_str()), (&json!("True"), "Settled"), "{said}");
    assert!(said["message"].as_str().unwrap().contains("drop replicas"), "{said}");
    lab.cluster.advance(secs(600)).await;
    assert_eq!(condition(&lab.cluster, "ReplicasContested")["status"], "False");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_is_scaled_up_again_returns_to_zero_and_starts_no_release() {
    let lab = lab(shop::canary()).await;
    lab.cluster.patch("deployments", NS, "shop", &json!({ "spec": { "replicas": 4 } }));
    lab.until("it is at zero again", |c| c.get("deployments", NS, "shop").unwrap()["spec"]["replicas"] == 0).await;
    assert_eq!(lab.cluster.list("releases", NS).len(), 1);
    assert_eq!(phase(&lab.cluster), "Settled");
    lab.nothing_went_wrong();
}
