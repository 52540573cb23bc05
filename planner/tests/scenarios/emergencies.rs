//! The emergency way: past steps and the calendar, and past nothing else.

use planner::{
    Policy,
    journal::Phase,
    plan::FROZEN,
    policy::{Gate, Place},
    world::Order,
};

use crate::model::*;

fn urgent(gates: Vec<Gate>) -> Model {
    let mut m = Model::adopted(Policy { gates, ..canary() });
    m.emergency = Some("CVE-2026-1234".into());
    m
}

/// What the timeline says of emergencies.
fn noted(m: &Model) -> Vec<(&str, &str)> {
    let journal = m.journal().unwrap_or_else(|| m.last_journal());
    let entries = journal.timeline.iter().filter(|e| e.reason.starts_with("Emergency"));
    entries.map(|e| (e.reason.as_str(), e.message.as_str())).collect()
}

#[test]
fn an_emergency_goes_from_its_tests_to_promotion_without_a_step_and_says_so() {
    let mut m = urgent(vec![gate("conformance", Place::Traffic)]);
    m.wish(2).until_finished(Phase::Succeeded);
    let told = "CVE-2026-1234: without steps, windows and freezes; tests, approvals and pods are waited for";
    assert_eq!(noted(&m), [("Emergency", told)]);
    let journal = m.last_journal();
    assert!(journal.timeline.iter().all(|e| e.reason != "StepStarted"), "{}", m.story());
    assert!(journal.gates.iter().any(|g| g.name == "conformance" && g.until.is_some()), "{}", m.story());
}

#[test]
fn an_emergency_goes_through_freezes_and_windows() {
    let late = window("late", Place::Start, "0 9 * * *", 30);
    let gates = vec![late.clone(), Gate { at: Place::Step, name: "step".into(), ..late }];
    let mut m = urgent(gates);
    m.freeze(None).wish(2).until_finished(Phase::Succeeded);
    assert!(m.last_journal().gates.is_empty(), "{}", m.story());
}

#[test]
fn an_emergency_goes_past_no_test_not_even_those_of_its_steps() {
    let gates = |at| vec![gate("conformance", at)];
    for at in [Place::Start, Place::Traffic, Place::Step, Place::Promotion] {
        let mut m = urgent(gates(at));
        m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack);
        assert_eq!(m.serves(), "11111111", "{at:?}\n{}", m.story());
        let mut m = urgent(gates(at));
        m.wish(2).until_finished(Phase::Succeeded);
        assert_eq!(m.last_journal().gates.len(), 1, "each is asked once, {at:?}\n{}", m.story());
    }
}

#[test]
fn an_emergency_goes_past_no_approval_and_no_pause_of_a_person() {
    for at in [Place::Start, Place::Step, Place::Promotion] {
        let mut m = urgent(vec![approval("signoff", at, 1)]);
        m.wish(2).run(200);
        assert_eq!(m.reason(), "Approval", "{at:?}\n{}", m.story());
        m.approve("ann", "signoff").until_finished(Phase::Succeeded);
    }
    let mut m = urgent(vec![approval("signoff", Place::Start, 1)]);
    m.wish(2).run(10).decide(Order::Pause).approve("ann", "signoff").run(100);
    assert_eq!(m.reason(), "Paused", "{}", m.story());
}

#[test]
fn an_emergency_waits_for_all_pods_before_any_caller_reaches_one() {
    let mut m = urgent(vec![]);
    m.quota = true;
    m.wish(2).run(30);
    assert_eq!((m.phase(), m.reason(), m.reached(2)), (Some(Phase::Preparing), "Capacity", 0), "{}", m.story());
    assert_eq!(m.replicas(2), 4, "all of them are started at once");
}

#[test]
fn an_emergency_that_fails_after_promotion_is_taken_back() {
    let mut m = urgent(vec![]);
    m.wish(2).until_phase(Phase::Warm).metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack);
    assert_eq!(m.serves(), "11111111", "{}", m.story());
}

#[test]
fn where_it_is_forbidden_or_has_no_reason_a_release_goes_its_ordinary_way_and_says_why() {
    let mut m = urgent(vec![]);
    m.no_emergency = Some("Namespace web forbids emergencies".into());
    m.wish(2).until_step(1);
    let told = "the release goes its ordinary way: Namespace web forbids emergencies";
    assert_eq!(noted(&m), [("EmergencyRefused", told)]);
    assert_eq!(m.release.as_ref().unwrap().emergency.as_ref().unwrap().reason, "CVE-2026-1234");
    m.freeze(None).run(100);
    assert_eq!(m.reason(), FROZEN, "{}", m.story());

    let mut m = urgent(vec![]);
    m.emergency = Some("  ".into());
    m.wish(2).until_step(1);
    assert!(noted(&m)[0].1.contains("gives no reason"), "{}", m.story());
}

#[test]
fn a_reason_that_comes_later_changes_nothing_for_the_release_under_way() {
    let mut m = urgent(vec![]);
    m.emergency = None;
    m.wish(2).until_step(1);
    m.emergency = Some("now in a hurry".into());
    m.run(5);
    assert_eq!((m.phase(), m.journal().unwrap().step), (Some(Phase::Shifting), Some(1)), "{}", m.story());
    m.until_finished(Phase::Succeeded);
    assert!(noted(&m).is_empty(), "{}", m.story());
}

#[test]
fn blue_green_does_not_wait_for_its_copies_in_an_emergency() {
    let before = Some(copying(50, 600));
    let bake = chrono::TimeDelta::seconds(40);
    let strategy = planner::policy::Strategy::BlueGreen { bake, before };
    let mut m = Model::adopted(Policy { strategy, ..routed() });
    m.emergency = Some("fire".into());
    m.wish(2).until("promoted", 100, |m| m.phase() == Some(Phase::Warm)).until_finished(Phase::Succeeded);
}
