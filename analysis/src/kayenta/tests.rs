//! Kayenta's rules one by one, and what holds for any values.

use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

use super::*;
use crate::special::near::near;
use crate::{Alpha, Rate};

fn settings() -> Settings {
    Settings {
        direction: Direction::Either,
        missing: Missing::Remove,
        outliers: Outliers::Keep,
        effect: Effect::any(Measure::MeanRatio),
        critical: false,
        must_have_data: false,
        confidence: Rate::new(0.98).unwrap(),
        roots: Roots::Exact,
    }
}

fn theirs() -> Settings {
    Settings { roots: Roots::Kayenta, ..settings() }
}

fn values(values: &[f64]) -> Values {
    Values::new(values.to_vec()).unwrap()
}

const LOW: [f64; 8] = [8.1, 8.4, 8.2, 8.7, 8.9, 8.3, 8.6, 8.5];
const HIGH: [f64; 8] = [12.1, 12.4, 12.2, 12.7, 12.9, 12.3, 12.6, 12.5];

fn classes(canary: &[f64], baseline: &[f64], settings: Settings) -> [Class; 2] {
    [Roots::Kayenta, Roots::Exact].map(|roots| judge(canary, baseline, &Settings { roots, ..settings }).class)
}

#[test]
fn quantiles_and_tails_of_the_normal_distribution_are_right_to_ten_digits() {
    // Against Python's statistics.NormalDist and math.erfc. The tails are only reported, never compared with a bound.
    near(Normal::standard().inverse_cdf(0.01), -2.326_347_874_040_840_8, 1e-14);
    near(Normal::standard().inverse_cdf(0.000_5), -3.290_526_731_491_926, 1e-14);
    near(Normal::standard().sf(2.165_063_509_461_097), 0.015_191_410_988_288_745, 1e-10);
    near(Normal::standard().sf(6.0), 9.865_876_450_376_946e-10, 1e-10);
}

#[test]
fn a_metric_that_rose_is_high_and_one_that_fell_is_low() {
    assert_eq!(classes(&HIGH, &LOW, settings()), [Class::High; 2]);
    assert_eq!(classes(&LOW, &HIGH, settings()), [Class::Low; 2]);
}

#[test]
fn a_change_for_the_better_passes() {
    let only = |direction| Settings { direction, ..settings() };
    assert_eq!(classes(&LOW, &HIGH, only(Direction::Increase)), [Class::Pass; 2]);
    assert_eq!(classes(&HIGH, &LOW, only(Direction::Decrease)), [Class::Pass; 2]);
}

#[test]
fn a_change_below_the_allowed_one_passes() {
    let allowed = Effect { allowed_increase: 2.0, allowed_decrease: 0.5, ..Effect::any(Measure::MeanRatio) };
    let settings = Settings { effect: allowed, ..settings() };
    assert_eq!(classes(&HIGH, &LOW, settings), [Class::Pass; 2]);
    assert_eq!(classes(&LOW, &HIGH, settings), [Class::Pass; 2]);
    let pairs = Effect { allowed_increase: 0.99, ..Effect::any(Measure::Cles) };
    assert_eq!(classes(&HIGH, &LOW, Settings { effect: pairs, ..settings }), [Class::High; 2]);
}

#[test]
fn an_effect_that_cannot_be_told_is_not_held_against_the_test() {
    let zero = [0.0; 8];
    assert_eq!(classes(&HIGH, &zero, settings()), [Class::High; 2]);
    assert_eq!(judge(&HIGH, &zero, &settings()).ratio, None);
}

#[test]
fn a_critical_metric_ends_the_release_from_the_critical_change_on() {
    let critical = |at| Effect { critical_increase: at, ..Effect::any(Measure::MeanRatio) };
    let judged = |at| judge(&HIGH, &LOW, &Settings { critical: true, effect: critical(at), ..settings() });
    assert!(judged(1.4).critical);
    assert!(!judged(1.6).critical);
    assert_eq!(judged(1.6).class, Class::High);
}

#[test]
fn points_that_are_not_there_are_left_out_or_are_0() {
    let holes = [f64::NAN; 8];
    let empty = |settings: Settings| judge(&holes, &LOW, &settings);
    assert_eq!(empty(settings()), judge(&[], &LOW, &settings()));
    assert_eq!((empty(settings()).class, empty(settings()).critical), (Class::NoData, false));
    assert!(empty(Settings { critical: true, ..settings() }).critical);
    let must = Settings { must_have_data: true, ..settings() };
    assert_eq!(empty(must).class, Class::NoDataFailMetric);
    assert_eq!(empty(Settings { critical: true, ..must }).class, Class::NoData);
    let replace = Settings { missing: Missing::Replace, ..settings() };
    assert_eq!(empty(replace).class, Class::Low);
    assert_eq!(judge(&[], &LOW, &replace).class, Class::Pass);
}

#[test]
fn equal_sides_pass_without_a_test() {
    let mut turned = LOW;
    turned.reverse();
    assert_eq!(judge(&turned, &LOW, &settings()).shift, None);
    assert_eq!(classes(&[3.0; 4], &[3.0; 9], settings()), [Class::Pass; 2]);
}

#[test]
fn two_constant_sides_that_differ_are_told_apart() {
    assert_eq!(classes(&[4.0; 8], &[3.0; 8], settings()), [Class::High; 2]);
    assert_eq!(classes(&[0.0; 8], &[3.0; 8], settings()), [Class::Low; 2]);
    assert_eq!(
        classes(
            &[-4.0; 8],
            &[-3.0; 8],
            Settings { effect: Effect { allowed_decrease: 9.0, ..settings().effect }, ..settings() }
        ),
        [Class::Low; 2]
    );
}

#[test]
fn one_point_on_each_side_cannot_be_judged() {
    assert_eq!(classes(&[4.0], &[3.0], settings()), [Class::Error; 2]);
}

#[test]
fn a_point_that_is_infinite_cannot_be_judged() {
    assert_eq!(classes(&[f64::INFINITY, 1.0], &LOW, settings()), [Class::Error; 2]);
    assert_eq!(classes(&[1e301, 1.0], &LOW, settings()), [Class::Error; 2]);
}

#[test]
fn extreme_points_are_dropped_if_told_so() {
    let mut spiked = HIGH;
    spiked[0] = 1e6;
    let dropped = Settings { outliers: Outliers::Remove(3.0), ..settings() };
    // The last percentile lies below the greatest of eight points, so that the spike goes.
    assert!(judge(&spiked, &LOW, &dropped).ratio.unwrap() < 2.0);
    assert!(judge(&spiked, &LOW, &settings()).ratio.unwrap() > 1e3);
}

#[test]
fn the_unit_of_the_metric_decides_theirs_and_not_ours() {
    let canary = [12.35, 10.74, 10.73, 11.44, 10.06, 11.94, 10.21, 11.13, 10.48, 11.02];
    let baseline = [8.76, 8.22, 9.66, 10.76, 9.85, 10.64, 8.82, 9.53, 9.23, 8.75];
    let small = |points: [f64; 10]| points.map(|point| point * 1e-5);
    let judged = |settings: &Settings| {
        [judge(&canary, &baseline, settings).class, judge(&small(canary), &small(baseline), settings).class]
    };
    assert_eq!(judged(&theirs()), [Class::High, Class::Pass]);
    assert_eq!(judged(&settings()), [Class::High, Class::High]);
}

#[test]
fn more_judgements_are_each_more_careful() {
    let alpha = Alpha::new(0.01).unwrap();
    near(confidence(alpha, 1).unwrap().get(), 0.98, 1e-15);
    near(confidence(alpha, 20).unwrap().get(), 0.999, 1e-15);
    assert!(confidence(Alpha::OFF, 1).is_err());
}

fn labelled(groups: &[&str], class: Class, critical: bool) -> Labelled {
    Labelled { groups: groups.iter().map(|name| (*name).to_owned()).collect(), class, critical }
}

#[test]
fn a_critical_failure_or_half_of_the_metrics_without_data_make_the_score_0() {
    let weights = Weights::default();
    let good = labelled(&["a"], Class::Pass, true);
    assert_eq!(score(std::slice::from_ref(&good), &weights).summary, 100.0);
    assert_eq!(score(&[good.clone(), labelled(&["a"], Class::High, true)], &weights).summary, 0.0);
    assert_eq!(score(&[good.clone(), labelled(&["b"], Class::NoData, false)], &weights).summary, 0.0);
    let third = [good.clone(), good, labelled(&["b"], Class::NoData, false)];
    assert_eq!(score(&third, &weights).summary, 100.0);
    assert_eq!(score(&[], &weights).summary, 0.0);
}

#[test]
fn a_metric_without_required_data_counts_as_failed_in_its_group() {
    let told = score(
        &[labelled(&["a"], Class::Pass, false), labelled(&["a"], Class::NoDataFailMetric, false)],
        &Weights::default(),
    );
    assert_eq!((told.groups["a"].score, told.summary), (50.0, 50.0));
}

#[test]
fn a_score_is_rounded_as_it_is_read() {
    let thirds = |bad| {
        score(
            &[labelled(&["a"], bad, false), labelled(&["a"], Class::Pass, false), labelled(&["a"], Class::Pass, false)],
            &Weights::default(),
        )
    };
    assert_eq!(thirds(Class::Low).summary, 66.67);
    let eighths =
        [Class::Pass, Class::High, Class::High, Class::High, Class::High, Class::High, Class::High, Class::High];
    let told =
        score(&eighths.map(|class| labelled(&["a"], class, false)), &Weights::new([("a".into(), 1.0)].into()).unwrap());
    // 0.125 to the even digit would be 0.12.
    assert_eq!(told.summary, 0.13);
}

#[test]
fn weights_are_percentages() {
    for bad in [-1.0, 101.0, f64::NAN] {
        assert!(Weights::new([("a".to_owned(), bad)].into()).is_err());
    }
}

#[test]
fn the_bounds_of_the_grades_belong_to_the_better_one() {
    assert_eq!(
        [95.0, 94.0, 75.0, 74.0].map(|s| grade(s, 75.0, 95.0)),
        [Grade::Pass, Grade::Marginal, Grade::Marginal, Grade::Fail]
    );
}

fn points() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((0_u32..60).prop_map(|v| f64::from(v) / 4.0), 1..14)
}

proptest! {
    #[test]
    fn the_kth_difference_is_that_of_the_sorted_list(x in points(), y in points()) {
        let mut all: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| x - y)).collect();
        all.sort_by(f64::total_cmp);
        let (x, y) = (values(&x), values(&y));
        for (k, want) in all.iter().enumerate() {
            prop_assert_eq!(difference::kth(&x, &y, k as u64), *want);
        }
    }

    #[test]
    fn the_unit_and_the_order_of_points_do_not_matter(x in points(), y in points(), unit in -40_i32..40) {
        let scaled = |points: &[f64]| points.iter().rev().map(|p| p * 2f64.powi(unit)).collect::<Vec<_>>();
        let verdict = judge(&x, &y, &settings());
        let other = judge(&scaled(&x), &scaled(&y), &settings());
        prop_assert_eq!((verdict.class, verdict.ratio), (other.class, other.ratio));
    }

    #[test]
    fn both_ways_find_the_same_limits_to_within_the_tolerance_of_theirs(
        x in prop::collection::vec(0.0..100.0_f64, 2..14), y in prop::collection::vec(0.0..100.0_f64, 2..14)
    ) {
        let find = |roots| shift(&values(&x), &values(&y), settings().confidence, roots).unwrap();
        let (ours, theirs) = (find(Roots::Exact), find(Roots::Kayenta));
        prop_assert!((ours.low - theirs.low).abs() <= 1e-4, "{ours:?} {theirs:?}");
        prop_assert!((ours.high - theirs.high).abs() <= 1e-4, "{ours:?} {theirs:?}");
    }

    #[test]
    fn swapping_the_sides_swaps_high_and_low(x in points(), y in points()) {
        let (there, back) = (judge(&x, &y, &settings()), judge(&y, &x, &settings()));
        if let (Some(there), Some(back)) = (there.shift, back.shift) {
            prop_assert_eq!((there.low, there.high, there.estimate), (-back.high, -back.low, -back.estimate));
        }
    }

    #[test]
    fn any_points_get_a_verdict_without_nan(
        x in prop::collection::vec(any::<f64>(), 0..9), y in prop::collection::vec(any::<f64>(), 0..9), ours in any::<bool>()
    ) {
        let settings = if ours { settings() } else { theirs() };
        let settings = Settings { outliers: Outliers::Remove(3.0), ..settings };
        let judged = judge(&x, &y, &settings);
        prop_assert!(judged.ratio.is_none_or(|ratio| !ratio.is_nan()));
        let shift = judged.shift.unwrap_or(Shift { low: 0.0, high: 0.0, estimate: 0.0 });
        prop_assert!(!(shift.low.is_nan() || shift.high.is_nan() || shift.estimate.is_nan()));
    }
}
