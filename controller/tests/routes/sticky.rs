//! Callers who stay by a cookie at a Gateway: of Istio's, and of others.

use serde_json::{Value, json};

use super::{exiting_at_once, gets_its_share, is_as_written, is_stalled, route, until_in_force};
use crate::{
    cluster::{Cluster, gateway},
    lab::{Lab, NS, release, shop},
};

/// Version 1 runs behind a Gateway of this class.
async fn lab(class: &str) -> Lab {
    let lab = exiting_at_once();
    lab.cluster.namespace("gateways");
    let mut gateway = shop::gateway();
    gateway["spec"]["gatewayClassName"] = class.into();
    lab.cluster.apply(gateway);
    lab.running_behind(shop::route()).await;
    let mut strategy = shop::wide_steps("20s");
    strategy["canary"]["stickiness"] = json!({ "cookie": { "name": "shop", "maxAge": "30m" } });
    lab.cluster.apply(shop::by_routes(strategy));
    lab
}

/// Those who have the cookie go to the candidate, and it sets it in its part of the others.
fn keeps_callers(cluster: &Cluster) -> bool {
    let rules = route(cluster)["spec"]["rules"].clone();
    let [rest, stay] = rules.as_array().unwrap().as_slice() else { return false };
    let candidate = stay["backendRefs"][0]["name"].as_str().and_then(|name| name.strip_prefix("shop-"));
    let regex = stay["matches"][0]["headers"][0]["value"].as_str().unwrap_or_default().to_owned();
    let added = &rest["backendRefs"][1]["filters"][0]["responseHeaderModifier"]["add"][0];
    candidate.is_some_and(|id| {
        regex.contains(&format!("shop={id}")) && added["value"] == format!("shop={id}; Path=/; Max-Age=1800; HttpOnly")
    })
}

#[tokio::test(start_paused = true)]
async fn callers_stay_at_a_gateway_of_istios_and_the_route_is_as_it_was_afterwards() {
    let lab = lab(gateway::ISTIOS).await;
    lab.until_settled_on("shop:1").await;
    lab.deploy("shop:2");
    for (step, share) in [(1, 0.2), (2, 0.8)] {
        gets_its_share(&lab, step, share).await;
        assert!(keeps_callers(&lab.cluster), "{}", route(&lab.cluster));
    }
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn nobody_stays_at_a_gateway_of_istios_with_a_version_that_is_taken_back() {
    let lab = lab(gateway::ISTIOS).await;
    lab.until_settled_on("shop:1").await;
    lab.deploy("shop:2");
    until_in_force(&lab, 1).await;
    assert!(keeps_callers(&lab.cluster), "{}", route(&lab.cluster));
    lab.deploy("shop:1");
    lab.until_settled_on("shop:1").await;
    lab.is_quiet().await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn another_gateway_is_named_with_what_to_do_before_anything_is_made() {
    let lab = lab(gateway::CLASS).await;
    is_stalled(&lab, "RouteCookies", "is carried out by gateways.example.com/model").await;
    is_as_written(&lab);
    let none = json!({ "spec": { "strategy": { "canary": { "stickiness": Value::Null } } } });
    lab.cluster.patch("rolloutpolicies", NS, "shop", &none);
    // What has begun works under the policy as it was.
    let begun = release(&lab.cluster).unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    lab.cluster.delete("releases", NS, &begun);
    lab.until_settled_on("shop:1").await;
    lab.nothing_went_wrong();
}
