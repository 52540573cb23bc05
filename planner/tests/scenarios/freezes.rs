//! Freezes: nothing rises, and everything goes back.

use chrono::TimeDelta;
use planner::{
    journal::Phase,
    plan::FROZEN,
    policy::{Place, Policy},
    world::Order,
};

use crate::model::*;

#[test]
fn a_release_does_not_start_in_a_freeze_and_says_why_until_when_and_where_that_is_written() {
    let mut m = Model::adopted(canary());
    m.freeze(Some(3600)).wish(2).run(60);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Pending), FROZEN), "{}", m.story());
    let says =
        "nothing rises until 2023-11-14T23:14Z: year-end closing (annotation sluice.dev/freeze of Namespace web)";
    assert_eq!(m.says(), says);
    let (waiting, passes) = (m.waiting.clone().unwrap(), m.passes);
    assert!(!waiting.stalled && waiting.until == m.freezes[0].until, "{waiting:?}");
    m.run(1200);
    assert!(m.passes - passes <= 5, "it is not looked at every few seconds: {}", m.passes - passes);
    m.until_phase(Phase::Preparing);
    assert_eq!(m.now(), waiting.until.unwrap());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_freeze_without_an_end_takes_a_person_who_lifts_it() {
    let mut m = Model::adopted(canary());
    m.freeze(None).wish(2).run(60);
    assert!(m.waiting.as_ref().is_some_and(|w| w.stalled && w.until.is_none()), "{:?}", m.waiting);
    assert!(m.says().starts_with("nothing rises until that is taken off: year-end closing ("), "{}", m.says());
    m.freezes.clear();
    m.run(1);
    assert_eq!(m.phase(), Some(Phase::Preparing), "{}", m.story());
}

#[test]
fn of_two_freezes_the_longer_one_is_named() {
    let mut m = Model::adopted(canary());
    m.freeze(Some(100)).freeze(Some(900)).freeze(Some(500)).wish(2).run(60);
    assert_eq!(m.waiting.as_ref().unwrap().until, m.freezes[1].until);
    m.freeze(None).run(5);
    assert!(m.waiting.as_ref().unwrap().stalled, "{}", m.says());
}

#[test]
fn a_freeze_holds_every_phase_before_promotion_and_a_step_keeps_its_share() {
    for phase in [Phase::Preparing, Phase::Gating, Phase::Shifting] {
        let mut m = Model::adopted(canary());
        m.test_of(2, "conformance", if phase == Phase::Gating { Test::Hangs } else { Test::Passes });
        m.wish(2).until_phase(phase);
        if phase == Phase::Shifting {
            m.until_step(1);
        }
        m.freeze(None).test_of(2, "conformance", Test::Passes).run(600);
        assert_eq!((m.phase(), m.reason()), (Some(phase), FROZEN), "{}", m.story());
        assert_eq!((m.reached(2), m.replicas(2)), (usize::from(phase == Phase::Shifting), 1), "{}", m.story());
        m.freezes.clear();
        m.until_finished(Phase::Succeeded);
    }
}

#[test]
fn a_version_that_fails_in_a_freeze_is_taken_back() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1).freeze(None).run(60).metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack);
    assert_eq!(m.serves(), "11111111");
}

#[test]
fn a_step_that_was_entered_before_the_freeze_is_measured_in_it() {
    let mut m = Model::adopted(canary());
    m.metrics_of(2, Metrics::Bad).wish(2).until_phase(Phase::Shifting);
    assert_eq!(m.journal().unwrap().applied_at, None, "the share is not in force yet");
    m.freeze(None).until_finished(Phase::RolledBack);
}

#[test]
fn a_promotion_that_has_begun_is_finished_in_a_freeze() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Promoting).freeze(None).until_finished(Phase::Succeeded);
    assert_eq!(m.serves(), "22222222");
}

#[test]
fn people_and_versions_that_have_passed_go_back_in_a_freeze() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m.freeze(None).decide(Order::Rollback).until_finished(Phase::Succeeded).settle();
    assert_eq!(m.serves(), "11111111", "{}", m.story());
    let mut m = Model::adopted(canary());
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m.freeze(None).wish(1).until_finished(Phase::Succeeded);
    assert_eq!(m.serves(), "11111111", "{}", m.story());
}

#[test]
fn an_abort_a_newer_version_and_a_deletion_do_not_wait_for_the_end_of_a_freeze() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1).freeze(None).run(5).wish(3).until_finished(Phase::Superseded).run(30);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Pending), FROZEN), "{}", m.story());
    m.decide(Order::Abort).until_finished(Phase::Superseded);
    m.delete_policy().until("the policy is gone", 300, |m| m.gone);
}

#[test]
fn neither_promote_nor_skip_step_goes_through_a_freeze() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1).freeze(Some(900)).decide(Order::SkipStep).decide(Order::Promote).run(300);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Shifting), FROZEN), "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_workload_is_not_taken_over_in_a_freeze() {
    let mut m = Model::new(canary());
    m.freeze(Some(300)).run(200);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Pending), FROZEN), "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_freeze_that_is_still_to_come_holds_nothing_before() {
    let mut m = Model::adopted(canary());
    m.freeze(None);
    m.freezes[0].from = Some(m.now() + TimeDelta::seconds(40));
    m.wish(2).until_step(1).run(300);
    assert_eq!((m.journal().unwrap().step, m.reason()), (Some(1), FROZEN), "{}", m.story());
}

#[test]
fn gates_are_not_asked_for_days_before_they_count() {
    let mut m = Model::adopted(planner::Policy { gates: vec![approval("signoff", Place::Start, 1)], ..canary() });
    m.freeze(Some(100_000)).wish(2).run(700);
    assert!(
        m.journal().unwrap().gates.is_empty(),
        "an approval would be late before the freeze is over\n{}",
        m.story()
    );
    m.freezes.clear();
    m.run(10).approve("ann", "signoff").until_finished(Phase::Succeeded);
}

#[test]
fn a_promote_that_a_freeze_holds_is_not_lost_to_silence() {
    let mut m = Model::adopted(Policy { rollback_inconclusive: false, ..canary() });
    m.wish(2).until_step(1).metrics_of(2, Metrics::Silent).until_phase(Phase::Inconclusive);
    m.freeze(Some(300)).decide(Order::Promote).run(250);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Shifting), FROZEN), "{}", m.story());
    m.until_phase(Phase::Warm);
}

#[test]
fn a_promote_asks_for_no_evidence_while_an_approval_is_waited_for() {
    let gates = vec![approval("signoff", Place::Promotion, 1)];
    let mut m = Model::adopted(Policy { gates, ..canary() });
    m.wish(2).until_step(1).metrics_of(2, Metrics::Silent).decide(Order::Promote).run(600);
    assert_eq!(m.phase(), Some(Phase::Shifting), "{}", m.story());
}
