//! Webhooks that order a version back.

use planner::{
    journal::{Cause, Phase, Purpose},
    may_be_ordered_back,
    policy::Policy,
    world::{Order, Release},
};

use crate::model::*;

fn order(m: &mut Model) -> &mut Model {
    m.ordered_back = Some("rollback webhook metrics-watch of http://watch answered 200: too many refunds".into());
    m
}

#[test]
fn an_order_takes_the_candidate_back_and_its_digest_is_remembered() {
    for phase in [Phase::Shifting, Phase::Promoting, Phase::Warm] {
        let mut m = Model::adopted(canary());
        m.wish(2).until_phase(phase);
        order(&mut m).until_finished(Phase::RolledBack).settle();
        let outcome = m.last_journal().outcome.clone().unwrap();
        assert_eq!(outcome.reason, Cause::RollbackOrdered, "{}", m.story());
        assert!(outcome.message.contains("too many refunds") && m.failed.contains(&rev(2).digest));
        assert_eq!((m.reached(1), m.reached(2)), (4, 0), "{}", m.story());
    }
}

#[test]
fn an_order_before_live_traffic_and_after_the_end_means_nothing() {
    let mut m = Model::adopted(canary());
    m.test_of(2, "conformance", Test::Hangs).wish(2).until_phase(Phase::Gating);
    order(&mut m).run(20);
    assert_eq!(m.phase(), Some(Phase::Gating), "{}", m.story());
    m.ordered_back = None;
    m.test_of(2, "conformance", Test::Passes).until_finished(Phase::Succeeded);
    order(&mut m).run(30);
    assert!(m.failed.is_empty() && m.serves() == rev(2).revision.to_string(), "{}", m.story());
}

#[test]
fn a_release_that_is_held_without_evidence_is_taken_back_by_an_order() {
    let mut m = Model::adopted(Policy { rollback_inconclusive: false, ..canary() });
    m.metrics_of(2, Metrics::Silent).wish(2).until_phase(Phase::Inconclusive);
    order(&mut m).until_finished(Phase::RolledBack).settle();
    assert_eq!(m.last_journal().outcome.as_ref().unwrap().reason, Cause::RollbackOrdered);
}

#[test]
fn an_order_holds_the_pods_where_a_failure_does() {
    let mut m = Model::adopted(Policy { hold_failed: true, ..canary() });
    m.wish(2).until_step(1);
    order(&mut m).until_phase(Phase::Held);
    assert_eq!(m.reached(2), 0, "{}", m.story());
}

#[test]
fn a_person_who_goes_back_is_not_sent_forward_again_by_an_order() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m.decide(Order::Rollback).until("a release goes back", 60, |m| m.release.is_some());
    order(&mut m).until_finished(Phase::Succeeded);
    assert_eq!(m.serves(), rev(1).revision.to_string(), "{}", m.story());
}

#[test]
fn only_deliveries_with_live_traffic_and_a_way_back_are_asked_about() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    let live = m.release.clone().unwrap();
    let with = |change: &dyn Fn(&mut Release)| {
        let mut release = live.clone();
        change(&mut release);
        may_be_ordered_back(&release)
    };
    assert!(with(&|_| {}));
    assert!(with(&|r| r.journal.phase = Phase::Warm));
    assert!(!with(&|r| (r.journal.phase, r.journal.draining) = (Phase::Warm, true)));
    assert!(!with(&|r| r.journal.phase = Phase::Gating));
    assert!(!with(&|r| r.journal.phase = Phase::RollingBack));
    assert!(!with(&|r| r.journal.phase = Phase::Inconclusive));
    assert!(with(&|r| (r.journal.phase, r.journal.held_in) = (Phase::Inconclusive, Some(Phase::Shifting))));
    assert!(!with(&|r| r.purpose = Purpose::Adopt));
    assert!(!with(&|r| r.rollback = true));
}
