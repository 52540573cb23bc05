//! The process against enumeration, and its edges.

use proptest::prelude::*;

use super::*;
use crate::Arm;
use crate::special::ln_binomial_pmf;

fn counts(n_c: u64, x_c: u64, n_b: u64, x_b: u64) -> Counts {
    Counts::new(Arm::new(n_c, x_c).unwrap(), Arm::new(n_b, x_b).unwrap())
}

fn process(alpha: f64) -> EProcess {
    EProcess::against(Margin::STRICT, Alpha::new(alpha).unwrap(), Phi::INDEPENDENT, Onset::default(), None)
}

/// Means of `E` and of the clipped `E` after three batches, and the probability of having been rejected by then, over all
/// outcomes; the rates of both arms may differ from batch to batch.
fn means(process: &EProcess, rates: &[(f64, f64)]) -> (f64, f64, f64) {
    let Some(((p_c, p_b), rest)) = rates.split_first() else {
        let last = process.last();
        return (last.ln_e.exp(), last.ln_e_clipped.exp(), f64::from(u8::from(last.rejected)));
    };
    let (n_c, n_b) = (3, 4);
    (0..=n_c).flat_map(|x_c| (0..=n_b).map(move |x_b| (x_c, x_b))).fold((0.0, 0.0, 0.0), |sum, (x_c, x_b)| {
        let weight = (ln_binomial_pmf(n_c, *p_c, x_c) + ln_binomial_pmf(n_b, *p_b, x_b)).exp();
        let mut next = process.clone();
        next.look(60.0, &counts(n_c, x_c, n_b, x_b));
        let (e, clipped, rejected) = means(&next, rest);
        (sum.0 + weight * e, sum.1 + weight * clipped, sum.2 + weight * rejected)
    })
}

#[test]
fn a_tolerable_canary_has_mean_evidence_of_at_most_one_and_is_rejected_at_most_as_often_as_stated() {
    for rates in [[(0.3, 0.3), (0.3, 0.3), (0.3, 0.3)], [(0.1, 0.1), (0.7, 0.9), (0.2, 0.2)], [(0.01, 0.01); 3]] {
        let (e, clipped, rejected) = means(&process(0.3), &rates);
        assert!(e <= 1.0 + 1e-12 && clipped <= 1.0 + 1e-12 && rejected <= 0.3, "{rates:?} {e} {clipped} {rejected}");
    }
}

#[test]
fn one_look_alone_never_rejects() {
    let mut process = process(0.01);
    assert!(!process.look(60.0, &counts(1000, 1000, 9000, 0)).rejected);
    assert!(process.look(60.0, &counts(1000, 1000, 9000, 0)).rejected);
}

#[test]
fn evidence_never_overflows() {
    let mut process = process(0.01);
    for _ in 0..50 {
        let look = process.look(60.0, &counts(1_000_000, 1_000_000, 1_000_000, 0));
        assert!(look.ln_e.is_finite() && look.p >= 0.0);
    }
}

#[test]
fn a_batch_that_cannot_be_compared_is_no_evidence() {
    let mut process = process(0.01);
    for batch in [counts(0, 0, 100, 50), counts(100, 90, 0, 0), counts(0, 0, 0, 0), counts(100, 0, 100, 0)] {
        assert!(process.look(60.0, &batch).ln_e.abs() < 1e-12);
    }
}

#[test]
fn a_process_without_alpha_is_off() {
    let mut process = process(0.0);
    (0..9).for_each(|_| _ = process.look(60.0, &counts(1000, 900, 1000, 0)));
    assert!(!process.last().rejected && process.last().ln_e_clipped > 1000.0);
}

#[test]
fn a_rejection_stays() {
    let mut process = process(0.01);
    (0..3).for_each(|_| _ = process.look(60.0, &counts(100, 20, 900, 0)));
    assert!(process.last().rejected);
    (0..50).for_each(|_| _ = process.look(60.0, &counts(100, 0, 900, 90)));
    assert!(process.last().rejected && process.last().ln_e_clipped < 0.0);
}

#[test]
fn a_tolerated_difference_is_tolerated_and_more_is_not() {
    let margin = Margin::new(1.0, 0.01).unwrap();
    let run = |x_c| {
        let mut process =
            EProcess::against(margin, Alpha::new(0.01).unwrap(), Phi::INDEPENDENT, Onset::default(), None);
        (0..20).for_each(|_| _ = process.look(60.0, &counts(1000, x_c, 9000, 45)));
        process.last().rejected
    };
    assert!(!run(14) && run(40));
}

#[test]
fn a_canary_better_than_the_margin_is_accepted() {
    let margin = Margin::new(2.0, 0.005).unwrap();
    let mut process = EProcess::accepting(margin, Alpha::new(0.05).unwrap(), Phi::INDEPENDENT, Onset::default(), None);
    (0..20).for_each(|_| _ = process.look(60.0, &counts(1000, 5, 9000, 45)));
    assert!(process.last().rejected);
}

proptest! {
    #[test]
    fn clustered_errors_are_weaker_evidence(x_c in 20u64..60, phi in 1.5f64..20.0) {
        let run = |phi: f64| {
            let phi = Phi::new(phi).unwrap();
            let mut process =
                EProcess::against(Margin::STRICT, Alpha::new(0.01).unwrap(), phi, Onset::default(), None);
            process.look(60.0, &counts(1000, x_c, 9000, 90)).ln_e
        };
        prop_assert!(run(phi) < run(1.0));
    }
}
