//! Linkerd's mesh: routes with the Service as their parent, and a controller that says yes and never of what.

use serde_json::{Value, json};

use super::{exiting_at_once, is_stalled, says_what_was_written, until_in_force};
use crate::{
    cluster::Kind,
    lab::{Lab, NS, release, shop},
    secs,
};

/// A route of the Gateway API as Linkerd wants it, with the API's defaults written out.
fn route() -> Value {
    let mut route = shop::route();
    route["spec"]["parentRefs"] = json!([{ "group": "core", "kind": "Service", "name": "shop", "port": 80 }]);
    route["spec"].as_object_mut().unwrap().remove("hostnames");
    route
}

/// The same of Linkerd's own kind.
fn own_route() -> Value {
    let mut route = route();
    route["apiVersion"] = json!("policy.linkerd.io/v1beta3");
    route
}

fn policy(route: Value) -> Value {
    let mut policy = shop::by_routes(shop::wide_steps("10s"));
    policy["spec"]["traffic"] = json!({ "linkerd": { "routes": [route], "propagation": "2s", "drain": "5s" } });
    policy
}

async fn lab(route: Value) -> Lab {
    let lab = exiting_at_once();
    lab.running_behind(route).await;
    lab
}

/// Version 2 gets the shares of its steps, and the route is as it was afterwards. No ServiceProfile is known to this cluster.
async fn is_promoted(resource: &str, route: Value, named: Value) {
    let lab = lab(route.clone()).await;
    lab.cluster.apply(policy(named));
    lab.until_settled_on("shop:1").await;
    lab.deploy("shop:2");
    for (step, share) in [(1, 0.2), (2, 0.8)] {
        super::gets_its_share(&lab, step, share).await;
        let status = lab.cluster.get(resource, NS, "shop").unwrap()["status"]["parents"].clone();
        assert_eq!(status[0]["parentRef"]["group"], "core", "{status}");
        assert!(status[0]["conditions"][0]["observedGeneration"].is_null(), "{status}");
    }
    lab.until_settled_on("shop:2").await;
    lab.is_quiet().await;
    says_what_was_written(&lab.cluster.get(resource, NS, "shop").unwrap(), &route);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_good_version_gets_its_share_in_linkerds_mesh_and_is_promoted_with_no_failed_request() {
    is_promoted("httproutes", route(), json!({ "kind": "HTTPRoute", "name": "shop" })).await;
}

#[tokio::test(start_paused = true)]
async fn a_good_version_gets_its_share_by_linkerds_own_route() {
    let named = json!({ "group": "policy.linkerd.io", "kind": "HTTPRoute", "name": "shop" });
    is_promoted("httproutes.policy.linkerd.io", own_route(), named).await;
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_would_freeze_the_shares_stalls_the_policy_until_it_is_gone() {
    let mut frozen = route();
    frozen["spec"]["rules"][0]["filters"] = json!([{ "type": "URLRewrite" }]);
    let lab = lab(frozen).await;
    lab.cluster.apply(policy(json!({ "kind": "HTTPRoute", "name": "shop" })));
    is_stalled(&lab, "RouteFilters", "URLRewrite").await;
    assert_eq!(super::route(&lab.cluster)["metadata"]["generation"], 1, "nobody wrote the route");
    let rules = json!({ "spec": { "rules": route()["spec"]["rules"] } });
    lab.cluster.patch("httproutes", NS, "shop", &rules);
    lab.until_settled_on("shop:1").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_service_profile_that_wins_over_the_route_stalls_the_policy_until_it_is_gone() {
    let lab = lab(route()).await;
    lab.cluster.install(Kind::new("linkerd.io", "v1alpha2", "serviceprofiles", "ServiceProfile").custom());
    lab.cluster.apply(service_profile());
    lab.cluster.apply(policy(json!({ "kind": "HTTPRoute", "name": "shop" })));
    is_stalled(&lab, "ServiceProfile", "shop.shop.svc.example.org").await;
    assert_eq!(super::route(&lab.cluster)["metadata"]["generation"], 1, "nobody wrote the route");
    lab.cluster.delete("serviceprofiles", NS, "shop.shop.svc.example.org");
    lab.until_settled_on("shop:1").await;
    lab.nothing_went_wrong();
}

fn service_profile() -> Value {
    json!({
        "apiVersion": "linkerd.io/v1alpha2", "kind": "ServiceProfile",
        "metadata": { "name": "shop.shop.svc.example.org", "namespace": NS }, "spec": { "routes": [] },
    })
}

#[tokio::test(start_paused = true)]
async fn a_service_profile_that_comes_in_the_middle_of_a_step_holds_the_release_and_not_the_way_back() {
    let lab = lab(route()).await;
    lab.cluster.apply(policy(json!({ "kind": "HTTPRoute", "name": "shop" })));
    lab.until_settled_on("shop:1").await;
    lab.cluster.install(Kind::new("linkerd.io", "v1alpha2", "serviceprofiles", "ServiceProfile").custom());
    lab.deploy("shop:2");
    until_in_force(&lab, 1).await;
    lab.cluster.apply(service_profile());
    let waits =
        |c: &crate::cluster::Cluster| release(c).is_some_and(|r| r["status"]["waiting"]["reason"] == "ServiceProfile");
    lab.until("the profile is named", waits).await;
    lab.cluster.advance(secs(60)).await;
    assert!(waits(&lab.cluster), "{}", lab.cluster.dump());
    lab.deploy("shop:1");
    lab.until_settled_on("shop:1").await;
    says_what_was_written(&super::route(&lab.cluster), &route());
    lab.nothing_went_wrong();
}
