//! What else the proxies of a mesh do with requests: a candidate's own Service is treated as the one that callers use.
//!
//! The tell-tale is a rule by which all requests with one value of a header go to one pod of a Service.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use apps::report::Counts;
use crds::names;
use kind_tests::{app::App, load::Running, prelude::*};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

use crate::{Shop, shop};

/// A name among the user's own rules.
const USERS: &str = "one-pod-each";
/// Until proxies have what was written.
const PROXIES: Duration = secs(5);

/// Whoever has the same `x-user` gets the same pod.
fn one_pod_each() -> Value {
    json!({ "loadBalancer": { "consistentHash": { "httpHeaderName": "x-user" } } })
}

fn rules(ns: &Namespace) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "DestinationRule");
    let kind = ApiResource::from_gvk_with_plural(&kind, "destinationrules");
    Api::namespaced_with(ns.client.clone(), &ns.name, &kind)
}

async fn the_user_has_a_rule(ns: &Namespace) -> anyhow::Result<()> {
    let rule = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": { "name": USERS },
        "spec": { "host": "shop", "trafficPolicy": one_pod_each() },
    });
    rules(ns).create(&PostParams::default(), &serde_json::from_value(rule)?).await?;
    Ok(())
}

/// The rules for revisions' own Services.
async fn copies(ns: &Namespace) -> anyhow::Result<Vec<DynamicObject>> {
    let all = rules(ns).list(&kube::api::ListParams::default().labels(names::REVISION)).await?;
    Ok(all.items)
}

/// Waits until what the copies say is this.
async fn copies_say(ns: &Namespace, policies: &[Value]) -> anyhow::Result<Vec<DynamicObject>> {
    wait_for(&format!("rules that say {policies:?}"), secs(20), async || {
        let copies = copies(ns).await?;
        let said: Vec<_> = copies.iter().map(|c| c.data["spec"]["trafficPolicy"].clone()).collect();
        if said == policies { Ok(copies) } else { Err(Seen::yet(format!("{said:?}"))) }
    })
    .await
}

/// The pods that answered, by version.
fn pods(counts: &Counts) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut pods: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for identity in counts.identities.iter().filter(|i| i.answers().all() > 0) {
        pods.entry(identity.version.as_str()).or_default().insert(identity.hostname.as_str());
    }
    pods
}

/// One caller meets these versions, and one pod of each.
async fn one_pod_of(load: &Running, name: &str, versions: &[&str]) -> anyhow::Result<()> {
    let counts = load.sample(name, 80).await?;
    let pods = pods(&counts);
    println!("{name}: {pods:?}");
    ensure!(pods.keys().copied().eq(versions.iter().copied()), "{name}: {pods:?}");
    ensure!(pods.values().all(|of| of.len() == 1), "{name}: a version was met in several pods: {pods:?}");
    Ok(())
}

async fn by_a_copy(ns: Namespace, front: Front) -> anyhow::Result<()> {
    the_user_has_a_rule(&ns).await?;
    let all = shop(&ns, front, App::testapp("shop").drains("3s").canary([50]).bake("150s")).await?;
    let Shop { app, shop, load: everybody, .. } = &all;
    let one = Load::on(&ns, app).rate(30).fresh(0.8).of("one", "x-user=1").start().await?;
    let release = shop.update(&app.clone().version("1.1.0")).await?;
    let candidate = release.candidate().await?;
    release.in_force(1).await?;
    let [copy] = copies_say(&ns, &[one_pod_each()]).await?.try_into().map_err(|all| anyhow::anyhow!("{all:?}"))?;
    let service = format!("shop-{candidate}");
    ensure!(copy.data["spec"]["host"] == service.as_str(), "{:?}", copy.data);
    ensure!(copy.owner_references().iter().any(|o| o.kind == "Service" && o.name == service), "{:?}", copy.metadata);
    tokio::time::sleep(PROXIES).await;
    one_pod_of(&one, "by-the-copy", &["1.0.0", "1.1.0"]).await?;
    // It follows what the user changes, and goes when the user's goes.
    let at_random = json!({ "loadBalancer": { "simple": "RANDOM" } });
    let spec = json!([{ "op": "replace", "path": "/spec/trafficPolicy", "value": at_random }]);
    let patch = Patch::Json::<()>(serde_json::from_value(spec)?);
    rules(&ns).patch(USERS, &PatchParams::default(), &patch).await?;
    copies_say(&ns, &[at_random]).await?;
    tokio::time::sleep(PROXIES).await;
    let counts = one.sample("at-random", 120).await?;
    let met = pods(&counts);
    println!("at-random: {met:?}");
    ensure!(met.values().all(|of| of.len() > 1) && met.len() == 2, "the rule has no effect any more: {met:?}");
    rules(&ns).delete(USERS, &DeleteParams::default()).await?;
    copies_say(&ns, &[]).await?;
    ensure!(release.journal().await?.step == Some(1), "the step was over before all was counted");
    shop.wish(&app.clone()).await?;
    release.ends_as(Phase::Superseded).await?;
    all.route_is_as_written().await?;
    for load in [everybody.clone(), one] {
        load.stop().await?.no_request_failed()?;
    }
    Ok(())
}

#[tokio::test]
async fn sidecars_treat_a_candidate_as_the_users_rule_says_of_what_serves_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("mesh-treated", async |ns| by_a_copy(ns, Front::Mesh).await).await
}

#[tokio::test]
async fn so_they_do_by_a_route_of_the_service_itself() -> anyhow::Result<()> {
    with_namespace("mesh-route-treated", async |ns| by_a_copy(ns, Front::MeshRoute).await).await
}

#[tokio::test]
async fn what_the_policy_gives_holds_in_every_step_and_after_it_and_for_callers_when_the_policy_is_gone()
-> anyhow::Result<()> {
    with_namespace("mesh-given", async |ns| {
        ns.allows_sidecars().await?;
        let app = App::testapp("shop").drains("3s").canary([50]).bake("40s").behind(Front::Mesh);
        let app = app.policy("/traffic/istio/trafficPolicy", one_pod_each());
        let shop = ns.taken_over(&app).await?;
        let own = rules(&ns).get("shop").await?;
        ensure!(own.data["spec"] == json!({ "host": "shop", "trafficPolicy": one_pod_each() }), "{:?}", own.data);
        let everybody = Load::on(&ns, &app).rate(60).fresh(0.8).start().await?;
        let one = Load::on(&ns, &app).rate(30).fresh(0.8).of("one", "x-user=1").start().await?;
        one_pod_of(&one, "taken-over", &["1.0.0"]).await?;
        let release = shop.update(&app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        copies_say(&ns, &[one_pod_each()]).await?;
        tokio::time::sleep(secs(2)).await;
        one_pod_of(&one, "step-1", &["1.0.0", "1.1.0"]).await?;
        release.ends_as(Phase::Succeeded).await?;
        one_pod_of(&one, "promoted", &["1.1.0"]).await?;
        shop.deleted(PropagationPolicy::Background).await?;
        copies_say(&ns, &[]).await?;
        ensure!(rules(&ns).get("shop").await?.data["spec"] == own.data["spec"], "callers are treated otherwise");
        one_pod_of(&one, "given-back", &["1.1.0"]).await?;
        for load in [everybody, one] {
            load.stop().await?.no_request_failed()?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_rule_of_the_users_beside_the_policys_is_named_before_anything_is_made() -> anyhow::Result<()> {
    with_namespace("mesh-rule-twice", async |ns| {
        let app = App::testapp("shop").drains("3s").behind(Front::Mesh);
        let app = app.policy("/traffic/istio/trafficPolicy", one_pod_each());
        ns.deployed(&app).await?;
        the_user_has_a_rule(&ns).await?;
        let shop = ns.policy_for(&app).await?;
        let says = shop.says("RuleTwice").await?;
        ensure!(says.contains("DestinationRule one-pod-each is for Service shop"), "{says}");
        rules(&ns).delete(USERS, &DeleteParams::default()).await?;
        shop.settled_on("1.0.0").await?;
        Ok(())
    })
    .await
}
