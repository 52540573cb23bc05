//! When the stable revision itself is in trouble, or known from elsewhere.

use std::collections::BTreeSet;

use planner::{
    journal::Phase,
    policy::Policy,
    world::{Order, Selects},
};

use crate::model::*;

#[test]
fn a_step_holds_while_stable_has_no_ready_pod_and_nothing_is_shifted() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    m.pods_of(1, Pods::Down).run(200);
    assert_eq!((m.reason(), m.journal().unwrap().step, m.reached(2)), ("StableNotReady", Some(1), 1), "{}", m.story());
    assert!(m.says().contains("Promote"), "{}", m.says());
    m.pods_of(1, Pods::ReadyAfter(1)).until_finished(Phase::Succeeded);
}

#[test]
fn a_fix_for_a_stable_version_that_is_down_is_delivered_by_promote() {
    for policy in [canary(), blue_green()] {
        let mut m = Model::adopted(policy);
        m.pods_of(1, Pods::Down).wish(2);
        m.until("it holds", 200, |m| m.reason() == "StableNotReady" && m.release.is_some()).run(100);
        assert_eq!(m.reached(2), 0, "{}", m.story());
        m.decide(Order::Promote).until_phase(Phase::Warm);
        assert_eq!(m.reached(2), 4);
        m.until_finished(Phase::Succeeded);
    }
}

#[test]
fn the_way_back_waits_for_stable_and_whoever_answers_goes_on_meanwhile() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(2);
    m.pods_of(1, Pods::Down).run(2);
    m.metrics_of(2, Metrics::Bad).until_phase(Phase::RollingBack).run(60);
    assert_eq!((m.reached(2), m.reason()), (4, "StableNotReady"), "{}", m.story());
    m.pods_of(1, Pods::ReadyAfter(1)).until_finished(Phase::RolledBack).settle();
    assert_eq!((m.reached(1), m.reached(2)), (4, 0));
}

#[test]
fn without_a_way_back_after_promotion_it_is_said_and_taken_as_soon_as_it_is_there() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Warm);
    m.pods_of(1, Pods::Down).run(5);
    assert_eq!(m.reason(), "NoWayBack");
    m.metrics_of(2, Metrics::Bad).until_phase(Phase::RollingBack).run(60);
    assert_eq!((m.reached(2), m.reason()), (4, "NoWayBack"), "{}", m.story());
    m.pods_of(1, Pods::ReadyAfter(1)).until_finished(Phase::RolledBack);
}

#[test]
fn members_become_fewer_at_once_when_stable_pods_fall_away() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(2);
    assert_eq!((m.reached(1), m.reached(2)), (4, 4));
    let id = rev(1).revision;
    m.quota = true;
    (0..2).for_each(|_| m.kill_one(&id));
    m.run(3);
    assert_eq!((m.reached(1), m.reached(2)), (2, 2), "{}", m.story());
    m.quota = false;
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_pod_that_is_replaced_does_not_end_a_release() {
    for n in [1, 2] {
        let mut m = Model::adopted(canary());
        m.wish(2).until_step(2);
        m.kill_one(&rev(n).revision);
        m.until_finished(Phase::Succeeded);
    }
}

#[test]
fn a_candidate_with_no_ready_pod_has_no_traffic() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    m.pods_of(2, Pods::Down).run(1);
    assert_eq!((m.reached(1), m.reached(2)), (4, 0));
    m.until_finished(Phase::RolledBack);
}

#[test]
fn a_selector_that_somebody_resets_is_repaired() {
    for phase in [None, Some(Phase::Gating), Some(Phase::Shifting), Some(Phase::Warm)] {
        for meddled in [Selects::Users, Selects::Garbled] {
            let mut m = Model::adopted(canary());
            m.wish(2);
            if let Some(phase) = phase {
                m.until_phase(phase);
            }
            m.run(2);
            m.oracle.contested_until = m.clock + 3;
            m.apex.as_mut().unwrap().selects = meddled.clone();
            m.run(3);
            assert!(matches!(m.apex.as_ref().unwrap().selects, Selects::Serving(_)), "{phase:?} {}", m.story());
            m.until_finished(Phase::Succeeded);
        }
    }
}

#[test]
fn a_label_that_somebody_puts_on_an_unproven_pod_is_taken_off() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Gating);
    m.oracle.contested_until = m.clock + 2;
    let stable = rev(1).revision;
    m.pods.values_mut().filter(|p| p.owner == Owner::Revision(rev(2).revision)).for_each(|p| {
        p.members_of.insert(stable.clone());
    });
    m.run(2);
    assert_eq!(m.reached(2), 0, "{}", m.story());
}

#[test]
fn a_restored_policy_takes_what_the_service_names_for_stable_and_never_the_wish() {
    let mut m = Model::adopted(canary());
    // Everything but the cluster is lost; the wish is an unproven version by now.
    (m.finalizer, m.policy.replicas, m.last, m.due) = (false, None, None, Some(m.clock));
    m.history.clear();
    m.wish(2).until_phase(Phase::Gating);
    assert_eq!((m.release.as_ref().unwrap().from.clone(), m.policy.replicas), (Some(rev(1)), Some(4)), "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_restored_policy_whose_capacity_is_known_nowhere_keeps_the_pods_that_serve() {
    let mut m = Model::adopted(canary());
    (m.policy.replicas, m.apex.as_mut().unwrap().capacity, m.last) = (None, None, None);
    m.settle();
    assert_eq!((m.replicas(1), m.policy.replicas), (4, Some(4)), "{}", m.story());
}

#[test]
fn what_a_deleted_policy_left_serving_is_stable_for_the_next_one() {
    let mut m = Model::adopted(canary());
    m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack).settle();
    m.delete_policy().until("it is gone", 300, |m| m.gone);
    assert!(m.live[&rev(1).revision].left_serving);
    m.policy_again();
    m.policy.replicas = None;
    m.settle();
    assert_eq!((m.reached(1), m.replicas(1), m.live[&rev(1).revision].left_serving), (4, 4, false), "{}", m.story());
    m.wish(3).until_finished(Phase::Succeeded);
}

#[test]
fn the_service_is_asked_for_when_it_is_gone_and_the_release_goes_on_when_it_is_back() {
    let mut m = Model::adopted(Policy { ..canary() });
    m.wish(2).until_step(1);
    let apex = m.apex.take();
    m.run(20);
    assert_eq!((m.reason(), m.waiting.as_ref().unwrap().stalled), ("ServiceMissing", true));
    m.apex = apex.map(|a| Service { selects: Selects::Users, endpoints: BTreeSet::new(), ..a });
    m.oracle.contested_until = m.clock + 3;
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_selector_that_is_reset_while_promotion_waits_for_capacity_goes_back_to_stable() {
    let mut m = Model::adopted(Policy { strategy: planner::policy::Strategy::Canary(vec![step(20, 10)]), ..canary() });
    m.pods_of(2, Pods::ReadyAfter(12)).wish(2).until_phase(Phase::Promoting);
    m.oracle.contested_until = m.clock + 3;
    m.apex.as_mut().unwrap().selects = Selects::Garbled;
    m.run(4);
    assert_eq!((m.phase(), m.reached(1)), (Some(Phase::Promoting), 4), "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_service_that_is_gone_is_said_before_why_nothing_newer_is_delivered() {
    let mut m = Model::adopted(canary());
    m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack).settle();
    assert_eq!(m.reason(), "RolledBack");
    m.apex.take();
    m.run(20);
    assert_eq!(m.reason(), "ServiceMissing", "{}", m.says());
    assert!(m.says().contains("besides: revision") && m.waiting.as_ref().unwrap().stalled, "{}", m.says());
}

#[test]
fn stable_pods_that_are_all_down_are_said_when_nothing_else_is_waited_for() {
    let mut m = Model::adopted(canary());
    m.settle().pods_of(1, Pods::Down).run(20);
    assert_eq!((m.reason(), m.release.is_none()), ("StableNotReady", true), "{}", m.story());
    let before = m.passes;
    m.run(300);
    assert!(m.passes - before <= 5, "{} passes in five minutes of an outage: pods wake the policy", m.passes - before);
    m.pods_of(1, Pods::ReadyAfter(1)).run(20);
    assert!(m.waiting.is_none(), "{:?}", m.waiting);
}

#[test]
fn a_take_over_ends_although_somebody_scales_the_workload_up_again_and_again() {
    let mut m = Model::new(canary());
    m.until_phase(Phase::Warm);
    let began = m.clock;
    while m.release.is_some() && m.clock < began + 120 {
        m.load.as_mut().unwrap().replicas = 4;
        m.run(2);
    }
    assert_eq!((m.last_journal().phase, m.reached(1)), (Phase::Succeeded, 4), "{}", m.story());
}
