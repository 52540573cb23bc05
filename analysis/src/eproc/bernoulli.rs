//! Kernels for requests that fail one by one, whatever their rate.

use crate::{Arm, Counts, Rate};

/// The rate whose odds are `odds` times those of this one; held inside (0, 1).
pub fn at_odds(rate: Rate, odds: f64) -> f64 {
    let p = rate.get();
    (p * odds / (1.0 - p + p * odds)).clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON)
}

/// `ln L` of one arm against the hypothesis that it fails at most at `limit`, betting on odds that many times higher.
///
/// The likelihood ratio of two binomials; its mean is at most 1 under every lower rate when `odds` is at least 1.
pub fn ln_factor_one(arm: Arm, limit: Rate, odds: f64) -> f64 {
    let (p0, p1) = (limit.get(), at_odds(limit, odds));
    arm.errors() as f64 * (p1 / p0).ln() + arm.successes() as f64 * ((1.0 - p1) / (1.0 - p0)).ln()
}

/// `ln L` of two arms against the hypothesis that the canary fails at most as often, given a guess of the baseline's rate
/// made before the batch, betting on odds that many times higher.
///
/// Turner, Ly & Grünwald, "Generic E-variables for Exact Sequential k-Sample Tests that allow for Optional Stopping"
/// (2024): the denominator is the mean of the two rates, weighted by the requests.
pub fn ln_factor_two(counts: &Counts, baseline: Rate, odds: f64) -> f64 {
    if !counts.comparable() {
        return 0.0;
    }
    let (theta_b, theta_c) = (baseline.get(), at_odds(baseline, odds));
    let (n_c, n_b) = (counts.canary.requests() as f64, counts.baseline.requests() as f64);
    let theta_0 = (n_c * theta_c + n_b * theta_b) / (n_c + n_b);
    let arm = |arm: Arm, theta: f64| {
        arm.errors() as f64 * (theta / theta_0).ln() + arm.successes() as f64 * ((1.0 - theta) / (1.0 - theta_0)).ln()
    };
    arm(counts.canary, theta_c) + arm(counts.baseline, theta_b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::ln_binomial_pmf;

    fn rate(p: f64) -> Rate {
        Rate::new(p).unwrap()
    }

    fn arms(n: u64) -> impl Iterator<Item = Arm> {
        (0..=n).map(move |x| Arm::new(n, x).unwrap())
    }

    fn chance(arm: Arm, p: f64) -> f64 {
        ln_binomial_pmf(arm.requests(), p, arm.errors()).exp()
    }

    #[test]
    fn a_rate_at_or_below_the_limit_has_a_mean_factor_of_at_most_one() {
        for (limit, odds) in [0.01, 0.3, 0.9].into_iter().flat_map(|p| [1.25, 5.0, 40.0].map(|o| (p, o))) {
            for part in [1.0, 0.7, 0.1] {
                let mean: f64 =
                    arms(5).map(|a| chance(a, limit * part) * ln_factor_one(a, rate(limit), odds).exp()).sum();
                assert!(mean <= 1.0 + 1e-12);
            }
        }
    }

    #[test]
    fn equal_rates_have_a_mean_factor_of_at_most_one_whatever_was_guessed() {
        for (guess, p) in [0.02, 0.4, 0.9].into_iter().flat_map(|g| (1..20).map(move |p| (g, f64::from(p) / 20.0))) {
            for (n_c, n_b) in [(1, 5), (3, 3), (5, 2)] {
                let pairs = arms(n_c).flat_map(|c| arms(n_b).map(move |b| Counts::new(c, b)));
                let factor = |c: &Counts| ln_factor_two(c, rate(guess), 2.5).exp();
                let mean: f64 = pairs.map(|c| chance(c.canary, p) * chance(c.baseline, p) * factor(&c)).sum();
                assert!(mean <= 1.0 + 1e-12, "{guess} {p} {mean}");
            }
        }
    }

    #[test]
    fn odds_without_bound_still_give_a_finite_factor() {
        assert!(ln_factor_one(Arm::new(9, 4).unwrap(), rate(0.5), f64::MAX).is_finite());
        assert_eq!(ln_factor_two(&Counts::default(), rate(0.5), 2.0), 0.0);
    }
}
