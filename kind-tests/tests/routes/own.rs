//! Routes that policies hold themselves: made, divided, and kept as the policy says while callers come through them.

use kind_tests::{app::App, prelude::*};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams, PropagationPolicy},
    core::DynamicObject,
};
use serde_json::{Value, json};

use crate::{Shop, goes_through_its_steps, grpc_routes, route, routed_share_is, spec};

const LABEL: &str = "sluice.dev/policy";

fn app() -> App {
    App::testapp("shop").drains("3s").success_rate(99.0)
}

/// The policy has made the route, and callers come through it.
async fn held(ns: &Namespace, front: Front, app: App) -> anyhow::Result<Shop> {
    if front.is_meshed() {
        ns.allows_sidecars().await?;
    }
    let app = app.behind(front).holding_its_route(&ns.name);
    called(ns, front, app).await
}

async fn called(ns: &Namespace, front: Front, app: App) -> anyhow::Result<Shop> {
    let shop = ns.taken_over(&app).await?;
    let made = route(ns, front).await?;
    ensure!(made.metadata.labels.iter().flatten().any(|(k, v)| k == LABEL && v == "shop"), "{:?}", made.metadata);
    let load = Load::on(ns, &app).rate(60).fresh(0.8).start().await?;
    Ok(Shop { app, front, shop, load, written: spec(&made) })
}

/// A mesh's: the user's VirtualService has the host, and the policy's has no hosts.
async fn delegated(ns: &Namespace, app: App) -> anyhow::Result<Shop> {
    ns.allows_sidecars().await?;
    let app = app.behind(Front::Mesh).holding_its_route(&ns.name);
    let app = app.policy("/traffic/istio/virtualService/hosts", Value::Null);
    let root = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": { "name": "root" },
        "spec": { "hosts": ["shop"], "http": [{ "delegate": { "name": "shop", "namespace": ns.name } }] },
    });
    ns.routes(Front::Mesh).create(&PostParams::default(), &serde_json::from_value(root)?).await?;
    called(ns, Front::Mesh, app).await
}

async fn promoted(shop: Shop) -> anyhow::Result<()> {
    goes_through_its_steps(&shop).await?;
    shop.load.stop().await?.no_request_failed()
}

#[tokio::test]
async fn a_good_version_gets_exact_shares_by_a_route_of_the_policys_own_at_a_gateway() -> anyhow::Result<()> {
    let app = app().canary([10, 50, 90]).bake("10s");
    with_namespace("gateway-own", async |ns| promoted(held(&ns, Front::Gateway, app).await?).await).await
}

#[tokio::test]
async fn a_good_version_gets_exact_shares_by_a_virtual_service_of_the_policys_own() -> anyhow::Result<()> {
    let app = app().canary([10, 50, 90]).bake("10s");
    with_namespace("mesh-own", async |ns| promoted(held(&ns, Front::Mesh, app).await?).await).await
}

#[tokio::test]
async fn a_good_version_gets_exact_shares_by_a_virtual_service_that_the_users_delegates_to() -> anyhow::Result<()> {
    let app = app().canary([10, 50, 90]).bake("10s");
    with_namespace("mesh-delegate", async |ns| promoted(delegated(&ns, app).await?).await).await
}

/// Where a route has its timeout, its first list of backends, and what the policy says of its rules.
fn places(front: Front) -> (&'static str, &'static str, &'static str) {
    match front {
        Front::Mesh => ("/http/0/timeout", "/http/0/route", "/spec/traffic/istio/virtualService/http"),
        _ => ("/rules/0/timeouts/request", "/rules/0/backendRefs", "/spec/traffic/gatewayAPI/route/rules"),
    }
}

fn rules(front: Front, timeout: &str) -> Value {
    match front {
        Front::Mesh => json!([{ "timeout": timeout }]),
        _ => json!([{ "timeouts": { "request": timeout } }]),
    }
}

impl Shop {
    /// It has this timeout, and the candidate its share.
    async fn comes_to(&self, timeout: &str) -> anyhow::Result<()> {
        let (at, backends, _) = places(self.front);
        wait_for(&format!("a timeout of {timeout} and two backends"), secs(15), async || {
            let route = self.route().await?;
            let two = route.pointer(backends).and_then(Value::as_array).is_some_and(|all| all.len() == 2);
            if two && route.pointer(at) == Some(&json!(timeout)) { Ok(()) } else { Err(Seen::yet(route.to_string())) }
        })
        .await
    }
}

/// In the middle of a step the policy says something new, and then somebody writes the route itself.
async fn kept(shop: Shop) -> anyhow::Result<()> {
    let (at, _, policy) = places(shop.front);
    let release = shop.shop.update(&shop.app.clone().version("1.1.0")).await?;
    let candidate = release.candidate().await?;
    release.in_force(1).await?;
    let mut change = json!({});
    kind_tests::app::set(&mut change, policy, rules(shop.front, "7s"));
    shop.shop.patch(&change).await?;
    shop.comes_to("7s").await?;
    let mut edited = shop.route().await?;
    kind_tests::app::set(&mut edited, at, json!("9s"));
    let edited = json!({ "spec": edited });
    ns_route(&shop).patch("shop", &PatchParams::default(), &Patch::Merge(edited)).await?;
    shop.comes_to("7s").await?;
    let journal = release.journal().await?;
    ensure!(journal.step == Some(1), "the step was over: {:?} {:?}", journal.phase, journal.step);
    tokio::time::sleep(secs(2)).await;
    let counts = shop.load.sample("kept", 250).await?;
    routed_share_is("shop", &candidate, journal.split.context("a split")?, &counts)?;
    release.ends_as(Phase::Succeeded).await?;
    let mut written = shop.written.clone();
    kind_tests::app::set(&mut written, at, json!("7s"));
    let now = shop.route().await?;
    ensure!(now == written, "the route is {now}, and should be {written}");
    shop.load.stop().await?.no_request_failed()
}

fn ns_route(shop: &Shop) -> Api<DynamicObject> {
    shop.shop.ns.routes(shop.front)
}

#[tokio::test]
async fn a_gateways_route_follows_its_policy_and_nobody_else_in_the_middle_of_a_step() -> anyhow::Result<()> {
    let app = app().canary([30]).bake("40s");
    with_namespace("gateway-own-kept", async |ns| kept(held(&ns, Front::Gateway, app).await?).await).await
}

#[tokio::test]
async fn a_delegate_follows_its_policy_and_nobody_else_in_the_middle_of_a_step() -> anyhow::Result<()> {
    let app = app().canary([30]).bake("40s");
    with_namespace("mesh-delegate-kept", async |ns| kept(delegated(&ns, app).await?).await).await
}

#[tokio::test]
async fn a_route_goes_on_when_its_policy_is_deleted_in_the_middle_of_a_step() -> anyhow::Result<()> {
    with_namespace("gateway-own-deleted", async |ns| {
        let shop = held(&ns, Front::Gateway, app().canary([50]).bake("60s")).await?;
        let release = shop.shop.update(&shop.app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        shop.shop.deleted(PropagationPolicy::Background).await?;
        shop.route_is_as_written().await?;
        shop.load.sample("deleted", 100).await?;
        shop.load.stop().await?.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn a_route_that_is_there_is_replaced_when_its_owner_says_so_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("gateway-own-replaces", async |ns| {
        let before = app().canary([50]).bake("5s").behind(Front::Gateway);
        ns.deployed(&before).await?;
        let load = Load::on(&ns, &before).rate(60).fresh(0.8).start().await?;
        let shop = ns.policy_for(&before.holding_its_route(&ns.name)).await?;
        let says = shop.says("RouteNotOurs").await?;
        ensure!(says.contains("HTTPRoute shop is there and was not made for this policy"), "{says}");
        ensure!(route(&ns, Front::Gateway).await?.metadata.generation == Some(1), "it was written");
        let ours = json!({ "metadata": { "labels": { LABEL: "shop" } } });
        ns.routes(Front::Gateway).patch("shop", &PatchParams::default(), &Patch::Merge(ours)).await?;
        shop.settled_on("1.0.0").await?;
        load.sample("replaced", 60).await?;
        load.stop().await?.no_request_failed()
    })
    .await
}

#[tokio::test]
async fn a_grpc_route_of_the_policys_own_is_made_divided_and_left() -> anyhow::Result<()> {
    with_namespace("gateway-own-grpc", async |ns| {
        let app = App::testapp("shop").drains("3s").canary([25]).bake("6s").behind(Front::Gateway);
        let app = app.holding_its_route(&ns.name);
        let app = app.policy("/traffic/gatewayAPI/route/kind", json!("GRPCRoute"));
        let app = app.policy("/traffic/gatewayAPI/route/rules", Value::Null);
        let shop = ns.taken_over(&app).await?;
        let api: Api<DynamicObject> = Api::namespaced_with(ns.client.clone(), &ns.name, &grpc_routes());
        let backends = async || {
            let route = spec(&api.get("shop").await?);
            let all = route.pointer("/rules/0/backendRefs").and_then(Value::as_array).cloned().unwrap_or_default();
            anyhow::Ok(all.iter().map(|b| (b["name"].clone(), b["weight"].clone())).collect::<Vec<_>>())
        };
        ensure!(backends().await? == [(json!("shop"), json!(1))], "{:?}", backends().await?);
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        let candidate = json!(format!("shop-{}", release.candidate().await?));
        release.in_force(1).await?;
        let divided = [(json!("shop"), json!(75)), (candidate, json!(25))];
        ensure!(backends().await? == divided, "{:?}", backends().await?);
        release.ends_as(Phase::Succeeded).await?;
        shop.deleted(PropagationPolicy::Background).await?;
        ensure!(backends().await? == [(json!("shop"), json!(1))], "{:?}", backends().await?);
        Ok(())
    })
    .await
}
