//! Edge cases of the tests on gauges, and what holds for any values.

use proptest::prelude::*;

use super::*;
use crate::eproc::Onset;
use crate::special::near::near;
use crate::{Alpha, Kappa, Progress};

fn pods(values: &[f64]) -> Pods {
    Pods::new(values.to_vec()).unwrap()
}

fn higher(part: f64) -> Tolerance {
    Tolerance::relative(part, Worse::Higher).unwrap()
}

fn alpha() -> Alpha {
    Alpha::new(0.01).unwrap()
}

/// The look at which the candidate is rejected, of 60 planned ones with the same values.
fn rejected_at(tolerance: Tolerance, canary: &[f64], baseline: &[f64]) -> Option<u32> {
    let mut test = RankTest::new(tolerance, alpha(), Kappa::default());
    (1..=60).find(|look| {
        test.add(&pods(canary), &pods(baseline));
        test.look(Progress::of(f64::from(*look), 60.0).unwrap()).rejected
    })
}

const BASELINE: [f64; 9] = [1.0, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08];

#[test]
fn pods_that_are_all_worse_are_rejected_within_a_few_looks() {
    assert_eq!(rejected_at(higher(0.1), &[1.3, 1.4, 1.5], &BASELINE), Some(3));
    assert_eq!(rejected_at(higher(0.1), &[1.5], &BASELINE), Some(4));
}

#[test]
fn pods_that_are_worse_by_what_is_tolerated_are_not_rejected() {
    assert_eq!(rejected_at(higher(0.5), &[1.3, 1.4, 1.5], &BASELINE), None);
    assert_eq!(rejected_at(higher(0.0), &BASELINE, &BASELINE), None);
}

#[test]
fn the_worse_way_may_be_down() {
    let lower = Tolerance::relative(0.1, Worse::Lower).unwrap();
    assert!(rejected_at(lower, &[0.7, 0.8], &BASELINE).is_some());
    assert_eq!(rejected_at(lower, &[1.7, 1.8], &BASELINE), None);
    assert_eq!(rejected_at(lower, &[0.95, 0.97], &BASELINE), None);
}

#[test]
fn a_gauge_that_can_be_negative_has_a_tolerance_in_its_own_unit() {
    let by = |by| Tolerance::absolute(by, Worse::Higher).unwrap();
    assert!(rejected_at(by(1.0), &[-3.0; 3], &[-5.0; 9]).is_some());
    assert_eq!(rejected_at(by(2.0), &[-3.0; 3], &[-5.0; 9]), None);
}

#[test]
fn ties_are_not_worse() {
    assert_eq!(rejected_at(higher(0.0), &[1.0; 5], &[1.0; 9]), None);
    let mut test = RankTest::new(higher(0.0), alpha(), Kappa::default());
    assert_eq!(test.add(&pods(&[2.0, 1.0]), &pods(&[1.0, 1.0])), Some(2));
}

#[test]
fn an_arm_without_pods_changes_nothing() {
    let mut test = RankTest::new(higher(0.1), alpha(), Kappa::default());
    let before = test.clone();
    assert_eq!(test.add(&pods(&[]), &pods(&BASELINE)), None);
    assert_eq!(test.add(&pods(&[1.0]), &pods(&[])), None);
    assert_eq!(test, before);
    let mut betting = Betting::new(higher(0.1), alpha(), Onset::default());
    assert_eq!(betting.look(15.0, &pods(&[]), &pods(&BASELINE)).ln_e, 0.0);
}

#[test]
fn what_is_not_finite_is_no_gauge() {
    assert!(Pods::new(vec![1.0, f64::NAN]).is_err());
    assert!(Pods::of_samples([[1.0, f64::INFINITY].as_slice()]).is_err());
    assert_eq!(Pods::of_samples([[1.0, 3.0].as_slice(), &[]]), Ok(pods(&[2.0])));
    assert!(Tolerance::relative(1.0, Worse::Lower).is_err() && Tolerance::relative(f64::NAN, Worse::Lower).is_err());
    assert!(Tolerance::absolute(-1.0, Worse::Higher).is_err());
}

#[test]
fn the_counts_are_those_of_all_orders() {
    let counts = null_counts(4, 6);
    assert_eq!(counts.iter().sum::<f64>(), 210.0);
    assert!(counts.iter().eq(counts.iter().rev()));
    assert_eq!(null_counts(0, 5), [1.0]);
    assert_eq!(null_counts(5, 0), [1.0]);
    // C(100, 50); beyond 2^53 the sums are rounded.
    near(null_counts(50, 50).iter().sum(), 1.008_913_445_455_641_9e29, 1e-13);
}

#[test]
fn many_pairs_are_counted_in_steps_with_the_same_distribution() {
    let (pmf, step) = null_distribution(40, 60).unwrap();
    assert_eq!((pmf.weights().len(), step), (801, 3));
    let counts = null_counts(40, 60);
    let all: f64 = counts.iter().sum();
    near(pmf.weights()[500], counts[1500..1503].iter().sum::<f64>() / all, 1e-12);
    assert!(null_distribution(0, 9).is_none());
    assert!(null_distribution(usize::MAX, 2).is_none());
}

#[test]
fn the_approximation_for_very_many_pairs_is_close_and_its_far_tail_never_too_light() {
    let exact = null_counts(100, 101);
    let all: f64 = exact.iter().sum();
    let (pmf, step) = null_distribution(100, 101).unwrap();
    let ratio = |least: u64| {
        let approximate: f64 = pmf.weights()[least as usize..].iter().sum();
        approximate / (exact[(least * step) as usize..].iter().sum::<f64>() / all)
    };
    // One pair more than is counted exactly, in steps of eleven; 2, 3 and 4 standard deviations above the mean.
    assert_eq!(step, 11);
    near(ratio(533), 1.0, 0.01);
    assert!((1.0..1.1).contains(&ratio(571)), "{}", ratio(571));
    assert!((1.0..1.5).contains(&ratio(608)), "{}", ratio(608));
}

#[test]
fn bets_reject_after_a_few_looks_and_never_on_equal_pods() {
    let looks = |canary: &[f64]| {
        let mut betting = Betting::new(higher(0.1), alpha(), Onset::default());
        (1..=60).find(|_| betting.look(15.0, &pods(canary), &pods(&BASELINE)).rejected)
    };
    assert_eq!(looks(&[1.5, 1.6]), Some(10));
    assert_eq!(looks(&[1.0, 1.1]), None);
}

#[test]
fn the_bets_are_fair_when_either_side_is_as_often_worse() {
    let mut up = Betting::new(higher(0.0), alpha(), Onset::default());
    let mut down = up.clone();
    let mean = (up.add_share(15.0, 1.0).ln_e.exp() + down.add_share(15.0, 0.0).ln_e.exp()) / 2.0;
    near(mean, 1.0, 1e-12);
}

#[test]
fn pods_that_differ_and_looks_that_remember_are_measured() {
    near(dependence::pod_spread(&[9.0, 10.0, 11.0]).unwrap(), 0.1, 1e-12);
    assert_eq!(dependence::pod_spread(&[1.0]), None);
    assert_eq!(dependence::pod_spread(&[-1.0, 1.0]), None);
    near(dependence::lag_one(&[1.0, -1.0, 1.0, -1.0]).unwrap(), -0.75, 1e-12);
    assert_eq!(dependence::lag_one(&[2.0, 2.0, 2.0]), None);
    assert_eq!(dependence::lag_one(&[]), None);
    assert_eq!([0.3, 0.31, 0.7, 1.0].map(dependence::looks_to_join), [Some(1), Some(2), Some(6), None]);
    assert_eq!(dependence::looks_to_join(f64::NAN), None);
}

proptest! {
    #[test]
    fn the_unit_and_the_order_of_pods_do_not_matter(
        mut canary in prop::collection::vec(0_u32..40, 1..6), mut baseline in prop::collection::vec(0_u32..40, 1..6),
        unit in -30_i32..30,
    ) {
        let of = |values: &[u32], unit: i32| pods(&values.iter().map(|v| f64::from(*v) * 2f64.powi(unit)).collect::<Vec<_>>());
        let worse = |canary: &Pods, baseline: &Pods| {
            RankTest::new(higher(0.1), alpha(), Kappa::default()).add(canary, baseline)
        };
        let plain = worse(&of(&canary, 0), &of(&baseline, 0));
        canary.reverse();
        baseline.reverse();
        prop_assert_eq!(plain, worse(&of(&canary, unit), &of(&baseline, unit)));
    }

    #[test]
    fn any_values_give_a_verdict_without_nan(
        looks in prop::collection::vec((prop::collection::vec(any::<f64>(), 0..4), prop::collection::vec(any::<f64>(), 0..4)), 1..6),
        tolerance in 0.0..1.0_f64, seconds in any::<f64>(),
    ) {
        let mut test = RankTest::new(higher(tolerance), alpha(), Kappa::default());
        let mut betting = Betting::new(higher(tolerance), alpha(), Onset::default());
        for (look, (canary, baseline)) in looks.into_iter().enumerate() {
            let (Ok(canary), Ok(baseline)) = (Pods::new(canary), Pods::new(baseline)) else { continue };
            test.add(&canary, &baseline);
            prop_assert!(!test.look(Progress::new(look as f64).unwrap()).p.is_nan());
            prop_assert!(!betting.look(seconds, &canary, &baseline).ln_e.is_nan());
        }
    }
}
