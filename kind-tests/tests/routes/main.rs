//! The promises where routes make the shares, with real proxies: Envoy Gateway's, and Istio's sidecars.
//!
//! Callers come through the proxy, and every answer is counted by the revision that gave it.
#![forbid(unsafe_code)]

mod linkerd;
mod own;
mod picks;
mod rivals;
mod sticky;
mod taken_over;
mod treated;

use crds::journal::Cause;
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
    if front.is_meshed() {
        ns.allows_sidecars().await?;
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

#[tokio::test]
async fn a_good_version_gets_exact_shares_by_a_route_of_the_service_itself_and_is_promoted_without_a_failed_request()
-> anyhow::Result<()> {
    with_namespace("mesh-route-good", async |ns| promoted(ns, Front::MeshRoute).await).await
}

async fn taken_back(ns: Namespace, front: Front) -> anyhow::Result<()> {
    let app = App::testapp("shop").drains("3s").canary([20, 60]).bake("60s").success_rate(99.0);
    let shop = shop(&ns, front, app).await?;
    let release = shop.shop.update(&shop.app.clone().version("1.1.0").errors(0.2)).await?;
    let candidate = release.candidate().await?;
    release.ends_as(Phase::RolledBack).await?;
    is_out(shop, &candidate).await
}

/// The candidate answers nobody any more, and no request failed but those that it answered.
async fn is_out(shop: Shop, candidate: &str) -> anyhow::Result<()> {
    shop.route_is_as_written().await?;
    let after = shop.load.sample("taken-back", 100).await?;
    ensure!(
        after.identities.iter().all(|i| i.version == "1.0.0"),
        "the bad version still answers: {:?}",
        after.identities
    );
    shop.load.stop().await?.no_request_failed_but_by(&[candidate])
}

#[tokio::test]
async fn a_bad_version_is_taken_back_at_a_gateway_and_nothing_else_fails() -> anyhow::Result<()> {
    with_namespace("gateway-bad", async |ns| taken_back(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn a_bad_version_is_taken_back_in_a_mesh_and_nothing_else_fails() -> anyhow::Result<()> {
    with_namespace("mesh-bad", async |ns| taken_back(ns, Front::Mesh).await).await
}

/// Of an application that tells nobody how it does.
fn measured_by_the_gateway(app: App) -> App {
    app.success_rate(99.0).tested().measured_by("EnvoyGateway")
}

#[tokio::test]
async fn a_bad_version_is_taken_back_by_what_the_gateway_alone_has_counted() -> anyhow::Result<()> {
    with_namespace("gateway-counts-bad", async |ns| {
        let app = measured_by_the_gateway(App::testapp("shop").drains("3s").canary([20, 60]).bake("60s"));
        let shop = shop(&ns, Front::Gateway, app).await?;
        let release = shop.shop.update(&shop.app.clone().version("1.1.0").errors(0.2)).await?;
        let candidate = release.candidate().await?;
        let outcome = release.ends_as(Phase::RolledBack).await?.outcome.context("an outcome")?;
        println!("{}", outcome.message);
        ensure!(outcome.reason == Cause::AnalysisFailed && outcome.message.contains("canary fails "), "{outcome:?}");
        shop.route_is_as_written().await?;
        shop.load.stop().await?.no_request_failed_but_by(&[&candidate])
    })
    .await
}

#[tokio::test]
async fn a_good_version_is_promoted_by_what_the_gateway_alone_has_counted() -> anyhow::Result<()> {
    with_namespace("gateway-counts-good", async |ns| {
        let app = measured_by_the_gateway(App::testapp("shop").drains("3s").canary([20, 80]).bake("20s"));
        let app = app.warm_for("15s");
        let shop = shop(&ns, Front::Gateway, app).await?;
        let release = shop.shop.update(&shop.app.clone().version("1.1.0")).await?;
        let journal = release.ends_as(Phase::Succeeded).await?;
        // Both versions in the steps; after them the new one alone, behind the Service that callers use.
        for step in [1, 2, 3] {
            let looks = journal.analysis.looks.iter().filter(|look| look.step == step);
            let counts = looks.filter_map(|look| look.samples.get("success-rate")?.counts);
            let (candidate, stable) = counts.fold((0, 0), |(candidate, stable), counted| {
                let counts = counted.counts;
                (candidate + counts.canary.requests(), stable + counts.baseline.requests())
            });
            ensure!(candidate > 0 && (stable > 0) == (step < 3), "step {step}: {candidate} and {stable} requests");
        }
        shop.route_is_as_written().await?;
        shop.load.stop().await?.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn a_bad_version_is_taken_back_from_a_route_of_the_service_itself_and_nothing_else_fails() -> anyhow::Result<()> {
    with_namespace("mesh-route-bad", async |ns| taken_back(ns, Front::MeshRoute).await).await
}

/// A bad version gets all requests at once, and none a moment later.
async fn switched_and_back(ns: Namespace, front: Front) -> anyhow::Result<()> {
    let app = App::testapp("shop").drains("3s").blue_green("30s").warm_for("30s").success_rate(99.0);
    let shop = shop(&ns, front, app).await?;
    let release = shop.shop.update(&shop.app.clone().version("1.1.0").errors(0.2)).await?;
    let candidate = release.candidate().await?;
    release.ends_as(Phase::RolledBack).await?;
    is_out(shop, &candidate).await
}

#[tokio::test]
async fn blue_green_through_a_gateway_switches_at_once_and_goes_back_without_a_failed_request() -> anyhow::Result<()> {
    with_namespace("gateway-switch", async |ns| switched_and_back(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn blue_green_in_a_mesh_switches_at_once_and_goes_back_without_a_failed_request() -> anyhow::Result<()> {
    with_namespace("mesh-switch", async |ns| switched_and_back(ns, Front::Mesh).await).await
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

async fn superseded(ns: Namespace, front: Front) -> anyhow::Result<()> {
    let app = App::testapp("shop").drains("3s").canary([20, 50]).bake("4s");
    let shop = shop(&ns, front, app.clone().bake("5m")).await?;
    let first = shop.shop.update(&shop.app.clone().version("1.1.0")).await?;
    first.in_force(1).await?;
    shop.load.sample("first", 100).await?;
    // The policy as it is from now on counts for the next release.
    shop.shop.patch(&json!({ "spec": { "strategy": app.rollout_policy()["spec"]["strategy"] } })).await?;
    let second = shop.shop.update(&shop.app.clone().version("1.2.0")).await?;
    first.ends_as(Phase::Superseded).await?;
    second.ends_as(Phase::Succeeded).await?;
    shop.route_is_as_written().await?;
    let traffic = shop.load.stop().await?;
    let (one, two) = (first.candidate().await?, second.candidate().await?);
    let last_of_one = traffic.of(&one).map(|i| i.last_ms).max().context("answers of 1.1.0")?;
    let first_of_two = traffic.of(&two).map(|i| i.first_ms).min().context("answers of 1.2.0")?;
    ensure!(last_of_one < first_of_two, "1.1.0 and 1.2.0 were live at the same time");
    traffic.no_request_failed()
}

#[tokio::test]
async fn a_newer_version_supersedes_one_in_the_middle_of_a_step_at_a_gateway() -> anyhow::Result<()> {
    with_namespace("gateway-newer", async |ns| superseded(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn a_newer_version_supersedes_one_in_the_middle_of_a_step_in_a_mesh() -> anyhow::Result<()> {
    with_namespace("mesh-newer", async |ns| superseded(ns, Front::Mesh).await).await
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
async fn a_gateway_that_is_not_there_is_named_before_anything_is_made() -> anyhow::Result<()> {
    with_namespace("gateway-gone", async |ns| {
        let app = App::testapp("shop").drains("3s").canary([50]).behind(Front::Gateway);
        ns.deployed(&app).await?;
        let attach = async |gateway: &str| {
            let parents = json!({ "spec": { "parentRefs": [{ "name": gateway, "namespace": "gateways" }] } });
            ns.routes(Front::Gateway).patch("shop", &PatchParams::default(), &Patch::Merge(parents)).await
        };
        attach("nowhere").await?;
        let shop = ns.policy_for(&app).await?;
        let says = shop.says("GatewayMissing").await?;
        ensure!(says.contains("Gateway nowhere of namespace gateways"), "{says}");
        attach("public").await?;
        shop.settled_on("1.0.0").await?;
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
