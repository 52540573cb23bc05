//! Edge cases of native histograms, and what holds for any of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::Ratio;
use crate::ingest::{ArmScrape, Observation, RawSample, Role, Series, Target, UnixMillis};

#[test]
fn lowering_a_schema_joins_two_buckets_to_one() {
    assert_eq!([-3, -2, -1, 0, 1, 2, 3].map(|index| merged_index(index, 1)), [-1, -1, 0, 0, 1, 1, 2]);
    for (index, steps) in (-40..40).flat_map(|index| (0..5).map(move |steps| (index, steps))) {
        let (fine, coarse) = (native_bound(4, index), native_bound(4 - steps as i8, merged_index(index, steps)));
        let below = native_bound(4 - steps as i8, merged_index(index, steps) - 1);
        assert!(fine <= coarse * (1.0 + 1e-12) && fine > below * (1.0 + 1e-12), "{index} {steps}");
    }
    assert_eq!((merged_index(i32::MIN, 12), merged_index(i32::MAX, 12)), (-524_288, 524_288));
}

fn native(schema: i8, zero: u64, counts: &[(i32, u64)]) -> NativeHistogram {
    NativeHistogram::new(schema, 1e-9, zero, counts.iter().copied().collect()).unwrap()
}

#[test]
fn a_schema_that_drops_between_two_scrapes_is_no_reset() {
    let before = native(3, 1, &[(1, 10), (2, 20), (8, 5)]);
    let after = native(2, 1, &[(1, 35), (4, 5), (5, 2)]);
    assert_eq!(after.since(&before), native(2, 0, &[(1, 5), (5, 2)]));
}

#[test]
fn a_native_histogram_that_lost_a_count_was_reset() {
    let before = native(0, 1, &[(1, 10), (2, 20)]);
    let after = native(0, 0, &[(1, 3)]);
    assert_eq!(after.since(&before), after);
    let emptied = native(0, 1, &[(2, 25)]);
    assert_eq!(emptied.since(&before), emptied);
}

#[test]
fn a_zero_bucket_that_widens_takes_up_the_buckets_within() {
    let before = NativeHistogram::new(0, 1e-9, 1, [(-3, 4), (0, 9)].into()).unwrap();
    let after = NativeHistogram::new(0, 0.25, 6, [(0, 10)].into()).unwrap();
    assert_eq!(after.since(&before), NativeHistogram::new(0, 0.25, 1, [(0, 1)].into()).unwrap());
}

#[test]
fn requests_of_a_native_histogram_over_a_threshold() {
    let told = native_bracket(&native(0, 7, &[(0, 10), (1, 4), (2, 2)]).explicit(), 1.5);
    assert_eq!((told.at_least, told.at_most, told.guess), (2, 6, Some(4.0)));
    assert_eq!(told.to_blame().requests(), 23);
    let exact = native_bracket(&native(0, 7, &[(0, 10), (1, 4), (2, 2)]).explicit(), 1.0);
    assert_eq!((exact.at_least, exact.at_most), (6, 6));
}

#[test]
fn schemas_that_do_not_exist_are_refused() {
    assert_eq!(NativeHistogram::new(-53, 0.0, 0, [].into()), Err(BadHistogram::Schema(-53)));
    assert!(NativeHistogram::new(0, -1.0, 0, [].into()).is_err());
}

#[test]
fn a_slowdown_on_exponential_buckets_is_a_shift_of_the_index() {
    let steps = |schema, ratio| slowdown_steps(schema, Ratio::new(ratio).unwrap());
    assert_eq!((steps(3, 1.1), steps(0, 2.0), steps(3, 2.0), steps(8, 1.0), steps(2, 0.5)), (2, 1, 8, 0, 0));
}

const BEGIN: UnixMillis = UnixMillis(1_000_000);

fn scrape(samples: &[(i64, NativeHistogram)]) -> ArmScrape<NativeHistogram> {
    let sample =
        |(second, held): &(i64, NativeHistogram)| RawSample::of(UnixMillis(BEGIN.0 + 1000 * second), held.clone());
    let series = Series::new("GET /", Role::Requests, samples.iter().map(sample).collect()).unwrap();
    ArmScrape { targets: vec![Target::new("a", None, vec![series]).unwrap()], traffic: true }
}

#[test]
fn samples_of_native_histograms_are_counted_like_those_of_counters() {
    let canary = scrape(&[
        (10, native(1, 0, &[(1, 4), (2, 6)])),
        (25, native(1, 0, &[(1, 5), (2, 6)])),
        (40, native(0, 1, &[(1, 14)])),
    ]);
    let stable = scrape(&[(10, native(1, 3, &[(1, 4)])), (40, native(1, 0, &[(1, 2)]))]);
    let mut ingest = NativeIngest::new(BEGIN);
    let Observation::Batch { batch, .. } = ingest.take(UnixMillis(BEGIN.0 + 60_000), &canary, &stable) else {
        panic!()
    };
    assert_eq!(batch.canary, native(0, 1, &[(1, 4)]));
    assert_eq!(batch.baseline, native(1, 0, &[(1, 2)]));
    let stored = serde_json::to_string(&ingest).unwrap();
    assert_eq!(serde_json::from_str::<NativeIngest>(&stored).unwrap(), ingest);
    assert!(serde_json::from_str::<NativeHistogram>("[9, 0.0, 1, {}]").is_err());
}

#[test]
fn requests_in_doubt_never_speak_against_the_candidate() {
    let histogram = native(0, 7, &[(0, 10), (1, 4), (2, 2)]);
    let bounds = Bounds::try_from(vec![1.0, 1.5, 4.0]).unwrap();
    let over = |doubt| {
        let buckets = native_buckets(&histogram.explicit(), &bounds, doubt);
        [0, 1, 2].map(|bound| buckets.over(bound).unwrap().errors())
    };
    assert_eq!(over(Doubt::CountsAsFast), [6, 2, 0]);
    assert_eq!(over(Doubt::CountsAsSlow), [6, 6, 0]);
}

fn histograms() -> impl Strategy<Value = NativeHistogram> {
    (-4_i8..=8, 0.0..1.0_f64, 0_u64..90, prop::collection::btree_map(-30_i32..30, 0_u64..90, 0..6)).prop_map(
        |(schema, zero_threshold, zero, counts)| NativeHistogram::new(schema, zero_threshold, zero, counts).unwrap(),
    )
}

fn requests(histogram: &NativeHistogram) -> u64 {
    histogram.explicit().iter().map(|bucket| bucket.count).sum()
}

proptest! {
    #[test]
    fn merging_neither_loses_nor_invents_requests(a in histograms(), b in histograms()) {
        let both = a.and(&b);
        prop_assert_eq!(requests(&both), requests(&a) + requests(&b));
        prop_assert_eq!(requests(&both.since(&a)), requests(&b));
    }

    #[test]
    fn any_histogram_gives_a_range(
        schema in -4_i8..=8, zero in any::<f64>(), counts in prop::collection::btree_map(any::<i32>(), any::<u64>(), 0..5),
        threshold in any::<f64>(),
    ) {
        let Ok(histogram) = NativeHistogram::new(schema, zero.abs(), 3, counts) else { return Ok(()) };
        let told = native_bracket(&histogram.explicit(), threshold);
        prop_assert!(told.at_least <= told.at_most && told.guess.is_none_or(|guess| !guess.is_nan()));
        let coarse: BTreeMap<i32, u64> = [(i32::MIN, 1), (i32::MAX, u64::MAX)].into();
        let coarse = NativeHistogram::new(-4, 0.0, u64::MAX, coarse).unwrap();
        prop_assert_eq!(histogram.since(&coarse).and(&coarse).schema(), -4);
    }
}
