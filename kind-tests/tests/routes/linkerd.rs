//! Linkerd, which cannot be had here: its own kind of route, and somebody who says of a route what Linkerd would.

use anyhow::bail;
use http::Method;
use kind_tests::{app::App, prelude::*, raw};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

fn routes(ns: &Namespace) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("policy.linkerd.io", "v1beta3", "HTTPRoute");
    let kind = ApiResource::from_gvk_with_plural(&kind, "httproutes");
    Api::namespaced_with(ns.client.clone(), &ns.name, &kind)
}

/// The kind, without its schema; what there is of Linkerd's is left alone.
async fn kind_is_known(client: &Client) -> anyhow::Result<()> {
    let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let version = json!({
        "name": "v1beta3", "served": true, "storage": true, "subresources": { "status": {} },
        "schema": { "openAPIV3Schema": schema },
    });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "httproutes.policy.linkerd.io" },
        "spec": {
            "group": "policy.linkerd.io", "scope": "Namespaced", "versions": [version],
            "names": { "kind": "HTTPRoute", "listKind": "HTTPRouteList", "plural": "httproutes", "singular": "httproute" },
        },
    });
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    match raw::send(client, Method::POST, path, &definition).await? {
        Err(status) if status.reason != "AlreadyExists" => bail!("the API server refuses the kind: {}", status.message),
        _ => {}
    }
    wait_for("Linkerd's routes to be served", secs(30), async || {
        let path = "/apis/policy.linkerd.io/v1beta3/httproutes";
        let known = raw::send(client, Method::GET, path, &Value::Null).await?;
        known.map(|_| ()).map_err(|status| Seen::yet(status.message))
    })
    .await
}

/// What Linkerd says of a route once it knows it, and never of which generation.
fn accepted(ns: &Namespace) -> Value {
    let condition = |kind| json!({ "type": kind, "status": "True", "reason": kind, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
    let parent = json!({ "group": "core", "kind": "Service", "name": "shop", "namespace": ns.name, "port": 80 });
    let told = json!({
        "controllerName": "linkerd.io/policy-controller", "parentRef": parent,
        "conditions": [condition("Accepted"), condition("ResolvedRefs")],
    });
    json!({ "status": { "parents": [told] } })
}

#[tokio::test]
async fn linkerds_own_route_is_divided_once_it_is_accepted_and_put_back_as_it_was() -> anyhow::Result<()> {
    with_namespace("linkerd-own", async |ns| {
        kind_is_known(&ns.client).await?;
        let route = json!({
            "apiVersion": "policy.linkerd.io/v1beta3", "kind": "HTTPRoute", "metadata": { "name": "shop" },
            "spec": {
                "parentRefs": [{ "group": "core", "kind": "Service", "name": "shop", "port": 80 }],
                "rules": [{ "backendRefs": [{ "name": "shop", "port": 80, "weight": 3 }, { "name": "other", "port": 80, "weight": 1 }] }],
            },
        });
        let api = routes(&ns);
        api.create(&PostParams::default(), &serde_json::from_value(route.clone())?).await?;
        let named = json!([{ "group": "policy.linkerd.io", "kind": "HTTPRoute", "name": "shop" }]);
        let traffic = json!({ "linkerd": { "routes": named, "propagation": "2s", "drain": "2s" } });
        let app = App::testapp("shop").drains("3s").canary([25]).bake("6s").policy("/traffic", traffic);
        let shop = ns.taken_over(&app).await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        let says = shop.says("RoutePending").await?;
        ensure!(says.contains("has no status in it"), "{says}");
        api.patch_status("shop", &PatchParams::default(), &Patch::Merge(accepted(&ns))).await?;
        release.in_force(1).await?;
        let divided = api.get("shop").await?.data["spec"].clone();
        let backends = divided["rules"][0]["backendRefs"].as_array().into_iter().flatten();
        let weights: Vec<_> = backends.map(|b| b["weight"].as_i64()).collect();
        ensure!(weights == [Some(225), Some(75), Some(100)], "its weights are {weights:?}");
        release.ends_as(Phase::Succeeded).await?;
        let now = api.get("shop").await?.data["spec"].clone();
        ensure!(now == route["spec"], "the route is {now}, and was {}", route["spec"]);
        Ok(())
    })
    .await
}
