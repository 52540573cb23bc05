//! Bad versions.

use chrono::TimeDelta;
use planner::{
    journal::{Cause, Phase},
    policy::{Asks, Place, Policy},
    world::Order,
};

use crate::model::*;

fn cause(m: &Model) -> Cause {
    m.last_journal().outcome.as_ref().unwrap().reason
}

#[track_caller]
fn stable_is_untouched(m: &Model) {
    let state = (m.serves(), m.reached(1), m.reached(2), m.replicas(1), m.replicas(2));
    assert_eq!(state, ("11111111".into(), 4, 0, 4, 0), "{}", m.story());
}

#[test]
fn a_version_that_fails_conformance_never_has_a_live_request_and_the_message_holds_the_tests_last_lines() {
    let mut m = Model::adopted(canary());
    m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack).settle();
    stable_is_untouched(&m);
    assert!(!m.last_journal().served);
    assert_eq!((cause(&m), m.reason()), (Cause::ConformanceFailed, "RolledBack"));
    assert!(m.says().contains("refuses an expired card"), "{}", m.says());
}

#[test]
fn a_test_that_fails_now_and_then_has_as_many_attempts_as_the_policy_says() {
    let mut twice = gate("conformance", Place::Traffic);
    twice.asks = Asks::Test { attempts: 2 };
    let mut m = Model::adopted(Policy { gates: vec![twice], ..canary() });
    m.test_of(2, "conformance", Test::Fails).wish(2);
    m.until("a second run", 100, |m| m.journal().is_some_and(|j| j.gates.iter().any(|g| g.attempt == 2)));
    m.test_of(2, "conformance", Test::Passes).until_finished(Phase::Succeeded);
    assert_eq!(m.last_journal().gates[0].failures, 1);
}

#[test]
fn a_failed_test_counts_before_one_that_is_late_in_the_same_pass() {
    let gates = vec![gate("late", Place::Traffic), gate("conformance", Place::Traffic)];
    let mut m = Model::adopted(Policy { gates, ..canary() });
    m.test_of(2, "late", Test::Hangs).test_of(2, "conformance", Test::Hangs).wish(2).until_phase(Phase::Gating).run(10);
    m.away = true;
    m.run(80).test_of(2, "conformance", Test::Fails);
    m.away = false;
    m.until_finished(Phase::RolledBack);
    assert!(m.failed.contains(&rev(2).digest));
}

#[test]
fn a_test_that_cannot_start_ends_inconclusive_and_a_retry_works() {
    let mut m = Model::adopted(canary());
    m.test_of(2, "conformance", Test::Hangs).wish(2).until_finished(Phase::Inconclusive).settle();
    stable_is_untouched(&m);
    assert_eq!((cause(&m), m.reason()), (Cause::GateTimeout, "Inconclusive"));
    assert!(m.says().contains("the Job's image cannot be pulled") && m.failed.is_empty(), "{}", m.says());
    m.test_of(2, "conformance", Test::Passes).decide(Order::Retry).until_finished(Phase::Succeeded);
    assert_eq!(m.last.as_ref().unwrap().attempt, 2);
}

#[test]
fn a_test_that_is_evicted_again_and_again_is_tried_until_its_timeout() {
    let mut m = Model::adopted(canary());
    m.test_of(2, "conformance", Test::Breaks).wish(2).until_finished(Phase::Inconclusive);
    assert!(m.last_journal().gates[0].attempt > 5);
}

#[test]
fn a_version_that_is_bad_under_live_traffic_is_taken_back_and_its_share_is_never_raised_after_a_failed_look() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    m.metrics_of(2, Metrics::Bad);
    let failed = |m: &Model| m.journal().is_some_and(|j| j.analysis.metrics.iter().any(|x| x.failures > 0));
    m.until("a failed look", 100, failed);
    let (first, share) = (m.clock, m.reached(2));
    while m.reached(2) > 0 {
        m.tick();
        assert!(m.reached(2) <= share, "{}", m.story());
    }
    // The second look comes one interval later; the selector follows at once.
    assert!(m.clock - first <= 10 + 2, "{}", m.story());
    m.until_finished(Phase::RolledBack).settle();
    stable_is_untouched(&m);
    assert_eq!(cause(&m), Cause::AnalysisFailed);
    assert!(m.says().contains("50 should be at least 99"), "{}", m.says());
}

#[test]
fn a_failed_look_late_in_a_bake_holds_the_step_beyond_it() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1).run(24);
    m.metrics_of(2, Metrics::Bad);
    m.until("a failed look", 12, |m| m.journal().is_some_and(|j| j.analysis.metrics.iter().any(|x| x.failures > 0)));
    m.metrics_of(2, Metrics::Good).run(8);
    assert_eq!(m.journal().unwrap().step, Some(1), "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn pods_that_are_ready_for_a_moment_now_and_then_meet_no_caller_and_miss_the_deadline() {
    let mut m = Model::adopted(Policy { gates: vec![], ..canary() });
    m.min_ready = 5;
    m.pods_of(2, Pods::Flap).wish(2).until_finished(Phase::RolledBack).settle();
    let journal = m.last_journal();
    assert_eq!((journal.served, journal.outcome.as_ref().map(|o| o.reason)), (false, Some(Cause::PodsFailed)));
    stable_is_untouched(&m);
}

#[test]
fn a_version_that_is_bad_after_promotion_goes_back_in_one_write() {
    for policy in [canary(), blue_green()] {
        let mut m = Model::adopted(policy);
        m.wish(2).until_phase(Phase::Warm);
        m.metrics_of(2, Metrics::Bad).until_phase(Phase::RollingBack);
        m.tick();
        m.tick();
        assert_eq!((m.reached(1), m.reached(2)), (4, 0), "{}", m.story());
        m.until_finished(Phase::RolledBack).settle();
        stable_is_untouched(&m);
    }
}

#[test]
fn a_version_that_fails_while_the_old_pods_are_drained_waits_for_their_full_capacity_before_it_goes_back() {
    let mut m = Model::adopted(canary());
    m.wish(2).until("one pod left", 500, |m| m.replicas(1) == 1);
    m.metrics_of(2, Metrics::Bad).until("back", 60, |m| m.reached(1) > 0);
    assert_eq!((m.reached(1), m.reached(2)), (4, 0), "{}", m.story());
    m.until_finished(Phase::RolledBack).settle();
    stable_is_untouched(&m);
}

#[test]
fn half_of_the_old_pods_are_not_enough_for_the_way_back_when_draining_had_begun() {
    let mut m = Model::adopted(canary());
    m.wish(2).until("two pods left", 500, |m| m.replicas(1) == 2);
    m.quota = true;
    m.decide(Order::Abort).run(20);
    assert_eq!((m.phase(), m.reached(1), m.reason()), (Some(Phase::RollingBack), 0, "Capacity"), "{}", m.story());
    m.quota = false;
    m.until_finished(Phase::Superseded).settle();
    stable_is_untouched(&m);
}

#[test]
fn the_old_revision_is_kept_while_a_metric_of_the_promoted_one_has_failed_looks_or_none() {
    for said in [Metrics::Silent, Metrics::Bad] {
        let policy = Policy { warm: TimeDelta::seconds(21), ..canary() };
        let mut m = Model::adopted(policy);
        m.wish(2).until_phase(Phase::Warm).run(15);
        m.metrics_of(2, said).run(8);
        if said == Metrics::Silent {
            m.run(200);
            assert_eq!((m.phase(), m.reason()), (Some(Phase::Warm), "NoEvidence"), "{}", m.story());
        }
        assert_eq!(m.replicas(1), 4, "{}", m.story());
        m.metrics_of(2, Metrics::Good).until_finished(Phase::Succeeded);
    }
}

#[test]
fn a_version_whose_pods_crash_or_never_become_ready_fails_by_the_progress_deadline() {
    for pods in [Pods::Crash, Pods::NeverReady] {
        let mut m = Model::adopted(canary());
        m.pods_of(2, pods).wish(2).until_finished(Phase::RolledBack).settle();
        stable_is_untouched(&m);
        assert_eq!(cause(&m), Cause::PodsFailed);
        assert!(m.failed.contains(&rev(2).digest));
    }
}

#[test]
fn pods_that_start_late_have_their_own_time_to_become_ready() {
    let mut m = Model::adopted(canary());
    m.quota = true;
    m.pods_of(2, Pods::ReadyAfter(20)).wish(2).until_phase(Phase::Preparing).run(55);
    m.quota = false;
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_version_whose_image_cannot_be_had_or_that_meets_a_quota_is_inconclusive_and_may_be_tried_again() {
    for quota in [false, true] {
        let mut m = Model::adopted(canary());
        m.quota = quota;
        m.pods_of(2, if quota { Pods::ReadyAfter(2) } else { Pods::ImageMissing });
        m.wish(2).until_finished(Phase::Inconclusive).settle();
        stable_is_untouched(&m);
        assert_eq!((cause(&m), m.failed.len()), (Cause::PodsNotStarted, 0));
        m.quota = false;
        m.pods_of(2, Pods::ReadyAfter(2)).decide(Order::Retry).until_finished(Phase::Succeeded);
    }
}

#[test]
fn a_version_whose_objects_are_refused_is_inconclusive_by_the_progress_deadline() {
    let mut m = Model::adopted(canary());
    m.refused = true;
    m.wish(2).until_phase(Phase::Preparing).until("its end", 62, |m| m.release.is_none());
    assert_eq!(m.last_journal().phase, Phase::Inconclusive, "{}", m.story());
    stable_is_untouched(&m);
    assert_eq!((cause(&m), m.failed.len()), (Cause::PodsNotStarted, 0));
}

#[test]
fn a_version_that_dies_after_promotion_is_taken_back_at_once() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Warm).run(5);
    m.pods_of(2, Pods::Down).run(3);
    assert_eq!((m.phase(), m.reached(1)), (Some(Phase::RollingBack), 4), "{}", m.story());
    m.until_finished(Phase::RolledBack).settle();
    stable_is_untouched(&m);
}

#[test]
fn metrics_that_say_nothing_hold_the_release_then_end_it_as_the_policy_says() {
    let mut policy = canary();
    for (rollback, expected) in [(false, Phase::Inconclusive), (true, Phase::RolledBack)] {
        policy.analysis.as_mut().unwrap().rollback_unknown = rollback;
        let mut m = Model::adopted(policy.clone());
        m.metrics_of(2, Metrics::Silent).wish(2).until_step(1).run(50);
        assert_eq!((m.reason(), m.journal().unwrap().step), ("NoEvidence", Some(1)), "{}", m.story());
        m.until_finished(expected).settle();
        stable_is_untouched(&m);
        assert_eq!((cause(&m), m.failed.len()), (Cause::NoEvidence, 0));
    }
}

#[test]
fn metrics_that_come_back_let_the_release_go_on() {
    let mut m = Model::adopted(canary());
    m.metrics_of(2, Metrics::Silent).wish(2).until_step(1).run(50);
    m.metrics_of(2, Metrics::Good).until_finished(Phase::Succeeded);
}

#[test]
fn a_metric_that_no_look_speaks_of_is_as_silent_as_one_without_a_number() {
    let mut policy = canary();
    let other = analysis::Metric { name: "latency".into(), objective: analysis::Objective::default() };
    policy.analysis.as_mut().unwrap().plan.metrics.push(other);
    let mut m = Model::adopted(policy);
    m.unspoken = Some("latency".into());
    m.wish(2).until_finished(Phase::Inconclusive);
    assert_eq!(cause(&m), Cause::NoEvidence);
}

#[test]
fn hold_on_failure_keeps_the_pods_without_traffic_until_a_person_decides() {
    for order in [Order::Abort, Order::Retry] {
        let mut m = Model::adopted(Policy { hold_failed: true, ..canary() });
        m.wish(2).until_step(1);
        m.metrics_of(2, Metrics::Bad).until_phase(Phase::Held).settle();
        assert_eq!((m.reached(2), m.replicas(2), m.reason()), (0, 1, "Held"));
        m.metrics_of(2, Metrics::Good).decide(order.clone()).until_finished(Phase::Superseded);
        if order == Order::Retry {
            m.until_finished(Phase::Succeeded);
        } else {
            m.settle();
            stable_is_untouched(&m);
        }
    }
}

#[test]
fn a_version_that_failed_and_was_held_is_not_tried_again_when_a_newer_one_has_come_and_gone() {
    let mut m = Model::adopted(Policy { hold_failed: true, ..canary() });
    m.test_of(2, "conformance", Test::Fails).wish(2).until_phase(Phase::Held).run(5);
    m.wish(3).until_finished(Phase::Superseded).until_finished(Phase::Succeeded).settle();
    m.wish(2).settle();
    assert_eq!(
        (m.release.is_none(), m.reason(), m.serves().as_str()),
        (true, "RolledBack", "33333333"),
        "{}",
        m.story()
    );
}

#[test]
fn hold_without_evidence_keeps_the_split_until_promote_abort_or_retry() {
    for (order, ends) in
        [(Order::Promote, Phase::Succeeded), (Order::Abort, Phase::Superseded), (Order::Retry, Phase::Superseded)]
    {
        let mut m = Model::adopted(Policy { rollback_inconclusive: false, ..canary() });
        m.metrics_of(2, Metrics::Silent).wish(2).until_phase(Phase::Inconclusive).run(100);
        assert_eq!((m.reached(1), m.reached(2), m.reason()), (4, 1, "Inconclusive"), "{}", m.story());
        m.decide(order.clone());
        if order == Order::Promote {
            m.metrics_of(2, Metrics::Good);
        }
        m.until_finished(ends);
    }
}

#[test]
fn a_split_held_without_evidence_goes_back_when_evidence_against_it_comes() {
    let mut m = Model::adopted(Policy { rollback_inconclusive: false, ..canary() });
    m.metrics_of(2, Metrics::Silent).wish(2).until_phase(Phase::Inconclusive);
    m.metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack).settle();
    stable_is_untouched(&m);
}

#[test]
fn a_split_held_for_want_of_capacity_is_not_raised_when_the_pods_come() {
    let mut m = Model::adopted(Policy { rollback_inconclusive: false, ..canary() });
    m.wish(2).until_step(1);
    m.quota = true;
    m.until_phase(Phase::Inconclusive).run(5);
    m.quota = false;
    m.run(100);
    assert_eq!((m.phase(), m.reached(1), m.reached(2)), (Some(Phase::Inconclusive), 4, 1), "{}", m.story());
    m.decide(Order::Promote).until_finished(Phase::Succeeded);
}

#[test]
fn a_promotion_held_for_want_of_capacity_does_not_switch_when_the_pods_come() {
    let mut policy = Policy { rollback_inconclusive: false, ..canary() };
    policy.strategy = planner::policy::Strategy::Canary(vec![step(20, 10)]);
    let mut m = Model::adopted(policy);
    m.wish(2).until_step(1);
    m.quota = true;
    m.until_phase(Phase::Inconclusive).run(5);
    m.quota = false;
    m.run(100);
    assert_eq!((m.phase(), m.reached(1)), (Some(Phase::Inconclusive), 4), "{}", m.story());
    m.decide(Order::Promote).until_finished(Phase::Succeeded);
}

#[test]
fn a_test_that_was_late_in_a_step_is_asked_again_when_a_person_promotes_and_is_never_skipped() {
    let gates = vec![gate("probe", Place::Step)];
    let mut m = Model::adopted(Policy { gates, rollback_inconclusive: false, ..canary() });
    m.test_of(2, "probe", Test::Hangs).wish(2).until_phase(Phase::Inconclusive).run(20);
    m.decide(Order::Promote).run(20);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Shifting), "Conformance"), "{}", m.story());
    m.test_of(2, "probe", Test::Passes).until_finished(Phase::Succeeded);
}

#[test]
fn pods_of_a_version_that_failed_before_it_served_are_kept_for_looking_at_and_then_go() {
    let policy = Policy { keep_failed: TimeDelta::seconds(120), ..canary() };
    let mut m = Model::adopted(policy.clone());
    m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack).run(110);
    assert_eq!((m.replicas(2), m.reached(2)), (1, 0), "{}", m.story());
    m.run(30);
    assert_eq!(m.replicas(2), 0, "{}", m.story());
    // Pods that served are not kept.
    let mut m = Model::adopted(policy);
    m.metrics_of(2, Metrics::Bad).wish(2).until_finished(Phase::RolledBack).run(5);
    assert_eq!(m.replicas(2), 0, "{}", m.story());
}

#[test]
fn kept_pods_of_a_failed_version_go_when_the_next_version_is_tried() {
    let mut m = Model::adopted(Policy { keep_failed: TimeDelta::seconds(1200), ..canary() });
    m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack).run(20);
    m.wish(3).until_phase(Phase::Gating);
    assert_eq!(m.replicas(2), 0, "{}", m.story());
    m.until_finished(Phase::Succeeded);
}
