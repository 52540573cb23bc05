//! Requests that are picked out by a header or a cookie, and copies of requests, through real proxies.

use kind_tests::{app::App, load::Running, prelude::*};
use kube::{ResourceExt, api::PropagationPolicy};
use serde_json::{Value, json};

use crate::{Shop, shop};

/// Callers whose requests are picked out.
const INSIDERS: &str = "x-canary=insider";

fn insiders() -> Value {
    json!([
        { "headers": [{ "name": "x-canary", "exact": "insider" }] },
        { "cookie": { "name": "canary", "value": "always" } },
    ])
}

async fn load(ns: &Namespace, app: &App, caller: &str, header: &str) -> anyhow::Result<Running> {
    Load::on(ns, app).rate(30).fresh(0.8).of(caller, header).start().await
}

/// Everybody of these callers is answered by one version.
async fn all_by(load: &Running, name: &str, version: &str) -> anyhow::Result<()> {
    let counts = load.sample(name, 60).await?;
    let others: Vec<_> = counts.identities.iter().filter(|i| i.version != version).collect();
    ensure!(others.is_empty(), "not only {version} answers: {others:?}");
    Ok(())
}

async fn first_those_who_match(ns: Namespace, front: Front) -> anyhow::Result<()> {
    let app = App::testapp("shop").drains("3s").success_rate(99.0).policy(
        "/strategy",
        json!({ "canary": { "steps": [
            { "match": insiders(), "expected": 10, "bake": "15s" },
            { "match": insiders(), "weight": 20, "bake": "15s" },
            { "weight": 60, "bake": "15s" },
        ] } }),
    );
    let all = shop(&ns, front, app).await?;
    let Shop { app, shop, load: everybody, .. } = &all;
    let by_header = load(&ns, app, "insiders", INSIDERS).await?;
    let by_cookie = load(&ns, app, "cookies", "cookie=theme=dark; canary=always").await?;
    let others = load(&ns, app, "others", "cookie=canary=always2; xcanary=always").await?;
    let release = shop.update(&app.clone().version("1.1.0")).await?;
    let candidate = release.candidate().await?;
    release.in_force(1).await?;
    // Until then proxies may not know it.
    tokio::time::sleep(secs(2)).await;
    for (name, load) in [("header", &by_header), ("cookie", &by_cookie)] {
        all_by(load, &format!("{name}-1"), "1.1.0").await?;
    }
    everybody.traffic().await?.never_answered_by(&candidate)?;
    others.traffic().await?.never_answered_by(&candidate)?;
    ensure!(release.journal().await?.step == Some(1), "step 1 was over before it was counted");
    let journal = release.in_force(2).await?;
    tokio::time::sleep(secs(2)).await;
    all_by(&by_header, "header-2", "1.1.0").await?;
    let counts = everybody.sample("step-2", 150).await?;
    routed_share_is("shop", &candidate, journal.split.context("a split")?, &counts)?;
    let journal = release.in_force(3).await?;
    tokio::time::sleep(secs(2)).await;
    let counts = by_header.sample("step-3", 100).await?;
    routed_share_is("shop", &candidate, journal.split.context("a split")?, &counts)?;
    release.ends_as(Phase::Succeeded).await?;
    all.route_is_as_written().await?;
    for load in [everybody.clone(), by_header, by_cookie, others] {
        load.stop().await?.no_request_failed()?;
    }
    Ok(())
}

#[tokio::test]
async fn those_who_match_come_first_at_a_gateway_then_percentages_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("gateway-ab", async |ns| first_those_who_match(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn those_who_match_come_first_in_a_mesh_then_percentages_and_no_request_fails() -> anyhow::Result<()> {
    with_namespace("mesh-ab", async |ns| first_those_who_match(ns, Front::Mesh).await).await
}

async fn a_bad_one_is_taken_from_those_who_match(ns: Namespace, front: Front) -> anyhow::Result<()> {
    let strategy = json!({ "ab": { "match": insiders(), "expected": 10, "bake": "90s" } });
    let app = App::testapp("shop").drains("3s").success_rate(99.0).policy("/strategy", strategy);
    let all = shop(&ns, front, app).await?;
    let Shop { app, shop, load: everybody, .. } = &all;
    let insiders = load(&ns, app, "insiders", INSIDERS).await?;
    let release = shop.update(&app.clone().version("1.1.0").errors(0.2)).await?;
    let candidate = release.candidate().await?;
    release.ends_as(Phase::RolledBack).await?;
    all_by(&insiders, "taken-back", "1.0.0").await?;
    all.route_is_as_written().await?;
    insiders.stop().await?.no_request_failed_but_by(&[&candidate])?;
    let traffic = everybody.traffic().await?;
    traffic.never_answered_by(&candidate)?;
    traffic.no_request_failed()
}

#[tokio::test]
async fn a_bad_version_is_taken_from_those_who_match_at_a_gateway_and_nobody_else_met_it() -> anyhow::Result<()> {
    with_namespace("gateway-ab-bad", async |ns| a_bad_one_is_taken_from_those_who_match(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn a_policy_that_is_deleted_while_requests_are_picked_out_leaves_the_route_as_it_was_written()
-> anyhow::Result<()> {
    with_namespace("gateway-ab-deleted", async |ns| {
        let strategy = json!({ "ab": { "match": insiders(), "expected": 10, "bake": "5m" } });
        let app = App::testapp("shop").drains("3s").policy("/strategy", strategy);
        let shop = shop(&ns, Front::Gateway, app).await?;
        let insiders = load(&ns, &shop.app, "insiders", INSIDERS).await?;
        let release = shop.shop.update(&shop.app.clone().version("1.1.0")).await?;
        release.in_force(1).await?;
        insiders.sample("picked-out", 60).await?;
        shop.shop.deleted(PropagationPolicy::Background).await?;
        shop.route_is_as_written().await?;
        insiders.stop().await?.no_request_failed()?;
        shop.load.stop().await?.no_request_failed()
    })
    .await
}

async fn copies_before_the_switch(ns: Namespace, front: Front) -> anyhow::Result<()> {
    let strategy =
        json!({ "blueGreen": { "bake": "5s", "mirror": { "percent": 50, "methods": ["GET"], "bake": "15s" } } });
    let app = App::testapp("shop").drains("3s").success_rate(99.0).policy("/strategy", strategy);
    let all = shop(&ns, front, app).await?;
    let Shop { app, shop, load: everybody, .. } = &all;
    let release = shop.update(&app.clone().version("1.1.0")).await?;
    let candidate = release.candidate().await?;
    release.in_force(1).await?;
    let copied = async || {
        let mut all = 0;
        for pod in shop.pods_of(&candidate).await? {
            all += ns.live_requests(&pod.name_any()).await?;
        }
        anyhow::Ok(all)
    };
    let (asked, before) = (everybody.traffic().await?.report.targets["shop"].counts.total.sent, copied().await?);
    everybody.sample("copied", 300).await?;
    let after = copied().await?;
    let sent = everybody.traffic().await?.report.targets["shop"].counts.total.sent - asked;
    ensure!(release.journal().await?.step == Some(1), "copies were no longer made when they were counted");
    // What is asked between the two counts of each side is not known to a few requests.
    let share = (after - before) as f64 / sent as f64;
    println!("{} copies of {sent} requests", after - before);
    ensure!((0.35..=0.65).contains(&share), "{} copies of {sent} requests", after - before);
    everybody.traffic().await?.never_answered_by(&candidate)?;
    release.ends_as(Phase::Succeeded).await?;
    all.route_is_as_written().await?;
    everybody.clone().stop().await?.no_request_failed()
}

#[tokio::test]
async fn copies_are_made_at_a_gateway_before_blue_green_switches_and_nobody_waits_for_them() -> anyhow::Result<()> {
    with_namespace("gateway-mirror", async |ns| copies_before_the_switch(ns, Front::Gateway).await).await
}

#[tokio::test]
async fn copies_are_made_in_a_mesh_before_blue_green_switches_and_nobody_waits_for_them() -> anyhow::Result<()> {
    with_namespace("mesh-mirror", async |ns| copies_before_the_switch(ns, Front::Mesh).await).await
}

#[tokio::test]
async fn a_version_that_fails_on_copies_never_answers_a_caller() -> anyhow::Result<()> {
    with_namespace("gateway-mirror-bad", async |ns| {
        let strategy = json!({ "blueGreen": { "bake": "5s", "mirror": { "bake": "90s" } } });
        let app = App::testapp("shop").drains("3s").success_rate(99.0).policy("/strategy", strategy);
        let all = shop(&ns, Front::Gateway, app).await?;
        let Shop { app, shop, load: everybody, .. } = &all;
        let release = shop.update(&app.clone().version("1.1.0").errors(0.2)).await?;
        let candidate = release.candidate().await?;
        release.ends_as(Phase::RolledBack).await?;
        all.route_is_as_written().await?;
        let traffic = everybody.clone().stop().await?;
        traffic.never_answered_by(&candidate)?;
        traffic.no_request_failed()
    })
    .await
}
