//! A controller that lacks the right to read what stands around the routes.

use super::{insiders_first, is_as_written, is_stalled, lab, only_version_1_answers, release, until_in_force, waits};
use crate::{
    cluster::Behaviour,
    lab::{Lab, shop},
    secs,
};

const GATEWAYS: (&str, &str) = ("get", "gateways");
const ROUTES: (&str, &str) = ("list", "httproutes");

fn refuse(lab: &Lab) {
    for (verb, resource) in [GATEWAYS, ROUTES] {
        lab.cluster.refuse("controller", verb, resource);
    }
}

fn grant(lab: &Lab) {
    for (verb, resource) in [GATEWAYS, ROUTES] {
        lab.cluster.grant("controller", verb, resource);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_version_is_taken_back_although_a_right_is_lost_in_the_middle_of_its_step() {
    for strategy in [shop::wide_steps("60s"), insiders_first("60s")] {
        let lab = lab(strategy).await;
        lab.cluster.behaviour("shop:bad", Behaviour::healthy().exiting_at_once().failing(0.3));
        lab.deploy("shop:bad");
        until_in_force(&lab, 1).await;
        refuse(&lab);
        lab.until_phase("RolledBack").await;
        let outcome = release(&lab.cluster).unwrap()["status"]["outcome"].clone();
        assert_eq!(outcome["reason"], "AnalysisFailed", "{outcome}");
        is_as_written(&lab);
        assert!(lab.answers().contains_key("shop:bad"), "it had its chance");
        only_version_1_answers(&lab).await;
        is_as_written(&lab);
        lab.nothing_went_wrong();
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_version_does_not_rise_without_the_right_and_goes_on_when_it_is_given() {
    let lab = lab(shop::wide_steps("10s")).await;
    lab.deploy("shop:2");
    until_in_force(&lab, 1).await;
    refuse(&lab);
    lab.until("the right is named", |c| waits(c).0 == "RightMissing").await;
    let (_, words) = waits(&lab.cluster);
    for right in [
        "get gateways.gateway.networking.k8s.io in namespace gateways",
        "list httproutes.gateway.networking.k8s.io in namespace shop",
    ] {
        assert!(words.contains(right), "{words}");
    }
    lab.cluster.advance(secs(60)).await;
    let held = release(&lab.cluster).unwrap()["status"].clone();
    assert_eq!((held["phase"].as_str(), held["step"].as_u64()), (Some("Shifting"), Some(1)), "{held}");
    grant(&lab);
    lab.cluster.advance_until("the right is seen", secs(45), |c| waits(c).0 != "RightMissing").await;
    lab.until_settled_on("shop:2").await;
    is_as_written(&lab);
    lab.nothing_went_wrong();
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_without_the_right_and_what_was_not_read_is_not_said_to_be_missing() {
    let lab = Lab::new(7).controller(secs(5));
    lab.cluster.behaviour("shop:1", Behaviour::healthy().exiting_at_once());
    lab.running_behind_a_route().await;
    lab.cluster.refuse("controller", GATEWAYS.0, GATEWAYS.1);
    lab.cluster.apply(shop::by_routes(shop::wide_steps("10s")));
    is_stalled(&lab, "RightMissing", "may not get gateways.gateway.networking.k8s.io in namespace gateways").await;
    is_as_written(&lab);
    grant(&lab);
    lab.until_settled_on("shop:1").await;
    lab.nothing_went_wrong();
}
