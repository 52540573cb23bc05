//! The engine against enumeration, and its edges.

use proptest::prelude::*;

use super::*;
use crate::{Arm, Rate, Ratio};

fn counts(n_c: u64, x_c: u64, n_b: u64, x_b: u64) -> Counts {
    Counts::new(Arm::new(n_c, x_c).unwrap(), Arm::new(n_b, x_b).unwrap())
}

fn at(u: f64) -> Progress {
    Progress::new(u).unwrap()
}

fn test(kernel: Kernel, alpha: f64) -> XTest {
    XTest::new(kernel, Alpha::new(alpha).unwrap(), Kappa::default(), Phi::INDEPENDENT)
}

fn strict(alpha: f64) -> XTest {
    test(Kernel::Ratio(Ratio::STRICT), alpha)
}

/// One look at progress .25 after a batch; what it said, and what the test says now.
fn once(batch: Counts) -> XLook {
    let mut test = strict(0.01);
    test.add(&batch);
    test.look(at(0.25))
}

const SILENT: XLook = XLook { sum: 0, bound: None, used: 0.0, p: 1.0, rejected: false };

#[test]
fn a_batch_without_requests_of_either_arm_or_without_errors_says_nothing() {
    for batch in [counts(0, 0, 100, 5), counts(100, 5, 0, 0), counts(100, 0, 900, 0), counts(0, 0, 0, 0)] {
        assert_eq!(once(batch), SILENT);
    }
}

#[test]
fn weights_of_nothing_and_of_all_leave_only_the_absolute_tests() {
    let mut absolute = test(Kernel::One(Rate::new(0.01).unwrap()), 0.01);
    absolute.add(&counts(100, 30, 0, 0));
    assert!(absolute.look(at(0.25)).sum > 0);
    assert_eq!(once(counts(100, 30, 0, 0)), SILENT);
}

#[test]
fn nothing_is_spent_while_nothing_could_be_rejected_and_the_budget_carries_over() {
    let mut late = strict(0.01);
    late.look(at(0.1));
    late.add(&counts(10, 0, 90, 1));
    let look = late.look(at(0.2));
    assert_eq!((look.used, look.bound), (0.0, None));
}

#[test]
fn a_look_without_a_new_batch_spends_nothing_and_repeats_what_was_said() {
    let mut test = strict(0.01);
    (0..9).for_each(|_| _ = test.add(&counts(100, 2, 900, 9)));
    let said = test.look(at(0.3));
    assert!(said.used > 0.0);
    let before = test.clone();
    assert_eq!((test.look(at(0.9)), &test), (said, &before));
}

#[test]
fn a_look_spends_nothing_when_no_time_has_passed() {
    let mut test = strict(0.01);
    test.add(&counts(100, 2, 900, 9));
    let said = test.look(at(0.3));
    test.add(&counts(100, 9, 900, 9));
    assert_eq!(test.look(at(0.3)), said);
    assert_eq!(test.look(at(0.2)), said);
    assert!(test.look(at(0.31)).sum > said.sum);
}

#[test]
fn a_test_without_alpha_is_off() {
    let mut off = strict(0.0);
    off.add(&counts(1000, 900, 1000, 0));
    let look = off.look(at(1.0));
    assert_eq!((look.bound, look.used, look.rejected), (None, 0.0, false));
}

#[test]
fn when_everything_fails_in_both_arms_the_canary_is_not_blamed() {
    let mut test = strict(0.01);
    for look in 1..=20 {
        test.add(&counts(100, 100, 900, 900));
        assert!(!test.look(at(f64::from(look) / 20.0)).rejected);
    }
}

#[test]
fn a_million_errors_are_counted_in_time() {
    let mut test = strict(0.01);
    for look in 1..=3 {
        test.add(&counts(1_000_000, 100_000, 9_000_000, 900_000));
        assert!(!test.look(at(f64::from(look) / 3.0)).rejected);
    }
    assert!(test.last().p > 0.1 && test.last().bound.unwrap() > 300_000);
}

#[test]
fn one_scrape_alone_never_rejects_and_is_worth_at_most_kappa() {
    let look = once(counts(100, 100, 900, 0));
    assert!(!look.rejected && look.p >= 0.01, "{look:?}");
}

#[test]
fn a_rejection_stays_whatever_comes_after() {
    let mut test = strict(0.01);
    let mut first = None;
    for look in 1..=10 {
        test.add(&counts(100, 20, 900, 0));
        let said = test.look(at(f64::from(look) / 10.0));
        first = first.or(said.rejected.then_some(said));
    }
    (0..50).for_each(|_| _ = test.add(&counts(100, 0, 900, 90)));
    assert_eq!(Some(test.look(at(9.0))), first);
}

#[test]
fn when_all_mass_is_spent_nothing_comes_back() {
    let mut spend = Spend::default();
    spend.add(&Pmf::from_weights(0, vec![1.0]).unwrap(), 0);
    spend.walk.cut(0);
    spend.add(&Pmf::from_weights(0, vec![0.5, 0.5]).unwrap(), 1);
    let look = spend.look(Alpha::new(0.5).unwrap(), at(1.0));
    assert_eq!((look.used, look.bound, look.rejected), (0.0, None, false));
}

#[test]
fn a_held_rollout_goes_on_being_watched_and_never_spends_more_than_alpha() {
    let mut test = strict(0.01);
    for look in 1..=200 {
        test.add(&counts(100, 1, 900, 9));
        let said = test.look(at(f64::from(look) / 20.0));
        assert!(said.used <= 0.01 * spending(at(f64::from(look) / 20.0)) && !said.rejected);
    }
    for look in 201..=240 {
        test.add(&counts(100, 9, 900, 9));
        test.look(at(f64::from(look) / 20.0));
    }
    assert!(test.last().rejected);
}

#[test]
fn a_share_so_near_its_end_that_it_rounds_to_it_says_nothing() {
    let mut test = test(Kernel::Ratio(Ratio::new(1e300).unwrap()), 0.01);
    test.add(&counts(1000, 500, 1000, 500));
    assert_eq!(test.look(at(1.0)), SILENT);
}

#[test]
fn what_cannot_happen_to_a_tolerable_canary_is_rejected() {
    let mut test = test(Kernel::Ratio(Ratio::new(1e-300).unwrap()), 0.01);
    test.add(&counts(1000, 500, 1000, 500));
    let look = test.look(at(1.0));
    assert!(look.rejected && look.p == 0.0 && look.used == 0.0, "{look:?}");
}

#[test]
fn a_business_rate_that_falls_is_found_with_the_arms_exchanged() {
    let run = |canary: u64| {
        let mut test = test(Kernel::Mirrored(Ratio::new(0.9).unwrap()), 0.01);
        (1..=20).for_each(|look| {
            test.add(&counts(1000, canary, 3000, 300));
            test.look(at(f64::from(look) / 20.0));
        });
        test.last().rejected
    };
    assert!(run(60) && !run(90) && !run(120));
}

#[test]
fn exchanging_the_arms_turns_the_test_into_its_mirror() {
    let (mut plain, mut mirror) = (strict(0.01), test(Kernel::Mirrored(Ratio::STRICT), 0.01));
    for look in 1..=12 {
        let (x_c, x_b) = (look % 4, look % 3 + 2);
        plain.add(&counts(100, x_c, 300, x_b));
        mirror.add(&counts(300, x_b, 100, x_c));
        assert_eq!(plain.look(at(look as f64 / 12.0)), mirror.look(at(look as f64 / 12.0)));
    }
}

/// Probability of a rejection, over every way in which the errors of these batches split, by the kernel's own law.
fn size(test: &XTest, batches: &[(u64, u64, u64)], law: &dyn Fn(u64, u64, u64) -> Vec<f64>, looks: f64) -> f64 {
    let Some(((n_c, n_b, m), rest)) = batches.split_first() else { return 0.0 };
    let u = 1.0 - rest.len() as f64 / looks;
    law(*n_c, *n_b, *m)
        .into_iter()
        .zip(0..)
        .filter(|(weight, x)| *weight > 0.0 && m - x <= *n_b)
        .map(|(weight, x)| {
            let mut test = test.clone();
            test.add(&counts(*n_c, x, *n_b, m - x));
            if test.look(at(u)).rejected { weight } else { weight * size(&test, rest, law, looks) }
        })
        .sum()
}

fn sequences(of: &[(u64, u64, u64)]) -> Vec<Vec<(u64, u64, u64)>> {
    let mut all = vec![vec![]];
    for _ in 0..4 {
        all = all.iter().flat_map(|head: &Vec<_>| of.iter().map(move |b| [head.as_slice(), &[*b]].concat())).collect();
    }
    all
}

#[test]
fn the_size_is_at_most_what_was_spent_for_every_sequence_of_totals() {
    let alpha = 0.2;
    let open = |kernel| XTest::new(kernel, Alpha::new(alpha).unwrap(), Kappa::NONE, Phi::INDEPENDENT);
    let poisson = |n_c: u64, n_b: u64, m: u64| {
        (0..=m).map(|x| crate::special::ln_binomial_pmf(m, n_c as f64 / (n_c + n_b) as f64, x).exp()).collect()
    };
    let requests = |n_c, n_b, m| (0..=m).map(|x| crate::special::ln_hypergeometric_pmf(n_c, n_b, m, x).exp()).collect();
    let totals: Vec<_> = [0, 1, 2, 3, 5].into_iter().map(|m| (3, 5, m)).collect();
    let allowed = alpha * 0.9 + 1e-12;
    let mut largest = 0.0f64;
    for batches in sequences(&totals) {
        let hypergeometric = size(&open(Kernel::Hypergeometric), &batches, &requests, 4.0);
        let conservative = size(&open(Kernel::Ratio(Ratio::STRICT)), &batches, &requests, 4.0);
        assert!(hypergeometric <= allowed && conservative <= allowed, "{batches:?}");
        largest = largest.max(hypergeometric);
    }
    for batches in sequences(&totals[..4]) {
        let exact = size(&open(Kernel::Ratio(Ratio::STRICT)), &batches, &poisson, 4.0);
        let capped = size(&strict(alpha), &batches, &poisson, 4.0);
        assert!(exact <= allowed && capped <= allowed, "{batches:?}");
        largest = largest.max(exact);
    }
    assert!(largest > 0.17, "the budget is used: {largest}");
}

proptest! {
    #[test]
    fn an_adversary_who_looks_only_when_it_seems_worst_gains_nothing(
        totals in prop::collection::vec(1u64..5, 5), looks in prop::collection::vec(any::<bool>(), 5),
    ) {
        // Whether to look may depend on the time and the totals alone; every choice keeps the size.
        fn worst(test: &XTest, totals: &[u64], looks: &[bool], step: u32) -> f64 {
            let (Some(m), Some(look)) = (totals.first(), looks.first()) else { return 0.0 };
            (0..=*m).map(|x| {
                let mut test = test.clone();
                test.add(&counts(4, x.min(4), 6, (m - x).min(6)));
                let weight = crate::special::ln_binomial_pmf(*m, 0.4, x).exp();
                let rejected = *look && test.look(at(f64::from(step) / 5.0)).rejected;
                if rejected { weight } else { weight * worst(&test, &totals[1..], &looks[1..], step + 1) }
            }).sum()
        }
        let open = XTest::new(Kernel::Ratio(Ratio::STRICT), Alpha::new(0.1).unwrap(), Kappa::NONE, Phi::INDEPENDENT);
        prop_assert!(worst(&open, &totals, &looks, 1) <= 0.09 + 1e-12);
    }

    #[test]
    fn more_errors_of_the_canary_never_lower_the_evidence(
        batches in prop::collection::vec((1u64..80, 0u64..80), 1..12), worse in 0usize..12,
    ) {
        // With the total fixed, an error moves from the baseline to the canary.
        let run = |shift: Option<usize>| {
            let mut test = strict(0.01);
            for (i, (m, x)) in batches.iter().enumerate() {
                let x = (x % m) + u64::from(shift == Some(i));
                test.add(&counts(500, x, 700, m - x));
                test.look(at((i + 1) as f64 / 12.0));
            }
            test.last()
        };
        let (before, after) = (run(None), run(Some(worse % batches.len())));
        prop_assert!(before.rejected <= after.rejected);
        prop_assert!(before.rejected || after.rejected || after.p <= before.p);
    }

    #[test]
    fn replaying_a_journal_says_the_same_as_going_on_did(
        batches in prop::collection::vec((1u64..400, 0u64..9, 1u64..900, 0u64..20), 1..40),
    ) {
        let step = |test: &mut XTest, (i, (n_c, x_c, n_b, x_b)): (usize, &(u64, u64, u64, u64))| {
            test.add(&counts(*n_c, *x_c.min(n_c), *n_b, *x_b.min(n_b)));
            test.look(at((i + 1) as f64 / 30.0))
        };
        let mut incremental = strict(0.01);
        for i in 0..batches.len() {
            let said = step(&mut incremental, (i, &batches[i]));
            let mut replayed = strict(0.01);
            let again = batches[..=i].iter().enumerate().map(|b| step(&mut replayed, b)).last();
            prop_assert_eq!(again, Some(said));
        }
    }

    #[test]
    fn without_a_cap_batches_of_one_exposure_may_come_in_any_order_before_a_look(
        errors in prop::collection::vec((0u64..9, 0u64..30), 2..8), by in 1usize..8,
    ) {
        let run = |errors: &[(u64, u64)]| {
            let mut test = XTest::new(Kernel::Ratio(Ratio::STRICT), Alpha::new(0.01).unwrap(), Kappa::NONE, Phi::INDEPENDENT);
            errors.iter().for_each(|(x_c, x_b)| _ = test.add(&counts(50, *x_c, 200, *x_b)));
            test.look(at(0.5))
        };
        let mut turned = errors.clone();
        turned.rotate_left(by % errors.len());
        let whole = errors.iter().fold((0, 0), |sum, e| (sum.0 + e.0, sum.1 + e.1));
        for other in [run(&turned), {
            let mut test = XTest::new(Kernel::Ratio(Ratio::STRICT), Alpha::new(0.01).unwrap(), Kappa::NONE, Phi::INDEPENDENT);
            test.add(&counts(50 * 8, whole.0, 200 * 8, whole.1));
            test.look(at(0.5))
        }] {
            let said = run(&errors);
            prop_assert_eq!((said.sum, said.bound, said.rejected), (other.sum, other.bound, other.rejected));
            prop_assert!((said.p - other.p).abs() <= 1e-12 * said.p.max(1e-6));
        }
    }
}
