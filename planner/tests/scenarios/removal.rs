//! Deleting the policy: what serves goes on serving.

use planner::{
    journal::Phase,
    policy::Policy,
    world::{Order, Selects},
};

use crate::model::*;

#[track_caller]
fn given_back(m: &Model) {
    let apex = m.apex.as_ref().unwrap();
    assert_eq!((&apex.selects, apex.marked, apex.capacity), (&Selects::Users, false, None), "{}", m.story());
    assert!(m.live.is_empty() && !m.finalizer, "{}", m.story());
    let load = m.load.as_ref().unwrap();
    assert_eq!((load.replicas, apex.endpoints.len()), (4, 4), "{}", m.story());
}

#[track_caller]
fn left_serving(m: &Model) {
    let apex = m.apex.as_ref().unwrap();
    assert_eq!((&apex.selects, apex.marked), (&Selects::Users, false), "{}", m.story());
    let live: Vec<_> = m.live.iter().map(|(id, l)| (id.clone(), l.left_serving)).collect();
    assert_eq!((live, m.finalizer), (vec![(rev(1).revision, true)], false), "{}", m.story());
    assert_eq!((m.load.as_ref().unwrap().replicas, m.reached(1), apex.endpoints.len()), (0, 4, 4), "{}", m.story());
}

#[track_caller]
fn gone(m: &mut Model) -> &mut Model {
    m.delete_policy().until("the policy is gone", 500, |m| m.gone).run(10)
}

#[test]
fn a_settled_workload_is_given_back_to_its_own_pods() {
    let mut m = Model::adopted(canary());
    gone(&mut m);
    given_back(&m);
}

#[test]
fn in_the_middle_of_a_canary_stable_goes_on_and_the_unproven_version_never_serves_alone() {
    for phase in [Phase::Preparing, Phase::Gating, Phase::Shifting, Phase::Promoting] {
        let mut m = Model::adopted(canary());
        m.wish(2).until_phase(phase);
        gone(&mut m);
        left_serving(&m);
    }
}

#[test]
fn in_the_warm_period_the_promotion_is_finished_and_the_workload_given_back() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Warm);
    gone(&mut m);
    given_back(&m);
}

#[test]
fn after_a_rollback_stable_is_left_serving_and_the_failed_version_stays_away() {
    for kept in [0, 1000] {
        let mut m = Model::adopted(Policy { keep_failed: chrono::TimeDelta::seconds(kept), ..canary() });
        m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack).run(5);
        gone(&mut m);
        left_serving(&m);
    }
}

#[test]
fn held_and_inconclusive_releases_go_back_first() {
    let mut m = Model::adopted(Policy { hold_failed: true, ..canary() });
    m.metrics_of(2, Metrics::Bad).wish(2).until_phase(Phase::Held);
    gone(&mut m);
    left_serving(&m);
    let mut m = Model::adopted(Policy { rollback_inconclusive: false, ..canary() });
    m.metrics_of(2, Metrics::Silent).wish(2).until_phase(Phase::Inconclusive);
    gone(&mut m);
    left_serving(&m);
}

#[test]
fn a_wish_that_goes_back_to_stable_in_the_middle_of_a_removal_is_handed_back() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1).delete_policy().until_phase(Phase::RollingBack).wish(1);
    gone(&mut m);
    given_back(&m);
}

#[test]
fn a_template_that_changes_in_the_middle_of_handing_back_goes_back_to_our_keys_and_stays_there() {
    for (phase, seconds) in [(Phase::Pending, 0), (Phase::Promoting, 0), (Phase::Promoting, 4)] {
        let mut m = Model::adopted(canary());
        m.delete_policy().until_phase(phase).run(seconds).wish(2);
        m.until("the policy is gone", 500, |m| m.gone).run(10);
        left_serving(&m);
    }
}

#[test]
fn a_template_that_flips_forth_and_back_while_it_is_handed_back_costs_no_request() {
    let mut m = Model::adopted(canary());
    m.delete_policy().until_phase(Phase::Promoting).run(5).wish(2).run(1).wish(1).run(2).wish(2).run(1).wish(1);
    m.until("the policy is gone", 500, |m| m.gone).run(10);
    given_back(&m);
}

#[test]
fn once_our_pods_go_the_workload_is_the_users_whatever_it_wishes() {
    let mut m = Model::adopted(canary());
    m.delete_policy().until("ours go", 300, |m| m.live.values().all(|l| l.replicas.is_none())).wish(2);
    m.until("the policy is gone", 300, |m| m.gone).run(10);
    assert!(m.live.is_empty() && m.apex.as_ref().unwrap().selects == Selects::Users, "{}", m.story());
}

#[test]
fn a_take_over_that_had_not_switched_yet_is_abandoned_and_the_workload_never_noticed() {
    for phase in [Phase::Pending, Phase::Preparing] {
        let mut m = Model::new(canary());
        m.oracle.served = true;
        if phase == Phase::Pending {
            m.unsettled.insert("backend".into(), "Shifting".into());
        }
        m.until_phase(phase).run(1);
        gone(&mut m);
        given_back(&m);
    }
}

#[test]
fn a_take_over_that_is_about_to_switch_and_cannot_is_abandoned_too() {
    let mut m = Model::new(canary());
    m.oracle.served = true;
    m.quota = true;
    m.until_phase(Phase::Preparing);
    // Its pods were ready once, and are not when the Service should be switched.
    m.release.as_mut().unwrap().journal.phase = Phase::Promoting;
    m.run(5);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Promoting), "Capacity"), "{}", m.story());
    gone(&mut m);
    given_back(&m);
}

#[test]
fn a_take_over_that_has_switched_is_finished_first() {
    let mut m = Model::new(canary());
    m.until_phase(Phase::Warm);
    gone(&mut m);
    given_back(&m);
    assert_eq!(m.finished[0].1, Phase::Succeeded);
}

#[test]
fn a_first_version_behind_gates_that_failed_does_not_go_live_by_deleting_the_policy() {
    let mut m = Model::new(Policy { gate_first: true, replicas: Some(3), ..canary() });
    m.load.as_mut().unwrap().replicas = 0;
    m.pods.clear();
    m.test_of(1, "conformance", Test::Hangs).until_phase(Phase::Gating).run(5);
    m.delete_policy().until("the policy is gone", 500, |m| m.gone).run(10);
    assert_eq!((m.reached(1), m.live.len(), &m.apex.as_ref().unwrap().selects), (0, 0, &Selects::Users));
}

#[test]
fn everything_goes_when_the_application_is_uninstalled() {
    let cases = [None, Some(Phase::Gating), Some(Phase::Shifting), Some(Phase::Promoting), Some(Phase::Warm)];
    for phase in cases {
        for service in [true, false] {
            let mut m = Model::adopted(canary());
            if let Some(phase) = phase {
                m.wish(2).until_phase(phase);
            }
            m.load = None;
            m.deleting = true;
            if !service {
                m.apex = None;
            }
            m.until("the policy is gone", 300, |m| m.gone).run(5);
            assert!(m.live.is_empty() && !m.finalizer, "{}", m.story());
        }
    }
}

#[test]
fn a_take_over_in_any_phase_does_not_keep_an_uninstalled_application() {
    for phase in [Phase::Pending, Phase::Preparing, Phase::Promoting, Phase::Warm] {
        let mut m = Model::new(canary());
        if phase == Phase::Pending {
            m.unsettled.insert("backend".into(), "Shifting".into());
        }
        m.until_phase(phase);
        (m.load, m.apex) = (None, None);
        m.delete_policy().until("the policy is gone", 300, |m| m.gone);
        assert!(m.live.is_empty());
    }
}

#[test]
fn in_a_namespace_that_goes_nothing_is_created_and_finalizers_are_dropped() {
    for phase in [None, Some(Phase::Gating), Some(Phase::Shifting), Some(Phase::RollingBack), Some(Phase::Warm)] {
        let mut m = Model::adopted(canary());
        if let Some(phase) = phase {
            m.wish(2);
            if phase == Phase::RollingBack {
                m.until_step(1).decide(Order::Abort);
            }
            m.until_phase(phase);
        }
        (m.namespace_terminating, m.apex) = (true, None);
        m.live.clear();
        m.pods.clear();
        m.delete_policy().until("the policy is gone", 10, |m| m.gone);
    }
}

#[test]
fn a_service_that_is_gone_does_not_stop_a_removal() {
    for wish in [1, 2] {
        for phase in [None, Some(Phase::Shifting)] {
            let mut m = Model::adopted(canary());
            if let Some(phase) = phase {
                m.wish(2).until_phase(phase);
            }
            m.apex = None;
            m.wish(wish).delete_policy().until("the policy is gone", 500, |m| m.gone);
        }
    }
}

#[test]
fn a_stable_version_that_is_down_does_not_stop_a_removal() {
    for wish in [1, 2] {
        let mut m = Model::adopted(canary());
        m.pods_of(1, Pods::Down).wish(wish).run(2).delete_policy();
        m.until("the policy is gone", 500, |m| m.gone);
    }
}

#[test]
fn a_workload_whose_own_pods_do_not_come_up_leaves_stable_serving_in_bounded_time() {
    let mut m = Model::adopted(canary());
    m.quota = true;
    gone(&mut m);
    left_serving(&m);
}

#[test]
fn a_removal_waits_for_a_wish_that_cannot_be_read_but_not_for_ever() {
    let mut m = Model::adopted(canary());
    m.load.as_mut().unwrap().readable = false;
    m.delete_policy().run(20);
    assert_eq!(m.reason(), "Reading");
    gone(&mut m);
    left_serving(&m);
}

#[test]
fn suspend_never_stops_a_removal() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    m.policy.suspend = true;
    gone(&mut m);
    left_serving(&m);
}

#[test]
fn a_policy_made_again_and_deleted_cleans_up_what_was_left_serving() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    gone(&mut m);
    left_serving(&m);
    m.policy_again().run(5).wish(1).settle();
    gone(&mut m);
    given_back(&m);
}

#[test]
fn a_workload_that_cannot_be_read_while_it_is_given_back_leaves_callers_with_stable() {
    let mut m = Model::adopted(canary());
    m.delete_policy().until_phase(Phase::Promoting);
    m.load.as_mut().unwrap().readable = false;
    m.run(5);
    // From there on the switch is made anew, with all of its waits.
    assert_eq!((m.reason(), m.phase(), m.reached(1)), ("Reading", Some(Phase::Preparing), 4), "{}", m.story());
    m.load.as_mut().unwrap().readable = true;
    m.until("the policy is gone", 600, |m| m.gone);
}

#[test]
fn after_the_policy_is_gone_outages_of_the_users_own_pods_are_left_alone() {
    let mut m = Model::adopted(canary());
    gone(&mut m);
    let effects = m.effects;
    // A rollout that a quota holds up, and then the pods that still serve go down.
    m.wish(3).run(20);
    m.quota = true;
    m.wish(4).run(40).pods_of(3, Pods::Down).run(20).pods_of(3, Pods::ReadyAfter(2)).run(10);
    assert_eq!((m.effects, m.apex.as_ref().unwrap().endpoints.len()), (effects, 4), "{}", m.story());
}
