//! What a journal may hold, and that it is replayed to the same decision.

use proptest::prelude::*;

use super::*;

#[test]
fn traffic_that_is_not_split_as_it_was_set_holds_the_step() {
    let journal = Journal::new().minutes(5, counts(0, 0, 6_000, 30));
    let decided = journal.on(ramp());
    assert_eq!(decided.decision, Decision::Hold);
    assert_eq!(decided.why, "0 % of the requests reach the canary where 5 % should; check the routing");
    assert_eq!(journal.on(ramp().settings(|s| s.watch_split = false)).decision, Decision::Continue);
    let late = journal.last(|e| e.at = UnixMillis(7_200_000));
    assert_eq!(late.on(ramp()).decision, Decision::Inconclusive);
}

#[test]
fn at_a_weight_of_nothing_or_of_all_no_version_is_compared_with_another() {
    for weight in [0.0, 1.0] {
        let given = ramp().settings(|s| s.steps = vec![Step { weight, seconds: 300.0 }]);
        let (n_c, n_b) = if weight > 0.0 { (6_000, 0) } else { (0, 6_000) };
        let decided = Journal::new().minutes(5, counts(n_c, n_c / 20, n_b, n_b / 20)).on(given);
        let tests = &decided.metrics[0].tests;
        assert!(tests.iter().filter(|t| matches!(t.test, Test::Comparison | Test::Evidence)).all(|t| t.p > 1.0 - 1e-9));
        assert_eq!(decided.decision == Decision::Rollback, weight > 0.0, "only the objective speaks");
    }
}

#[test]
fn a_look_that_is_not_later_is_left_out_so_a_journal_written_twice_says_the_same() {
    let journal = Journal::ramp(6_000, 0.01, 0.005);
    let plan = ramp().plan();
    let twice: Vec<Entry> = journal.0.iter().flat_map(|e| [e.clone(), e.clone()]).collect();
    let backwards: Vec<Entry> = journal.0.iter().cloned().chain(journal.0.iter().rev().cloned()).collect();
    assert_eq!(decide(&plan, &twice), decide(&plan, &journal.0));
    assert_eq!(decide(&plan, &backwards), decide(&plan, &journal.0));
}

#[test]
fn a_window_that_overlaps_the_one_before_is_no_evidence() {
    let overlap = |e: &mut Entry| {
        if let Some(Observed::Counts(batch)) = e.observed.get_mut("errors") {
            batch.window.after = UnixMillis(batch.window.after.0 - 1);
        }
    };
    let journal = || Journal::new().minutes(3, counts(300, 9, 5_700, 28));
    let decided = journal().last(overlap).on(ramp());
    assert_eq!(decided.metrics[0].counts.canary.requests(), 600);
    assert!(decided.metrics[0].lacking.as_ref().unwrap().contains("overlaps"));
}

#[test]
fn counters_that_cannot_be_are_not_believed() {
    let decided = Journal::new().minutes(1, counts(1 << 40, 1 << 39, 5_700, 28)).on(ramp());
    assert_eq!(decided.metrics[0].counts.requests(), 0);
    assert!(decided.metrics[0].lacking.as_ref().unwrap().contains("a billion"));
}

#[test]
fn counters_that_cannot_be_are_not_believed_where_they_would_prove_the_canary_good_either() {
    for at_most in [counts(1 << 40, 0, 5_700, 57), counts(300, 1, u64::MAX, 57)] {
        let decided = Journal::new().minutes(1, counts(300, 1, 5_700, 57)).last(|e| {
            let Some(Observed::Counts(at_least)) = e.observed.remove("errors") else { return };
            e.observed.insert("errors".into(), Observed::Bracket { at_least, at_most });
        });
        let metric = &decided.on(ramp()).metrics[0];
        assert_eq!((metric.counts.requests(), metric.standing), (0, Standing::Open));
        assert!(metric.lacking.as_ref().unwrap().contains("a billion"));
    }
}

#[test]
fn a_bound_within_a_bucket_blames_for_the_least_and_accepts_for_the_most() {
    let given = || ramp().metric("errors", |policy| policy.tolerance = Tolerance::no_worse_by_requests(None));
    let bracket = |at_most: u64| {
        (0..5).fold(Journal::new(), |journal, _| {
            journal.minute(&[("errors", counts(300, 1, 5_700, 57))]).last(|e| {
                let Some(Observed::Counts(at_least)) = e.observed.remove("errors") else { return };
                let at_most = counts(300, at_most, 5_700, 57);
                e.observed.insert("errors".into(), Observed::Bracket { at_least, at_most });
            })
        })
    };
    assert_eq!(bracket(1).on(given()).metrics[0].standing, Standing::Accepted);
    let wide = bracket(200).on(given()).metrics[0].standing;
    assert!(!matches!(wide, Standing::Accepted | Standing::Rejected { .. }), "{wide:?}");
}

#[test]
fn gauges_of_pods_roll_back_by_rank_and_what_is_no_number_is_no_data() {
    let tolerance = crate::gauge::Tolerance::relative(0.1, crate::gauge::Worse::Higher).unwrap();
    let given = || {
        ramp().settings(|s| {
            s.metrics[0] = Metric {
                name: "cpu".into(),
                critical: true,
                weight: 1.0,
                policy: Policy::Gauge(GaugePolicy::new(tolerance)),
            };
        })
    };
    let run = |canary: f64| {
        (0..20).fold(Journal::new(), |journal, _| {
            journal.minute(&[]).last(|e| {
                let window = Window { after: UnixMillis(e.at.0 - MINUTE), until: e.at };
                let pods = PodValues { window, canary: vec![canary; 3], baseline: vec![1.0; 9] };
                e.observed.insert("cpu".into(), Observed::Pods(pods));
            })
        })
    };
    let decided = run(1.5).on(given());
    assert_eq!(decided.decision, Decision::Rollback);
    assert!(
        decided
            .why
            .starts_with("cpu: a canary pod is worse than tolerated beside a stable one in 100 % of 540 pairs; ")
    );
    assert_eq!(run(1.05).on(given()).decision, Decision::Promote);
    let lacking = run(f64::NAN).on(given());
    assert_eq!((lacking.decision, lacking.metrics[0].used), (Decision::Continue, 0.0));
    assert!(lacking.metrics[0].lacking.as_ref().unwrap().contains("NaN"));
    assert_eq!(run(1.5).on(given().settings(|s| s.strict = true)).decision, Decision::Rollback);
}

#[test]
fn a_measurement_of_the_wrong_kind_is_no_data() {
    let pods =
        PodValues { window: Window { after: UnixMillis(0), until: UnixMillis(1) }, canary: vec![], baseline: vec![] };
    let journal = Journal::new().minutes(1, counts(300, 9, 5_700, 28));
    let decided = journal.last(|e| _ = e.observed.insert("errors".into(), Observed::Pods(pods))).on(ramp());
    assert!(decided.metrics[0].lacking.as_ref().unwrap().contains("check its kind"));
}

#[test]
fn a_metric_that_is_not_critical_is_shown_and_decides_nothing() {
    let given = ramp().metric("cache", |_| ()).settings(|s| s.metrics[1].critical = false);
    let journal = (0..10).fold(Journal::new(), |journal, _| {
        journal.minute(&[("errors", counts(300, 1, 5_700, 28)), ("cache", counts(300, 90, 5_700, 28))])
    });
    let decided = journal.on(given);
    assert_ne!(decided.decision, Decision::Rollback);
    assert!(matches!(decided.metrics[1].standing, Standing::Rejected { .. }));
    assert_eq!(decided.blamed, ["cache"]);
}

#[test]
fn one_of_several_critical_metrics_suffices_to_roll_back_and_none_may_be_missing_to_go_on() {
    let given = || ramp().metric("slow", |_| ()).settings(|s| s.watch_split = false);
    let run = |slow: u64| {
        (0..20).fold(Journal::new(), |journal, _| {
            journal.minute(&[("errors", counts(3_000, 15, 57_000, 285)), ("slow", counts(3_000, slow, 57_000, 285))])
        })
    };
    let decided = run(150).on(given());
    assert_eq!(decided.decision, Decision::Rollback);
    assert!(decided.why.starts_with("slow: "));
    assert!(decided.metrics.iter().all(|metric| metric.alpha == Alpha::new(0.005).unwrap()));
    let silent = Journal::new().minutes(20, counts(3_000, 15, 57_000, 285));
    assert_eq!(silent.on(given()).decision, Decision::Continue);
}

#[test]
fn a_step_has_two_looks_at_least_however_good_the_canary_is() {
    let decisions = Journal::new()
        .minutes(10, counts(60_000, 60, 1_140_000, 2_280))
        .decisions(ramp().settings(|s| s.watch_split = false));
    assert_eq!(&decisions[..2], [Decision::Continue, Decision::Advance]);
    assert_eq!(decisions[5], Decision::Continue, "the first look of the next step");
}

#[test]
fn strict_stages_still_see_a_regression_and_spend_no_more() {
    let given = || ramp().settings(|s| s.strict = true);
    let decided = Journal::ramp(60_000, 0.025, 0.005).on(given());
    assert_eq!(decided.decision, Decision::Rollback);
    let healthy = Journal::ramp(60_000, 0.005, 0.005).on(given());
    assert_eq!(healthy.decision, Decision::Promote);
    assert!(healthy.alpha_used <= 0.01);
}

#[test]
fn strict_stages_prove_a_canary_good_as_the_same_looks_do_without_stages() {
    // Steps give alpha to the tests against the canary; what proves it good goes on through all of them.
    let accepted = |strict: bool| {
        let journal = Journal::ramp(6_000, 0.005, 0.005);
        let plan = ramp().settings(|s| s.strict = strict).plan();
        (1..=20).find(|looks| decide(&plan, &journal.0[..*looks]).metrics[0].standing == Standing::Accepted)
    };
    assert_eq!(accepted(true), accepted(false));
    assert!(accepted(true).is_some_and(|looks| looks > 5), "beyond the first step: {:?}", accepted(true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn looking_one_by_one_and_replaying_all_say_bit_for_bit_the_same(
        looks in prop::collection::vec((0u64..400, 0u64..9, 0u64..900, 0u64..20, any::<bool>()), 1..30),
    ) {
        let journal = looks.iter().fold(Journal::new(), |journal, (n_c, x_c, n_b, x_b, silent)| {
            let batch = counts(*n_c, *x_c.min(n_c), *n_b, *x_b.min(n_b));
            if *silent { journal.minute(&[]) } else { journal.minute(&[("errors", batch)]) }
        });
        let plan = ramp().plan();
        let mut replay = Replay::new(&plan);
        for (i, entry) in journal.0.iter().enumerate() {
            replay.look(entry);
            prop_assert_eq!(format!("{:?}", replay.decided()), format!("{:?}", decide(&plan, &journal.0[..=i])));
        }
    }

    #[test]
    fn no_release_spends_more_than_alpha(
        looks in prop::collection::vec((0u64..400, 0u64..9, 0u64..900, 0u64..20), 1..40), strict in any::<bool>(),
    ) {
        let journal = looks.iter().fold(Journal::new(), |journal, (n_c, x_c, n_b, x_b)| {
            journal.minute(&[("errors", counts(*n_c, *x_c.min(n_c), *n_b, *x_b.min(n_b)))])
        });
        let decided = journal.on(ramp().settings(|s| s.strict = strict));
        prop_assert!(decided.alpha_used <= 0.01);
        prop_assert!(decided.metrics[0].tests.iter().all(|t| t.used.unwrap_or(0.0) <= t.alpha.get()));
    }
}
