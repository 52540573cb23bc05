//! Whole stories pass by pass, to be read. `TIMELINES=write cargo test -p planner timelines` writes them anew.

use std::{fs, path::PathBuf};

use planner::{Policy, journal::Phase, policy::Place};

use crate::model::*;

#[track_caller]
fn reads(name: &str, m: &Model, from: usize) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/timelines").join(format!("{name}.txt"));
    let told = m.log[from..].join("\n") + "\n";
    if std::env::var("TIMELINES").is_ok_and(|v| v == "write") {
        fs::write(&path, &told).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert!(told == known, "{} differs; it is now:\n{told}", path.display());
}

#[test]
fn taking_over_reads_as_before() {
    let m = Model::adopted(canary());
    reads("take-over", &m, 0);
}

#[test]
fn a_good_canary_reads_as_before() {
    let mut m = Model::adopted(canary());
    let from = m.log.len();
    m.wish(2).until_finished(Phase::Succeeded).settle();
    reads("good-canary", &m, from);
}

#[test]
fn a_bad_canary_reads_as_before() {
    let mut m = Model::adopted(canary());
    let from = m.log.len();
    m.wish(2).until_step(2).metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack).settle();
    reads("bad-canary", &m, from);
}

#[test]
fn blue_green_reads_as_before() {
    let mut m = Model::adopted(blue_green());
    let from = m.log.len();
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m.metrics_of(3, Metrics::Bad).wish(3).until_finished(Phase::RolledBack).settle();
    reads("blue-green", &m, from);
}

#[test]
fn approvals_read_as_before() {
    let gates = vec![approval("start", Place::Start, 1), approval("signoff", Place::Promotion, 2)];
    let mut m = Model::adopted(Policy { gates, ..canary() });
    let from = m.log.len();
    m.wish(2)
        .until_phase(Phase::Pending)
        .run(20)
        .approve("ann", "start")
        .until_step(2)
        .approve("ann", "signoff")
        .run(60);
    m.approve("bob", "signoff").until_finished(Phase::Succeeded).settle();
    m.wish(3).until_phase(Phase::Pending).run(20).approve("ann", "start").until_step(1).run(5);
    m.reject("bob", "signoff").until_finished(Phase::RolledBack).settle();
    reads("approvals", &m, from);
}

#[test]
fn routes_read_as_before() {
    let mut m = Model::adopted(routed());
    let from = m.log.len();
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m.metrics_of(3, Metrics::Bad).wish(3).until_finished(Phase::RolledBack).settle();
    reads("routes", &m, from);
}

#[test]
fn a_removal_reads_as_before() {
    let mut m = Model::adopted(canary());
    let from = m.log.len();
    m.delete_policy().until("the policy is gone", 300, |m| m.gone);
    reads("removal", &m, from);
}

#[test]
fn a_removal_in_the_middle_of_a_canary_reads_as_before() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    let from = m.log.len();
    m.delete_policy().until("the policy is gone", 300, |m| m.gone);
    reads("removal-mid-canary", &m, from);
}

#[test]
fn windows_freezes_and_an_emergency_read_as_before() {
    let gates = vec![gate("conformance", Place::Traffic), window("late", Place::Promotion, "30 22 * * *", 10)];
    let mut m = Model::adopted(Policy { gates, ..canary() });
    let from = m.log.len();
    m.freeze(Some(240)).wish(2).until_finished(Phase::Succeeded).settle();
    m.freeze(None).wish(3).until_phase(Phase::Pending).run(20).freezes.clear();
    m.until_step(1).run(5).freeze(None).run(60).metrics_of(3, Metrics::Bad).until_finished(Phase::RolledBack).settle();
    m.emergency = Some("CVE-2026-1234".into());
    m.wish(4).until_finished(Phase::Succeeded).settle();
    reads("calendar", &m, from);
}
