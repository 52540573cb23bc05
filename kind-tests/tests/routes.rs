//! The promises where routes make the shares, with real proxies: Envoy Gateway's, and Istio's sidecars.
//!
//! Callers come through the proxy, and every answer is counted by the revision that gave it.
#![forbid(unsafe_code)]

use kind_tests::{app::App, prelude::*};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams, PropagationPolicy},
    core::DynamicObject,
};
use serde_json::{Value, json};

/// An application behind a route, with callers.
struct Shop {
    app: App,
    front: Front,
    shop: Policy,
    load: kind_tests::load::Running,
    /// The route's spec as its owner wrote it.
    written: Value,
}

async fn shop(ns: &Namespace, front: Front, app: App) -> anyhow::Result<Shop> {
    if front == Front::Mesh {
        // A sidecar redirects its pod's traffic, which takes more than the restricted level allows.
        let api = kube::Api::<k8s_openapi::api::core::v1::Namespace>::all(ns.client.clone());
        let label = json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "privileged" } } });
        api.patch(&ns.name, &PatchParams::default(), &Patch::Merge(label)).await?;
    }
    let app = app.behind(front);
    let shop = ns.taken_over(&app).await?;
    let written = spec(&route(ns, front).await?);
    let load = Load::on(ns, &app).rate(60).fresh(0.8).start().await?;
    Ok(Shop { app, front, shop, load, written })
}

async fn route(ns: &Namespace, front: Front) -> anyhow::Result<DynamicObject> {
    Ok(ns.routes(front).get("shop").await?)
}

fn spec(route: &DynamicObject) -> Value {
    route.data["spec"].clone()
}

impl Shop {
    async fn route(&self) -> anyhow::Result<Value> {
        Ok(spec(&route(&self.shop.ns, self.front).await?))
    }

    /// The route is as its owner wrote it, to the byte.
    async fn route_is_as_written(&self) -> anyhow::Result<()> {
        let now = self.route().await?;
        ensure!(now == self.written, "the route is {now}, and was {}", self.written);
        Ok(())
    }
}

async fn promoted(ns: Namespace, front: Front) -> anyhow::Result<()> {
    let app = App::testapp("shop").drains("3s").canary([10, 50, 90]).bake("10s").success_rate(99.0);
    let shop = shop(&ns, front, app).await?;
    goes_through_its_steps(&shop).await?;
    shop.load.stop().await?.no_request_failed()
}

async fn goes_through_its_steps(shop: &Shop) -> anyhow::Result<()> {
    let release = shop.shop.update(&shop.app.clone().version("1.1.0")).await?;
    let candidate = release.candidate().await?;
    release.reaches(Phase::Gating).await?;
    shop.load.traffic().await?.never_answered_by(&candidate)?;
    for step in [1, 2, 3] {
        let journal = release.in_force(step).await?;
        let counts = shop.load.sample(&format!("step-{step}"), 250).await?;
        let now = release.journal().await?;
        ensure!(now.step == Some(step), "step {step} was over before it was counted: {:?} {:?}", now.phase, now.step);
        routed_share_is("shop", &candidate, journal.split.context("a split")?, &counts)?;
    }
    release.ends_as(Phase::Succeeded).await?;
    shop.shop.settled_on("1.1.0").await?;
    shop.route_is_as_written().await?;
    shop.load.sample("settled", 60).await?;
    Ok(())
}

#[tokio::test]
async fn a_good_version_gets_exact_shares_through_a_gateway_and_is_promoted_without_a_failed_request()
-> anyhow::Result<()> {
    with_namespace("gateway-good", async |ns| promoted(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn a_good_version_gets_exact_shares_through_sidecars_and_is_promoted_without_a_failed_request()
-> anyhow::Result<()> {
    with_namespace("mesh-good", async |ns| promoted(ns, Front::Mesh).await).await
}

async fn taken_back(ns: Namespace, front: Front) -> anyhow::Result<()> {
    let app = App::testapp("shop").drains("3s").canary([20, 60]).bake("60s").success_rate(99.0);
    let shop = shop(&ns, front, app).await?;
    let release = shop.shop.update(&shop.app.clone().version("1.1.0").errors(0.2)).await?;
    let candidate = release.candidate().await?;
    release.ends_as(Phase::RolledBack).await?;
    shop.route_is_as_written().await?;
    let after = shop.load.sample("taken-back", 100).await?;
    ensure!(
        after.identities.iter().all(|i| i.version == "1.0.0"),
        "the bad version still answers: {:?}",
        after.identities
    );
    shop.load.stop().await?.no_request_failed_but_by(&[&candidate])
}

#[tokio::test]
async fn a_bad_version_is_taken_back_at_a_gateway_and_nothing_else_fails() -> anyhow::Result<()> {
    with_namespace("gateway-bad", async |ns| taken_back(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn a_bad_version_is_taken_back_in_a_mesh_and_nothing_else_fails() -> anyhow::Result<()> {
    with_namespace("mesh-bad", async |ns| taken_back(ns, Front::Mesh).await).await
}

#[tokio::test]
async fn blue_green_through_a_gateway_switches_at_once_and_goes_back_without_a_failed_request() -> anyhow::Result<()> {
    with_namespace("gateway-switch", async |ns| {
        let app = App::testapp("shop").drains("3s").blue_green("30s").warm_for("30s").success_rate(99.0);
        let shop = shop(&ns, Front::Gateway, app).await?;
        let release = shop.shop.update(&shop.app.clone().version("1.1.0").errors(0.2)).await?;
        let candidate = release.candidate().await?;
        release.ends_as(Phase::RolledBack).await?;
        shop.route_is_as_written().await?;
        let after = shop.load.sample("taken-back", 100).await?;
        ensure!(after.identities.iter().all(|i| i.version == "1.0.0"), "{:?}", after.identities);
        shop.load.stop().await?.no_request_failed_but_by(&[&candidate])
    })
    .await
}

#[tokio::test]
async fn a_route_that_somebody_applies_again_in_the_middle_of_a_step_gets_its_share_back() -> anyhow::Result<()> {
    with_namespace("gateway-reapplied", async |ns| {
        let app = App::testapp("shop").drains("3s").canary([50]).bake("20s");
        let shop = shop(&ns, Front::Gateway, app).await?;
        let release = shop.shop.update(&shop.app.clone().version("1.1.0")).await?;
        let candidate = release.candidate().await?;
        release.in_force(1).await?;
        // As a GitOps tool does that owns the route.
        let owner = PatchParams::apply("gitops").force();
        let route = shop.app.route(&ns.name).context("a route")?;
        ns.routes(Front::Gateway).patch("shop", &owner, &Patch::Apply(&route)).await?;
        let again = wait_for("the share to come back", secs(15), async || {
            let backends =
                shop.route().await?.pointer("/rules/0/backendRefs").and_then(Value::as_array).map_or(0, Vec::len);
            if backends == 2 { Ok(()) } else { Err(Seen::yet(backends)) }
        });
        again.await?;
        release.ends_as(Phase::Succeeded).await?;
        shop.route_is_as_written().await?;
        let traffic = shop.load.stop().await?;
        ensure!(traffic.answers_by(&candidate) > 0, "the candidate answered nobody");
        traffic.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn a_policy_that_is_deleted_in_the_middle_of_a_step_leaves_the_route_as_it_was_written() -> anyhow::Result<()> {
    with_namespace("gateway-deleted", async |ns| {
        let app = App::testapp("shop").drains("3s").canary([50]).bake("60s");
        let shop = shop(&ns, Front::Gateway, app).await?;
        let release = shop.shop.update(&shop.app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        shop.shop.deleted(PropagationPolicy::Background).await?;
        shop.route_is_as_written().await?;
        shop.load.stop().await?.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn a_route_that_is_not_there_is_named_and_live_traffic_is_left_alone() -> anyhow::Result<()> {
    with_namespace("gateway-missing", async |ns| {
        let app = App::testapp("shop").drains("3s").canary([50]).behind(Front::Gateway);
        let missing = app.policy("/traffic/gatewayAPI/routes/0/name", json!("nowhere"));
        ns.deployed(&missing).await?;
        let shop = ns.policy_for(&missing).await?;
        let says = shop.says("RouteMissing").await?;
        ensure!(says.contains("HTTPRoute nowhere"), "{says}");
        let managers = route(&ns, Front::Gateway).await?.managed_fields().to_vec();
        ensure!(
            managers.iter().all(|m| m.manager.as_deref() != Some("sluice")),
            "a route that is not named was written"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn routes_of_both_kinds_get_the_same_share_and_are_put_back_together() -> anyhow::Result<()> {
    with_namespace("gateway-two", async |ns| {
        let grpc = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute", "metadata": { "name": "shop" },
            "spec": {
                "parentRefs": [{ "name": "public", "namespace": "gateways" }],
                "hostnames": [format!("grpc.{}", ns.name)],
                "rules": [{ "backendRefs": [{ "name": "shop", "port": 80, "weight": 3 }, { "name": "other", "port": 80, "weight": 1 }] }],
            },
        });
        let app = App::testapp("shop").drains("3s").canary([25]).bake("6s").behind(Front::Gateway);
        let routes = json!([{ "name": "shop" }, { "kind": "GRPCRoute", "name": "shop" }]);
        let app = app.policy("/traffic/gatewayAPI/routes", routes);
        ns.create_object::<k8s_openapi::api::core::v1::Service>(json!({
            "metadata": { "name": "other" }, "spec": { "ports": [{ "port": 80 }], "selector": { "app": "other" } },
        }))
        .await?;
        let api: kube::Api<DynamicObject> = kube::Api::namespaced_with(ns.client.clone(), &ns.name, &grpc_routes());
        api.create(&kube::api::PostParams::default(), &serde_json::from_value(grpc)?).await?;
        let shop = ns.taken_over(&app).await?;
        let written = spec(&api.get("shop").await?);
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        let weights = spec(&api.get("shop").await?);
        let weights = weights["rules"][0]["backendRefs"].as_array().into_iter().flatten().map(|b| b["weight"].as_i64());
        let weights: Vec<_> = weights.collect();
        ensure!(weights == [Some(225), Some(75), Some(100)], "the GRPCRoute has weights {weights:?}");
        release.ends_as(Phase::Succeeded).await?;
        let now = spec(&api.get("shop").await?);
        ensure!(now == written, "the GRPCRoute is {now}, and was {written}");
        Ok(())
    })
    .await
}

fn grpc_routes() -> kube::core::ApiResource {
    let kind = kube::core::GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "GRPCRoute");
    kube::core::ApiResource::from_gvk_with_plural(&kind, "grpcroutes")
}
