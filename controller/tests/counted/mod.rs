//! Metrics that are counted: the controller's part, on a cluster in memory.

use serde_json::Value;

use crate::{
    cluster::Behaviour,
    lab::{Lab, NS, release, release_phase, shop},
    secs,
};

async fn tested(strategy: Value) -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    lab.running().await;
    lab.cluster.apply(shop::tested(strategy));
    lab.until_settled_on("shop:1").await;
    lab
}

fn said(lab: &Lab) -> Value {
    release(&lab.cluster).unwrap().pointer("/status/analysis/metrics/0").cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_good_version_is_promoted_and_the_release_says_what_was_counted() {
    let lab = tested(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until("promoted", |c| release_phase(c) == "Warm").await;
    lab.until("a look after that", |c| {
        release(c).is_some_and(|r| r.pointer("/status/analysis/metrics/0/tested").is_some())
    })
    .await;
    let said = said(&lab);
    for version in ["candidate", "stable"] {
        let requests = said["tested"][version]["requests"].as_u64().unwrap();
        assert!(requests > 50, "{said:#}");
    }
    let looks = release(&lab.cluster).unwrap().pointer("/status/analysis/looks").cloned().unwrap();
    let steps: Vec<_> = looks.as_array().unwrap().iter().map(|l| l["step"].as_u64().unwrap()).collect();
    assert!([1, 2, 3].iter().all(|step| steps.contains(step)), "{looks:#}");
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_a_twentieth_is_taken_back_and_the_reason_says_how_rare_that_would_be() {
    let lab = tested(shop::canary()).await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().failing(0.05));
    lab.deploy("shop:bad");
    lab.until_phase("RolledBack").await;
    let release = release(&lab.cluster).unwrap();
    let message = release.pointer("/status/outcome/message").unwrap().as_str().unwrap();
    assert!(message.contains("success-rate: canary fails ") && message.contains(" releases"), "{message}");
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_version_that_nobody_asks_is_inconclusive_and_never_promoted() {
    let lab = tested(shop::canary()).await;
    lab.cluster.stop_traffic(NS, "shop");
    lab.deploy("shop:2");
    lab.until_phase("Inconclusive").await;
    assert_eq!(lab.answers().get("shop:2"), None);
    let release = release(&lab.cluster).unwrap();
    assert_eq!(release.pointer("/status/outcome/reason").unwrap(), "NoEvidence", "{release:#}");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_both_versions_is_not_blamed_on_the_new_one() {
    let lab = tested(shop::canary()).await;
    for image in ["shop:1", "shop:2"] {
        lab.cluster.behaviour(image, Behaviour::healthy().failing(0.2));
    }
    lab.deploy("shop:2");
    lab.until("held", |c| {
        release(c).is_some_and(|r| {
            let words = r.pointer("/status/analysis/metrics/0/message").cloned().unwrap_or_default().to_string();
            words.contains("so the canary is not blamed for it")
        })
    })
    .await;
    assert_eq!(release_phase(&lab.cluster), "Shifting");
    for image in ["shop:1", "shop:2"] {
        lab.cluster.behaviour(image, Behaviour::healthy());
    }
    lab.until_phase("Inconclusive").await;
    lab.nothing_went_wrong();
}

fn sensitivity(lab: &Lab) -> Option<Value> {
    let policy = lab.cluster.get("rolloutpolicies", NS, "shop").unwrap();
    let conditions = policy.pointer("/status/conditions").unwrap().as_array().unwrap().clone();
    conditions.into_iter().find(|c| c["type"] == "Sensitivity")
}

#[tokio::test(start_paused = true)]
async fn a_policy_says_once_what_its_steps_can_see() {
    let lab = tested(shop::canary()).await;
    lab.until("it says so", |_| sensitivity(&lab).is_some()).await;
    let said = sensitivity(&lab).unwrap();
    let message = said["message"].as_str().unwrap();
    assert!(message.starts_with("at 40 requests per second these steps find success-rate going from "), "{said:#}");
    let written = lab.cluster.writes("controller");
    lab.cluster.advance(secs(4000)).await;
    assert_eq!((lab.cluster.writes("controller"), sensitivity(&lab)), (written, Some(said)));
}

#[tokio::test(start_paused = true)]
async fn a_service_without_requests_is_asked_about_again() {
    let lab = Lab::new(7).controller(secs(5));
    lab.running().await;
    lab.cluster.stop_traffic(NS, "shop");
    lab.cluster.apply(shop::tested(shop::canary()));
    lab.until_settled_on("shop:1").await;
    lab.cluster.advance(secs(300)).await;
    assert_eq!(sensitivity(&lab).unwrap()["reason"], "NoRequests");
    lab.cluster.traffic(NS, "shop");
    lab.cluster.advance(secs(3900)).await;
    assert_ne!(sensitivity(&lab).unwrap()["reason"], "NoRequests");
}
