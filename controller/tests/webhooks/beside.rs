//! Questions are asked beside the loop.

use serde_json::{Value, json};

use super::lab;
use crate::{
    cluster::{Cluster, object},
    lab::{Lab, NS, receivers::Said, release_phase, shop},
    secs,
};

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_slows_no_other_release_and_no_person() {
    let deliver = async |hangs: bool| {
        let lab = lab("traffic", |lab| {
            let says = if hangs { Said::Hangs } else { Said::Status(200, "") };
            json!({ "webhook": { "url": lab.receivers.at("load", move |_| says), "timeout": "60s" }, "timeout": "1h" })
        })
        .await;
        another(&lab);
        let settled = |image: &'static str| {
            move |c: &Cluster| {
                let policy = c.get("rolloutpolicies", "other", "shop").unwrap_or_default();
                object::text(&policy, "/status/phase") == "Settled"
                    && object::text(&policy, "/status/stable/images/0") == image
            }
        };
        lab.until("the other is taken over", settled("cart:1")).await;
        if hangs {
            lab.deploy("shop:2");
            lab.until("it is asked", |_| lab.receivers.asked("load").len() == 1).await;
        }
        let begun = lab.cluster.elapsed();
        lab.cluster.apply(in_other(shop::deployment("cart:2", 4)));
        lab.until("the other is delivered", settled("cart:2")).await;
        let took = lab.cluster.elapsed() - begun;
        if hangs {
            let asked = lab.cluster.elapsed();
            lab.decide("Abort");
            lab.until("it is aborted", |c| release_phase(c) == "Superseded").await;
            assert!(lab.cluster.elapsed() - asked < secs(30));
        }
        took
    };
    let (without, with) = (deliver(false).await, deliver(true).await);
    println!("another release takes {without:?}, and {with:?} while a receiver hangs");
    assert!(with <= without + secs(1), "{without:?}, {with:?}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_gone_without_notice_is_asked_about_no_more() {
    let lab = lab(
        "traffic",
        |lab| json!({ "webhook": { "url": lab.receivers.at("load", |_| Said::Status(503, "")) }, "timeout": "1h" }),
    )
    .await;
    lab.deploy("shop:2");
    lab.until("it is asked", |_| lab.receivers.asked("load").len() == 2).await;
    let unbound = json!({ "metadata": { "finalizers": [] } });
    lab.cluster.delete("rolloutpolicies", NS, "shop");
    lab.cluster.patch("rolloutpolicies", NS, "shop", &unbound);
    lab.until("it is gone", |c| c.get("rolloutpolicies", NS, "shop").is_none()).await;
    lab.cluster.advance(secs(720)).await;
    let so_far = lab.receivers.asked("load").len();
    lab.cluster.advance(secs(600)).await;
    assert_eq!(lab.receivers.asked("load").len(), so_far);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_was_away_for_long_leaves_no_question_unasked() {
    let lab = lab(
        "traffic",
        |lab| json!({ "webhook": { "url": lab.receivers.at("load", |_| Said::Status(503, "")) }, "timeout": "2h" }),
    )
    .await;
    lab.deploy("shop:2");
    lab.until("it is asked", |_| lab.receivers.asked("load").len() == 2).await;
    lab.cluster.refuse("controller", "list", "releases");
    lab.cluster.advance(secs(1200)).await;
    let so_far = lab.receivers.asked("load").len();
    lab.receivers.at("load", |_| Said::Status(200, ""));
    lab.cluster.advance(secs(120)).await;
    assert_eq!(lab.receivers.asked("load").len(), so_far, "nobody looks at the release");
    lab.cluster.grant("controller", "list", "releases");
    lab.until_settled_on("shop:2").await;
    assert_eq!(lab.receivers.asked("load").len(), so_far + 1);
}

fn in_other(mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!("other");
    object
}

/// The same application in another namespace, with a policy of its own.
fn another(lab: &Lab) {
    lab.cluster.namespace("other");
    lab.cluster.apply(in_other(shop::deployment("cart:1", 4)));
    lab.cluster.apply(in_other(shop::service()));
    let mut policy = in_other(shop::policy(shop::canary()));
    policy["spec"]["gates"] = json!([]);
    policy["spec"].as_object_mut().unwrap().remove("analysis");
    lab.cluster.apply(policy);
}
