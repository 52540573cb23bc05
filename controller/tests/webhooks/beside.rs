//! Questions are asked beside the loop.

use serde_json::{Value, json};

use super::lab;
use crate::{
    cluster::{Cluster, object},
    lab::{Lab, receivers::Said, release_phase, shop},
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
