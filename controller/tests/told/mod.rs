//! Stories of those who are told: everything that happened, in its order, once, and in no release's way.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    calendar::{annotate, emergencies::deploy_urgently},
    cluster::{Behaviour, object},
    lab::{Lab, NS, phase, receivers::Said, release, shop},
    secs,
};

/// Where the receiver is, and its path there.
const URL: &str = "http://hooks/events";
const PATH: &str = "events";

/// An application under a policy, and a channel of CloudEvents that hears everything.
async fn lab(spec: Value) -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    lab.takes_all();
    lab.running().await;
    lab.cluster.apply(channel(spec));
    lab.taken_over(shop::canary()).await;
    lab
}

fn channel(spec: Value) -> Value {
    json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "NotificationChannel",
        "metadata": { "name": "all", "namespace": NS },
        "spec": spec,
    })
}

fn everything() -> Value {
    let kinds = [
        "Started",
        "Step",
        "GatePassed",
        "ApprovalNeeded",
        "Decision",
        "Promoted",
        "Succeeded",
        "Failed",
        "RolledBack",
        "Inconclusive",
        "Superseded",
        "Stalled",
        "Other",
    ];
    json!({ "webhook": { "endpoint": { "url": URL } }, "kinds": kinds })
}

impl Lab {
    /// The receiver takes all that it is sent from now on.
    fn takes_all(&self) {
        self.receivers.at(PATH, |_| Said::Status(200, ""));
    }

    /// The reasons that the receiver was told of the present release, in its order.
    fn told(&self) -> Vec<String> {
        let uid = release(&self.cluster).unwrap()["metadata"]["uid"].clone();
        let of = |event: &&Value| event["data"]["releaseUid"] == uid;
        let all = self.receivers.taken(PATH);
        all.iter().filter(of).map(|e| object::text(e, "/data/reason").to_owned()).collect()
    }

    fn timeline(&self) -> Vec<String> {
        let release = release(&self.cluster).unwrap();
        let entries = release["status"]["timeline"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|e| object::text(e, "/reason").to_owned()).collect()
    }

    fn ready(&self) -> (String, String) {
        let channel = self.cluster.get("notificationchannels", NS, "all").unwrap();
        let found = object::condition(&channel, "Ready");
        found.map_or_else(Default::default, |c| (object::text(c, "/reason").into(), object::text(c, "/message").into()))
    }
}

#[tokio::test(start_paused = true)]
async fn everything_that_happens_is_told_once_and_in_its_order() {
    let lab = lab(everything()).await;
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(5)).await;
    assert_eq!(lab.told(), lab.timeline());
    let events = lab.receivers.taken(PATH);
    let ids: std::collections::BTreeSet<_> = events.iter().map(|e| e["id"].to_string()).collect();
    assert_eq!(ids.len(), events.len(), "an id was told twice");
    let step = events.iter().find(|e| e["data"]["reason"] == "StepStarted").unwrap();
    assert_eq!(step["data"]["step"], json!({ "number": 1, "of": 2, "weight": 20 }));
    assert_eq!((&step["data"]["cluster"], &step["data"]["workload"]), (&json!("lab"), &json!("shop")));
    assert_eq!(
        (&step["data"]["old"]["images"][0], &step["data"]["new"]["images"][0]),
        (&json!("shop:1"), &json!("shop:2"))
    );
    assert_eq!(lab.ready().0, "Delivered");
    lab.nothing_went_wrong();
    lab.is_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_failed_is_told_with_its_numbers_and_what_to_do() {
    let lab = lab(json!({ "webhook": { "endpoint": { "url": URL } }, "severity": "Warning" })).await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().failing(0.5));
    lab.deploy("shop:bad");
    lab.until_phase("RolledBack").await;
    lab.cluster.advance(secs(5)).await;
    assert_eq!(lab.told(), ["AnalysisFailed", "RolledBack"]);
    let failed = &lab.receivers.taken(PATH)[0]["data"];
    assert_eq!((&failed["kind"], &failed["severity"]), (&json!("Failed"), &json!("Error")));
    let failure = &failed["failures"][0];
    assert_eq!(failure["what"], "success-rate");
    assert_eq!(failure["bound"], "at least 99");
    let value: f64 = object::text(failure, "/value").trim_end_matches(" %").parse().unwrap();
    assert!((30.0..70.0).contains(&value), "{failure}");
    let last = &lab.receivers.taken(PATH)[1]["data"];
    assert!(object::text(last, "/next/0/command").starts_with("kubectl sluice retry shop-"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_fails_half_the_time_misses_nothing() {
    let lab = lab(everything()).await;
    let mut calls = 0;
    lab.receivers.at(PATH, move |_| {
        calls += 1;
        [Said::Status(200, ""), Said::Status(500, "no"), Said::Hangs, Said::Status(204, "")][calls % 4]
    });
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(300)).await;
    assert_eq!(lab.told(), lab.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_down_is_in_no_release_s_way_and_hears_all_of_it_later() {
    let took = async |down: bool| {
        let lab = lab(everything()).await;
        if down {
            lab.receivers.at(PATH, |_| Said::Hangs);
        }
        let before = lab.cluster.elapsed();
        lab.deploy("shop:2");
        lab.until_settled_on("shop:2").await;
        (lab.cluster.elapsed() - before, lab)
    };
    let (usual, _) = took(false).await;
    let (slow, lab) = took(true).await;
    assert!(slow < usual + Duration::from_secs(2), "{slow:?} with a receiver that hangs, {usual:?} without");
    assert_eq!(lab.ready().0, "Unreachable");
    assert!(lab.ready().1.contains("did not answer within 10s"), "{:?}", lab.ready());
    assert_eq!(lab.told(), [""; 0]);
    lab.takes_all();
    lab.cluster.advance(secs(180)).await;
    assert_eq!(lab.told(), lab.timeline());
    assert_eq!(lab.ready().0, "Delivered");
}

#[tokio::test(start_paused = true)]
async fn a_controller_started_anew_tells_what_the_last_one_could_not_and_nothing_twice() {
    let mut lab = lab(everything()).await;
    lab.deploy("shop:2");
    lab.until("the first step", |c| release(c).is_some_and(|r| r["status"]["step"] == 1)).await;
    lab.cluster.advance(secs(2)).await;
    lab.receivers.at(PATH, |_| Said::Status(503, ""));
    lab.until("the second step", |c| release(c).is_some_and(|r| r["status"]["step"] == 2)).await;
    lab.stop_controller();
    let before = lab.told().len();
    assert!(before < lab.timeline().len());
    lab.takes_all();
    let lab = lab.controller(secs(5));
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(5)).await;
    assert_eq!(lab.told(), lab.timeline());
    // And the next one has nothing to add.
    let mut lab = lab;
    lab.stop_controller();
    let lab = lab.controller(secs(5));
    lab.cluster.advance(secs(60)).await;
    assert_eq!(lab.told(), lab.timeline());
}

#[tokio::test(start_paused = true)]
async fn what_happened_before_there_was_a_channel_is_not_told() {
    let lab = Lab::new(7).controller(secs(5));
    lab.takes_all();
    lab.running().await;
    lab.taken_over(shop::canary()).await;
    lab.cluster.advance(secs(30)).await;
    lab.cluster.apply(channel(everything()));
    lab.cluster.advance(secs(30)).await;
    assert_eq!(lab.receivers.asked(PATH).len(), 0);
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(5)).await;
    assert_eq!(lab.told(), lab.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_bot_s_messages_about_a_release_stand_in_its_thread() {
    let bot = json!({ "token": { "name": "slack", "key": "token" }, "channel": "#deploys", "url": URL });
    let lab = lab(json!({ "slack": { "bot": bot } })).await;
    lab.receivers.at(PATH, |body| match body["thread_ts"].as_str() {
        None => Said::Status(200, r#"{"ok":true,"ts":"17.5"}"#),
        Some(_) => Said::Status(200, r#"{"ok":true,"ts":"99.9"}"#),
    });
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(5)).await;
    let threads: Vec<_> = lab.receivers.taken(PATH).iter().rev().map(|b| b["thread_ts"].clone()).collect();
    // Of the take-over before it nothing is known here: its messages were taken with another answer.
    let of_this: Vec<_> = threads.iter().take_while(|t| **t == "17.5").collect();
    assert!(of_this.len() >= 2, "{threads:?}");
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_cannot_work_says_why_and_tells_all_once_it_is_mended() {
    let mut spec = everything();
    spec["template"] = json!("{{ nothing.of_this }}");
    let lab = lab(spec).await;
    lab.cluster.advance(secs(5)).await;
    assert_eq!((lab.ready().0.as_str(), lab.receivers.asked(PATH).len()), ("Misconfigured", 0));
    assert!(lab.ready().1.starts_with("the template, line 1, uses a value that there is not"), "{:?}", lab.ready());
    let mut spec = everything();
    spec["template"] = json!("{{ policy }} says {{ reason }}");
    lab.cluster.apply(channel(spec));
    lab.cluster.advance(secs(5)).await;
    assert_eq!(lab.ready().0, "Delivered");
    assert_eq!(lab.told(), lab.timeline());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_for_what_it_says_is_given_up_and_the_next_one_is_told() {
    let lab = lab(everything()).await;
    lab.receivers.at(PATH, |body| match body["data"]["reason"].as_str() {
        Some("StepStarted") => Said::Status(400, "bad"),
        _ => Said::Status(200, ""),
    });
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(60)).await;
    let rest: Vec<_> = lab.timeline().into_iter().filter(|r| r != "StepStarted").collect();
    assert_eq!(lab.told(), rest);
    let channel = lab.cluster.get("notificationchannels", NS, "all").unwrap();
    assert_eq!(channel["status"]["dropped"], 2, "{channel}");
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_gone_hears_nothing_and_its_courier_ends() {
    let lab = lab(everything()).await;
    lab.cluster.advance(secs(5)).await;
    let before = lab.receivers.asked(PATH).len();
    assert!(before > 0);
    lab.cluster.delete("notificationchannels", NS, "all");
    lab.deploy("shop:2");
    lab.until("settled", |c| phase(c) == "Settled").await;
    assert_eq!(lab.receivers.asked(PATH).len(), before);
}

#[tokio::test(start_paused = true)]
async fn an_emergency_is_told_with_its_reason_and_one_that_is_refused_is_none() {
    let lab = lab(everything()).await;
    let told = |lab: &Lab| {
        let uid = release(&lab.cluster).unwrap()["metadata"]["uid"].clone();
        let all = lab.receivers.taken(PATH).into_iter().map(|event| event["data"].clone());
        all.filter(|data| data["releaseUid"] == uid).collect::<Vec<_>>()
    };
    deploy_urgently(&lab, "shop:2", "CVE-2026-1234");
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(5)).await;
    let all = told(&lab);
    assert!(all.len() > 3 && all.iter().all(|data| data["emergency"] == "CVE-2026-1234"), "{all:#?}");
    let first = all.iter().find(|data| data["reason"] == "Emergency").unwrap();
    assert_eq!((&first["kind"], &first["severity"]), (&json!("Started"), &json!("Warning")));
    assert!(
        object::text(first, "/message").starts_with("CVE-2026-1234: without steps, windows and freezes"),
        "{first}"
    );

    annotate(&lab, NS, "sluice.dev/emergency", json!("Forbidden"));
    deploy_urgently(&lab, "shop:3", "once more");
    lab.until_settled_on("shop:3").await;
    lab.cluster.advance(secs(5)).await;
    let all = told(&lab);
    assert!(all.len() > 3 && all.iter().all(|data| data.get("emergency").is_none()), "{all:#?}");
    let refused = all.iter().find(|data| data["reason"] == "EmergencyRefused").unwrap();
    assert!(object::text(refused, "/message").contains("Namespace shop forbids emergencies"), "{refused}");
    lab.nothing_went_wrong();
}
