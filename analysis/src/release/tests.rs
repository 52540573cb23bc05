//! Releases from the first look to the decision.

use proptest::prelude::*;

use super::*;
use crate::history::History;
use crate::ingest::Window;
use crate::{Alpha, Arm, Counts, Rate, Ratio};

const MINUTE: i64 = 60_000;

/// A plan that reads as a sentence.
struct Given(Settings);

fn ramp() -> Given {
    let steps = [0.05, 0.1, 0.25, 0.5].map(|weight| Step { weight, seconds: 300.0 }).to_vec();
    Given(Settings { steps, ..Settings::default() }).metric("errors", |_| ())
}

impl Given {
    fn metric(mut self, name: &str, change: impl FnOnce(&mut ErrorPolicy)) -> Self {
        let tolerance = Tolerance::new(Ratio::STRICT, 0.0, None).unwrap();
        let mut policy = ErrorPolicy { tolerance, objective: Some(Rate::new(0.01).unwrap()), ..ErrorPolicy::default() };
        change(&mut policy);
        self.0.metrics.retain(|metric| metric.name != name);
        self.0.metrics.push(Metric {
            name: name.into(),
            critical: true,
            weight: 1.0,
            policy: Policy::Errors(Box::new(policy)),
        });
        self
    }

    fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.0);
        self
    }

    fn plan(self) -> Plan {
        Plan::new(self.0).unwrap()
    }
}

fn counts(n_c: u64, x_c: u64, n_b: u64, x_b: u64) -> Counts {
    Counts::new(Arm::new(n_c, x_c).unwrap(), Arm::new(n_b, x_b).unwrap())
}

/// A look every minute; steps of five minutes.
struct Journal(Vec<Entry>);

impl Journal {
    fn new() -> Self {
        Self(vec![])
    }

    fn minute(mut self, observed: &[(&str, Counts)]) -> Self {
        let until = (self.0.len() as i64 + 1) * MINUTE;
        let step = ((self.0.len()) / 5).min(3);
        let window = Window { after: UnixMillis(until - MINUTE), until: UnixMillis(until) };
        let batch = |(name, counts): &(&str, Counts)| {
            ((*name).to_owned(), Observed::Counts(CountBatch { window, counts: *counts }))
        };
        self.0.push(Entry {
            at: UnixMillis(until),
            step,
            step_since: UnixMillis(step as i64 * 5 * MINUTE),
            observed: observed.iter().map(batch).collect(),
            signals: Signals::default(),
        });
        self
    }

    fn minutes(self, so_many: usize, counts: Counts) -> Self {
        (0..so_many).fold(self, |journal, _| journal.minute(&[("errors", counts)]))
    }

    /// Every step with its weight of so many requests a minute, at these rates.
    fn ramp(requests: u64, canary: f64, baseline: f64) -> Self {
        (0..20).fold(Self::new(), |journal, minute| {
            let n_c = (requests as f64 * [0.05, 0.1, 0.25, 0.5][minute / 5]) as u64;
            let errors = |n: u64, p: f64| {
                ((n as f64 * p * (minute + 1) as f64) as u64) - ((n as f64 * p * minute as f64) as u64)
            };
            let n_b = requests - n_c;
            journal.minute(&[("errors", counts(n_c, errors(n_c, canary), n_b, errors(n_b, baseline)))])
        })
    }

    fn last(mut self, change: impl FnOnce(&mut Entry)) -> Self {
        change(self.0.last_mut().unwrap());
        self
    }

    fn on(&self, given: Given) -> Decided {
        decide(&given.plan(), &self.0)
    }

    fn decisions(&self, given: Given) -> Vec<Decision> {
        let plan = given.plan();
        (1..=self.0.len()).map(|n| decide(&plan, &self.0[..n]).decision).collect()
    }
}

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
