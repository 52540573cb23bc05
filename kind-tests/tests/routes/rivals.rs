//! Other routes that ask for the same requests: who wins by real proxies and a real mesh, and that a policy says so before anything
//! is made.

use kind_tests::{app::App, prelude::*};
use kube::{
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use serde_json::{Value, json};

use crate::route;

fn app() -> App {
    App::testapp("shop").drains("3s").canary([50]).bake("5s")
}

/// The application's route under another name.
async fn created(ns: &Namespace, app: &App, name: &str) -> anyhow::Result<()> {
    let mut other = app.route(&ns.name).context("a route")?;
    other["metadata"]["name"] = name.into();
    let routes = ns.routes(app.front().context("a front")?);
    routes.create(&PostParams::default(), &serde_json::from_value::<DynamicObject>(other)?).await?;
    Ok(())
}

/// The policy waits for somebody to choose between the two, nothing was written, and it goes on when the other one is gone.
async fn is_named_until_it_is_gone(
    ns: &Namespace,
    app: &App,
    front: Front,
    other: &str,
    says: &str,
) -> anyhow::Result<()> {
    let shop = ns.policy_for(app).await?;
    let said = shop.says("RouteShadowed").await?;
    ensure!(said.contains(says), "{said}");
    let written = route(ns, app.front().context("a front")?).await?;
    ensure!(written.metadata.generation == Some(1), "a route without effect was written: {:?}", written.metadata);
    ns.routes(front).delete(other, &DeleteParams::default()).await?;
    shop.settled_on("1.0.0").await?;
    Ok(())
}

/// What the API server notes of an object's age are whole seconds.
async fn a_second_later() {
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
}

#[tokio::test]
async fn a_mesh_follows_the_older_of_two_virtual_services_so_a_policy_of_the_other_says_so() -> anyhow::Result<()> {
    with_namespace("mesh-rival", async |ns| {
        ns.allows_sidecars().await?;
        let app = app().behind(Front::Mesh);
        created(&ns, &app, "first").await?;
        a_second_later().await;
        ns.deployed(&app).await?;
        let load = Load::on(&ns, &app).rate(30).fresh(0.8).start().await?;
        // Whoever followed this one would fail.
        let fault = |fault: Value| {
            json!({ "spec": { "http": [{
            "route": [{ "destination": { "host": "shop" } }], "timeout": "10s", "fault": fault,
        }] } })
        };
        let aborts = json!({ "abort": { "percentage": { "value": 100 }, "httpStatus": 418 } });
        let routes = ns.routes(Front::Mesh);
        routes.patch("shop", &PatchParams::default(), &Patch::Merge(fault(aborts))).await?;
        tokio::time::sleep(secs(5)).await;
        load.sample("the-older-counts", 60).await?;
        load.stop().await?.no_request_failed()?;
        routes.delete("shop", &DeleteParams::default()).await?;
        a_second_later().await;
        created(&ns, &app, "shop").await?;
        is_named_until_it_is_gone(&ns, &app, Front::Mesh, "first", "VirtualService first is older").await
    })
    .await
}

#[tokio::test]
async fn a_mesh_follows_a_route_of_the_service_so_a_policy_of_its_virtual_service_says_so() -> anyhow::Result<()> {
    with_namespace("mesh-rival-route", async |ns| {
        let app = app().behind(Front::Mesh);
        ns.deployed(&app).await?;
        created(&ns, &app.clone().behind(Front::MeshRoute), "newer").await?;
        wait_for("the mesh to accept the route", secs(30), async || {
            let route = ns.routes(Front::MeshRoute).get("newer").await?;
            let told = route.data["status"]["parents"].as_array().map_or(0, Vec::len);
            if told > 0 { Ok(()) } else { Err(Seen::yet("no status")) }
        })
        .await?;
        is_named_until_it_is_gone(&ns, &app, Front::MeshRoute, "newer", "HTTPRoute newer of Service shop in place of")
            .await
    })
    .await
}

#[tokio::test]
async fn an_older_route_of_the_same_host_at_a_gateway_is_named_before_anything_is_made() -> anyhow::Result<()> {
    with_namespace("gateway-rival", async |ns| {
        let app = app().behind(Front::Gateway);
        created(&ns, &app, "first").await?;
        a_second_later().await;
        ns.deployed(&app).await?;
        is_named_until_it_is_gone(&ns, &app, Front::Gateway, "first", "HTTPRoute first is older").await
    })
    .await
}
