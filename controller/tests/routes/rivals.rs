//! Other routes that ask for the same requests and were there first.

use serde_json::{Value, json};

use super::{exiting_at_once, is_as_written, is_stalled, says_what_was_written};
use crate::{
    cluster::Cluster,
    lab::{Lab, NS, shop},
    secs,
};

fn virtual_service(name: &str, to: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": { "name": name, "namespace": NS },
        "spec": { "hosts": ["shop"], "http": [{ "route": [{ "destination": { "host": to } }] }] },
    })
}

fn policy(routes: &[&str]) -> Value {
    let mut policy = shop::policy(shop::wide_steps("10s"));
    // Callers come by the Service here, and meet the new version when it goes over.
    policy["spec"]["analysis"] = Value::Null;
    policy["spec"]["traffic"] = json!({ "istio": { "virtualServices": routes, "propagation": "2s", "drain": "5s" } });
    policy
}

/// Version 1 runs, and there are two VirtualServices for it, `legacy` before `shop`.
async fn lab() -> Lab {
    let lab = exiting_at_once();
    lab.running().await;
    lab.cluster.apply(virtual_service("legacy", "shop"));
    lab.cluster.advance(secs(2)).await;
    lab.cluster.apply(virtual_service("shop", "shop"));
    lab
}

/// Version 2 gets shares of all of these, and they are as they were afterwards.
async fn is_promoted(lab: &Lab, routes: &[&str]) {
    lab.deploy("shop:2");
    let divided = |c: &Cluster| {
        let destinations =
            |name: &&str| c.get("virtualservices", NS, name).unwrap()["spec"]["http"][0]["route"].clone();
        routes.iter().all(|name| destinations(name).as_array().is_some_and(|all| all.len() == 2))
    };
    lab.until("they are divided", divided).await;
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    for name in routes {
        let now = lab.cluster.get("virtualservices", NS, name).unwrap();
        says_what_was_written(&now, &virtual_service(name, "shop"));
    }
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn an_older_virtual_service_for_the_same_host_stalls_the_policy_until_it_is_gone() {
    let lab = lab().await;
    lab.cluster.apply(policy(&["shop"]));
    is_stalled(&lab, "RouteShadowed", "VirtualService legacy is older than VirtualService shop").await;
    let ours = lab.cluster.get("virtualservices", NS, "shop").unwrap();
    assert_eq!(ours["metadata"]["generation"], 1, "nobody wrote the route");
    lab.cluster.delete("virtualservices", NS, "legacy");
    lab.until_settled_on("shop:1").await;
    is_promoted(&lab, &["shop"]).await;
}

#[tokio::test(start_paused = true)]
async fn two_virtual_services_for_one_host_that_the_policy_names_are_divided_alike() {
    let lab = lab().await;
    lab.cluster.apply(policy(&["shop", "legacy"]));
    lab.until_settled_on("shop:1").await;
    is_promoted(&lab, &["shop", "legacy"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_older_route_of_the_same_gateway_and_path_stalls_the_policy_until_it_is_gone() {
    let lab = Lab::new(7).controller(secs(5));
    let mut older = shop::route();
    older["metadata"]["name"] = json!("legacy");
    lab.cluster.apply(older);
    lab.cluster.advance(secs(2)).await;
    lab.running_behind_a_route().await;
    lab.cluster.apply(shop::by_routes(shop::wide_steps("10s")));
    is_stalled(&lab, "RouteShadowed", "HTTPRoute legacy is older than HTTPRoute shop").await;
    is_as_written(&lab);
    lab.cluster.delete("httproutes", NS, "legacy");
    lab.until_settled_on("shop:1").await;
    lab.nothing_went_wrong();
}
