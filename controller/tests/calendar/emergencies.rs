//! Stories of emergencies: what they go through, what they do not, and where they are none.

use serde_json::{Value, json};

use super::{annotate, freeze, noted, plain, thaw, waits_for};
use crate::{
    cluster::object,
    lab::{Lab, NS, release},
    secs,
};

/// Changes the image, and says why it is urgent.
pub(crate) fn deploy_urgently(lab: &Lab, image: &str, reason: &str) {
    let containers = json!([{ "name": "app", "image": image, "ports": [{ "name": "http", "containerPort": 8080 }] }]);
    let metadata = json!({ "annotations": { "sluice.dev/emergency": reason } });
    let change = json!({ "spec": { "template": { "metadata": metadata, "spec": { "containers": containers } } } });
    lab.cluster.patch("deployments", NS, "shop", &change);
}

#[tokio::test(start_paused = true)]
async fn an_emergency_goes_through_a_freeze_after_its_test_and_is_said_everywhere() {
    let lab = plain().await;
    freeze(&lab, "on year-end closing");
    deploy_urgently(&lab, "shop:2", "CVE-2026-1234");
    lab.until_settled_on("shop:2").await;
    let done = release(&lab.cluster).unwrap();
    assert_eq!(done["spec"]["emergency"], json!({ "reason": "CVE-2026-1234" }));
    assert_eq!(
        (&done["status"]["gates"][0]["name"], &done["status"]["gates"][0]["verdict"]),
        (&json!("conformance"), &json!("Pass"))
    );
    let told = noted(&lab.cluster);
    assert!(told.contains(&"Emergency".to_owned()) && !told.contains(&"StepStarted".to_owned()), "{told:?}");
    let events = lab.cluster.list("events.events.k8s.io", NS);
    let warned = events.iter().any(|e| e["reason"] == "Emergency" && e["type"] == "Warning");
    assert!(warned, "{events:#?}");
    let pods = lab.cluster.list("pods", NS);
    let carried = |p: &&Value| p["metadata"]["annotations"].get("sluice.dev/emergency").is_some();
    assert_eq!(pods.iter().find(carried), None, "it is no part of the version");

    // Another reason, or none, is no other version.
    let releases = lab.cluster.list("releases", NS).len();
    deploy_urgently(&lab, "shop:2", "something else");
    lab.cluster.advance(secs(60)).await;
    let none = json!({ "spec": { "template": { "metadata": { "annotations": Value::Null } } } });
    lab.cluster.patch("deployments", NS, "shop", &none);
    lab.cluster.advance(secs(60)).await;
    assert_eq!(lab.cluster.list("releases", NS).len(), releases);
    // What comes without a reason is held.
    lab.deploy("shop:3");
    waits_for(&lab, "Frozen").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn where_emergencies_are_forbidden_a_version_goes_its_ordinary_way() {
    let lab = plain().await;
    annotate(&lab, NS, "sluice.dev/emergency", json!("Forbidden"));
    freeze(&lab, "on year-end closing");
    deploy_urgently(&lab, "shop:2", "CVE-2026-1234");
    waits_for(&lab, "Frozen").await;
    let held = release(&lab.cluster).unwrap();
    let refused = object::text(&held, "/spec/emergency/refused");
    assert_eq!(refused, "Namespace shop forbids emergencies (annotation sluice.dev/emergency)");
    assert!(noted(&lab.cluster).contains(&"EmergencyRefused".to_owned()));
    let events = lab.cluster.list("events.events.k8s.io", NS);
    assert!(events.iter().any(|e| e["reason"] == "EmergencyRefused" && e["type"] == "Warning"), "{events:#?}");
    thaw(&lab);
    lab.until_settled_on("shop:2").await;
    assert!(noted(&lab.cluster).contains(&"StepStarted".to_owned()));
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn whatever_a_namespace_says_of_emergencies_but_allowed_forbids_them() {
    for (said, forbids) in [("Allowed", false), ("allowed", true), ("no", true), ("", true)] {
        let lab = plain().await;
        annotate(&lab, NS, "sluice.dev/emergency", json!(said));
        freeze(&lab, "on year-end closing");
        deploy_urgently(&lab, "shop:2", "CVE-2026-1234");
        if forbids {
            waits_for(&lab, "Frozen").await;
        } else {
            lab.until_settled_on("shop:2").await;
        }
        let told = release(&lab.cluster).unwrap();
        assert_eq!(told.pointer("/spec/emergency/refused").is_some(), forbids, "{said:?}");
        lab.nothing_went_wrong();
    }
}

#[tokio::test(start_paused = true)]
async fn an_emergency_that_the_controller_may_not_know_to_be_allowed_is_refused() {
    let lab = plain().await;
    lab.cluster.refuse("controller", "get", "namespaces");
    deploy_urgently(&lab, "shop:2", "CVE-2026-1234");
    waits_for(&lab, "Frozen").await;
    let held = release(&lab.cluster).unwrap();
    let refused = object::text(&held, "/spec/emergency/refused");
    assert!(
        refused.contains("may not read Namespace shop") && refused.contains("give its ServiceAccount"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_deployment_itself_says_makes_no_emergency() {
    let lab = plain().await;
    freeze(&lab, "on year-end closing");
    let metadata = json!({ "annotations": { "sluice.dev/emergency": "CVE-2026-1234" } });
    lab.cluster.patch("deployments", NS, "shop", &json!({ "metadata": metadata }));
    lab.deploy("shop:2");
    waits_for(&lab, "Frozen").await;
    assert_eq!(release(&lab.cluster).unwrap().pointer("/spec/emergency"), None);
}
