//! Decisions reach the controller, and what comes of them is told.

use cli::failure::Exit;
use serde_json::json;

use crate::{
    cluster::Behaviour,
    lab::{Lab, NS, phase, release, release_phase, shop},
    user::{lab, secs, types},
};

async fn shifting() -> Lab {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until_phase("Shifting").await;
    lab
}

#[tokio::test(start_paused = true)]
async fn a_release_is_paused_resumed_and_aborted_in_the_name_of_the_one_who_asks() {
    let lab = shifting().await;
    let paused = types(&lab, "pause shop -m lunch").await;
    assert_eq!(paused.exit, Exit::Done, "{paused:?}");
    assert!(
        paused.said.contains("Pause by ann: release shop-") && paused.said.contains("digest sha256:"),
        "{}",
        paused.said
    );
    assert!(paused.data.contains("was heeded"), "{}", paused.data);
    let decisions = lab.cluster.list("decisions", NS);
    let spec = &decisions[0]["spec"];
    assert_eq!(
        (&spec["by"], &spec["comment"], &spec["groups"]),
        (&json!("ann"), &json!("lunch"), &json!(["system:authenticated"]))
    );
    lab.cluster.advance(secs(120)).await;
    assert_eq!(phase(&lab.cluster), "Shifting", "it is held");

    assert_eq!(types(&lab, "resume shop").await.exit, Exit::Done);
    let name = release(&lab.cluster).unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    let aborted = types(&lab, &format!("abort {name}")).await;
    assert_eq!(aborted.exit, Exit::Done, "{aborted:?}");
    assert!(aborted.data.contains("aborted by ann"), "{}", aborted.data);
    lab.until("it is over", |c| release_phase(c) == "Superseded").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_decision_without_effect_is_an_error_that_says_why() {
    let lab = shifting().await;
    let ended = types(&lab, "retry shop").await;
    assert_eq!(ended.exit, Exit::Error, "{ended:?}");
    assert!(ended.said.contains("has no effect: "), "{}", ended.said);
}

#[tokio::test(start_paused = true)]
async fn a_digest_that_is_not_the_releases_decides_nothing() {
    let lab = shifting().await;
    let ended = types(&lab, "promote shop --digest 12345678").await;
    assert_eq!(ended.exit, Exit::Error, "{ended:?}");
    assert!(ended.said.contains("nothing was decided"), "{}", ended.said);
    assert!(lab.cluster.list("decisions", NS).is_empty());
    let revision = release(&lab.cluster).unwrap()["spec"]["to"]["revision"].as_str().unwrap().to_owned();
    let ended = types(&lab, &format!("promote shop --digest {revision}")).await;
    assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    lab.until_settled_on("shop:2").await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_failed_is_tried_again_by_a_retry() {
    let lab = lab(shop::canary()).await;
    lab.cluster.behaviour("shop:2", Behaviour::healthy().failing(0.3));
    lab.deploy("shop:2");
    lab.until_phase("RolledBack").await;
    let late = types(&lab, "abort shop").await;
    assert!(late.said.contains("`retry` tries the version once more; nothing was decided"), "{}", late.said);
    lab.cluster.behaviour("shop:2", Behaviour::healthy());
    let ended = types(&lab, "retry shop").await;
    assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    assert!(ended.data.contains("has begun"), "{}", ended.data);
    lab.until_settled_on("shop:2").await;
}

#[tokio::test(start_paused = true)]
async fn where_the_controller_is_away_the_time_is_over_and_the_decision_stays() {
    let mut lab = shifting().await;
    lab.stop_controller();
    let ended = types(&lab, "pause shop --timeout 3s").await;
    assert_eq!(ended.exit, Exit::Timeout, "{ended:?}");
    assert!(ended.said.contains("sluice-decisions"), "{}", ended.said);
    assert_eq!(lab.cluster.list("decisions", NS).len(), 1);
    assert_eq!(types(&lab, "pause shop --no-wait").await.exit, Exit::Done);
}

#[tokio::test(start_paused = true)]
async fn only_the_version_before_can_be_brought_back_by_a_decision() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    let ended = types(&lab, "undo shop --to 12345678").await;
    assert_eq!(ended.exit, Exit::Usage, "{ended:?}");
    assert!(ended.said.contains("only the one before") && ended.said.contains("shop:1"), "{}", ended.said);
    let approving = types(&lab, "approve shop --gate signoff").await;
    assert!(approving.said.contains("it ended as Succeeded"), "{}", approving.said);
}
