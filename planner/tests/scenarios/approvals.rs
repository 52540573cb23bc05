//! Gates that ask people.

use analysis::Verdict;
use chrono::TimeDelta;
use planner::{
    journal::{Cause, Phase},
    policy::{Gate, Place, Policy},
    world::Order,
};

use crate::model::*;

fn with(gates: Vec<Gate>) -> Model {
    Model::adopted(Policy { gates, ..canary() })
}

fn noted(m: &Model, reason: &str) -> Vec<String> {
    let journal = m.journal().unwrap_or_else(|| m.last_journal());
    journal.timeline.iter().filter(|e| e.reason == reason).map(|e| e.message.clone()).collect()
}

#[test]
fn a_release_waits_for_an_approval_and_says_how_to_give_it() {
    for (place, phase) in [
        (Place::Start, Phase::Pending),
        (Place::Traffic, Phase::Gating),
        (Place::Step, Phase::Shifting),
        (Place::Promotion, Phase::Shifting),
    ] {
        let mut m = with(vec![approval("signoff", place, 1)]);
        m.wish(2).run(300);
        assert_eq!((m.phase(), m.reason()), (Some(phase), "Approval"), "{place:?}\n{}", m.story());
        let says = "kubectl sluice approve shop-22222222-1 --gate signoff -n web";
        assert!(m.says().contains(says), "{}", m.says());
        let waiting = m.waiting.clone().unwrap();
        assert!(waiting.stalled && waiting.until.is_some_and(|at| at > m.now()), "{waiting:?}");
        m.approve("ann", "signoff").run(1);
        assert_ne!(m.reason(), "Approval", "{place:?}\n{}", m.story());
        if place == Place::Step {
            m.until_step(2).run(200);
            assert_eq!(m.reason(), "Approval", "each step asks\n{}", m.story());
            m.approve("ann", "signoff");
        }
        m.until_finished(Phase::Succeeded);
    }
}

#[test]
fn two_approvals_are_two_people() {
    let mut m = with(vec![approval("signoff", Place::Traffic, 2)]);
    m.wish(2).until_phase(Phase::Gating).run(5).approve("ann", "signoff").run(5).approve("ann", "signoff").run(100);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Gating), "Approval"), "{}", m.story());
    assert!(m.says().contains("needs 1 more of 2") && m.says().ends_with("approved by ann"), "{}", m.says());
    assert!(noted(&m, "DecisionWithoutEffect")[0].contains("ann has approved it already"), "{}", m.story());
    m.approve("bob", "signoff").until_finished(Phase::Succeeded);
    assert_eq!(noted(&m, "GateApproved"), ["gate signoff: approved by ann, bob"]);
    let record = &m.last_journal().gates[0];
    let by: Vec<_> = record.approvals.iter().map(|a| a.by.as_str()).collect();
    assert_eq!((by, record.verdict), (vec!["ann", "bob"], Verdict::Pass));
}

#[test]
fn only_those_count_whom_the_gate_asks() {
    let listed = asking(approval("signoff", Place::Traffic, 1), |a| {
        (a.users, a.groups) = (vec!["bob".into()], vec!["managers".into()]);
    });
    let mut m = with(vec![listed]);
    m.wish(2).until_phase(Phase::Gating).run(5);
    m.approve("ann", "signoff").decide_as("ann", &["developers"], Order::Reject("signoff".into())).run(50);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Gating), "Approval"), "{}", m.story());
    let said = noted(&m, "DecisionWithoutEffect");
    assert!(said.len() == 2 && said[0].contains("the gate asks bob and members of managers"), "{said:?}");
    m.decide_as("ann", &["developers", "managers"], Order::Approve("signoff".into())).until_finished(Phase::Succeeded);
}

#[test]
fn whoever_changed_the_workload_does_not_count_and_an_unknown_author_holds() {
    let gate = asking(approval("signoff", Place::Traffic, 1), |a| a.not_author = true);
    let mut m = with(vec![gate]);
    m.author = Some("ann".into());
    m.wish(2).until_phase(Phase::Gating).run(5).approve("ann", "signoff").run(20);
    assert_eq!(m.reason(), "Approval", "{}", m.story());
    assert!(m.says().contains("not ann"), "{}", m.says());
    m.approve("bob", "signoff").until_finished(Phase::Succeeded).settle();

    m.author = None;
    m.wish(3).until_phase(Phase::Gating).run(5).approve("bob", "signoff").run(20);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Gating), "AuthorUnknown"), "{}", m.story());
    assert!(m.says().contains("sluice.dev/author"), "{}", m.says());
    m.until_finished(Phase::Inconclusive);
}

#[test]
fn an_approval_that_came_before_the_gate_is_asked_counts_when_it_is() {
    let mut m = with(vec![approval("signoff", Place::Promotion, 2)]);
    m.wish(2).until_phase(Phase::Preparing).approve("ann", "signoff").run(3).approve("ann", "signoff").run(3);
    assert_eq!(m.journal().unwrap().orders.approvals.len(), 1, "{}", m.story());
    m.until_step(2).run(100);
    assert!(m.says().contains("needs 1 more of 2"), "{}", m.story());
    m.approve("bob", "signoff").until_finished(Phase::Succeeded);
}

#[test]
fn an_approval_of_one_step_is_none_of_the_next() {
    let mut m = with(vec![approval("signoff", Place::Step, 1)]);
    m.wish(2).until_step(1).run(5).approve("ann", "signoff").run(2).approve("bob", "signoff").until_step(2).run(200);
    assert_eq!((m.reason(), m.journal().unwrap().step), ("Approval", Some(2)), "{}", m.story());
    assert!(noted(&m, "DecisionWithoutEffect")[0].contains("approved already"), "{}", m.story());
    m.approve("bob", "signoff").until_finished(Phase::Succeeded);
}

#[test]
fn an_approved_step_bakes_to_its_end() {
    let mut m = with(vec![approval("signoff", Place::Step, 1)]);
    m.wish(2).until_step(1).run(4).approve("ann", "signoff");
    let began = m.clock;
    m.until_step(2);
    assert!(m.clock - began > 25, "{}", m.story());
}

#[test]
fn a_newer_version_does_not_inherit_an_approval() {
    let mut m = with(vec![approval("signoff", Place::Promotion, 1)]);
    m.wish(2).until_step(1).approve("ann", "signoff").run(3).wish(3);
    m.until_finished(Phase::Superseded).until_step(2).run(200);
    assert_eq!((m.release.as_ref().unwrap().name.as_str(), m.reason()), ("shop-33333333-1", "Approval"));
    // Neither does an approval of the digest count for another attempt.
    m.decide(Order::Abort).until_finished(Phase::Superseded).settle().decide(Order::Retry).until_step(2).run(200);
    assert_eq!((m.release.as_ref().unwrap().name.as_str(), m.reason()), ("shop-33333333-2", "Approval"));
}

#[test]
fn an_approval_of_another_digest_opens_nothing() {
    let mut m = with(vec![approval("signoff", Place::Traffic, 1)]);
    m.wish(2).until_phase(Phase::Gating).run(5).approve("ann", "signoff");
    m.decisions[0].digest = rev(3).digest;
    m.run(100);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Gating), "Approval"), "{}", m.story());
}

#[test]
fn a_reject_wins_at_once_and_the_version_is_not_tried_again_by_itself() {
    for (place, phase) in [
        (Place::Promotion, Phase::Pending),
        (Place::Promotion, Phase::Preparing),
        (Place::Promotion, Phase::Shifting),
        (Place::Traffic, Phase::Shifting),
        (Place::Traffic, Phase::Warm),
    ] {
        let mut m = with(vec![approval("signoff", place, 2), approval("start", Place::Start, 1)]);
        m.wish(2).until_phase(Phase::Pending).run(2).approve("ann", "signoff").approve("bob", "signoff");
        if phase != Phase::Pending {
            m.run(2).approve("cay", "start");
        }
        m.until_phase(phase).reject("dan", "signoff").until_finished(Phase::RolledBack).settle();
        let outcome = m.last_journal().outcome.clone().unwrap();
        assert_eq!((outcome.reason, outcome.message.as_str()), (Cause::Rejected, "gate signoff: rejected by dan"));
        assert_eq!((m.reached(2), m.replicas(2), m.release.is_none()), (0, 0, true), "{}", m.story());
        // Not either after another version was wished for in between.
        m.wish(3).until_phase(Phase::Pending).run(5).approve("ann", "start");
        m.run(400).decide(Order::Abort).until_finished(Phase::Superseded).settle().wish(2).settle();
        assert!(m.release.is_none() && m.says().contains("has failed before"), "{}", m.story());
    }
}

#[test]
fn a_reject_is_final_where_failed_versions_are_held() {
    let gates = vec![approval("signoff", Place::Step, 1)];
    let mut m = Model::adopted(Policy { gates, hold_failed: true, ..canary() });
    m.wish(2).until_step(1).run(5).reject("ann", "signoff").until_finished(Phase::RolledBack);
}

#[test]
fn a_test_that_fails_wins_over_people_who_are_waited_for() {
    let gates = vec![approval("signoff", Place::Traffic, 1), gate("conformance", Place::Traffic)];
    let mut m = with(gates);
    m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack);
    assert_eq!(m.last_journal().outcome.as_ref().unwrap().reason, Cause::ConformanceFailed);
    // Also one that was approved in the same moment.
    let gates = vec![approval("signoff", Place::Traffic, 1), gate("conformance", Place::Traffic)];
    let mut m = with(gates);
    m.test_of(2, "conformance", Test::Hangs).wish(2).until_phase(Phase::Gating).run(20);
    m.test_of(2, "conformance", Test::Fails).approve("ann", "signoff").until_finished(Phase::RolledBack);
    assert_eq!(m.reached(2), 0);
}

#[test]
fn too_few_in_time_are_no_verdict_or_a_reject_as_the_policy_says() {
    for (late_is_reject, phase, cause) in
        [(false, Phase::Inconclusive, Cause::GateTimeout), (true, Phase::RolledBack, Cause::Rejected)]
    {
        let gate = asking(approval("signoff", Place::Traffic, 2), |a| a.late_is_reject = late_is_reject);
        let mut m = with(vec![gate]);
        m.wish(2).until_phase(Phase::Gating).run(5).approve("ann", "signoff").until_finished(phase);
        let outcome = m.last_journal().outcome.clone().unwrap();
        assert_eq!(outcome.reason, cause);
        assert_eq!(outcome.message, "gate signoff was not approved within 10m: 1 of 2 approvals");
        assert_eq!(m.failed.contains(&rev(2).digest), late_is_reject);
    }
}

#[test]
fn an_approval_in_time_counts_however_late_it_is_read() {
    let mut m = with(vec![approval("signoff", Place::Traffic, 1)]);
    m.wish(2).until_phase(Phase::Gating).run(10).approve("ann", "signoff");
    m.away = true;
    m.run(700);
    m.away = false;
    m.until_finished(Phase::Succeeded);
}

#[test]
fn whoever_may_promote_may_not_approve_for_that() {
    let gates = || vec![approval("second", Place::Step, 1), approval("signoff", Place::Promotion, 1)];
    let only = |mut gates: Vec<Gate>| {
        gates[0].steps = Some(vec![2]);
        gates
    };
    for phase in [Phase::Preparing, Phase::Shifting] {
        let mut m = with(only(gates()));
        m.wish(2).until_phase(phase).decide(Order::Promote).run(200);
        assert_eq!(m.reason(), "Approval", "{phase:?}\n{}", m.story());
        m.approve("ann", "signoff").run(100);
        assert!(m.says().contains("--gate second"), "{phase:?}\n{}", m.story());
        m.approve("ann", "second").until_finished(Phase::Succeeded);
    }
    let mut m = with(only(gates()));
    m.wish(2).until_step(2).decide(Order::SkipStep).run(100);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Shifting), "Approval"), "{}", m.story());
    m.approve("ann", "second").approve("ann", "signoff").until_finished(Phase::Succeeded);
}

#[test]
fn a_decision_about_no_gate_that_asks_people_has_no_effect_and_says_why() {
    let mut m = with(vec![approval("signoff", Place::Promotion, 1), gate("conformance", Place::Traffic)]);
    m.wish(2).until_step(1);
    m.approve("ann", "sign-off").reject("ann", "sign-off").approve("ann", "conformance").run(2);
    let said = noted(&m, "DecisionWithoutEffect");
    assert_eq!(
        said,
        [
            "Approve of gate sign-off by ann: the policy has no gate sign-off; those that ask people are signoff",
            "Reject at gate sign-off by ann: the policy has no gate sign-off; those that ask people are signoff",
            "Approve of gate conformance by ann: gate conformance is a test and asks nobody",
        ]
    );
    m.until_step(2).run(100);
    assert_eq!(m.reason(), "Approval");
}

#[test]
fn a_decision_that_its_author_may_not_make_has_no_effect_and_says_so() {
    let mut m = with(vec![approval("signoff", Place::Traffic, 1)]);
    m.wish(2).until_phase(Phase::Gating).run(5);
    m.decide_if(false, "eve", Order::Approve("signoff".into())).decide_if(false, "eve", Order::Abort).run(50);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Gating), "Approval"), "{}", m.story());
    let said = noted(&m, "DecisionWithoutEffect");
    assert_eq!(said, ["Approve of gate signoff by eve: eve may not", "Abort by eve: eve may not"]);
}

#[test]
fn a_retry_by_somebody_who_may_not_starts_nothing() {
    let mut m = with(vec![gate("conformance", Place::Traffic)]);
    m.test_of(2, "conformance", Test::Fails).wish(2).until_finished(Phase::RolledBack).settle();
    m.decide_if(false, "eve", Order::Retry);
    m.failed.insert(rev(2).digest);
    m.settle();
    assert_eq!((m.finished.len(), m.release.is_none()), (2, true), "{}", m.story());
}

#[test]
fn going_back_to_a_version_that_has_passed_asks_only_those_that_always_run() {
    let always = Gate { always: true, ..approval("always", Place::Traffic, 1) };
    let mut m = with(vec![approval("signoff", Place::Traffic, 1), approval("step", Place::Step, 1), always]);
    m.wish(2).until_phase(Phase::Gating).approve("ann", "signoff").approve("ann", "always");
    m.until_step(1).approve("ann", "step").until_step(2).run(9).approve("ann", "step");
    m.until_finished(Phase::Succeeded).settle();
    m.wish(1).run(60);
    assert!(m.says().contains("--gate always"), "{}", m.story());
    m.approve("ann", "always").until_finished(Phase::Succeeded);
}

#[test]
fn the_first_version_is_approved_before_it_serves() {
    let mut m = Model::new(Policy {
        gates: vec![approval("signoff", Place::Promotion, 1)],
        gate_first: true,
        replicas: Some(2),
        ..canary()
    });
    m.load.as_mut().unwrap().replicas = 0;
    m.pods.clear();
    m.apex.as_mut().unwrap().endpoints.clear();
    m.run(200);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Gating), "Approval"), "{}", m.story());
    m.approve("ann", "signoff").until_finished(Phase::Succeeded);
}

#[test]
fn blue_green_asks_before_it_switches() {
    let gates = vec![approval("signoff", Place::Promotion, 1)];
    let mut m = Model::adopted(Policy { gates, ..blue_green() });
    m.wish(2).run(200);
    assert_eq!((m.phase(), m.reason(), m.reached(2)), (Some(Phase::Gating), "Approval", 0), "{}", m.story());
    m.approve("ann", "signoff").until_finished(Phase::Succeeded);
}

#[test]
fn a_held_step_whose_approval_was_late_goes_on_after_promote_and_approval_only() {
    let policy = Policy { gates: vec![approval("signoff", Place::Step, 1)], rollback_inconclusive: false, ..canary() };
    let mut m = Model::adopted(policy);
    m.wish(2).until_step(1).until_phase(Phase::Inconclusive).run(50).decide(Order::Promote).run(100);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Shifting), "Approval"), "{}", m.story());
    assert!(m.waiting.as_ref().unwrap().until.unwrap() > m.now() + TimeDelta::minutes(5), "{:?}", m.waiting);
    // One for this step, and one for the step that is left out.
    m.approve("ann", "signoff").run(5).approve("ann", "signoff").until_finished(Phase::Succeeded);
}
