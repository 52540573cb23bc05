//! Stories of windows, freezes and emergencies: who is held, who is not, and how soon it goes on.

pub(crate) mod emergencies;

use std::time::Duration;

use chrono::{TimeDelta, Timelike};
use serde_json::{Value, json};

use crate::{
    cluster::{Behaviour, Cluster, object},
    lab::{Lab, NS, release, release_phase, shop},
    secs,
};

const HOME: &str = "sluice-system";

async fn lab(policy: Value) -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    lab.cluster.namespace(HOME);
    lab.running().await;
    lab.cluster.apply(policy);
    lab.until_settled_on("shop:1").await;
    lab
}

async fn plain() -> Lab {
    lab(shop::policy(shop::canary())).await
}

pub(crate) fn annotate(lab: &Lab, namespace: &str, annotation: &str, text: Value) {
    lab.cluster.patch("namespaces", "", namespace, &json!({ "metadata": { "annotations": { annotation: text } } }));
}

fn freeze(lab: &Lab, text: &str) {
    annotate(lab, NS, "sluice.dev/freeze", json!(text));
}

fn thaw(lab: &Lab) {
    annotate(lab, NS, "sluice.dev/freeze", Value::Null);
}

fn waiting(cluster: &Cluster, what: &str) -> String {
    object::text(&release(cluster).unwrap_or_default(), &format!("/status/waiting/{what}")).to_owned()
}

async fn waits_for(lab: &Lab, reason: &str) -> String {
    lab.until(&format!("it waits for {reason}"), |c| waiting(c, "reason") == reason).await;
    waiting(&lab.cluster, "message")
}

fn noted(cluster: &Cluster) -> Vec<String> {
    let release = release(cluster).unwrap();
    let timeline = release.pointer("/status/timeline").and_then(Value::as_array).cloned().unwrap_or_default();
    timeline.iter().map(|e| object::text(e, "/reason").to_owned()).collect()
}

async fn goes_on_within(lab: &Lab, time: Duration) {
    let on = |c: &Cluster| !["Frozen", "Window"].contains(&waiting(c, "reason").as_str());
    lab.cluster.advance_until("it goes on", time, on).await;
}

#[tokio::test(start_paused = true)]
async fn a_frozen_namespace_holds_a_release_and_lets_it_go_on_within_a_second_when_it_is_lifted() {
    let lab = plain().await;
    freeze(&lab, "on year-end closing");
    lab.deploy("shop:2");
    let says = waits_for(&lab, "Frozen").await;
    assert_eq!(
        says,
        "nothing rises until that is taken off: year-end closing (annotation sluice.dev/freeze of Namespace shop)"
    );
    lab.until_phase("Pending").await;
    // Between two of the looks that come by themselves.
    lab.cluster.advance(secs(3617)).await;
    assert_eq!(waiting(&lab.cluster, "reason"), "Frozen");
    thaw(&lab);
    goes_on_within(&lab, secs(1)).await;
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_freeze_with_an_end_is_over_by_itself() {
    let lab = plain().await;
    let end = lab.cluster.now() + TimeDelta::minutes(20);
    freeze(&lab, &format!("../{} maintenance", end.to_rfc3339()));
    lab.deploy("shop:2");
    waits_for(&lab, "Frozen").await;
    let held = lab.cluster.writes("controller");
    lab.cluster.advance(secs(600)).await;
    assert_eq!(lab.cluster.writes("controller"), held, "what is held is not written about again and again");
    lab.cluster.advance_until("the freeze is over", secs(601), |c| c.now() >= end).await;
    goes_on_within(&lab, secs(1)).await;
    lab.until_settled_on("shop:2").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn the_controllers_own_namespace_freezes_them_all() {
    let lab = plain().await;
    annotate(&lab, HOME, "sluice.dev/freeze-all", json!("on cluster upgrade"));
    lab.deploy("shop:2");
    let says = waits_for(&lab, "Frozen").await;
    assert!(says.contains("cluster upgrade (annotation sluice.dev/freeze-all of Namespace sluice-system)"), "{says}");
    annotate(&lab, HOME, "sluice.dev/freeze-all", Value::Null);
    goes_on_within(&lab, secs(1)).await;
    lab.until_settled_on("shop:2").await;
}

#[tokio::test(start_paused = true)]
async fn a_freeze_of_one_namespace_holds_nothing_in_another() {
    let lab = plain().await;
    lab.cluster.namespace("other");
    for (namespace, annotation) in [
        ("other", "sluice.dev/freeze"),
        ("other", "sluice.dev/freeze-all"),
        (HOME, "sluice.dev/freeze"),
        (NS, "sluice.dev/freeze-all"),
    ] {
        annotate(&lab, namespace, annotation, json!("on something else"));
    }
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_promote_of_what_is_inconclusive_waits_for_the_end_of_a_freeze() {
    let lab = lab(shop::tested(shop::canary())).await;
    lab.deploy("shop:2");
    lab.until("its first step is in force", |c| release(c).is_some_and(|r| r["status"]["appliedAt"].is_string())).await;
    lab.cluster.stop_traffic(NS, "shop");
    lab.until_phase("Inconclusive").await;
    freeze(&lab, "on year-end closing");
    crate::decide(&lab, "Promote");
    waits_for(&lab, "Frozen").await;
    lab.cluster.advance(secs(60)).await;
    assert_eq!(
        (release_phase(&lab.cluster).as_str(), waiting(&lab.cluster, "reason").as_str()),
        ("Shifting", "Frozen")
    );
    thaw(&lab);
    lab.until("it is promoted", |c| release_phase(c) == "Warm").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_taken_back_in_a_freeze() {
    let lab = plain().await;
    lab.deploy("shop:bad");
    lab.until("its first step is in force", |c| release(c).is_some_and(|r| r["status"]["appliedAt"].is_string())).await;
    freeze(&lab, "on incident 42");
    waits_for(&lab, "Frozen").await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().failing(0.3));
    lab.until_phase("RolledBack").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_freezes_and_a_bad_version_is_taken_back_all_the_same() {
    let lab = plain().await;
    freeze(&lab, "next week");
    lab.deploy("shop:2");
    let says = waits_for(&lab, "Frozen").await;
    assert!(says.contains(r#""next week" cannot be read"#) && says.contains("write START/END"), "{says}");
    thaw(&lab);
    lab.until_settled_on("shop:2").await;

    lab.deploy("shop:bad");
    lab.until("its first step is in force", |c| release(c).is_some_and(|r| r["status"]["appliedAt"].is_string())).await;
    lab.cluster.refuse("controller", "get", "namespaces");
    let says = waits_for(&lab, "Frozen").await;
    assert!(says.contains("may not read Namespace"), "{says}");
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().failing(0.3));
    lab.until_phase("RolledBack").await;
    lab.nothing_went_wrong();
}

/// A policy whose release may start from so many minutes after now, every day.
fn with_window(lab: &Lab, minutes: i64) -> Value {
    let at = lab.cluster.now() + TimeDelta::minutes(minutes);
    let mut policy = shop::policy(shop::canary());
    let window = json!({ "schedule": format!("{} {} * * *", at.minute(), at.hour()), "duration": "10m" });
    policy["spec"]["gates"].as_array_mut().unwrap().push(json!({ "name": "office", "at": "start", "window": window }));
    policy
}

#[tokio::test(start_paused = true)]
async fn a_closed_window_holds_a_release_and_opens_by_itself() {
    let lab = plain().await;
    let policy = with_window(&lab, 20);
    lab.cluster.patch("rolloutpolicies", NS, "shop", &json!({ "spec": policy["spec"] }));
    lab.cluster.advance(secs(2)).await;
    lab.deploy("shop:2");
    let says = waits_for(&lab, "Window").await;
    let at = waiting(&lab.cluster, "until");
    assert!(says.starts_with("gate office opens ") && says.contains(" UTC ("), "{says}");
    lab.cluster.advance(secs(300)).await;
    let held = lab.cluster.writes("controller");
    lab.cluster.advance(secs(600)).await;
    assert_eq!((waiting(&lab.cluster, "reason").as_str(), lab.cluster.writes("controller")), ("Window", held));
    let opens = chrono::DateTime::parse_from_rfc3339(&at).unwrap().to_utc();
    lab.until("the window opens", |c| c.now() >= opens).await;
    goes_on_within(&lab, secs(1)).await;
    lab.until_settled_on("shop:2").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_policy_whose_window_cannot_be_read_says_so_and_can_be_deleted() {
    let lab = plain().await;
    let mut policy = with_window(&lab, 20);
    policy["spec"]["gates"][1]["window"]["timeZone"] = json!("Europe/Pariss");
    lab.cluster.patch("rolloutpolicies", NS, "shop", &json!({ "spec": policy["spec"] }));
    let says = |c: &Cluster| {
        let policy = c.get("rolloutpolicies", NS, "shop").unwrap();
        object::condition(&policy, "Stalled").map(|s| object::text(s, "/message").to_owned()).unwrap_or_default()
    };
    lab.until("it is said", |c| says(c).contains("did you mean Europe/Paris?")).await;
    lab.cluster.delete("rolloutpolicies", NS, "shop");
    lab.until("it is gone", |c| c.get("rolloutpolicies", NS, "shop").is_none()).await;
    lab.nothing_went_wrong();
}
