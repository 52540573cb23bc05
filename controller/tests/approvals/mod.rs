//! Stories of people who approve, refuse, and may not: who is heard, how soon, and what is said to the others.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, object},
    lab::{Lab, NS, release, release_phase, shop},
    secs,
};

/// The application under a policy whose promotion somebody has to approve.
async fn lab(approval: Value) -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    lab.running().await;
    let signoff = json!({ "name": "signoff", "at": "promotion", "approval": approval });
    lab.cluster.apply(with_gates(shop::policy(shop::canary()), [signoff]));
    lab.until_settled_on("shop:1").await;
    lab
}

/// A policy with these gates too.
fn with_gates<const N: usize>(mut policy: Value, gates: [Value; N]) -> Value {
    policy["spec"]["gates"].as_array_mut().unwrap().extend(gates);
    policy
}

impl Lab {
    fn says(&self, by: &str, groups: &[&str], action: &str) {
        let release = release(&self.cluster).unwrap();
        let count = self.cluster.list("decisions", NS).len();
        let gate = matches!(action, "Approve" | "Reject").then_some("signoff");
        self.cluster.apply(json!({
            "apiVersion": "sluice.dev/v1alpha1", "kind": "Decision",
            "metadata": { "name": format!("{by}-{}-{count}", action.to_lowercase()), "namespace": NS },
            "spec": {
                "release": release["metadata"]["name"], "digest": release["spec"]["to"]["digest"],
                "action": action, "gate": gate, "by": by, "groups": groups,
            },
        }));
    }

    async fn until_it_waits_for(&self, reason: &str) {
        self.until(&format!("it waits for {reason}"), |c| waiting(c, "reason") == reason).await;
    }

    /// Counts the reviews, and lets only these users do what they decide.
    fn only(&self, allowed: &'static [&'static str]) -> Arc<AtomicUsize> {
        let reviews = Arc::new(AtomicUsize::new(0));
        let count = reviews.clone();
        self.cluster.access(move |spec| {
            assert_eq!(spec["resourceAttributes"]["namespace"], NS, "{spec}");
            assert_eq!(spec["resourceAttributes"]["resource"], "releases", "{spec}");
            count.fetch_add(1, Ordering::Relaxed);
            spec["user"].as_str().is_some_and(|user| allowed.contains(&user))
        });
        reviews
    }
}

fn waiting(cluster: &Cluster, what: &str) -> String {
    let release = release(cluster).unwrap_or_default();
    object::text(&release, &format!("/status/waiting/{what}")).to_owned()
}

fn noted(cluster: &Cluster, reason: &str) -> Vec<String> {
    let release = release(cluster).unwrap();
    let timeline = release.pointer("/status/timeline").and_then(Value::as_array).cloned().unwrap_or_default();
    let said = timeline.iter().filter(|e| e["reason"] == reason);
    said.map(|e| object::text(e, "/message").to_owned()).collect()
}

fn unprotected(cluster: &Cluster) -> Option<(String, String)> {
    let policy = cluster.get("rolloutpolicies", NS, "shop")?;
    let found = object::condition(&policy, "DecisionsUnprotected")?;
    Some((object::text(found, "/status").to_owned(), object::text(found, "/message").to_owned()))
}

#[tokio::test(start_paused = true)]
async fn an_approval_wakes_the_release_within_a_second() {
    let lab = lab(json!({ "approvals": 2 })).await;
    lab.deploy("shop:2");
    lab.until_it_waits_for("Approval").await;
    let says = waiting(&lab.cluster, "message");
    let name = object::text(&release(&lab.cluster).unwrap(), "/metadata/name").to_owned();
    assert!(says.contains(&format!("kubectl sluice approve {name} --gate signoff -n {NS}")), "{says}");
    lab.cluster.advance(secs(100)).await;
    lab.says("ann", &[], "Approve");
    let second = Duration::from_secs(1);
    let heard = |c: &Cluster| waiting(c, "message").contains("approved by ann");
    lab.cluster.advance_until("the first is heard", second, heard).await;
    lab.cluster.advance(secs(100)).await;
    lab.says("bob", &[], "Approve");
    let goes_on = |c: &Cluster| object::text(&release(c).unwrap(), "/status/phase") == "Promoting";
    lab.cluster.advance_until("the release goes on", second, goes_on).await;
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_comes_with_the_policy_after_the_version_is_asked_all_the_same() {
    let lab = Lab::new(7).controller(secs(5));
    lab.running().await;
    lab.cluster.apply(shop::policy(shop::canary()));
    lab.until_settled_on("shop:1").await;
    // One apply of both, slower than `settle`: the version rests, and only then the policy comes that has it approved.
    lab.deploy("shop:2");
    lab.until("its pods come up", |c| release_phase(c) == "Preparing").await;
    let signoff = json!({ "name": "signoff", "at": "traffic", "approval": {} });
    lab.cluster.apply(with_gates(shop::policy(shop::canary()), [signoff]));
    lab.until_it_waits_for("Approval").await;
    let releases = lab.cluster.list("releases", NS);
    let before =
        releases.iter().find(|r| r.pointer("/status/outcome/reason") == Some(&json!("PolicyChanged"))).unwrap();
    assert_eq!((&before["status"]["phase"], before["status"].get("served")), (&json!("Superseded"), None), "{before}");
    lab.cluster.advance(secs(300)).await;
    assert_eq!(lab.answers().get("shop:2"), None);
    lab.says("ann", &[], "Approve");
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_suspended_or_scaled_while_it_waits_keeps_what_was_approved() {
    let lab = lab(json!({ "approvals": 2 })).await;
    lab.deploy("shop:2");
    lab.until_it_waits_for("Approval").await;
    lab.says("ann", &[], "Approve");
    for (field, value) in [("suspend", json!(true)), ("replicas", json!(6)), ("suspend", json!(false))] {
        let mut policy = lab.cluster.get("rolloutpolicies", NS, "shop").unwrap();
        policy["spec"][field] = value;
        lab.cluster.apply(policy);
        lab.cluster.advance(secs(30)).await;
    }
    lab.says("bob", &[], "Approve");
    lab.until_settled_on("shop:2").await;
    assert_eq!(release(&lab.cluster).unwrap()["spec"]["attempt"], 1);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_approve_is_told_so_and_asked_about_once() {
    let lab = lab(json!({})).await;
    let reviews = lab.only(&["ann"]);
    lab.deploy("shop:2");
    lab.until_it_waits_for("Approval").await;
    lab.says("eve", &["developers"], "Approve");
    lab.cluster.advance(secs(60)).await;
    let said = noted(&lab.cluster, "DecisionWithoutEffect");
    assert!(said.len() == 1 && said[0].contains("eve may not approve it, with the groups developers"), "{said:?}");
    assert_eq!((waiting(&lab.cluster, "reason").as_str(), reviews.load(Ordering::Relaxed)), ("Approval", 1));
    lab.says("ann", &[], "Approve");
    lab.until_settled_on("shop:2").await;
    assert_eq!(reviews.load(Ordering::Relaxed), 2);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_may_not_be_ordered_starts_nothing_and_is_asked_about_once() {
    let lab = lab(json!({})).await;
    let reviews = lab.only(&["ann"]);
    lab.deploy("shop:2");
    lab.until_it_waits_for("Approval").await;
    lab.says("ann", &[], "Reject");
    lab.until_phase("RolledBack").await;
    lab.says("eve", &[], "Retry");
    for _ in 0..5 {
        lab.cluster.patch("deployments", NS, "shop", &json!({ "spec": { "replicas": 1 } }));
        lab.cluster.advance(secs(60)).await;
    }
    assert_eq!((lab.cluster.list("releases", NS).len(), reviews.load(Ordering::Relaxed)), (2, 2));
    lab.says("ann", &[], "Retry");
    lab.until_it_waits_for("Approval").await;
    assert_eq!(lab.cluster.list("releases", NS).len(), 3);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_decision_waits_while_nobody_can_say_whether_it_may_be_made_and_is_not_lost() {
    let lab = lab(json!({})).await;
    lab.deploy("shop:2");
    lab.until_it_waits_for("Approval").await;
    lab.cluster.refuse("controller", "create", "subjectaccessreviews");
    lab.says("ann", &[], "Approve");
    lab.cluster.advance(secs(60)).await;
    assert_eq!(waiting(&lab.cluster, "reason"), "Approval");
    assert!(noted(&lab.cluster, "DecisionWithoutEffect").is_empty());
    lab.cluster.grant("controller", "create", "subjectaccessreviews");
    let goes_on = |c: &Cluster| object::text(&release(c).unwrap(), "/status/phase") == "Promoting";
    lab.cluster.advance_until("it is heard", secs(5), goes_on).await;
    lab.until_settled_on("shop:2").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_taken_back_while_decisions_cannot_be_reviewed() {
    let lab = lab(json!({})).await;
    lab.cluster.behaviour("shop:bad", crate::cluster::Behaviour::healthy().failing(0.3));
    lab.cluster.refuse("controller", "create", "subjectaccessreviews");
    lab.deploy("shop:bad");
    lab.until("there is a release", |c| c.list("releases", NS).len() == 2).await;
    lab.says("ann", &[], "Approve");
    lab.until_phase("RolledBack").await;
    assert_eq!(object::text(&release(&lab.cluster).unwrap(), "/status/outcome/reason"), "AnalysisFailed");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn decisions_that_nothing_vouches_for_are_ignored_and_the_status_says_so() {
    let lab = lab(json!({})).await;
    lab.deploy("shop:2");
    lab.until_it_waits_for("Approval").await;
    assert_eq!(unprotected(&lab.cluster), None);
    let binding = lab.cluster.get("validatingadmissionpolicybindings", "", "sluice-decisions").unwrap();
    lab.cluster.delete("validatingadmissionpolicybindings", "", "sluice-decisions");
    lab.says("eve", &[], "Approve");
    lab.until("it is said", |c| unprotected(c).is_some_and(|(status, _)| status == "True")).await;
    let (_, says) = unprotected(&lab.cluster).unwrap();
    assert!(says.contains("1 decision is ignored") && says.contains("admission.enabled=true"), "{says}");
    assert_eq!(waiting(&lab.cluster, "reason"), "Approval");

    // When the policy is back, nothing vouches for what was made before.
    lab.cluster.advance(secs(5)).await;
    lab.cluster.apply(json!({
        "apiVersion": binding["apiVersion"], "kind": binding["kind"],
        "metadata": { "name": "sluice-decisions" }, "spec": binding["spec"],
    }));
    lab.cluster.advance(secs(5)).await;
    lab.says("ann", &[], "Pause");
    lab.until_it_waits_for("Paused").await;
    assert!(unprotected(&lab.cluster).is_some_and(|(status, says)| status == "True" && says.contains("before")));
    lab.says("ann", &[], "Resume");
    lab.says("ann", &[], "Approve");
    lab.until_settled_on("shop:2").await;
    lab.until("nothing is ignored", |c| unprotected(c).is_some_and(|(status, _)| status == "False")).await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn the_author_is_read_from_the_workload_and_may_not_approve() {
    let lab = lab(json!({ "notAuthor": true })).await;
    lab.deploy("shop:2");
    lab.until_it_waits_for("AuthorUnknown").await;
    let author = json!({ "spec": { "template": { "metadata": { "annotations": { "sluice.dev/author": "ann" } } } } });
    lab.cluster.patch("deployments", NS, "shop", &author);
    lab.until("a new version", |c| c.list("releases", NS).len() == 3).await;
    lab.until_it_waits_for("Approval").await;
    assert_eq!(release(&lab.cluster).unwrap()["spec"]["author"], "ann");
    lab.says("ann", &[], "Approve");
    lab.cluster.advance(secs(30)).await;
    let said = noted(&lab.cluster, "DecisionWithoutEffect");
    assert!(said.len() == 1 && said[0].contains("somebody else than the one who changed the workload"), "{said:?}");
    lab.says("bob", &[], "Approve");
    lab.until_settled_on("shop:2").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_back_from_what_was_delivered_and_the_wish_is_held() {
    let lab = lab(json!({})).await;
    let reviews = lab.only(&["ann"]);
    lab.deploy("shop:2");
    lab.until_it_waits_for("Approval").await;
    lab.says("ann", &[], "Approve");
    lab.until_settled_on("shop:2").await;
    lab.says("eve", &[], "Rollback");
    lab.cluster.advance(secs(60)).await;
    assert_eq!((lab.cluster.list("releases", NS).len(), reviews.load(Ordering::Relaxed)), (2, 2));

    lab.says("ann", &[], "Rollback");
    lab.until("a release goes back", |c| c.list("releases", NS).len() == 3).await;
    lab.until_it_waits_for("Approval").await;
    lab.says("ann", &[], "Approve");
    lab.until_phase("GoneBack").await;
    let policy = lab.cluster.get("rolloutpolicies", NS, "shop").unwrap();
    assert_eq!(object::text(&policy, "/status/stable/images/0"), "shop:1");
    assert!(policy.pointer("/status/failed").is_none_or(|f| f == &json!([])), "{policy:#}");
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_reject_takes_the_candidate_back_and_its_digest_is_remembered() {
    let lab = lab(json!({ "groups": ["managers"] })).await;
    lab.deploy("shop:2");
    lab.until("live traffic", |c| object::text(&release(c).unwrap(), "/status/phase") == "Shifting").await;
    lab.says("eve", &["developers"], "Reject");
    lab.cluster.advance(secs(3)).await;
    assert_eq!(noted(&lab.cluster, "DecisionWithoutEffect").len(), 1);
    lab.says("ann", &["developers", "managers"], "Reject");
    lab.until_phase("RolledBack").await;
    let release = release(&lab.cluster).unwrap();
    assert_eq!(object::text(&release, "/status/outcome/reason"), "Rejected");
    let policy = lab.cluster.get("rolloutpolicies", NS, "shop").unwrap();
    assert_eq!(policy.pointer("/status/failed/0/digest"), release.pointer("/spec/to/digest"));
    lab.is_quiet().await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn two_things_of_one_kind_that_happen_at_once_are_two_events() {
    let lab = lab(json!({ "approvals": 3 })).await;
    lab.deploy("shop:2");
    lab.until_it_waits_for("Approval").await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let said = told.clone();
    lab.cluster.on_write(move |write, _| {
        let event = write.new.filter(|event| event["reason"] == "DecisionHeeded");
        said.lock().unwrap().extend(event.map(|event| (write.verb, event["note"].to_string())));
        vec![]
    });
    lab.says("ann", &[], "Approve");
    lab.says("bob", &[], "Approve");
    lab.cluster.advance(secs(10)).await;
    let mut told = told.lock().unwrap().clone();
    told.sort();
    assert!(told.len() == 2 && told.iter().all(|(verb, _)| *verb == "create"), "{told:?}");
    assert!(told[0].1.contains("by ann") && told[1].1.contains("by bob"), "{told:?}");
}
