//! VirtualServices: what is written into them in a release. No callers come through them here.

use serde_json::{Value, json};

use super::says_what_was_written;
use crate::{
    cluster::{Behaviour, Cluster},
    lab::{Lab, NS, shop},
    secs,
};

fn virtual_service() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": { "name": "shop", "namespace": NS },
        "spec": { "hosts": ["shop"], "http": [{ "route": [{ "destination": { "host": "shop" } }] }] },
    })
}

fn live(cluster: &Cluster) -> Value {
    cluster.get("virtualservices", NS, "shop").unwrap()
}

async fn lab(bake: &str) -> Lab {
    let lab = Lab::new(7).controller(secs(5));
    for image in ["shop:1", "shop:2"] {
        lab.cluster.behaviour(image, Behaviour::healthy().exiting_at_once());
    }
    lab.running().await;
    lab.cluster.apply(virtual_service());
    let mut policy = shop::policy(shop::wide_steps(bake));
    policy["spec"]["analysis"] = Value::Null;
    policy["spec"]["strategy"]["canary"]["stickiness"] = json!({ "cookie": { "name": "shop", "maxAge": "30m" } });
    policy["spec"]["traffic"] = json!({ "istio": { "virtualServices": ["shop"], "propagation": "2s", "drain": "5s" } });
    lab.cluster.apply(policy);
    lab.until_settled_on("shop:1").await;
    lab
}

/// Those who have the cookie go to the candidate, and it sets it in its part of the others.
fn keeps_callers(cluster: &Cluster) -> bool {
    let http = live(cluster)["spec"]["http"].clone();
    let [stay, rest] = http.as_array().unwrap().as_slice() else { return false };
    let regex = stay["match"][0]["headers"]["cookie"]["regex"].as_str().unwrap_or_default().to_owned();
    let cookie = rest["route"][1]["headers"]["response"]["add"]["set-cookie"].as_str().unwrap_or_default().to_owned();
    let candidate = stay["route"][0]["destination"]["host"].as_str().and_then(|host| host.strip_prefix("shop-"));
    candidate.is_some_and(|id| {
        regex.contains(&format!("shop={id}")) && cookie == format!("shop={id}; Path=/; Max-Age=1800; HttpOnly")
    })
}

#[tokio::test(start_paused = true)]
async fn callers_stay_while_there_is_a_share_and_the_pods_for_all_of_them_are_there() {
    let lab = lab("10s").await;
    lab.deploy("shop:2");
    for weight in [20, 80] {
        let step = |c: &Cluster| keeps_callers(c) && live(c)["spec"]["http"][1]["route"][1]["weight"] == weight;
        lab.until(&format!("a step of {weight} %"), step).await;
        let all: Vec<_> =
            lab.cluster.list("deployments", NS).iter().map(|d| d["status"]["readyReplicas"].clone()).collect();
        let full = all.iter().filter(|ready| **ready == 4).count();
        assert_eq!(full, 2, "both versions have the pods for all of the traffic: {all:?}");
    }
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    says_what_was_written(&live(&lab.cluster), &virtual_service());
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn nobody_stays_with_a_version_that_is_taken_back() {
    let lab = lab("60s").await;
    lab.deploy("shop:2");
    lab.until("callers stay", keeps_callers).await;
    lab.deploy("shop:1");
    lab.until_settled_on("shop:1").await;
    says_what_was_written(&live(&lab.cluster), &virtual_service());
    lab.nothing_went_wrong();
}
