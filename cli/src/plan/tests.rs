use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;
use crate::{
    args::PlanOf,
    fixtures::{Shop, now, spec},
};

fn planned(change: impl FnOnce(&mut Value), rps: Option<f64>) -> String {
    let mut spec = spec();
    change(&mut spec);
    let mut policy = Shop::settled().facts().policy;
    policy.spec = serde_json::from_value(spec).unwrap();
    let arguments = Plan { of: PlanOf { name: None, file: None }, rps, errors: None, replicas: None };
    text(&policy, &arguments, now(), Paint(false)).unwrap()
}

#[test]
fn a_canary_by_a_plain_service_is_told_step_by_step_with_what_its_metrics_see() {
    assert_snapshot!(planned(|_| (), Some(100.0)));
}

#[test]
fn blue_green_goes_over_at_once_and_is_watched() {
    let text = planned(
        |spec| {
            spec["strategy"] = json!({ "blueGreen": { "bake": "30m" } });
            spec["gates"] = json!([{ "name": "conformance", "at": "traffic", "suite": { "name": "shop" } }]);
            spec.as_object_mut().unwrap().remove("analysis");
        },
        None,
    );
    assert_snapshot!(text);
}

#[test]
fn a_window_is_told_with_when_it_opens_next() {
    let text = planned(
        |spec| {
            let window = |at: &str, schedule: &str| {
                let window = json!({ "schedule": schedule, "duration": "8h", "timeZone": "Europe/Paris" });
                json!({ "name": format!("office-{at}"), "at": at, "window": window })
            };
            spec["gates"] = json!([window("start", "0 9 * * 1-5"), window("promotion", "0 9 * * *")]);
        },
        None,
    );
    // It is a Sunday, noon in London.
    let opens = r#"gate office-start, "0 9 * * 1-5" for 8h in Europe/Paris: opens Mon 2026-03-02 09:00 Europe/Paris (2026-03-02T08:00Z)"#;
    assert!(text.contains(opens), "{text}");
    assert!(text.contains(r#"gate office-promotion, "0 9 * * *" for 8h in Europe/Paris: open now"#), "{text}");
    assert!(text.contains("nothing is tested"), "{text}");
}

#[test]
fn every_rollback_webhook_is_told_with_when_it_is_asked() {
    let text = planned(
        |spec| {
            spec["rollbackWebhooks"] = json!([
                { "name": "refunds", "url": "https://watch.example.com/rollback" },
                { "name": "carts", "urlFrom": { "name": "watch", "key": "url" }, "interval": "1m" },
            ]);
        },
        None,
    );
    let told: Vec<_> = text.lines().filter(|l| l.starts_with("Rollback webhook")).collect();
    let when = "is asked from the first live traffic until the old version's pods end";
    assert_eq!(
        told,
        [
            format!("Rollback webhook refunds {when}, 10s after each answer: 2xx takes the version back."),
            format!("Rollback webhook carts {when}, 1m after each answer: 2xx takes the version back."),
        ],
        "{text}"
    );
    assert!(!planned(|_| (), None).contains("Rollback webhook"));
}

#[test]
fn a_step_is_never_shorter_than_its_first_look() {
    let text =
        planned(|spec| spec["strategy"] = json!({ "canary": { "steps": [{ "weight": 20, "bake": "15s" }] } }), None);
    // 15 s until the share is known, then a window of two scrapes.
    assert!(text.lines().any(|l| l.contains("Step 1") && l.contains("   45s ")), "{text}");
    assert!(text.contains("give --rps"), "{text}");
}

#[test]
fn routes_take_pods_by_their_share_of_the_capacity() {
    let text = planned(
        |spec| {
            spec["traffic"] = json!({ "gatewayAPI": { "routes": [{ "name": "shop" }] } });
            spec["strategy"] =
                json!({ "canary": { "steps": [{ "weight": 5, "bake": "1m" }, { "weight": 75, "bake": "1m" }] } });
        },
        None,
    );
    assert!(text.contains("weight 5, 1 pod ") && text.contains("weight 75, 3 pods"), "{text}");
}

#[test]
fn a_policy_that_cannot_be_used_is_refused_in_words() {
    let mut policy = Shop::settled().facts().policy;
    policy.spec.strategy.canary = None;
    let arguments = Plan { of: PlanOf { name: None, file: None }, rps: None, errors: None, replicas: None };
    let failure = text(&policy, &arguments, now(), Paint(false)).unwrap_err();
    assert!(failure.message.contains("exactly one of canary, blueGreen and ab"), "{failure}");
}
