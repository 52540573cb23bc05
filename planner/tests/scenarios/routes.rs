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
    (m.routes.share, m.routes.laid) = (None, vec![]);
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

/// A tenth match; then weights.
fn picked() -> Policy {
    Policy { strategy: Strategy::Canary(vec![matching(30), step(20, 30), step(50, 30)]), ..routed() }
}

#[test]
fn requests_that_match_come_first_and_percentages_after_them() {
    let mut m = Model::adopted(Policy { replicas: Some(20), ..picked() });
    m.wish(2).until_step(1);
    assert_eq!((m.routed(2), m.replicas(2)), (0, 2), "{}", m.story());
    assert!(m.given().is_some_and(|s| !s.picks.matches.is_empty()), "{}", m.story());
    m.until_step(2);
    m.until("the second step is in force", 3, |m| m.given().is_some_and(|s| s.picks.is_none() && s.percent == 20));
    m.until_phase(Phase::Warm).until_finished(Phase::Succeeded).settle();
    assert!(m.routes.share.is_none(), "{}", m.story());
}

#[test]
fn a_version_that_fails_those_whose_requests_match_is_taken_from_them() {
    let mut m = Model::adopted(picked());
    m.metrics_of(2, Metrics::Bad).wish(2).until_phase(Phase::RollingBack);
    m.until("nobody is sent to it", 2, |m| m.given().is_none());
    m.until_finished(Phase::RolledBack).settle();
    assert_eq!((m.reached(1), m.reached(2), &m.routes.laid), (4, 0, &vec![]));
}

#[test]
fn a_route_that_somebody_has_reset_gets_its_rules_again_and_they_rest_before_they_count() {
    let mut m = Model::adopted(Policy { strategy: Strategy::Canary(vec![matching(60)]), ..routed() });
    m.wish(2).until("the step is in force", 90, |m| m.given().is_some()).run(5);
    (m.routes.share, m.routes.laid) = (None, vec![]);
    m.run(1);
    m.until("the rules are in use again", 10, |m| m.given().is_some());
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!(m.routes.laid, vec![], "{}", m.story());
}

#[test]
fn copies_come_before_blue_green_switches_and_end_before_the_requests_themselves_come() {
    let strategy = Strategy::BlueGreen { bake: chrono::TimeDelta::seconds(40), before: Some(copying(100, 20)) };
    let mut m = Model::adopted(Policy { strategy, ..routed() });
    m.wish(2).until_step(1);
    m.until("copies are made", 3, |m| m.routes.in_force.as_ref().is_some_and(|s| s.picks.mirror.is_some()));
    assert_eq!((m.reached(2), m.replicas(2)), (0, 4), "{}", m.story());
    m.until("the Service has gone over", 60, |m| m.reached(1) == 0);
    assert!(m.routes.share.is_none(), "{}", m.story());
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!(m.routes.laid, vec![], "{}", m.story());
}

#[test]
fn a_version_that_fails_on_copies_never_gets_a_request() {
    let strategy = Strategy::BlueGreen { bake: chrono::TimeDelta::seconds(40), before: Some(copying(100, 60)) };
    let mut m = Model::adopted(Policy { strategy, ..routed() });
    m.metrics_of(2, Metrics::Bad).wish(2).until_finished(Phase::RolledBack);
    assert!(!m.story().contains("Switched"), "{}", m.story());
    m.settle();
    assert!(m.routes.in_force.is_none() && m.replicas(2) == 0, "{}", m.story());
}

#[test]
fn a_share_that_the_proxies_do_not_give_holds_its_step_until_they_do() {
    let mut m = Model::adopted(seen_by_proxies(routed()));
    m.wish(2).until_step(2);
    m.gives = Some(20);
    m.run(400);
    let step = |m: &Model| m.journal().and_then(|j| j.step);
    assert_eq!(
        (step(&m), m.phase(), m.reason()),
        (Some(2), Some(Phase::Shifting), "RouteIneffective"),
        "{}",
        m.story()
    );
    assert!(
        m.says().contains("written to give 80 %, and the proxies gave 20.0 % (400 of the last 2000 "),
        "{}",
        m.says()
    );
    assert!(m.waiting.as_ref().unwrap().stalled);
    m.gives = None;
    m.until("the next looks are believed", 60, |m| m.phase() == Some(Phase::Promoting));
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_first_share_that_never_comes_ends_without_evidence_and_says_that_it_is_the_routes() {
    let mut m = Model::adopted(seen_by_proxies(routed()));
    m.gives = Some(0);
    m.wish(2).until_step(1);
    m.until("the bake is over", 40, |m| m.reason() == "RouteIneffective");
    m.until_finished(Phase::Inconclusive);
    let outcome = m.last_journal().outcome.as_ref().unwrap();
    assert_eq!(outcome.reason, Cause::NoEvidence);
    assert!(outcome.message.starts_with("the routes are written to give 20 %"), "{}", outcome.message);
    assert!(outcome.message.contains("of the 100 requests that a step needs"), "{}", outcome.message);
}

#[test]
fn a_person_may_go_past_a_share_that_the_proxies_do_not_give() {
    for order in [Order::SkipStep, Order::Promote] {
        let mut m = Model::adopted(seen_by_proxies(routed()));
        m.wish(2).until_step(2);
        m.gives = Some(20);
        m.until("it holds", 90, |m| m.reason() == "RouteIneffective");
        m.decide(order).until("it goes on", 10, |m| m.phase() == Some(Phase::Promoting));
    }
}

#[test]
fn callers_who_go_past_a_route_hold_nothing_where_the_application_counts() {
    let mut m = Model::adopted(tested(routed()));
    m.wish(2).until_step(2);
    m.gives = Some(20);
    m.until_finished(Phase::Succeeded);
    assert!(!m.story().contains("RouteIneffective"), "{}", m.story());
}

#[test]
fn requests_that_nobody_makes_are_no_evidence_against_the_routes() {
    let mut m = Model::adopted(seen_by_proxies(routed()));
    m.wish(2).until_step(2);
    m.requests = 0;
    m.until_finished(Phase::Inconclusive);
    assert!(!m.story().contains("RouteIneffective"), "{}", m.story());
}

#[test]
fn while_somebody_writes_the_routes_again_and_again_nothing_rises() {
    for k in [1, 2] {
        let mut m = Model::adopted(routed());
        m.wish(2).until_step(k);
        m.routes.contested = Some("flux".into());
        m.run(300);
        let step = m.journal().and_then(|j| j.step);
        assert_eq!((step, m.phase(), m.reason()), (Some(k), Some(Phase::Shifting), "RouteContested"), "{}", m.story());
        assert!(m.says().starts_with("flux writes the routes again") && m.waiting.as_ref().unwrap().stalled);
        m.routes.contested = None;
        m.until_finished(Phase::Succeeded);
    }
}

#[test]
fn copies_that_somebody_takes_away_again_and_again_hold_the_switch_of_blue_green() {
    let strategy = Strategy::BlueGreen { bake: chrono::TimeDelta::seconds(40), before: Some(copying(100, 20)) };
    let mut m = Model::adopted(Policy { strategy, ..routed() });
    m.wish(2).until_step(1);
    m.routes.contested = Some("flux".into());
    m.run(120);
    assert_eq!((m.reason(), m.reached(2)), ("RouteContested", 0), "{}", m.story());
    m.routes.contested = None;
    m.until_finished(Phase::Succeeded);
}

#[test]
fn contested_routes_never_hold_the_way_back_and_a_person_may_go_past_them() {
    let contested = || {
        let mut m = Model::adopted(routed());
        m.wish(2).until_step(2);
        m.routes.contested = Some("flux".into());
        m
    };
    contested().metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack);
    contested().decide(Order::Abort).until_finished(Phase::Superseded);
    contested().wish(1).until_finished(Phase::Superseded);
    contested().delete_policy().until("the policy is gone", 300, |m| m.gone);
    contested().decide(Order::Promote).until_finished(Phase::Succeeded);
}

#[test]
fn a_candidate_is_treated_as_what_serves_before_it_is_tested_and_has_a_share() {
    let mut m = Model::adopted(routed());
    m.routes.treated = 1;
    m.settle();
    assert!(m.routes.copies.is_empty(), "what serves is reached by the Service\n{}", m.story());
    m.wish(2).until_phase(Phase::Gating);
    assert_eq!(m.routes.copies.values().map(|(of, _)| *of).collect::<Vec<_>>(), [1], "{}", m.story());
    m.until_step(1);
    m.routes.treated = 2;
    m.until("it follows", 6, |m| m.routes.copies.values().all(|(of, _)| *of == 2));
    assert_eq!((m.routed(2), m.phase()), (20, Some(Phase::Shifting)), "{}", m.story());
    m.until_finished(Phase::Succeeded).settle();
}

#[test]
fn a_candidate_has_no_share_before_every_proxy_knows_how_to_treat_it() {
    let mut m = Model::adopted(Policy { propagation: chrono::TimeDelta::seconds(20), gates: vec![], ..routed() });
    m.routes.treated = 1;
    m.wish(2).until("the copy is there", 30, |m| !m.routes.copies.is_empty());
    let since = m.clock;
    m.until("it waits", 5, |m| (m.reason(), m.phase()) == ("Propagation", Some(Phase::Shifting)));
    assert!(m.routes.share.is_none(), "{}", m.story());
    m.until_step(1);
    assert!(m.clock - since >= 20, "{} s\n{}", m.clock - since, m.story());
}

#[test]
fn a_candidate_that_cannot_be_treated_as_what_serves_has_no_share_and_the_way_back_does_not_need_it() {
    let mut m = Model::adopted(routed());
    (m.routes.treated, m.routes.untreatable) = (1, true);
    m.wish(2).run(200);
    assert_eq!((m.phase(), m.routed(2)), (Some(Phase::Preparing), 0), "{}", m.story());
    m.routes.untreatable = false;
    m.until_step(2);
    (m.routes.treated, m.routes.untreatable) = (2, true);
    m.metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack);
    assert_eq!((m.reached(1), m.routed(2)), (4, 0), "{}", m.story());
}
