//! What people decide.

use planner::{
    journal::{Cause, Phase},
    policy::{Place, Policy, Strategy},
    world::Order,
};

use crate::model::*;

fn with_pause() -> Policy {
    let mut first = step(20, 30);
    first.pause = true;
    Policy { strategy: Strategy::Canary(vec![first, step(50, 30)]), ..canary() }
}

#[test]
fn a_step_that_pauses_waits_for_a_resume_after_its_bake() {
    let mut m = Model::adopted(with_pause());
    m.wish(2).until_step(1).run(500);
    assert_eq!((m.reason(), m.journal().unwrap().step), ("PauseStep", Some(1)));
    m.decide(Order::Resume).until_step(2).until_finished(Phase::Succeeded);
}

#[test]
fn that_nothing_happens_until_a_person_acts_is_told_once_in_an_hour() {
    let told = |m: &Model| {
        let journal = m.journal().unwrap();
        journal.timeline.iter().filter(|e| e.reason == "Stalled").map(|e| e.message.clone()).collect::<Vec<_>>()
    };
    let mut m = Model::adopted(with_pause());
    m.wish(2).until_step(1).run(500);
    assert_eq!(told(&m).len(), 1, "{}", m.story());
    assert!(told(&m)[0].starts_with("PauseStep: "), "{:?}", told(&m));
    // What a person has ordered is no news to people, and what comes again within the hour is none either.
    m.decide(Order::Pause).run(20);
    assert_eq!(m.reason(), "Paused", "{}", m.story());
    assert_eq!(told(&m).len(), 1, "{}", m.story());
}

#[test]
fn a_resume_before_the_pause_was_reached_does_not_open_it() {
    let mut m = Model::adopted(with_pause());
    m.wish(2).until_step(1).run(5).decide(Order::Resume).run(200);
    assert_eq!((m.reason(), m.journal().unwrap().step), ("PauseStep", Some(1)), "{}", m.story());
    m.decide(Order::Pause).run(20).decide(Order::Resume).until_finished(Phase::Succeeded);
}

#[test]
fn a_pause_holds_the_release_until_it_is_resumed() {
    for phase in [Phase::Preparing, Phase::Gating, Phase::Shifting] {
        let mut m = Model::adopted(canary());
        m.wish(2).until_phase(phase).decide(Order::Pause).run(300);
        assert_eq!((m.phase(), m.reason()), (Some(phase), "Paused"), "{}", m.story());
        m.decide(Order::Resume).until_finished(Phase::Succeeded);
    }
}

#[test]
fn a_paused_release_is_still_taken_back_when_it_is_bad() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1).decide(Order::Pause).run(10);
    m.metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack);
}

#[test]
fn skip_step_ends_the_bake_of_this_step_only() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1).decide(Order::SkipStep);
    let began = m.clock;
    m.until_step(2);
    assert!(m.clock - began < 8, "{}", m.story());
    let second = m.clock;
    m.until_phase(Phase::Promoting);
    assert!(m.clock - second >= 30, "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn promote_skips_bakes_and_never_conformance_nor_capacity() {
    for phase in [Phase::Preparing, Phase::Gating, Phase::Shifting] {
        let gates = vec![gate("conformance", Place::Traffic), gate("last", Place::Promotion)];
        let mut m = Model::adopted(Policy { gates, ..canary() });
        m.wish(2).until_phase(phase).decide(Order::Promote);
        let began = m.clock;
        m.until_phase(Phase::Warm);
        assert!(m.clock - began < 40, "{}", m.story());
        let passed = m.journal().unwrap().gates.iter().filter(|g| g.verdict == analysis::Verdict::Pass).count();
        assert_eq!(passed, 2, "{}", m.story());
        m.until_finished(Phase::Succeeded);
    }
}

#[test]
fn promote_does_not_get_a_version_past_its_conformance_test() {
    let mut m = Model::adopted(canary());
    m.test_of(2, "conformance", Test::Fails).wish(2).until_phase(Phase::Gating).decide(Order::Promote);
    m.until_finished(Phase::RolledBack).settle();
    assert_eq!((m.reached(2), m.last_journal().served), (0, false));
}

#[test]
fn promote_before_anything_exists_has_no_effect() {
    let mut m = Model::adopted(canary());
    m.unsettled.insert("backend".into(), "Shifting".into());
    m.wish(2).until_phase(Phase::Pending).decide(Order::Promote).run(5);
    assert!(!m.journal().unwrap().orders.promote);
    m.unsettled.clear();
    m.until_step(1).until_step(2);
}

#[test]
fn abort_takes_the_candidate_back_and_it_is_not_tried_again_by_itself() {
    for phase in [Phase::Pending, Phase::Preparing, Phase::Gating, Phase::Shifting, Phase::Promoting, Phase::Warm] {
        let mut m = Model::adopted(canary());
        m.wish(2);
        if phase == Phase::Pending {
            m.unsettled.insert("backend".into(), "Shifting".into());
        }
        m.until_phase(phase).run(1).decide(Order::Abort).until_finished(Phase::Superseded).settle();
        m.unsettled.clear();
        m.settle();
        assert_eq!(m.last_journal().outcome.as_ref().unwrap().reason, Cause::Aborted);
        assert_eq!((m.reached(1), m.replicas(2), m.release.is_none()), (4, 0, true), "{}", m.story());
        m.decide(Order::Retry).until_finished(Phase::Succeeded);
    }
}

#[test]
fn a_retry_after_a_rollback_is_a_new_attempt_with_fresh_verdicts() {
    let mut m = Model::adopted(canary());
    m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack).settle();
    m.test_of(2, "conformance", Test::Passes).decide(Order::Retry).until_phase(Phase::Gating).run(5);
    assert_eq!(m.journal().unwrap().gates[0].verdict, analysis::Verdict::Unknown);
    m.until_finished(Phase::Succeeded);
    assert_eq!(m.last.as_ref().unwrap().name, "shop-22222222-2");
}

#[test]
fn a_retry_that_was_decided_on_the_way_back_counts_when_it_is_over() {
    let mut m = Model::adopted(canary());
    m.metrics_of(2, Metrics::Bad).wish(2).until_phase(Phase::RollingBack);
    m.metrics_of(2, Metrics::Good).decide(Order::Retry).until_finished(Phase::RolledBack);
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_decision_works_once() {
    let mut m = Model::adopted(canary());
    m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack).settle();
    m.decide(Order::Retry).until_finished(Phase::RolledBack).settle();
    assert_eq!((m.last.as_ref().unwrap().attempt, m.release.is_none()), (2, true), "{}", m.story());
}

#[test]
fn an_abort_seen_together_with_a_failed_start_gate_is_still_one_end() {
    let mut m = Model::adopted(Policy { gates: vec![gate("begin", Place::Start)], ..canary() });
    m.test_of(2, "begin", Test::Hangs).wish(2).until_phase(Phase::Pending).run(10);
    m.test_of(2, "begin", Test::Fails).decide(Order::Abort).until_finished(Phase::RolledBack).settle();
    assert!(m.failed.contains(&rev(2).digest), "{}", m.story());
}

#[test]
fn more_decisions_than_a_journal_holds_neither_work_twice_nor_stop_an_abort() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    for _ in 0..50 {
        m.decide(Order::Pause).decide(Order::Resume);
    }
    m.run(5);
    assert_eq!(m.journal().unwrap().orders.heeded.len(), 64);
    m.decide(Order::Abort).until_finished(Phase::Superseded);
}

fn delivered(policy: Policy) -> Model {
    let mut m = Model::adopted(policy);
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m
}

#[test]
fn a_rollback_goes_back_to_the_version_before_without_its_steps_and_the_wish_is_held() {
    for suspend in [false, true] {
        let mut m = delivered(canary());
        m.policy.suspend = suspend;
        let began = m.clock;
        m.decide(Order::Rollback)
            .until("the old version has all traffic", 60, |m| m.reached(1) == 4 && m.reached(2) == 0);
        assert!(m.clock - began < 15, "{}", m.story());
        m.policy.suspend = false;
        m.until_finished(Phase::Succeeded).settle();
        assert_eq!((m.serves(), m.reason()), ("11111111".into(), "GoneBack"), "{}", m.story());
        assert!(
            m.says().contains("ann went back") && m.says().contains("Retry about release shop-11111111-2"),
            "{}",
            m.says()
        );
        assert!(m.failed.is_empty());
    }
}

#[test]
fn what_was_gone_back_from_goes_through_its_steps_again_after_a_retry() {
    let mut m = delivered(canary());
    m.decide(Order::Rollback).until_finished(Phase::Succeeded).settle();
    m.decide(Order::Retry).until_step(1).until_step(2).until_finished(Phase::Succeeded).settle();
    assert_eq!((m.serves(), m.reason()), ("22222222".into(), ""), "{}", m.story());
    // Also when other versions came in between.
    m.decide(Order::Rollback).until_finished(Phase::Succeeded).settle();
    m.wish(3).until_finished(Phase::Succeeded).settle().wish(2).until_step(1).until_finished(Phase::Succeeded);
}

#[test]
fn a_rollback_gives_way_to_a_newer_version_and_to_nothing_else() {
    let mut m = delivered(canary());
    m.decide(Order::Rollback).until_phase(Phase::Warm).run(20);
    assert_eq!(m.phase(), Some(Phase::Warm), "{}", m.story());
    m.wish(3).until_finished(Phase::Succeeded).until_finished(Phase::Succeeded).settle();
    assert_eq!(m.serves(), "33333333", "{}", m.story());
    // The workload is set back too: then all is as it is wished.
    let mut m = delivered(canary());
    m.decide(Order::Rollback).until_phase(Phase::Warm).wish(1).until_finished(Phase::Succeeded).settle();
    assert_eq!((m.serves(), m.reason()), ("11111111".into(), ""), "{}", m.story());
}

#[test]
fn a_rollback_that_is_aborted_leaves_what_served() {
    let mut m = delivered(canary());
    m.pods_of(1, Pods::ReadyAfter(50))
        .decide(Order::Rollback)
        .until_phase(Phase::Preparing)
        .run(2)
        .decide(Order::Abort);
    m.until_finished(Phase::Superseded).settle();
    assert_eq!((m.serves(), m.reached(2), m.reason()), ("22222222".into(), 4, ""), "{}", m.story());
}

#[test]
fn a_rollback_has_no_effect_before_the_end_nor_where_nothing_is_kept_to_go_back_to() {
    let mut m = Model::adopted(canary());
    m.decide(Order::Rollback).settle();
    assert_eq!(m.finished.len(), 1, "a take-over has nothing before it");
    m.wish(2).until_step(1).decide(Order::Rollback).until_finished(Phase::Succeeded).settle();
    assert_eq!((m.finished.len(), m.serves()), (2, "22222222".into()), "{}", m.story());
    m.live.remove(&rev(1).revision);
    m.decide(Order::Rollback).settle();
    assert_eq!((m.finished.len(), m.serves()), (2, "22222222".into()), "{}", m.story());
}

#[test]
fn a_rollback_by_somebody_who_may_not_has_no_effect() {
    let mut m = delivered(canary());
    m.decide_if(false, "eve", Order::Rollback).settle();
    assert_eq!((m.finished.len(), m.serves()), (2, "22222222".into()), "{}", m.story());
}

#[test]
fn a_decision_about_another_digest_or_release_has_no_effect() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1).decide(Order::Abort);
    m.decisions[0].digest = rev(3).digest;
    m.run(5).decide(Order::Abort);
    m.decisions[1].release = "shop-33333333-1".into();
    m.until_finished(Phase::Succeeded);
}
