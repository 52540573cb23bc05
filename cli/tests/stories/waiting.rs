//! `wait` says what became of a version, and never takes an older one for it.

use cli::failure::Exit;
use serde_json::json;

use crate::{
    cluster::{Behaviour, JobOutcome},
    lab::{NS, shop},
    user::{begins, lab, secs, types},
};

#[tokio::test(start_paused = true)]
async fn a_good_version_is_waited_for_from_before_it_is_deployed_until_it_serves() {
    let lab = lab(shop::canary()).await;
    let waiting = begins(&lab, "wait shop --for-image shop:2");
    lab.cluster.advance(secs(60)).await;
    assert!(!waiting.is_finished(), "version 1 serves");
    lab.deploy("shop:2");
    let ended = waiting.await.unwrap();
    assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    let policy = lab.cluster.get("rolloutpolicies", NS, "shop").unwrap();
    assert_eq!(policy["status"]["stable"]["images"][0], "shop:2");
    for part in [
        "not for shop:2 yet",
        "Preparing",
        "Gating",
        "Shifting, step 1 of 2, weight 20",
        "step 2 of 2",
        "Warm",
        "delivered and serves",
    ] {
        assert!(ended.said.contains(part), "{part}: {}", ended.said);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_deployed_a_moment_ago_is_waited_for_though_the_controller_has_not_seen_it() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    let ended = types(&lab, "wait shop").await;
    assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    assert_eq!(lab.cluster.get("rolloutpolicies", NS, "shop").unwrap()["status"]["stable"]["images"][0], "shop:2");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_taken_back_ends_the_wait_as_bad() {
    let lab = lab(shop::canary()).await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().failing(0.3));
    lab.deploy("shop:bad");
    let ended = types(&lab, "wait shop --for-image shop:bad").await;
    assert_eq!(ended.exit, Exit::Bad, "{ended:?}");
    assert!(ended.said.contains("success-rate"), "{}", ended.said);
    // Asked again, the answer is the same, at once.
    assert_eq!(types(&lab, "wait shop --timeout 5s").await.exit, Exit::Bad);
}

#[tokio::test(start_paused = true)]
async fn a_version_without_evidence_needs_a_person() {
    let lab = lab(shop::canary()).await;
    lab.cluster.job_outcome("suite:1", JobOutcome::image_missing());
    lab.deploy("shop:2");
    let ended = types(&lab, "wait shop").await;
    assert_eq!(ended.exit, Exit::Person, "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_supersedes_the_one_that_is_waited_for() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    let waiting = begins(&lab, "wait shop");
    lab.until_phase("Shifting").await;
    lab.deploy("shop:3");
    let ended = waiting.await.unwrap();
    assert_eq!(ended.exit, Exit::Superseded, "{ended:?}");
    assert_eq!(types(&lab, "wait shop").await.exit, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn the_time_is_over_when_it_is_and_says_what_was_waited_for() {
    let lab = lab(shop::canary()).await;
    let ended = types(&lab, "wait shop --for-image shop:9 --timeout 20s").await;
    assert_eq!(ended.exit, Exit::Timeout, "{ended:?}");
    assert!(ended.said.contains("after 20s: Deployment shop wishes for shop:1, not for shop:9 yet"), "{}", ended.said);
}

#[tokio::test(start_paused = true)]
async fn a_config_map_that_was_changed_alone_is_a_version_too() {
    let mut lab = crate::lab::Lab::new(7).controller(secs(5));
    let map = |greeting: &str| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "words", "namespace": NS }, "data": { "greeting": greeting } });
    lab.cluster.apply(map("hello"));
    lab.running().await;
    let env = json!({ "spec": { "template": { "spec": { "containers": [{
        "name": "app", "image": "shop:1", "ports": [{ "name": "http", "containerPort": 8080 }],
        "envFrom": [{ "configMapRef": { "name": "words" } }],
    }] } } } });
    lab.cluster.patch("deployments", NS, "shop", &env);
    lab.cluster.advance(secs(30)).await;
    lab.taken_over(shop::canary()).await;
    assert_eq!(types(&lab, "wait shop").await.exit, Exit::Done);

    // The controller is away: what it says is true of the content before.
    lab.stop_controller();
    lab.cluster.apply(map("goodbye"));
    let ended = types(&lab, "wait shop --timeout 60s").await;
    assert_eq!(ended.exit, Exit::Timeout, "{ended:?}");
    assert!(ended.said.contains("has not seen the newest ConfigMap words"), "{}", ended.said);
    let lab = lab.controller(secs(5));
    let ended = types(&lab, "wait shop").await;
    assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    assert!(ended.said.contains("step 1 of 2"), "{}", ended.said);
}

#[tokio::test(start_paused = true)]
async fn watches_that_break_or_fall_behind_change_nothing() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    let waiting = begins(&lab, "wait shop");
    for round in 0..8 {
        lab.cluster.advance(secs(5)).await;
        match round % 3 {
            0 => lab.cluster.cut_watches("ann"),
            1 => lab.cluster.expire_watches("ann"),
            _ => {
                lab.cluster.freeze_watches("ann");
                lab.cluster.advance(secs(10)).await;
                lab.cluster.thaw_watches("ann");
            }
        }
    }
    let ended = waiting.await.unwrap();
    assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    assert_eq!(lab.cluster.get("rolloutpolicies", NS, "shop").unwrap()["status"]["stable"]["images"][0], "shop:2");
}
