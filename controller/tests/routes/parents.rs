//! The Gateway that a route is attached to, in another namespace: not there, or not at work yet.

use serde_json::json;

use super::{in_force, is_as_written, is_stalled, lab, until_in_force};
use crate::{
    cluster::Cluster,
    lab::{Lab, NS, release, shop},
    secs,
};

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_not_there_is_named_and_the_workload_goes_on_serving() {
    let lab = Lab::new(7).controller(secs(5));
    lab.running_behind(shop::route()).await;
    lab.cluster.apply(shop::by_routes(shop::wide_steps("10s")));
    is_stalled(&lab, "GatewayMissing", "Gateway public of namespace gateways").await;
    is_as_written(&lab);
    lab.cluster.namespace("gateways");
    lab.cluster.apply(shop::gateway());
    // Nothing tells of it, so it is looked for.
    let goes_on =
        |c: &Cluster| !c.list("releases", NS).iter().any(|r| r["status"]["waiting"]["reason"] == "GatewayMissing");
    lab.cluster.advance_until("the Gateway is seen", secs(45), goes_on).await;
    lab.until_settled_on("shop:1").await;
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn a_share_is_in_force_when_the_gateway_is_programmed_and_not_before() {
    let lab = lab(shop::wide_steps("10s")).await;
    // Its proxies are changed by somebody who takes long.
    let of_class = |class: &str| json!({ "spec": { "gatewayClassName": class } });
    lab.cluster.patch("gateways", "gateways", "public", &of_class("slow"));
    lab.deploy("shop:2");
    let waits = |c: &Cluster| {
        let status = release(c).map(|r| r["status"].clone()).unwrap_or_default();
        let words = status["waiting"]["message"].as_str().unwrap_or_default().to_owned();
        status["waiting"]["reason"] == "RoutePending" && words.contains("Gateway public: Programmed is of generation 1")
    };
    lab.until("the Gateway is waited for", waits).await;
    lab.cluster.advance(secs(30)).await;
    assert!(waits(&lab.cluster) && !in_force(&lab.cluster, 1), "{}", lab.cluster.dump());
    lab.cluster.patch("gateways", "gateways", "public", &of_class("model"));
    until_in_force(&lab, 1).await;
    lab.until_settled_on("shop:2").await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}
