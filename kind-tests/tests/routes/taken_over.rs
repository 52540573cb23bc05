//! The first promise by routes: a policy put on a running application takes it over, deleting it gives it back, and whoever calls
//! through the proxy notices nothing.

use kind_tests::{app::App, prelude::*};
use kube::api::PropagationPolicy;

use crate::{route, spec};

async fn there_and_back(ns: Namespace, front: Front) -> anyhow::Result<()> {
    if front.is_meshed() {
        ns.allows_sidecars().await?;
    }
    let app = App::testapp("shop").drains("3s").behind(front);
    ns.deployed(&app).await?;
    let written = route(&ns, front).await?;
    let load = Load::on(&ns, &app).rate(60).fresh(0.8).start().await?;
    let shop = ns.policy_for(&app).await?;
    shop.settled_on("1.0.0").await?;
    load.sample("taken-over", 60).await?;
    shop.deleted(PropagationPolicy::Background).await?;
    load.sample("given-back", 60).await?;
    let left = route(&ns, front).await?;
    let (before, after) = (written.metadata.generation, left.metadata.generation);
    ensure!(spec(&written) == spec(&left) && before == after, "the route was written: {}", spec(&left));
    load.stop().await?.no_request_failed()
}

#[tokio::test]
async fn an_application_is_taken_over_and_given_back_behind_a_gateway_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("gateway-takeover", async |ns| there_and_back(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn an_application_is_taken_over_and_given_back_in_a_mesh_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("mesh-takeover", async |ns| there_and_back(ns, Front::Mesh).await).await
}
