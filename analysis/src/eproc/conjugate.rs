//! Closed forms for a share of the canary that never changes; the engines do not use them, their tests compare with them.

use crate::special::{ln_beta, ln_beta_upper};
use crate::{Alpha, Rate};

/// A Beta(a, b) prior on the share of errors that are the canary's; a, b > 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaPrior {
    /// Weight on the canary.
    pub a: f64,
    /// Weight on the baseline.
    pub b: f64,
}

impl BetaPrior {
    /// Mean `theta_0`, worth `concentration` errors.
    pub fn around(theta_0: Rate, concentration: f64) -> Self {
        Self { a: concentration * theta_0.get(), b: concentration * (1.0 - theta_0.get()) }
    }

    fn after(self, x: u64, y: u64) -> Self {
        Self { a: self.a + x as f64, b: self.b + y as f64 }
    }

    /// `ln E` that the share differs from `theta_0`, after x errors of the canary and y others (Lindon & Malek 2022).
    pub fn ln_e_two_sided(self, theta_0: Rate, x: u64, y: u64) -> f64 {
        let after = self.after(x, y);
        let theta = theta_0.get();
        ln_beta(after.a, after.b) - ln_beta(self.a, self.b) - x as f64 * theta.ln() - y as f64 * (-theta).ln_1p()
    }

    /// `ln E` that the share is larger than `theta_0`: the prior cut off below it.
    pub fn ln_e_one_sided(self, theta_0: Rate, x: u64, y: u64) -> f64 {
        let after = self.after(x, y);
        let upper = |prior: Self| ln_beta_upper(prior.a, prior.b, theta_0.get());
        self.ln_e_two_sided(theta_0, x, y) + upper(after) - upper(self)
    }

    /// The shares that are not rejected at this level by the two-sided process: a confidence sequence.
    ///
    /// The evidence is convex in the share with its minimum at `x/(x + y)`; each end is found by bisection.
    pub fn shares(self, x: u64, y: u64, alpha: Alpha) -> (f64, f64) {
        let middle = x as f64 / (x + y).max(1) as f64;
        let outside = |theta: f64| match Rate::new(theta) {
            Ok(rate) => self.ln_e_two_sided(rate, x, y) >= -alpha.get().ln(),
            Err(_) => true,
        };
        let end = |mut out: f64, mut inside: f64| {
            for _ in 0..200 {
                let half = f64::midpoint(out, inside);
                if outside(half) { out = half } else { inside = half }
            }
            inside
        };
        (if x == 0 { 0.0 } else { end(0.0, middle) }, if y == 0 { 1.0 } else { end(1.0, middle) })
    }
}

/// A share of errors at the canary as the ratio of the two rates, when the canary had `canary_share` of the requests.
pub fn ratio_of_rates(share: f64, canary_share: Rate) -> f64 {
    share / (1.0 - share) * (1.0 - canary_share.get()) / canary_share.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::ln_binomial_pmf;

    #[test]
    fn the_evidence_has_a_mean_of_one_at_the_hypothesis() {
        let theta = Rate::new(0.1).unwrap();
        let prior = BetaPrior::around(theta, 20.0);
        let mean = |ln_e: &dyn Fn(u64, u64) -> f64| -> f64 {
            (0..=30).map(|x| ln_binomial_pmf(30, 0.1, x).exp() * ln_e(x, 30 - x).exp()).sum()
        };
        assert!((mean(&|x, y| prior.ln_e_two_sided(theta, x, y)) - 1.0).abs() < 1e-11);
        assert!((mean(&|x, y| prior.ln_e_one_sided(theta, x, y)) - 1.0).abs() < 1e-11);
    }

    #[test]
    fn without_errors_of_one_arm_its_end_is_open() {
        let prior = BetaPrior { a: 1.0, b: 1.0 };
        let alpha = Alpha::new(0.05).unwrap();
        assert_eq!(prior.shares(0, 9, alpha).0, 0.0);
        assert_eq!(prior.shares(9, 0, alpha).1, 1.0);
    }
}
