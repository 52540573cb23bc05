//! Scenarios that must end alike wherever the controller crashes.

use futures::{FutureExt, future::BoxFuture};
use serde_json::{Value, json};

use crate::{
    cluster::Behaviour,
    delete, is_as_before,
    lab::{
        Lab, NS,
        crashes::{
            Step::{Do, Wait},
            survives_a_crash_at_every_write,
        },
        release_phase, shop,
    },
    routes, secs, until_removed,
};

fn running(lab: &Lab) -> BoxFuture<'_, ()> {
    both_soon_gone(lab);
    lab.running().boxed()
}

fn running_behind_a_route(lab: &Lab) -> BoxFuture<'_, ()> {
    both_soon_gone(lab);
    lab.running_behind_a_route().boxed()
}

fn running_behind_a_gateway(lab: &Lab) -> BoxFuture<'_, ()> {
    both_soon_gone(lab);
    lab.running_behind_a_gateway().boxed()
}

fn both_soon_gone(lab: &Lab) {
    for image in ["shop:1", "shop:2"] {
        lab.cluster.behaviour(image, soon_gone());
    }
}

/// Outlasts what the policy gives open connections, and no more: it is waited for in every history.
fn soon_gone() -> Behaviour {
    Behaviour::healthy().draining_for(secs(6))
}

/// A policy with two looks wherever it bakes: a third would be one like the second.
fn govern(lab: &Lab, strategy: Value) {
    apply(lab, shop::policy(strategy));
}

fn apply(lab: &Lab, mut policy: Value) {
    policy["spec"]["warmFor"] = json!("10s");
    lab.cluster.apply(policy);
}

fn taken_over(lab: &Lab) -> BoxFuture<'_, ()> {
    lab.until_settled_on("shop:1").boxed()
}

fn rest(lab: &Lab) -> BoxFuture<'_, ()> {
    lab.cluster.advance(secs(60)).boxed()
}

#[test]
fn a_good_canary_survives_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running),
        Do(|lab| govern(lab, shop::canary())),
        Wait(taken_over),
        Do(|lab| lab.deploy("shop:2")),
        Wait(|lab| lab.until_settled_on("shop:2").boxed()),
        Wait(rest),
    ]);
}

#[test]
fn a_good_canary_by_routes_survives_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running_behind_a_route),
        Do(|lab| apply(lab, shop::by_routes(shop::wide_steps("10s")))),
        Wait(taken_over),
        Do(|lab| lab.deploy("shop:2")),
        Wait(|lab| lab.until_settled_on("shop:2").boxed()),
        Do(routes::is_as_written),
        Wait(rest),
        Do(routes::is_as_written),
    ]);
}

#[test]
fn a_route_of_the_policys_own_that_changes_in_a_step_survives_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running_behind_a_gateway),
        Do(|lab| apply(lab, shop::by_own_route(json!({ "canary": { "steps": [{ "weight": 20, "bake": "5s" }] } })))),
        Wait(taken_over),
        Do(|lab| lab.cluster.traffic_through(NS, "shop")),
        Do(|lab| lab.deploy("shop:2")),
        Wait(|lab| routes::own::is_wished_anew_in_a_step(lab).boxed()),
        Wait(|lab| lab.until_settled_on("shop:2").boxed()),
        Do(routes::own::is_as_wished),
        Wait(rest),
        Do(routes::own::is_as_wished),
    ]);
}

#[test]
fn requests_that_are_picked_out_survive_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running_behind_a_route),
        Do(|lab| apply(lab, shop::by_routes(routes::insiders_only("5s")))),
        Wait(taken_over),
        Do(|lab| lab.deploy("shop:2")),
        Wait(|lab| lab.until_settled_on("shop:2").boxed()),
        Do(routes::is_as_written),
        Wait(rest),
        Do(routes::is_as_written),
    ]);
}

#[test]
fn what_a_candidate_shares_with_the_service_survives_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running),
        Do(|lab| apply(lab, routes::rules::given(lab))),
        Wait(taken_over),
        Do(|lab| lab.deploy("shop:2")),
        Wait(|lab| lab.until_settled_on("shop:2").boxed()),
        Do(routes::rules::are_alike),
        Wait(rest),
        Do(routes::rules::are_alike),
    ]);
}

#[test]
fn webhooks_survive_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running),
        Do(|lab| {
            let mut policy = shop::policy(shop::canary());
            let gate = |at| json!({ "name": at, "at": at, "webhook": { "url": "http://hooks/yes" } });
            policy["spec"]["gates"] = json!([gate("start"), gate("traffic"), gate("step"), gate("promotion")]);
            policy["spec"]["rollbackWebhooks"] =
                json!([{ "name": "watch", "url": "http://hooks/no", "interval": "5s" }]);
            apply(lab, policy);
        }),
        Wait(taken_over),
        Do(|lab| lab.deploy("shop:2")),
        Wait(|lab| lab.until_settled_on("shop:2").boxed()),
        Wait(rest),
    ]);
}

#[test]
fn a_bad_canary_survives_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running),
        Do(|lab| govern(lab, shop::canary())),
        Wait(taken_over),
        Do(|lab| {
            lab.cluster.behaviour("shop:bad", soon_gone().failing(0.5));
            lab.deploy("shop:bad");
        }),
        Wait(|lab| lab.until_phase("RolledBack").boxed()),
        Wait(rest),
    ]);
}

#[test]
fn a_bad_canary_that_is_tested_survives_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running),
        Do(|lab| {
            lab.cluster.apply(shop::tested(shop::canary()));
        }),
        Wait(taken_over),
        Do(|lab| {
            lab.cluster.behaviour("shop:bad", soon_gone().failing(0.5));
            lab.deploy("shop:bad");
        }),
        Wait(|lab| lab.until_phase("RolledBack").boxed()),
        Wait(rest),
    ]);
}

#[test]
fn blue_green_survives_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running),
        Do(|lab| govern(lab, json!({ "blueGreen": { "bake": "10s" } }))),
        Wait(taken_over),
        Do(|lab| lab.deploy("shop:2")),
        Wait(|lab| lab.until_settled_on("shop:2").boxed()),
        Wait(rest),
    ]);
}

#[test]
fn a_deletion_survives_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running),
        Do(|lab| govern(lab, shop::canary())),
        Wait(taken_over),
        Do(delete),
        Wait(|lab| until_removed(lab).boxed()),
        Wait(|lab| is_as_before(lab).boxed()),
    ]);
}

#[test]
fn a_deletion_in_the_middle_of_a_canary_survives_a_crash_at_every_write() {
    survives_a_crash_at_every_write(&[
        Wait(running),
        Do(|lab| govern(lab, shop::canary())),
        Wait(taken_over),
        Do(|lab| lab.deploy("shop:2")),
        Wait(|lab| async { lab.until("live", |c| release_phase(c) == "Shifting").await }.boxed()),
        Do(delete),
        Wait(|lab| until_removed(lab).boxed()),
        Wait(|lab| is_as_before(lab).boxed()),
    ]);
}
