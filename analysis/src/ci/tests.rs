//! Edge cases of the intervals, and what holds for any counts.

use proptest::prelude::*;

use super::*;
use crate::{Arm, Counts, Rate};

fn arm(requests: u64, errors: u64) -> Arm {
    Arm::new(requests, errors).unwrap()
}

fn counts(nc: u64, xc: u64, nb: u64, xb: u64) -> Counts {
    Counts::new(arm(nc, xc), arm(nb, xb))
}

fn alpha() -> Rate {
    Rate::new(0.05).unwrap()
}

#[test]
fn without_requests_there_is_no_rate() {
    assert_eq!(rate(arm(0, 0), alpha()), None);
    assert_eq!(difference(arm(10, 1), arm(0, 0), alpha()), None);
}

#[test]
fn without_errors_every_ratio_is_possible() {
    for windows in [vec![], vec![counts(100, 0, 900, 0)], vec![counts(0, 0, 900, 9)], vec![counts(9, 9, 0, 0)]] {
        let told = ratio(&windows, alpha());
        assert_eq!(told.ln_likeliest, None);
        assert_eq!(told.interval, Interval { low: 0.0, high: f64::INFINITY });
    }
}

#[test]
fn an_arm_without_errors_leaves_the_ratio_open_on_its_side() {
    let better = ratio(&[counts(1_000, 0, 9_000, 90)], alpha());
    assert_eq!((better.ln_likeliest, better.interval.low), (Some(f64::NEG_INFINITY), 0.0));
    assert!(better.interval.high < 1.0);
    let worse = ratio(&[counts(1_000, 90, 9_000, 0)], alpha());
    assert_eq!((worse.ln_likeliest, worse.interval.high), (Some(f64::INFINITY), f64::INFINITY));
    assert!(worse.interval.low > 1.0);
}

#[test]
fn requests_that_all_fail_in_both_arms_are_a_ratio_around_1() {
    let told = ratio(&[counts(100, 100, 900, 900)], alpha()).interval;
    assert!(told.low < 1.0 && told.high > 1.0);
}

#[test]
fn the_difference_of_equal_arms_lies_around_0() {
    let told = difference(arm(1_000, 10), arm(9_000, 90), alpha()).unwrap();
    assert!(told.low < 0.0 && told.high > 0.0);
}

proptest! {
    #[test]
    fn an_interval_holds_what_was_observed(requests in 1_u64.., part in 0.0..=1.0_f64, alpha in 1e-9..0.999_f64) {
        let errors = ((requests as f64 * part) as u64).min(requests);
        let told = rate(arm(requests, errors), Rate::new(alpha).unwrap()).unwrap();
        let observed = errors as f64 / requests as f64;
        prop_assert!(told.low <= observed && observed <= told.high, "{told:?} and {observed}");
    }

    #[test]
    fn swapping_the_arms_inverts_the_ratio(
        windows in prop::collection::vec((1_u64..500, 0_u64..500, 1_u64..9_000, 0_u64..9_000), 1..6)
    ) {
        let cut = |(nc, xc, nb, xb): (u64, u64, u64, u64)| counts(nc, xc.min(nc), nb, xb.min(nb));
        let there: Vec<_> = windows.iter().copied().map(cut).collect();
        let back: Vec<_> = there.iter().map(|w| Counts::new(w.baseline, w.canary)).collect();
        let (there, back) = (ratio(&there, alpha()).interval, ratio(&back, alpha()).interval);
        prop_assert!((there.low * back.high - 1.0).abs() < 1e-9 || there.low == 0.0 && back.high == f64::INFINITY);
        prop_assert!((there.high * back.low - 1.0).abs() < 1e-9 || back.low == 0.0 && there.high == f64::INFINITY);
    }

    #[test]
    fn any_counts_give_an_interval(windows in prop::collection::vec(any::<[u64; 4]>(), 0..4)) {
        let sorted = |[a, b, c, d]: [u64; 4]| counts(a.max(b), a.min(b), c.max(d), c.min(d));
        let told = ratio(&windows.into_iter().map(sorted).collect::<Vec<_>>(), alpha()).interval;
        prop_assert!(told.low <= told.high, "{told:?}");
    }
}
