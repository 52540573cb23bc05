//! What is decided, and with which words.

use super::*;

#[test]
fn a_healthy_canary_with_traffic_goes_through_every_step_to_the_end() {
    let decisions = Journal::ramp(60_000, 0.005, 0.005).decisions(ramp());
    assert!(!decisions.contains(&Decision::Rollback) && decisions.contains(&Decision::Advance));
    assert_eq!(decisions.last(), Some(&Decision::Promote));
}

#[test]
fn a_canary_five_times_as_bad_is_rolled_back_with_a_sentence_that_says_why() {
    let decided = Journal::ramp(6_000, 0.025, 0.005).on(ramp());
    assert_eq!(decided.decision, Decision::Rollback);
    assert!(decided.why.starts_with("errors: canary fails 2."), "{}", decided.why);
    assert!(decided.why.contains("a version no worse would show this in "), "{}", decided.why);
    assert_eq!(decided.blamed, ["errors"]);
    let metric = &decided.metrics[0];
    assert!(matches!(metric.standing, Standing::Rejected { by: Test::Comparison | Test::Evidence }));
    assert!(metric.p <= 0.01 && metric.used <= metric.alpha.get() && decided.alpha_used <= 0.01);
    assert!(metric.ratio.unwrap().low > 1.0);
}

#[test]
fn a_rollback_stays_one_whatever_comes_after() {
    let journal = Journal::ramp(6_000, 0.025, 0.005).minutes(40, counts(3_000, 0, 3_000, 90));
    assert_eq!(journal.on(ramp()).decision, Decision::Rollback);
}

#[test]
fn with_too_little_traffic_a_release_waits_and_ends_inconclusive_and_is_never_promoted() {
    let given = || ramp().settings(|s| s.longest_hold = 600.0);
    let decisions = Journal::ramp(20, 0.0, 0.0).minutes(20, counts(10, 0, 10, 0)).decisions(given());
    assert!(decisions.iter().all(|d| matches!(d, Decision::Continue | Decision::Inconclusive)));
    assert_eq!(decisions.last(), Some(&Decision::Inconclusive));
    assert!(Journal::ramp(20, 0.0, 0.0).on(given()).why.contains("too little to tell"));
}

#[test]
fn nothing_looked_at_and_nothing_counted_is_no_decision() {
    assert_eq!(decide(&ramp().plan(), &[]).decision, Decision::Continue);
    let silent = Journal::new().minute(&[]);
    let decided = silent.on(ramp());
    assert_eq!(
        (decided.decision, decided.metrics[0].message.as_str()),
        (Decision::Continue, "no requests were counted yet")
    );
    assert_eq!(decided.metrics[0].lacking.as_deref(), Some("it was not asked for"));
}

#[test]
fn a_look_without_data_changes_no_test() {
    let journal = Journal::ramp(6_000, 0.01, 0.005);
    let silent = |journal: Journal| {
        journal.minute(&[]).last(|entry| {
            entry.observed.insert("errors".into(), Observed::NoData("no sample of the canary".into()));
        })
    };
    let (before, after) = (journal.on(ramp()), silent(journal).on(ramp()));
    assert_eq!(after.metrics[0].lacking.as_deref(), Some("no sample of the canary"));
    let bare = |decided: &Decided| MetricReport { lacking: None, ..decided.metrics[0].clone() };
    assert_eq!(bare(&before), bare(&after));
}

#[test]
fn a_canary_that_cannot_run_is_rolled_back_without_statistics() {
    let journal = Journal::new().minute(&[]).last(|e| e.signals.broken = Some("3 pods crash".into()));
    let decided = journal.on(ramp());
    assert_eq!((decided.decision, decided.why.as_str()), (Decision::Rollback, "3 pods crash"));
}

#[test]
fn a_service_that_burns_its_budget_holds_the_step_and_rolls_back_only_if_asked_and_the_canary_looks_worse() {
    let burning = |journal: Journal| journal.last(|e| e.signals.burning = Some("14.4 times too fast".into()));
    let worse = || burning(Journal::new().minutes(3, counts(300, 3, 5_700, 28)));
    assert_eq!(worse().on(ramp()).decision, Decision::Hold);
    assert_eq!(worse().on(ramp().settings(|s| s.rollback_on_burn = true)).decision, Decision::Rollback);
    let healthy = burning(Journal::ramp(60_000, 0.005, 0.005));
    assert_eq!(healthy.on(ramp().settings(|s| s.rollback_on_burn = true)).decision, Decision::Hold);
}

#[test]
fn an_outage_of_the_whole_service_holds_the_step_and_is_not_blamed_on_the_canary() {
    let outage = Journal::new().minutes(4, counts(300, 60, 5_700, 1_140));
    let decided = outage.on(ramp());
    assert_eq!(decided.decision, Decision::Hold);
    assert!(matches!(decided.metrics[0].standing, Standing::ServiceDegraded { by: Test::Objective }));
    assert!(decided.why.contains("so the canary is not blamed for it"), "{}", decided.why);
}

#[test]
fn a_past_that_knows_better_rolls_back_where_the_stable_version_tells_nothing() {
    let history = History::of(&[Arm::new(3_600, 4).unwrap(); 168]).unwrap();
    let given = ramp().metric("errors", |policy| {
        policy.history = Some(history);
        policy.expected_errors = Some(1.0);
        policy.objective = None;
    });
    let decided = Journal::new().minutes(10, counts(30, 1, 30, 0)).on(given);
    assert!(matches!(decided.metrics[0].standing, Standing::Rejected { by: Test::History }), "{decided:?}");
    assert!(decided.why.contains("that its past allows; a version within it would show this in 1 of "));
}

#[test]
fn a_canary_below_the_floor_is_never_rolled_back_however_much_worse_it_is() {
    let floor = |f: f64| {
        ramp().metric("errors", |policy| {
            policy.tolerance = Tolerance::new(Ratio::STRICT, 0.0, Rate::new(f).ok()).unwrap();
            policy.objective = None;
        })
    };
    let journal = Journal::ramp(60_000, 0.004, 0.0002);
    assert_eq!(journal.on(ramp()).decision, Decision::Rollback);
    assert_ne!(journal.on(floor(0.005)).decision, Decision::Rollback);
    assert_eq!(journal.on(floor(0.001)).decision, Decision::Rollback);
}
