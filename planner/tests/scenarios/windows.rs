//! Gates that ask the calendar. The model's clock begins on a Tuesday at 22:13:20 UTC.

use analysis::Verdict;
use planner::{
    journal::Phase,
    plan::WINDOW,
    policy::{Gate, Place, Policy},
    world::Order,
};

use crate::model::*;

fn with(gates: Vec<Gate>) -> Model {
    Model::adopted(Policy { gates, ..canary() })
}

/// Opens at 23:00 for half an hour.
fn late(at: Place) -> Gate {
    window("late", at, "0 23 * * *", 30)
}

/// Seconds from the start of the model's clock until 23:00.
const OPENS: i64 = 2800;

#[test]
fn a_release_waits_at_each_place_until_its_window_opens_and_says_when_that_is() {
    for (place, phase) in [
        (Place::Start, Phase::Pending),
        (Place::Traffic, Phase::Gating),
        (Place::Step, Phase::Shifting),
        (Place::Promotion, Phase::Shifting),
    ] {
        let mut m = with(vec![late(place)]);
        m.wish(2).run(300);
        assert_eq!((m.phase(), m.reason()), (Some(phase), WINDOW), "{place:?}\n{}", m.story());
        let says = r#"gate late opens Tue 2023-11-14 23:00 UTC (2023-11-14T23:00Z): "0 23 * * *" for 30m in UTC"#;
        assert_eq!(m.says(), says);
        let waiting = m.waiting.clone().unwrap();
        assert!(!waiting.stalled && waiting.until.is_some_and(|at| at == m.start + chrono::TimeDelta::seconds(OPENS)));
        let (passes, clock) = (m.passes, m.clock);
        m.run(900);
        // In a step the metrics are looked at meanwhile.
        let looks = if phase == Phase::Shifting { 900 / 10 * 3 } else { 0 };
        assert!(m.passes - passes <= 900 / 300 + 1 + looks, "{} passes in {} s", m.passes - passes, m.clock - clock);
        m.until("the window opens", 3000, |m| m.clock == OPENS);
        m.run(2);
        assert_ne!(m.reason(), WINDOW, "{place:?}\n{}", m.story());
        m.until_finished(Phase::Succeeded);
        let record = m.last_journal().gates.last().unwrap();
        assert_eq!(record.verdict, Verdict::Pass);
        assert_eq!(record.message, r#"open: "0 23 * * *" for 30m in UTC"#);
        assert!(m.last_journal().timeline.iter().any(|e| e.reason == "WindowOpen"), "{}", m.story());
    }
}

#[test]
fn an_open_window_is_passed_without_a_word() {
    let mut m = with(vec![window("evening", Place::Start, "0 22 * * *", 60)]);
    m.wish(2).until_finished(Phase::Succeeded);
    assert!(m.last_journal().timeline.iter().all(|e| e.reason != "WindowOpen"), "{}", m.story());
}

#[test]
fn a_window_that_closes_takes_nothing_back_and_holds_what_follows_its_own_place_only() {
    let mut m = with(vec![window("evening", Place::Traffic, "0 22 * * *", 16)]);
    m.wish(2).until_step(1);
    m.until("the window is closed", 300, |m| m.clock > 160).until_finished(Phase::Succeeded);
}

#[test]
fn a_window_is_the_last_that_a_place_asks_so_that_a_late_approval_does_not_go_on_after_hours() {
    let gates = vec![window("evening", Place::Promotion, "0 22 * * *", 20), approval("signoff", Place::Promotion, 1)];
    let mut m = with(gates);
    m.wish(2).until_step(2).until("the window is closed", 600, |m| m.clock > 420);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Shifting), "Approval"), "{}", m.story());
    m.approve("ann", "signoff").run(5);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Shifting), WINDOW), "{}", m.story());
    assert!(m.says().contains("Wed 2023-11-15 22:00"), "{}", m.says());
}

#[test]
fn a_window_at_a_step_holds_the_step_and_the_pods_of_the_next_do_not_wait_for_days() {
    let mut m = with(vec![late(Place::Step)]);
    m.wish(2).until_step(1).run(300);
    assert_eq!((m.journal().unwrap().step, m.reason(), m.replicas(2)), (Some(1), WINDOW, 1), "{}", m.story());
    m.until_step(2).until_finished(Phase::Succeeded);
    assert!(m.clock < OPENS + 300, "both steps end in one window\n{}", m.story());
}

#[test]
fn evidence_against_a_version_counts_while_it_waits_for_its_window() {
    let mut m = with(vec![late(Place::Step)]);
    m.wish(2).until_step(1).run(100).metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack);
    assert!(m.clock < OPENS, "{}", m.story());
}

#[test]
fn a_silent_night_before_the_window_opens_ends_nothing() {
    let mut m = with(vec![late(Place::Step)]);
    m.wish(2).until_step(1).run(60).metrics_of(2, Metrics::Silent).run(1500);
    assert_eq!(m.phase(), Some(Phase::Shifting), "{}", m.story());
    m.metrics_of(2, Metrics::Good).until_finished(Phase::Succeeded);
    // Without a window that is closed, silence is what it was.
    let mut m = with(vec![window("evening", Place::Step, "0 22 * * *", 120)]);
    m.wish(2).until_step(1).metrics_of(2, Metrics::Silent).until_finished(Phase::Inconclusive);
}

#[test]
fn a_silent_night_in_the_last_step_before_the_window_of_promotion_ends_nothing() {
    let mut m = with(vec![late(Place::Promotion)]);
    m.wish(2).until_step(2).run(60).metrics_of(2, Metrics::Silent).run(1500);
    assert_eq!(m.phase(), Some(Phase::Shifting), "{}", m.story());
    m.metrics_of(2, Metrics::Good).until_finished(Phase::Succeeded);
}

#[test]
fn the_time_for_an_answer_begins_when_the_window_has_opened() {
    let mut m = with(vec![late(Place::Step)]);
    m.wish(2).until_step(1).run(60).metrics_of(2, Metrics::Silent);
    m.until("the window has opened", 4000, |m| m.clock == OPENS + 40);
    assert_eq!(m.phase(), Some(Phase::Shifting), "{}", m.story());
    let mut still_silent = m.clone();
    still_silent.until_finished(Phase::Inconclusive);
    assert!(still_silent.clock >= OPENS + 60, "{}", still_silent.story());
    m.metrics_of(2, Metrics::Good).until_finished(Phase::Succeeded);
}

#[test]
fn going_back_waits_for_no_window() {
    let mut m = with(vec![late(Place::Start), late(Place::Promotion)]);
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m.until("the window is closed", 3000, |m| m.clock > OPENS + 1800);
    // By a wish for what has passed before.
    m.wish(1).until_finished(Phase::Succeeded).settle();
    assert_eq!(m.serves(), "11111111");
    m.wish(2).until_finished(Phase::Succeeded).settle();
    // By a person.
    m.decide(Order::Rollback).until_finished(Phase::Succeeded);
    assert_eq!(m.serves(), "11111111", "{}", m.story());
}

#[test]
fn promote_and_skip_step_open_no_window() {
    let mut m = with(vec![late(Place::Step)]);
    m.wish(2).until_step(1).decide(Order::SkipStep).run(60);
    assert_eq!((m.journal().unwrap().step, m.reason()), (Some(1), WINDOW), "{}", m.story());
    m.decide(Order::Promote).run(60);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Shifting), WINDOW), "{}", m.story());
    m.until_finished(Phase::Succeeded);

    // Nor does it where the steps are left out before the first.
    let mut m = with(vec![gate("conformance", Place::Traffic), late(Place::Step)]);
    m.test_of(2, "conformance", Test::Hangs).wish(2).until_phase(Phase::Gating).run(5).decide(Order::Promote).run(5);
    m.test_of(2, "conformance", Test::Passes).run(60);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Gating), WINDOW), "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn a_newer_version_and_an_abort_do_not_wait_for_the_window() {
    let mut m = with(vec![late(Place::Step)]);
    m.wish(2).until_step(1).run(100).wish(3).until_finished(Phase::Superseded);
    m.until_step(1).decide(Order::Abort).until_finished(Phase::Superseded);
    assert!(m.clock < OPENS, "{}", m.story());
}

#[test]
fn two_windows_of_a_place_are_passed_while_both_are_open() {
    let mut m = with(vec![late(Place::Start), window("hourly", Place::Start, "50 * * * *", 15)]);
    m.wish(2).run(10);
    assert!(m.says().starts_with("gate late opens"), "{}", m.says());
    m.until_phase(Phase::Preparing);
    assert_eq!(m.clock, OPENS, "{}", m.story());
}

#[test]
fn a_window_cannot_be_approved() {
    let mut m = with(vec![late(Place::Start)]);
    m.wish(2).run(10).approve("ann", "late").run(5);
    let said = m.journal().unwrap().timeline.iter().find(|e| e.reason == "DecisionWithoutEffect").unwrap();
    assert_eq!(said.message, "Approve of gate late by ann: gate late is a window and asks nobody");
}
