//! DestinationRules: a candidate's own Service is treated as the one that callers use.

use serde_json::{Value, json};

use super::{exiting_at_once, is_stalled, waits};
use crate::{
    cluster::Cluster,
    lab::{Lab, NS, shop},
    remove, secs,
};

fn virtual_service() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": { "name": "shop", "namespace": NS },
        "spec": { "hosts": ["shop"], "http": [{ "route": [{ "destination": { "host": "shop" } }] }] },
    })
}

/// A rule of the user's for the Service.
fn rule(connections: u32) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": { "name": "pools", "namespace": NS },
        "spec": { "host": "shop", "trafficPolicy": pool(connections) },
    })
}

fn pool(connections: u32) -> Value {
    json!({ "connectionPool": { "tcp": { "maxConnections": connections } } })
}

fn policy(given: Option<Value>) -> Value {
    let mut policy = shop::policy(shop::wide_steps("20s"));
    policy["spec"]["analysis"] = Value::Null;
    policy["spec"]["traffic"] = json!({ "istio": { "virtualServices": ["shop"], "propagation": "2s", "drain": "5s" } });
    if let Some(given) = given {
        policy["spec"]["traffic"]["istio"]["trafficPolicy"] = given;
    }
    policy
}

/// Version 1 runs. No share is ever written for a candidate that is not treated as what serves.
async fn lab() -> Lab {
    let lab = exiting_at_once();
    lab.running().await;
    lab.cluster.apply(virtual_service());
    lab.cluster.on_write(|write, store| {
        let route =
            store.get("virtualservices", NS, "shop").map_or(Value::Null, |v| v["spec"]["http"][0]["route"].clone());
        let candidate = route[1]["destination"]["host"].as_str();
        let of = |host: &str| {
            let rule = store.list("destinationrules").find(|r| r["spec"]["host"] == host);
            rule.map_or(Value::Null, |r| r["spec"]["trafficPolicy"].clone())
        };
        let ours = write.actor == "controller" && write.key.to_string().contains("virtualservices");
        let alike = |host: &str| of(host) == of("shop");
        let broken = candidate.filter(|host| ours && !alike(host));
        broken
            .map(|host| format!("{}: {host} is treated otherwise: {} and {}", write.at, of(host), of("shop")))
            .into_iter()
            .collect()
    });
    lab
}

/// A Service of a mesh, and a policy that says how it is treated.
pub fn given(lab: &Lab) -> Value {
    lab.cluster.apply(virtual_service());
    policy(Some(pool(10)))
}

/// The candidate's Service is treated as that one.
pub fn are_alike(lab: &Lab) {
    let own = lab.cluster.get("destinationrules", NS, "shop").map(|r| r["spec"]["trafficPolicy"].clone());
    assert_eq!((own, copies(&lab.cluster)), (Some(pool(10)), vec![pool(10)]), "{}", lab.cluster.dump());
}

/// What the rules for the candidates' Services say, by host.
fn copies(cluster: &Cluster) -> Vec<Value> {
    let all = cluster.list("destinationrules", NS);
    let copies = all.iter().filter(|r| r["spec"]["host"].as_str().is_some_and(|h| h.starts_with("shop-")));
    copies.map(|r| r["spec"]["trafficPolicy"].clone()).collect()
}

/// In a step of this weight.
fn gives(cluster: &Cluster, weight: u32) -> bool {
    let route = cluster.get("virtualservices", NS, "shop").unwrap()["spec"]["http"][0]["route"].clone();
    route[1]["weight"] == weight
}

#[tokio::test(start_paused = true)]
async fn a_candidate_is_treated_by_a_copy_of_the_users_rule_which_follows_it_and_goes_with_the_revision() {
    let lab = lab().await;
    lab.cluster.apply(rule(10));
    lab.cluster.apply(policy(None));
    lab.until_settled_on("shop:1").await;
    assert_eq!(copies(&lab.cluster), Vec::<Value>::new(), "nobody asks for what serves by its own Service");
    lab.deploy("shop:2");
    lab.until("the gate is asked", |c| !c.list("jobs", NS).is_empty()).await;
    assert_eq!(copies(&lab.cluster), [pool(10)], "it is tested as it will serve");
    lab.until("the first step", |c| gives(c, 20)).await;
    lab.cluster.apply(rule(20));
    lab.cluster.advance_until("the copy follows", secs(6), |c| copies(c) == [pool(20)]).await;
    let copy = lab.cluster.list("destinationrules", NS).into_iter().find(|r| r["metadata"]["name"] != "pools").unwrap();
    lab.cluster.delete("destinationrules", NS, copy["metadata"]["name"].as_str().unwrap());
    lab.cluster.advance_until("the copy is made again", secs(6), |c| copies(c) == [pool(20)]).await;
    lab.cluster.delete("destinationrules", NS, "pools");
    lab.cluster.advance_until("the copy goes", secs(6), |c| copies(c).is_empty()).await;
    lab.cluster.apply(rule(30));
    lab.until("the second step", |c| gives(c, 80)).await;
    assert_eq!(copies(&lab.cluster), [pool(30)]);
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    remove(&lab).await;
    lab.cluster.advance(secs(60)).await;
    let left: Vec<_> = lab.cluster.list("destinationrules", NS).iter().map(|r| r["spec"].clone()).collect();
    assert_eq!(left, [rule(30)["spec"].clone()], "{}", lab.cluster.dump());
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn what_the_policy_gives_holds_for_the_service_and_the_candidates_and_outlives_the_policy_for_the_service_alone()
{
    let lab = lab().await;
    lab.cluster.apply(policy(Some(pool(10))));
    lab.until_settled_on("shop:1").await;
    let own = || lab.cluster.get("destinationrules", NS, "shop").map(|r| r["spec"].clone());
    let wanted = |n: u32| Some(json!({ "host": "shop", "trafficPolicy": pool(n) }));
    assert_eq!(own(), wanted(10));
    lab.cluster.apply(policy(Some(pool(20))));
    lab.cluster.advance(secs(10)).await;
    assert_eq!(own(), wanted(20), "between releases it is what the policy says");
    lab.deploy("shop:2");
    lab.until("the first step", |c| gives(c, 20)).await;
    assert_eq!(copies(&lab.cluster), [pool(20)]);
    // What a release has begun with is what it ends with.
    lab.cluster.apply(policy(Some(pool(30))));
    lab.until("the second step", |c| gives(c, 80)).await;
    assert_eq!((own(), copies(&lab.cluster)), (wanted(20), vec![pool(20)]));
    lab.until_settled_on("shop:2").await;
    lab.cluster.advance(secs(10)).await;
    assert_eq!(own(), wanted(30));
    lab.is_quiet().await;
    remove(&lab).await;
    lab.cluster.advance(secs(60)).await;
    assert_eq!((own(), copies(&lab.cluster).len()), (wanted(30), 0), "callers are treated as before");
    // Another policy takes it over, and takes it away when it no longer wants it.
    lab.cluster.apply(policy(Some(pool(30))));
    lab.until_settled_on("shop:2").await;
    let none = json!({ "spec": { "traffic": { "istio": { "trafficPolicy": null } } } });
    lab.cluster.patch("rolloutpolicies", NS, "shop", &none);
    lab.cluster.advance(secs(10)).await;
    assert_eq!(own(), None, "{}", lab.cluster.dump());
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_the_users_beside_the_policys_stalls_the_policy_until_one_of_them_is_gone() {
    let lab = lab().await;
    lab.cluster.apply(rule(10));
    lab.cluster.apply(policy(Some(pool(20))));
    is_stalled(&lab, "RuleTwice", "DestinationRule pools is for Service shop").await;
    assert_eq!(lab.cluster.list("destinationrules", NS).len(), 1, "nothing was written");
    lab.cluster.delete("destinationrules", NS, "pools");
    lab.until_settled_on("shop:1").await;
    lab.deploy("shop:2");
    lab.until("the first step", |c| gives(c, 20)).await;
    // In the middle of a release nothing rises, and the candidate is treated as before.
    lab.cluster.apply(rule(10));
    lab.until("it is said", |c| waits(c).0 == "RuleTwice").await;
    lab.cluster.advance(secs(120)).await;
    assert!(gives(&lab.cluster, 20) && copies(&lab.cluster) == [pool(20)], "{}", lab.cluster.dump());
    lab.deploy("shop:1");
    lab.until_settled_on("shop:1").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_read_rules_nothing_rises_and_none_is_written() {
    let lab = lab().await;
    lab.cluster.apply(rule(10));
    lab.cluster.apply(policy(None));
    lab.until_settled_on("shop:1").await;
    lab.cluster.refuse("controller", "list", "destinationrules");
    lab.deploy("shop:2");
    lab.until("the right is named", |c| waits(c).0 == "RightMissing").await;
    let (_, words) = waits(&lab.cluster);
    assert!(words.contains("list destinationrules.networking.istio.io in namespace shop"), "{words}");
    assert_eq!(copies(&lab.cluster), Vec::<Value>::new());
    lab.cluster.grant("controller", "list", "destinationrules");
    lab.until_settled_on("shop:2").await;
    lab.nothing_went_wrong();
}
