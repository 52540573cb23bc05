//! What happens around a release: newer wishes, dependencies, suspension, restarts.

use planner::{
    journal::{Cause, Phase},
    policy::{Place, Policy},
    world::{Blocker, Order},
};

use crate::model::*;

#[test]
fn a_newer_version_in_the_middle_of_a_release_supersedes_it() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(2).wish(3).until_finished(Phase::Superseded);
    assert_eq!(m.last_journal().outcome.as_ref().unwrap().reason, Cause::NewerVersion);
    assert_eq!((m.reached(2), m.replicas(2)), (0, 0));
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!(m.serves(), "33333333");
}

#[test]
fn a_newer_version_during_promotion_waits_for_the_switch_and_ends_the_warm_period() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Promoting).wish(3).until_phase(Phase::Warm);
    let warm = m.clock;
    m.until_finished(Phase::Succeeded);
    assert!(m.clock - warm < 30, "{}", m.story());
    m.until_finished(Phase::Succeeded);
    assert_eq!((m.serves().as_str(), m.last.as_ref().unwrap().from.clone()), ("33333333", Some(rev(2))));
}

#[test]
fn a_newer_version_in_a_warm_period_with_failed_looks_takes_the_old_one_back_first() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Warm);
    m.metrics_of(2, Metrics::Bad);
    m.until("a failed look", 30, |m| m.journal().is_some_and(|j| j.analysis.metrics.iter().any(|x| x.failures == 1)));
    m.wish(3);
    m.load.as_mut().unwrap().since -= 10;
    m.until_finished(Phase::Superseded).until_finished(Phase::Succeeded);
    assert_eq!(m.last.as_ref().unwrap().from, Some(rev(1)), "{}", m.story());
}

#[test]
fn a_wish_that_is_withdrawn_takes_the_candidate_back() {
    for phase in [Phase::Preparing, Phase::Gating, Phase::Shifting, Phase::Promoting, Phase::Warm] {
        let mut m = Model::adopted(canary());
        m.wish(2).until_phase(phase).wish(1).until_finished(Phase::Superseded).settle();
        assert_eq!((m.serves().as_str(), m.reached(1), m.replicas(2)), ("11111111", 4, 0), "{phase:?}");
        m.wish(2).until_finished(Phase::Succeeded);
    }
}

#[test]
fn a_wish_counts_only_when_it_has_rested() {
    let mut m = Model::adopted(canary());
    m.wish(2).run(3).wish(3).run(3).wish(4).run(3);
    assert_eq!((m.reason(), m.release.is_none()), ("Settling", true));
    m.until_finished(Phase::Succeeded);
    assert_eq!((m.serves().as_str(), m.finished.len()), ("44444444", 2));
}

#[test]
fn a_release_waits_for_the_policies_it_depends_on_and_a_circle_just_waits() {
    let mut m = Model::adopted(canary());
    m.unsettled.insert("backend".into(), "Shifting".into());
    m.wish(2).run(600);
    assert_eq!((m.phase(), m.reason(), m.replicas(2)), (Some(Phase::Pending), "DependsOn", 0));
    assert!(m.says().contains("backend"), "{}", m.says());
    m.unsettled.clear();
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_take_over_waits_for_blockers_dependencies_and_the_workloads_own_rollout() {
    let mut m = Model::new(canary());
    m.blockers.push(Blocker { reason: "TrafficLeak".into(), message: "Service other selects its pods".into() });
    m.run(50);
    assert_eq!((m.reason(), m.release.is_none()), ("TrafficLeak", true));
    m.blockers.clear();
    m.pods_of(2, Pods::ReadyAfter(30)).wish(2).run(20);
    assert_eq!(m.reason(), "WorkloadRollingOut", "{}", m.story());
    m.until_finished(Phase::Succeeded);
    assert_eq!(m.serves(), "22222222");
}

#[test]
fn a_take_over_whose_pods_do_not_come_up_is_abandoned_without_blame_and_may_be_tried_again() {
    let mut m = Model::new(canary());
    m.until_phase(Phase::Preparing);
    m.quota = true;
    m.pods.retain(|_, p| matches!(p.owner, Owner::Workload(_)));
    m.until_finished(Phase::Inconclusive).settle();
    assert_eq!((m.replicas(1), m.load.as_ref().unwrap().replicas, m.failed.len()), (0, 4, 0), "{}", m.story());
    m.quota = false;
    m.decide(Order::Retry).until_finished(Phase::Succeeded);
}

#[test]
fn a_take_over_is_left_for_a_newer_wish_until_the_service_is_switched_and_finished_from_there_on() {
    let mut m = Model::new(canary());
    m.pods_of(1, Pods::ReadyAfter(20)).until_phase(Phase::Preparing).wish(2);
    m.until_finished(Phase::Superseded).until_finished(Phase::Succeeded).settle();
    assert_eq!(m.serves(), "22222222");
    let mut m = Model::new(canary());
    m.until_phase(Phase::Warm).wish(2);
    m.until_finished(Phase::Succeeded).until_finished(Phase::Succeeded);
    assert_eq!((m.serves().as_str(), m.history[0].name.as_str()), ("22222222", "shop-11111111-1"));
}

#[test]
fn suspend_holds_what_rises_and_nothing_else() {
    for phase in [Phase::Preparing, Phase::Gating, Phase::Shifting, Phase::Warm] {
        let mut m = Model::adopted(canary());
        m.wish(2).until_phase(phase);
        m.policy.suspend = true;
        m.run(300);
        assert_eq!((m.phase(), m.reason()), (Some(phase), "Suspended"), "{}", m.story());
        m.policy.suspend = false;
        m.until_finished(Phase::Succeeded);
    }
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Promoting);
    m.policy.suspend = true;
    m.until_phase(Phase::Warm);
}

#[test]
fn suspend_never_stops_a_rollback_and_starts_no_release() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    m.policy.suspend = true;
    m.metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack);
    m.wish(3).settle();
    assert_eq!((m.reason(), m.release.is_none()), ("Suspended", true));
}

#[test]
fn suspend_halts_the_draining_of_the_old_revision() {
    let mut m = Model::adopted(canary());
    m.wish(2).until("two pods left", 500, |m| m.replicas(1) == 2);
    m.policy.suspend = true;
    m.run(100);
    assert_eq!((m.replicas(1), m.reason()), (2, "Suspended"), "{}", m.story());
    m.policy.suspend = false;
    m.until_finished(Phase::Succeeded);
}

#[test]
fn many_old_pods_end_in_no_more_rounds_than_four() {
    for (pods, expected) in [(2, vec![2, 1, 0]), (4, vec![4, 3, 2, 1, 0]), (12, vec![12, 9, 6, 3, 0])] {
        let mut m = Model::adopted(Policy { replicas: Some(pods), ..canary() });
        m.wish(2).until_phase(Phase::Warm);
        let mut rounds = vec![m.replicas(1)];
        while m.release.is_some() && rounds.len() < 20 {
            m.run(1);
            if rounds.last() != Some(&m.replicas(1)) {
                rounds.push(m.replicas(1));
            }
        }
        assert_eq!(rounds, expected, "{}", m.story());
    }
}

#[test]
fn a_controller_that_was_away_shortens_no_step_and_loses_nothing() {
    for phase in [Phase::Pending, Phase::Preparing, Phase::Gating, Phase::Shifting, Phase::Promoting, Phase::Warm] {
        let mut m = Model::adopted(canary());
        if phase == Phase::Pending {
            m.unsettled.insert("backend".into(), "Shifting".into());
        }
        m.wish(2).until_phase(phase);
        m.unsettled.clear();
        m.away = true;
        m.run(20);
        m.away = false;
        m.until_finished(Phase::Succeeded);
    }
}

#[test]
fn a_deleted_workload_takes_the_candidate_back_and_stable_goes_on_serving() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    m.load = None;
    m.until_finished(Phase::Superseded).settle();
    assert_eq!((m.reason(), m.reached(1), m.replicas(2)), ("WorkloadGone", 4, 0));
}

#[test]
fn a_deleted_release_goes_back_first_and_is_not_begun_again_by_itself() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    m.release.as_mut().unwrap().deleting = true;
    m.until_finished(Phase::Superseded).settle();
    assert_eq!((m.last_journal().outcome.as_ref().unwrap().reason, m.reached(2)), (Cause::Aborted, 0));
}

#[test]
fn what_blocks_a_release_is_said() {
    let mut m = Model::adopted(Policy { depends_on: vec!["backend".into()], ..canary() });
    m.blockers.push(Blocker { reason: "ConfigMissing".into(), message: "ConfigMap x is missing".into() });
    m.load.as_mut().unwrap().readable = false;
    m.wish(2).run(30);
    assert_eq!((m.reason(), m.waiting.as_ref().unwrap().stalled), ("ConfigMissing", true));
}

#[test]
fn an_abandoned_take_over_ends_its_copies_only_when_callers_reach_the_workloads_own_pods_alone() {
    let mut m = Model::new(canary());
    m.oracle.served = true;
    m.until_phase(Phase::Preparing).decide(Order::Pause).run(5).decide(Order::Abort).until_phase(Phase::RollingBack);
    let copies = m.reached(1);
    m.until("they are out", 20, |m| m.reached(1) == 0);
    assert!(copies > 0 && m.replicas(1) > 0, "{}", m.story());
    m.until_finished(Phase::Superseded);
    assert_eq!((m.replicas(1), &m.apex.as_ref().unwrap().selects), (0, &planner::world::Selects::Users));
}

#[test]
fn a_gate_that_the_policy_gets_before_live_traffic_is_asked() {
    for phase in [Phase::Pending, Phase::Preparing, Phase::Gating] {
        let mut m = Model::adopted(tested(canary()));
        if phase == Phase::Pending {
            m.unsettled.insert("backend".into(), "Shifting".into());
        }
        m.wish(2).until_phase(phase).change_policy(|p| p.gates.push(approval("signoff", Place::Traffic, 1)));
        m.until_finished(Phase::Superseded).unsettled.clear();
        let outcome = m.last_journal().outcome.clone().unwrap();
        assert_eq!(outcome.reason, Cause::PolicyChanged, "{phase:?}");
        assert!(outcome.message.contains("the policy was changed"), "{}", outcome.message);
        m.run(200);
        assert_eq!((m.phase(), m.reason(), m.reached(2)), (Some(Phase::Gating), "Approval", 0), "{phase:?}");
        m.approve("ann", "signoff").until_finished(Phase::Succeeded);
        assert_eq!((m.serves().as_str(), m.last.as_ref().unwrap().attempt), ("22222222", 2));
    }
}

#[test]
fn a_policy_that_is_changed_and_changed_back_starts_nothing_over() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Preparing).away = true;
    m.change_policy(|p| p.warm = p.warm * 2).change_policy(|p| p.warm = p.warm / 2).away = false;
    m.until_finished(Phase::Succeeded);
    assert_eq!(m.last.as_ref().unwrap().attempt, 1);
}

#[test]
fn what_a_person_ordered_outlasts_a_change_of_the_policy() {
    let mut m = Model::adopted(tested(canary()));
    m.wish(2).until_phase(Phase::Gating).decide(Order::Pause).run(2).change_policy(|p| p.gates.clear()).run(100);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Gating), "Paused"));
    m.decide(Order::Resume).until_finished(Phase::Superseded).until_finished(Phase::Succeeded);
    m.decide(Order::Rollback)
        .until_phase(Phase::Preparing)
        .change_policy(|p| p.gates.push(gate("late", Place::Traffic)));
    m.until_finished(Phase::Succeeded);
    assert_eq!(m.serves(), "11111111", "{}", m.story());
}

#[test]
fn going_back_to_a_version_that_has_passed_stays_fast_under_a_changed_policy() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_finished(Phase::Succeeded).wish(1).until_phase(Phase::Preparing);
    assert!(m.release.as_ref().unwrap().fast);
    m.change_policy(|p| p.warm = p.warm * 2).until_finished(Phase::Superseded).until_phase(Phase::Preparing);
    m.change_policy(|p| p.warm = p.warm * 2).until_finished(Phase::Superseded).until_finished(Phase::Succeeded);
    assert!(m.last.as_ref().unwrap().fast && m.serves() == "11111111", "{}", m.story());
}

#[test]
fn another_version_is_not_fast_since_the_one_before_it_was() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_finished(Phase::Succeeded);
    m.wish(3).until_step(1).wish(1).until_finished(Phase::Superseded).until_phase(Phase::Preparing);
    assert!(m.release.as_ref().unwrap().fast);
    // Version 3 is still kept, and has passed nothing but its first step.
    m.change_policy(|p| p.warm = p.warm * 2).until_phase(Phase::RollingBack).wish(3);
    m.load.as_mut().unwrap().since -= 10;
    m.until_finished(Phase::Superseded).until_phase(Phase::Preparing);
    assert_eq!(m.last_journal().outcome.as_ref().unwrap().reason, Cause::PolicyChanged);
    let release = m.release.as_ref().unwrap();
    assert_eq!((release.to.as_ref(), release.fast), (Some(&rev(3)), false), "{}", m.story());
}

#[test]
fn a_failed_version_stays_failed_when_the_policy_is_changed() {
    let mut m = Model::adopted(tested(canary()));
    m.test_of(2, "conformance", Test::Fails).wish(2).until_phase(Phase::RollingBack);
    m.change_policy(|p| p.warm = p.warm * 2).until_finished(Phase::RolledBack).run(100);
    assert!(m.release.is_none() && m.reason() == "RolledBack", "{}", m.story());
}

#[test]
fn a_first_version_behind_its_gates_meets_those_of_the_changed_policy() {
    let first = Policy { gate_first: true, replicas: Some(2), ..tested(canary()) };
    let mut m = Model::new(first);
    m.load.as_mut().unwrap().replicas = 0;
    m.pods.clear();
    m.until_phase(Phase::Gating).change_policy(|p| p.gates.push(approval("signoff", Place::Promotion, 1)));
    m.until_finished(Phase::Superseded).run(300);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Gating), "Approval"), "{}", m.story());
    m.approve("ann", "signoff").until_finished(Phase::Succeeded);
}
