//! Webhooks that order a version back.

use serde_json::{Value, json};

use super::outcome;
use crate::{
    cluster::object,
    lab::{Lab, NS, receivers::Said, release, release_phase, shop},
    secs,
};

/// The application under a policy with a rollback webhook that says this.
async fn lab(speak: impl FnMut(&Value) -> Said + Send + 'static) -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    lab.running().await;
    let mut policy = shop::policy(shop::canary());
    let url = lab.receivers.at("watch", speak);
    policy["spec"]["rollbackWebhooks"] = json!([{ "name": "watch", "url": url, "interval": "5s" }]);
    lab.cluster.apply(policy);
    lab.until_settled_on("shop:1").await;
    lab
}

#[tokio::test(start_paused = true)]
async fn a_yes_takes_the_candidate_back_at_once_and_says_who_ordered_it() {
    let lab =
        lab(|body| if body["step"] == 2 { Said::Status(202, "refunds doubled\n") } else { Said::Status(403, "") })
            .await;
    lab.deploy("shop:2");
    lab.until("the second step", |c| release(c).unwrap().pointer("/status/step") == Some(&json!(2))).await;
    let step = lab.cluster.elapsed();
    lab.until("it goes back", |c| release_phase(c) == "RollingBack").await;
    let took = lab.cluster.elapsed() - step;
    assert!(took <= secs(7), "{took:?}");
    lab.until_phase("RolledBack").await;
    let (reason, message) = outcome(&lab.cluster);
    assert_eq!(reason, "RollbackOrdered");
    assert_eq!(message, "rollback webhook watch of http://hooks answered 202: refunds doubled");
    let policy = lab.cluster.get("rolloutpolicies", NS, "shop").unwrap();
    assert_eq!(policy.pointer("/status/failed/0/digest"), release(&lab.cluster).unwrap().pointer("/spec/to/digest"));
    let so_far = lab.receivers.asked("watch").len();
    lab.is_quiet().await;
    assert_eq!(lab.receivers.asked("watch").len(), so_far, "nobody is asked when it is over");
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn everything_else_means_nothing_and_it_is_asked_only_while_the_candidate_has_traffic() {
    let mut count = 0;
    let lab = lab(move |_| {
        count += 1;
        [Said::Hangs, Said::Gone, Said::Status(500, ""), Said::Status(403, ""), Said::Status(302, "")][count % 5]
    })
    .await;
    assert!(lab.receivers.asked("watch").is_empty(), "a take-over has no way back to order");
    lab.deploy("shop:2");
    lab.until("conformance runs", |c| release_phase(c) == "Gating").await;
    assert!(lab.receivers.asked("watch").is_empty());
    lab.until_settled_on("shop:2").await;
    let asked = lab.receivers.asked("watch");
    let phases: Vec<_> = asked.iter().map(|(_, body)| object::text(body, "/phase")).collect();
    assert!(phases.contains(&"Progressing") && phases.contains(&"Finalising"), "{phases:?}");
    assert!(asked.windows(2).all(|two| two[1].0 - two[0].0 >= secs(5)), "{asked:?}");
    assert_eq!((&asked[0].1["type"], &asked[0].1["webhook"]), (&json!("rollback"), &json!("watch")));
    lab.is_quiet().await;
    assert_eq!(lab.receivers.asked("watch").len(), asked.len());
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_yes_in_the_warm_period_goes_back_to_the_old_version() {
    let lab =
        lab(|body| if body["phase"] == "Finalising" { Said::Status(200, "") } else { Said::Status(404, "") }).await;
    lab.deploy("shop:2");
    lab.until_phase("RolledBack").await;
    assert_eq!(outcome(&lab.cluster).1, "rollback webhook watch of http://hooks answered 200");
    let policy = lab.cluster.get("rolloutpolicies", NS, "shop").unwrap();
    assert_eq!(object::text(&policy, "/status/stable/images/0"), "shop:1");
    lab.nothing_went_wrong();
}
