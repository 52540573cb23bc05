//! VirtualServices: what is written into them in a release. No callers come through them here.

use serde_json::{Value, json};

use super::{exiting_at_once, says_what_was_written};
use crate::{
    cluster::Cluster,
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
    let lab = exiting_at_once();
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

/// The policy holds the VirtualService, and the user's own delegates to it.
#[tokio::test(start_paused = true)]
async fn a_delegate_of_the_policys_own_is_made_divided_and_follows_the_policy_in_a_step() {
    let lab = exiting_at_once();
    lab.running().await;
    let mut root = virtual_service();
    root["metadata"]["name"] = json!("root");
    root["spec"]["http"] = json!([{ "delegate": { "name": "shop", "namespace": NS } }]);
    lab.cluster.apply(root.clone());
    let mut policy = shop::policy(shop::wide_steps("30s"));
    policy["spec"]["analysis"] = Value::Null;
    let held = json!({ "http": [{ "match": [{ "uri": { "prefix": "/api" } }] }, { "timeout": "5s" }] });
    policy["spec"]["traffic"] = json!({ "istio": { "virtualService": held, "propagation": "2s", "drain": "5s" } });
    lab.cluster.apply(policy);
    lab.until_settled_on("shop:1").await;
    let to = |timeout: &str| {
        let all = json!([{ "destination": { "host": "shop" } }]);
        json!({ "http": [{ "match": [{ "uri": { "prefix": "/api" } }], "route": all }, { "timeout": timeout, "route": all }] })
    };
    assert_eq!(live(&lab.cluster)["spec"], to("5s"));
    lab.deploy("shop:2");
    let weights = |c: &Cluster| {
        let http = live(c)["spec"]["http"].as_array().unwrap().clone();
        http.iter().map(|rule| rule["route"][1]["weight"].as_u64().unwrap_or(0)).collect::<Vec<_>>()
    };
    lab.until("a step of 20 %", |c| weights(c) == [20, 20]).await;
    let http = json!([{ "match": [{ "uri": { "prefix": "/api" } }] }, { "timeout": "7s" }]);
    let change = json!({ "spec": { "traffic": { "istio": { "virtualService": { "http": http } } } } });
    lab.cluster.patch("rolloutpolicies", NS, "shop", &change);
    let followed = |c: &Cluster| live(c)["spec"]["http"][1]["timeout"] == "7s";
    lab.cluster.advance_until("the policy is followed", secs(10), followed).await;
    assert_eq!(weights(&lab.cluster), [20, 20], "by the same write");
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    assert_eq!(live(&lab.cluster)["spec"], to("7s"));
    says_what_was_written(&lab.cluster.get("virtualservices", NS, "root").unwrap(), &root);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_delegate_that_the_policy_names_is_divided_and_put_back_as_any_other() {
    let lab = exiting_at_once();
    lab.running().await;
    let mut delegate = virtual_service();
    delegate["spec"].as_object_mut().unwrap().remove("hosts");
    let mut root = virtual_service();
    root["metadata"]["name"] = json!("root");
    root["spec"]["http"] = json!([{ "delegate": { "name": "shop" } }]);
    lab.cluster.apply(root);
    lab.cluster.advance(secs(2)).await;
    lab.cluster.apply(delegate.clone());
    let mut policy = shop::policy(shop::wide_steps("10s"));
    policy["spec"]["analysis"] = Value::Null;
    policy["spec"]["traffic"] = json!({ "istio": { "virtualServices": ["shop"], "propagation": "2s", "drain": "5s" } });
    lab.cluster.apply(policy);
    lab.until_settled_on("shop:1").await;
    lab.deploy("shop:2");
    lab.until("it is divided", |c| live(c)["spec"]["http"][0]["route"][1]["weight"] == 20).await;
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    says_what_was_written(&live(&lab.cluster), &delegate);
    lab.nothing_went_wrong();
}
