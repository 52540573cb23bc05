//! Stories of webhooks: gates that ask them, and those that order a version back.

mod beside;
mod rollback;

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, Fault, object},
    lab::{Lab, NS, receivers::Said, release, release_phase, shop},
    secs,
};

/// The application under a policy with one more gate.
async fn lab(at: &str, change: impl FnOnce(&Lab) -> Value) -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    lab.running().await;
    let mut policy = shop::policy(shop::canary());
    let mut gate = change(&lab);
    gate["name"] = json!("load");
    gate["at"] = json!(at);
    policy["spec"]["gates"].as_array_mut().unwrap().push(gate);
    lab.cluster.apply(policy);
    lab.until_settled_on("shop:1").await;
    lab
}

/// Says these in their order, and the last again and again.
fn in_order(all: &'static [Said]) -> impl FnMut(&Value) -> Said + Send {
    let mut next = all.iter();
    let mut said = all[0];
    move |_| {
        said = next.next().copied().unwrap_or(said);
        said
    }
}

fn record(cluster: &Cluster) -> Value {
    let release = release(cluster).unwrap();
    let gates = release.pointer("/status/gates").and_then(Value::as_array).cloned().unwrap_or_default();
    gates.into_iter().find(|g| g["name"] == "load").unwrap_or_default()
}

fn outcome(cluster: &Cluster) -> (String, String) {
    let release = release(cluster).unwrap();
    let text = |pointer: &str| object::text(&release, pointer).to_owned();
    (text("/status/outcome/reason"), text("/status/outcome/message"))
}

/// Seconds between one question and the next, to the next whole one.
fn pauses(asked: &[(Duration, Value)]) -> Vec<u64> {
    asked.windows(2).map(|two| (two[1].0 - two[0].0).as_secs()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_says_yes_is_asked_once_with_a_body_that_names_the_version() {
    let metadata = json!({ "cmd": "hey $(SLUICE_CANDIDATE_URL)/" });
    let lab = lab("step", |lab| {
        let url = lab.receivers.at("load", |_| Said::Status(200, "OK"));
        json!({ "webhook": { "url": url, "metadata": metadata }, "steps": [2] })
    })
    .await;
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    let asked = lab.receivers.asked("load");
    assert_eq!(asked.len(), 1, "{asked:?}");
    let (release, body) = (release(&lab.cluster).unwrap(), &asked[0].1);
    let revision = object::text(&release, "/spec/to/revision");
    for (key, expected) in [
        ("name", json!("shop")),
        ("namespace", json!(NS)),
        ("phase", json!("Progressing")),
        ("checksum", json!(revision)),
        ("digest", release["spec"]["to"]["digest"].clone()),
        ("release", release["metadata"]["name"].clone()),
        ("gate", json!("load")),
        ("step", json!(2)),
        ("weight", json!(50)),
        ("attempt", json!(1)),
        ("metadata", json!({ "cmd": format!("hey http://shop-{revision}.{NS}.svc:80/") })),
    ] {
        assert_eq!(body[key], expected, "{key} of {body:#}");
    }
    let record = record(&lab.cluster);
    assert_eq!((&record["verdict"], &record["attempt"]), (&json!("Pass"), &json!(1)));
    assert_eq!(record["message"], "webhook load of http://hooks answered 200: OK");
    assert!(lab.cluster.list("jobs", NS).iter().all(|job| !object::name(job).contains("load")));
    let counted = lab.telemetry.text();
    assert!(counted.contains("sluice_webhook_requests_total{kind=\"gate\",result=\"pass\"} 1"), "{counted}");
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_no_before_live_traffic_ends_the_version_without_one_request() {
    let lab = lab("traffic", |lab| {
        json!({ "webhook": { "url": lab.receivers.at("load", |_| Said::Status(403, "p99 is 4 s\nsee dashboard 7")) } })
    })
    .await;
    lab.deploy("shop:2");
    lab.until_phase("RolledBack").await;
    let (reason, message) = outcome(&lab.cluster);
    assert_eq!(reason, "ConformanceFailed");
    assert_eq!(message, "gate load failed: webhook load of http://hooks answered 403: p99 is 4 s\nsee dashboard 7");
    assert_eq!(record(&lab.cluster).pointer("/evidence/log").unwrap(), "p99 is 4 s\nsee dashboard 7");
    assert_eq!((lab.receivers.asked("load").len(), lab.answers().get("shop:2")), (1, None));
    let policy = lab.cluster.get("rolloutpolicies", NS, "shop").unwrap();
    assert_eq!(policy.pointer("/status/failed/0/digest"), release(&lab.cluster).unwrap().pointer("/spec/to/digest"));
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_no_in_a_step_takes_the_traffic_back() {
    let lab = lab("step", |lab| {
        json!({ "webhook": { "url": lab.receivers.at("load", in_order(&[Said::Status(200, ""), Said::Status(403, "Forbidden")])) } })
    })
    .await;
    lab.deploy("shop:2");
    lab.until_phase("RolledBack").await;
    assert_eq!(outcome(&lab.cluster).1, "gate load failed: webhook load of http://hooks answered 403: Forbidden");
    assert!(lab.answers()["shop:2"] > 0);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_cannot_say_is_asked_again_ever_more_seldom_and_as_late_as_it_wants() {
    let lab = lab("traffic", |lab| {
        let says =
            [Said::Status(500, "oops"), Said::Gone, Said::Status(429, ""), Said::Busy(20), Said::Status(302, "")];
        let said: &'static [Said] = Vec::leak([&says[..], &[Said::Status(204, "")]].concat());
        json!({ "webhook": { "url": lab.receivers.at("load", in_order(said)) } })
    })
    .await;
    lab.deploy("shop:2");
    lab.until("it says what is wrong", |c| {
        record(c)["message"] == "webhook load of http://hooks answered 500: oops; it is asked again in 1s"
    })
    .await;
    lab.until("and what then", |c| {
        record(c)["message"]
            == "http://hooks (gate load of RolloutPolicy shop/shop) refuses connections; it is asked again in 2s"
    })
    .await;
    lab.until_settled_on("shop:2").await;
    let asked = lab.receivers.asked("load");
    assert_eq!(pauses(&asked), [1, 2, 4, 20, 16]);
    assert!(asked.iter().all(|(_, body)| body["id"] == asked[0].1["id"]), "the same question has one id");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn as_many_noes_fail_a_gate_as_the_policy_says() {
    let lab = lab("traffic", |lab| {
        let url =
            lab.receivers.at("load", in_order(&[Said::Status(404, ""), Said::Status(403, ""), Said::Status(200, "")]));
        json!({ "webhook": { "url": url }, "attempts": 3 })
    })
    .await;
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    let asked = lab.receivers.asked("load");
    assert_eq!(pauses(&asked), [1, 2]);
    let attempts: Vec<_> = asked.iter().map(|(_, body)| (body["attempt"].clone(), body["id"].clone())).collect();
    assert!(attempts[0].0 == 1 && attempts[2].0 == 3 && attempts[0].1 != attempts[1].1, "{attempts:?}");
    let record = record(&lab.cluster);
    assert_eq!((&record["failures"], &record["verdict"]), (&json!(2), &json!("Pass")));
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_in_time_it_is_inconclusive_and_a_promote_asks_anew() {
    let lab = lab("step", |lab| {
        json!({ "webhook": { "url": lab.receivers.at("load", |_| Said::Hangs), "timeout": "3s" }, "timeout": "30s" })
    })
    .await;
    lab.deploy("shop:2");
    lab.until("no verdict", |c| release_phase(c) == "Inconclusive").await;
    let (reason, message) = outcome(&lab.cluster);
    assert_eq!(reason, "GateTimeout");
    assert!(message.starts_with("gate load gave no verdict within 30s: http://hooks (gate load"), "{message}");
    assert!(message.contains("did not answer within 3s"), "{message}");
    let so_far = lab.receivers.asked("load").len();
    lab.cluster.advance(secs(300)).await;
    assert_eq!(lab.receivers.asked("load").len(), so_far, "nobody is asked while a person is waited for");
    lab.receivers.at("load", |_| Said::Status(200, ""));
    lab.decide("Promote");
    lab.until_settled_on("shop:2").await;
    assert_eq!(lab.receivers.asked("load").len(), so_far + 1);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_dies_in_the_middle_asks_the_same_question_again_and_records_one_verdict() {
    let lab = lab("traffic", |lab| {
        json!({ "webhook": { "url": lab.receivers.at("load", in_order(&[Said::Hangs, Said::Status(200, "")])), "timeout": "20s" } })
    })
    .await;
    lab.deploy("shop:2");
    lab.until("it is asked", |_| lab.receivers.asked("load").len() == 1).await;
    let writes = lab.cluster.writes("controller");
    lab.cluster.fault("controller", writes + 1, Fault::CrashAfter);
    // Something to write, and with it the crash.
    lab.cluster.patch("rolloutpolicies", NS, "shop", &json!({ "spec": { "suspend": true } }));
    lab.until("it is asked again", |_| lab.receivers.asked("load").len() == 2).await;
    lab.cluster.patch("rolloutpolicies", NS, "shop", &json!({ "spec": { "suspend": false } }));
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(60)).await;
    let asked = lab.receivers.asked("load");
    assert_eq!((asked.len(), &asked[0].1["id"]), (2, &asked[1].1["id"]));
    assert!(asked[1].0 - asked[0].0 < secs(20), "before the first answer could have come: {asked:?}");
    let release = release(&lab.cluster).unwrap();
    let passed = release.pointer("/status/timeline").and_then(Value::as_array).unwrap().iter();
    assert_eq!(
        passed.filter(|e| e["reason"] == "ConformancePassed" && object::text(e, "/message").contains("load")).count(),
        1
    );
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_overtaken_is_asked_about_no_more() {
    let lab =
        lab("traffic", |lab| json!({ "webhook": { "url": lab.receivers.at("load", |_| Said::Status(503, "")) } }))
            .await;
    lab.deploy("shop:2");
    lab.until("it is asked", |_| lab.receivers.asked("load").len() == 2).await;
    let old = lab.receivers.asked("load")[0].1["release"].clone();
    lab.receivers
        .at("load", move |body| if body["release"] == old { Said::Status(503, "") } else { Said::Status(200, "") });
    lab.deploy("shop:3");
    lab.until_settled_on("shop:3").await;
    let of_old: Vec<_> = lab
        .receivers
        .asked("load")
        .iter()
        .filter(|(_, b)| b["images"] == json!(["shop:2"]))
        .map(|(at, _)| *at)
        .collect();
    let superseded = lab.receivers.asked("load").iter().find(|(_, b)| b["images"] == json!(["shop:3"])).unwrap().0;
    assert!(of_old.iter().all(|at| *at < superseded), "{of_old:?} {superseded:?}");
    lab.nothing_went_wrong();
}

impl Lab {
    /// An operator decides about the newest release.
    fn decide(&self, action: &str) {
        let release = release(&self.cluster).unwrap();
        self.cluster.apply(json!({
            "apiVersion": "sluice.dev/v1alpha1", "kind": "Decision",
            "metadata": { "name": format!("ann-{}", action.to_lowercase()), "namespace": NS },
            "spec": {
                "release": release["metadata"]["name"], "digest": release["spec"]["to"]["digest"],
                "action": action, "by": "ann", "groups": [],
            },
        }));
    }
}
