//! Edge cases of histograms, and what holds for any of them.

use proptest::prelude::*;

use super::*;
use crate::ingest::{ArmScrape, Observation, RawSample, Role, Series, Target, UnixMillis};
use crate::special::near::near;
use crate::{Alpha, Kappa, Phi, Progress, Ratio};

fn bounds(bounds: &[f64]) -> Bounds {
    Bounds::try_from(bounds.to_vec()).unwrap()
}

fn prometheus() -> Bounds {
    bounds(&[0.1, 0.25, 0.5, 1.0])
}

fn buckets(cumulative: &[u64], total: u64) -> Buckets {
    Buckets::new(prometheus(), cumulative.to_vec(), total).unwrap()
}

fn example() -> Buckets {
    buckets(&[700, 930, 985, 998], 1000)
}

#[test]
fn a_threshold_between_bounds_is_known_within_a_range() {
    let told = example().bracket(0.3);
    assert_eq!((told.at_least, told.at_most), (15, 70));
    near(told.guess.unwrap(), 59.0, 1e-12);
    assert_eq!((told.to_blame().errors(), told.to_accept().errors()), (15, 70));
}

#[test]
fn a_threshold_below_the_first_bound_may_be_exceeded_by_all() {
    let told = example().bracket(0.05);
    assert_eq!((told.at_least, told.at_most, told.guess), (300, 1000, Some(650.0)));
}

#[test]
fn nothing_is_certainly_over_a_threshold_above_the_last_bound() {
    let told = example().bracket(9.0);
    assert_eq!((told.to_blame().errors(), told.to_accept().errors(), told.guess), (0, 2, None));
    assert_eq!(prometheus().place(9.0), Place::Above(3));
}

#[test]
fn buckets_of_a_torn_scrape_are_raised_to_those_before() {
    let torn = buckets(&[700, 0, 985, 998], 990);
    assert_eq!((torn.over(1).unwrap().errors(), torn.total()), (298, 998));
}

#[test]
fn bounds_ascend_and_are_finite() {
    for bad in [vec![], vec![1.0, 1.0], vec![2.0, 1.0], vec![1.0, f64::INFINITY], vec![f64::NAN]] {
        assert!(Bounds::try_from(bad).is_err());
    }
    assert!(Buckets::new(prometheus(), vec![1, 2], 3).is_err());
    assert!(serde_json::from_str::<Bounds>("[2.0, 1.0]").is_err());
}

const BEGIN: UnixMillis = UnixMillis(1_000_000);

fn scrape(samples: &[(i64, [f64; 5])]) -> ArmScrape {
    let le = [0.1, 0.25, 0.5, 1.0, f64::INFINITY];
    let sample = |(second, values): &(i64, [f64; 5])| {
        let scraped: Vec<_> = le.into_iter().zip(*values).rev().collect();
        prometheus().sample(UnixMillis(BEGIN.0 + 1000 * second), &scraped).unwrap()
    };
    let series = Series::new("GET /", Role::Requests, samples.iter().map(sample).collect()).unwrap();
    ArmScrape { targets: vec![Target::new("a", None, vec![series]).unwrap()], traffic: true }
}

#[test]
fn one_bucket_that_falls_resets_the_whole_histogram() {
    let canary = scrape(&[(10, [5.0, 9.0, 9.0, 9.0, 9.0]), (40, [6.0, 8.0, 10.0, 10.0, 10.0])]);
    let stable = scrape(&[(10, [5.0, 9.0, 9.0, 9.0, 9.0]), (40, [6.0, 11.0, 11.0, 12.0, 12.0])]);
    let mut ingest = HistogramIngest::new(BEGIN, prometheus());
    let taken = ingest.take(UnixMillis(BEGIN.0 + 60_000), &canary, &stable).unwrap();
    let Observation::Batch { batch, .. } = taken else { panic!("{taken:?}") };
    assert_eq!(batch.canary, buckets(&[6, 8, 10, 10], 10));
    assert_eq!(batch.baseline, buckets(&[1, 2, 2, 3], 3));
    let stored = serde_json::to_string(&ingest).unwrap();
    assert_eq!(serde_json::from_str::<HistogramIngest>(&stored).unwrap(), ingest);
}

#[test]
fn a_scrape_without_one_of_the_buckets_is_no_sample() {
    let missing = prometheus().sample(BEGIN, &[(0.1, 1.0), (0.25, 2.0), (1.0, 3.0), (f64::INFINITY, 3.0)]);
    assert_eq!(missing, Err(BadBuckets::Missing(0.5)));
    let negative = bounds(&[1.0]).sample(BEGIN, &[(1.0, -1.0), (f64::INFINITY, 3.0)]);
    assert!(matches!(negative, Err(BadBuckets::Sample(_))));
}

#[test]
fn samples_with_other_buckets_are_refused_and_change_nothing() {
    let mut ingest = HistogramIngest::new(BEGIN, prometheus());
    let before = ingest.clone();
    let other = Series::new("a", Role::Requests, vec![RawSample::new(BEGIN, 1.0).unwrap()]).unwrap();
    let other = ArmScrape { targets: vec![Target::new("a", None, vec![other]).unwrap()], traffic: true };
    let quiet = ArmScrape { targets: vec![], traffic: false };
    let wrong = ingest.take(UnixMillis(BEGIN.0 + 1), &other, &quiet);
    assert_eq!(wrong, Err(BadBuckets::Uneven { counts: 0, bounds: 4 }));
    assert_eq!(ingest, before);
}

#[test]
fn bounds_are_chosen_at_the_quantiles_where_they_tell_something() {
    assert_eq!(quantile_bounds(&example()), [0, 1, 2]);
    // All are fast: 0.1 % over the first bound is too little.
    assert_eq!(quantile_bounds(&buckets(&[999, 1000, 1000, 1000], 1000)), [0; 0]);
    // One bound serves all three quantiles.
    assert_eq!(quantile_bounds(&buckets(&[0, 900, 1000, 1000], 1000)), [1]);
    assert_eq!(quantile_bounds(&buckets(&[0; 4], 0)), [0; 0]);
}

#[test]
fn a_tolerated_slowdown_compares_with_the_next_bound_that_is_far_enough() {
    let pair = |canary, baseline| Comparison { canary, baseline };
    let twice = Some(Ratio::new(2.0).unwrap());
    assert_eq!(comparisons(&prometheus(), &[0, 1, 3], twice), [pair(1, 0), pair(2, 1)]);
    assert_eq!(comparisons(&prometheus(), &[0, 1, 9], None), [pair(0, 0), pair(1, 1)]);
    assert_eq!(comparisons(&bounds(&[1.0, 1.1, 1.2]), &[0, 1], None), [pair(1, 0), pair(1, 1)]);
}

/// The look of ten at which a candidate with these buckets is called slower.
fn slower_at(canary: &Buckets, tolerated: Option<Ratio>) -> Option<u32> {
    let baseline = buckets(&[6_300, 8_370, 8_865, 8_982], 9_000);
    let pairs = comparisons(&prometheus(), &quantile_bounds(&baseline), tolerated);
    let mut test = Dominance::new(pairs, Alpha::new(0.01).unwrap(), Kappa::default(), Phi::INDEPENDENT);
    (1..=10).find(|look| {
        test.add(canary, &baseline);
        test.look(Progress::of(f64::from(*look), 10.0).unwrap()).rejected
    })
}

#[test]
fn a_slower_candidate_is_found_and_an_equal_or_faster_one_is_not() {
    assert_eq!(slower_at(&example(), None), None);
    assert_eq!(slower_at(&buckets(&[800, 960, 990, 999], 1000), None), None);
    assert!(slower_at(&buckets(&[600, 900, 980, 998], 1000), None).is_some_and(|look| look <= 3));
}

#[test]
fn a_slowdown_within_the_tolerance_is_let_pass() {
    let tolerated = Some(Ratio::new(2.0).unwrap());
    assert_eq!(slower_at(&buckets(&[600, 900, 980, 998], 1000), tolerated), None);
    assert!(slower_at(&buckets(&[100, 200, 300, 400], 1000), tolerated).is_some());
}

#[test]
fn without_bounds_or_requests_nothing_is_rejected() {
    let mut none = Dominance::new(vec![], Alpha::new(0.01).unwrap(), Kappa::default(), Phi::INDEPENDENT);
    none.add(&example(), &example());
    let look = none.look(Progress::new(1.0).unwrap());
    assert_eq!((look.rejected, look.p), (false, 1.0));
    assert_eq!(slower_at(&buckets(&[0; 4], 0), None), None);
}

proptest! {
    #[test]
    fn the_unit_does_not_change_what_is_over_a_threshold(
        counts in prop::collection::vec(0_u64..50, 4), rest in 0_u64..50, threshold in 0.01..2.0_f64, unit in -20_i32..20
    ) {
        let cumulative: Vec<u64> = counts.iter().scan(0, |sum, count| { *sum += count; Some(*sum) }).collect();
        let total = counts.iter().sum::<u64>() + rest;
        let scale = 2f64.powi(unit);
        let scaled = prometheus().get().iter().map(|bound| bound * scale).collect::<Vec<_>>();
        let there = buckets(&cumulative, total).bracket(threshold);
        let scaled = Buckets::new(bounds(&scaled), cumulative, total).unwrap().bracket(threshold * scale);
        prop_assert_eq!((there.at_least, there.at_most), (scaled.at_least, scaled.at_most));
        prop_assert!(there.at_least <= there.at_most && there.at_most <= total);
        if let Some(guess) = there.guess {
            prop_assert!(guess >= there.at_least as f64 - 1e-9 && guess <= there.at_most as f64 + 1e-9);
        }
    }

    #[test]
    fn any_buckets_and_thresholds_give_a_range(
        cumulative in any::<[u64; 4]>(), total in any::<u64>(), threshold in any::<f64>()
    ) {
        let told = buckets(&cumulative, total).bracket(threshold);
        prop_assert!(told.at_least <= told.at_most && told.guess.is_none_or(|guess| !guess.is_nan()));
    }
}
