//! Shares that are weights of routes in front of the Service.

use planner::{
    journal::{Cause, Phase},
    policy::{Policy, Strategy},
    world::Order,
};

use crate::model::*;

#[test]
fn routes_send_what_a_step_asks_for_and_are_as_they_were_when_the_release_is_over() {
    let mut m = Model::adopted(routed());
    m.wish(2).until_step(1);
    assert_eq!((m.routed(2), m.replicas(2), m.journal().unwrap().split.unwrap().effective), (20, 1, 20));
    m.until_step(2);
    assert_eq!((m.routed(2), m.replicas(2), m.replicas(1)), (80, 4, 4), "{}", m.story());
    m.until_phase(Phase::Warm);
    assert_eq!((m.reached(1), m.reached(2), m.routes.share.is_none()), (0, 4, true), "{}", m.story());
    m.until_finished(Phase::Succeeded).settle();
    assert!(m.routes.share.is_none() && m.routes.in_force.is_none());
}

#[test]
fn a_step_takes_the_pods_of_its_share_and_no_more() {
    let strategy = Strategy::Canary(vec![step(10, 90), step(30, 90)]);
    let mut m = Model::adopted(Policy { strategy, ..routed() });
    m.policy.replicas = Some(10);
    m.settle();
    m.wish(2).until_step(1);
    assert_eq!((m.replicas(2), m.routed(2)), (1, 10), "{}", m.story());
    m.until_step(2);
    assert_eq!((m.replicas(2), m.routed(2)), (3, 30), "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_bad_version_loses_its_share_in_one_write_and_its_pods_end_after_that() {
    let mut m = Model::adopted(routed());
    m.metrics_of(2, Metrics::Bad).wish(2).until_phase(Phase::RollingBack);
    let since = m.clock;
    m.until("the share is gone", 2, |m| m.routed(2) == 0);
    m.until_finished(Phase::RolledBack);
    assert!(m.clock - since >= 8, "propagation and drain\n{}", m.story());
    assert_eq!(m.last_journal().outcome.as_ref().unwrap().reason, Cause::AnalysisFailed);
    m.settle();
    assert_eq!((m.reached(1), m.replicas(2)), (4, 0));
}

#[test]
fn a_version_that_is_bad_after_promotion_goes_back_by_the_service_alone() {
    let mut m = Model::adopted(routed());
    m.wish(2).until_phase(Phase::Warm).metrics_of(2, Metrics::Bad).until_phase(Phase::RollingBack);
    m.until("all go to the old version", 3, |m| (m.reached(1), m.reached(2)) == (4, 0));
    m.until_finished(Phase::RolledBack).settle();
    assert!(m.routes.share.is_none(), "{}", m.story());
}

#[test]
fn a_candidate_without_a_ready_pod_gets_no_share_until_it_has_pods_again() {
    let mut m = Model::adopted(routed());
    m.wish(2).until_step(2);
    m.pods_of(2, Pods::Down).run(3);
    assert_eq!((m.routed(2), m.phase()), (0, Some(Phase::Shifting)), "{}", m.story());
    m.pods_of(2, Pods::ReadyAfter(2)).run(5);
    assert_eq!((m.routed(2), m.journal().unwrap().step), (80, Some(2)), "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn while_no_stable_pod_answers_the_candidate_keeps_its_share_though_it_goes_back() {
    let mut m = Model::adopted(routed());
    m.wish(2).until_step(2);
    m.pods_of(1, Pods::Down).run(2);
    m.decide(Order::Abort).run(10);
    assert_eq!((m.phase(), m.routed(2), m.reason()), (Some(Phase::RollingBack), 80, "StableNotReady"), "{}", m.story());
    m.pods_of(1, Pods::ReadyAfter(2)).until_finished(Phase::Superseded);
    assert_eq!((m.reached(1), m.reached(2)), (4, 0));
}

#[test]
fn what_somebody_else_writes_into_the_routes_is_put_right() {
    let mut m = Model::adopted(routed());
    m.wish(2).until_step(1);
    m.routes.share = None;
    m.run(3);
    assert_eq!(m.routed(2), 20, "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn routes_that_cannot_be_written_stall_a_release_before_anything_is_made_and_a_share_can_still_be_taken_back() {
    let mut m = Model::adopted(routed());
    m.unroutable(true);
    m.wish(2).run(30);
    assert_eq!((m.reason(), m.replicas(2), m.reached(1)), ("RouteFilters", 0, 4), "{}", m.story());
    m.unroutable(false);
    m.until_step(1);
    m.unroutable(true);
    m.run(60);
    assert_eq!((m.phase(), m.reason(), m.routed(2)), (Some(Phase::Shifting), "RouteFilters", 20), "{}", m.story());
    m.decide(Order::Abort).until_finished(Phase::Superseded);
    assert_eq!((m.routed(2), m.replicas(2)), (0, 0), "{}", m.story());
}

#[test]
fn an_application_that_is_uninstalled_in_the_middle_of_a_step_leaves_the_routes_as_they_were() {
    let mut m = Model::adopted(routed());
    m.wish(2).until_step(1);
    m.load = None;
    m.delete_policy().until("the policy is gone", 300, |m| m.gone);
    assert_eq!(m.routes.share, None, "{}", m.story());
}

#[test]
fn a_step_whose_candidate_has_lost_its_pods_before_it_was_in_force_does_not_count_as_held() {
    let mut m = Model::adopted(routed());
    m.wish(2).until("the share is written", 60, |m| m.routes.share.is_some());
    m.pods_of(2, Pods::Down).run(20);
    let journal = m.journal().unwrap();
    assert_eq!((journal.step, journal.applied_at, m.reason()), (Some(1), None, "Capacity"), "{}", m.story());
    m.pods_of(2, Pods::ReadyAfter(2)).until_step(1);
    assert_eq!(m.routed(2), 20, "{}", m.story());
    m.until_finished(Phase::Succeeded);
}
