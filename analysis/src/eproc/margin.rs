//! The kernel for two arms: a canary that may be worse by a ratio and by a constant.

use crate::{Counts, Invalid, Phi};

/// The canary's rate may be `ratio` times the baseline's and `extra` more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin {
    ratio: f64,
    extra: f64,
}

impl Margin {
    /// No worse than the baseline.
    pub const STRICT: Self = Self { ratio: 1.0, extra: 0.0 };

    /// A ratio of 0 compares with the constant alone.
    ///
    /// # Errors
    ///
    /// When either is negative or not finite, or both are 0.
    pub fn new(ratio: f64, extra: f64) -> Result<Self, Invalid> {
        let good = |value: f64| value >= 0.0 && value.is_finite();
        match (good(ratio), good(extra)) {
            (false, _) => Err(Invalid { name: "tolerated ratio", value: ratio, wanted: "a number of at least 0" }),
            (_, false) => Err(Invalid { name: "tolerated difference", value: extra, wanted: "a number of at least 0" }),
            _ if ratio + extra == 0.0 => {
                Err(Invalid { name: "tolerance", value: 0.0, wanted: "a ratio or a difference above 0" })
            }
            _ => Ok(Self { ratio, extra }),
        }
    }

    /// The share of the tolerance that is the constant, at this rate of the baseline.
    pub fn absolute_share(&self, baseline: f64) -> f64 {
        if self.extra == 0.0 { 0.0 } else { self.extra / (self.ratio * baseline.max(0.0) + self.extra) }
    }

    /// The exposures of a batch as the kernel sees them; none where an arm that is needed had no requests.
    pub fn odds(&self, counts: &Counts) -> Option<f64> {
        let (n_c, n_b) = (counts.canary.requests() as f64, counts.baseline.requests() as f64);
        if n_c == 0.0 || (n_b == 0.0 && self.ratio > 0.0) {
            return None;
        }
        Some(if self.ratio == 0.0 { 0.0 } else { self.ratio * n_c / n_b })
    }

    /// `ln L` of a batch at this bet, with E\[L\] at most 1 for every rate of the baseline when the canary is tolerable.
    ///
    /// `L = a^x_c u^x_b exp(-extra n_c (a - 1))`, `u = 1 + k (1 - a)`. With no constant it is the likelihood ratio of the
    /// conditional binomial (Lindon & Malek 2022); with no ratio, that of a Poisson count at a fixed rate. 0 for a batch
    /// that cannot be compared. Under a design effect all counts are divided by it.
    pub fn ln_factor(&self, counts: &Counts, bet: Bet, phi: Phi) -> f64 {
        if self.odds(counts).is_none() {
            return 0.0;
        }
        let scaled = |count: u64| count as f64 / phi.get();
        let canary = scaled(counts.canary.errors()) * bet.a.ln();
        let baseline = scaled(counts.baseline.errors()) * bet.u.ln();
        canary + baseline - self.extra * scaled(counts.canary.requests()) * (bet.a - 1.0)
    }
}

/// Factors for an error of the canary and for one of the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bet {
    /// For an error of the canary; above 1 against it, below 1 for it.
    pub a: f64,
    /// For an error of the baseline.
    pub u: f64,
}

impl Bet {
    /// The bet whose evidence grows fastest when the canary's rate is `severity` times what is tolerated, given the share
    /// of the tolerance that is constant and the odds of the exposures. A wrong share costs power and nothing else.
    ///
    /// Held at `1 + .98/k`, where an error of the baseline would count for nothing at all.
    pub fn growing(severity: f64, absolute_share: f64, odds: f64) -> Self {
        let (c, s, k) = (severity, absolute_share, odds);
        let b = 1.0 + s * k + c * k;
        let root = (b * b - 4.0 * s * k * c * (1.0 + k)).max(0.0).sqrt();
        let a = (2.0 * c * (1.0 + k) / (b + root)).min(1.0 + 0.98 / k);
        Self { a, u: 1.0 + k * (1.0 - a) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Arm;
    use crate::special::ln_binomial_pmf;
    use crate::special::near::near;

    fn counts(n_c: u64, x_c: u64, n_b: u64, x_b: u64) -> Counts {
        Counts::new(Arm::new(n_c, x_c).unwrap(), Arm::new(n_b, x_b).unwrap())
    }

    /// E\[L\] of one batch of requests, over all outcomes.
    fn mean(margin: Margin, bet: Bet, (n_c, p_c): (u64, f64), (n_b, p_b): (u64, f64)) -> f64 {
        let pmf = |n, p: f64, x| if p <= 0.0 { f64::from(u8::from(x == 0)) } else { ln_binomial_pmf(n, p, x).exp() };
        let outcomes = (0..=n_c).flat_map(|x_c| (0..=n_b).map(move |x_b| (x_c, x_b)));
        outcomes
            .map(|(x_c, x_b)| {
                let l = margin.ln_factor(&counts(n_c, x_c, n_b, x_b), bet, Phi::INDEPENDENT).exp();
                pmf(n_c, p_c, x_c) * pmf(n_b, p_b, x_b) * l
            })
            .sum()
    }

    fn every_case(mut check: impl FnMut(Margin, f64, (u64, u64), f64, f64)) {
        let exposures = [(1, 1), (2, 5), (5, 2), (5, 5), (1, 5), (3, 4)];
        let margins = [(1.0, 0.0), (1.5, 0.0), (0.5, 0.02), (1.0, 0.05), (2.0, 0.01), (0.0, 0.03), (0.0, 0.3)];
        for (n, (ratio, extra)) in exposures.into_iter().flat_map(|n| margins.map(|m| (n, m))) {
            let margin = Margin::new(ratio, extra).unwrap();
            for (share, p_b) in [0.0, 0.1, 0.5, 0.9, 1.0].into_iter().flat_map(|s| (0..=10).map(move |p| (s, p))) {
                let p_b = f64::from(p_b) / 10.0;
                check(margin, share, n, p_b, ratio * p_b + extra);
            }
        }
    }

    #[test]
    fn a_tolerable_canary_has_a_mean_factor_of_at_most_one_whatever_the_baseline() {
        every_case(|margin, share, (n_c, n_b), p_b, tolerated| {
            for severity in [1.1, 1.25, 2.5, 12.0, 40.0] {
                let bet = Bet::growing(severity, share, margin.odds(&counts(n_c, 0, n_b, 0)).unwrap());
                for p_c in [tolerated.min(1.0), tolerated.min(1.0) / 2.0, 0.0] {
                    let mean = mean(margin, bet, (n_c, p_c), (n_b, p_b));
                    assert!(mean <= 1.0 + 1e-12, "{margin:?} {bet:?} {p_c} {p_b}: {mean}");
                }
            }
        });
    }

    #[test]
    fn an_intolerable_canary_has_a_mean_factor_of_at_most_one_for_acceptance() {
        every_case(|margin, share, (n_c, n_b), p_b, tolerated| {
            for severity in [0.02, 0.1, 0.3, 0.6] {
                let bet = Bet::growing(severity, share, margin.odds(&counts(n_c, 0, n_b, 0)).unwrap());
                for p_c in
                    [tolerated, (tolerated + 0.1).min(1.0), 1.0].into_iter().filter(|p| *p >= tolerated && *p <= 1.0)
                {
                    let mean = mean(margin, bet, (n_c, p_c), (n_b, p_b));
                    assert!(mean <= 1.0 + 1e-12, "{margin:?} {bet:?} {p_c} {p_b}: {mean}");
                }
            }
        });
    }

    #[test]
    fn a_canary_at_what_is_tolerated_is_not_bet_on_and_without_a_baseline_the_bet_is_the_severity() {
        near(Bet::growing(1.0, 0.3, 2.0).a, 1.0, 1e-15);
        near(Bet::growing(7.0, 1.0, 0.0).a, 7.0, 1e-15);
        near(Bet::growing(3.0, 0.0, 0.5).a, 3.0 * 1.5 / 2.5, 1e-15);
        assert!(Bet::growing(1e6, 0.0, 1e3).u > 0.0);
    }

    #[test]
    fn a_batch_that_cannot_be_compared_says_nothing() {
        let (strict, fixed) = (Margin::STRICT, Margin::new(0.0, 0.01).unwrap());
        let bet = Bet::growing(2.0, 0.0, 0.0);
        assert_eq!(strict.ln_factor(&counts(0, 0, 10, 3), bet, Phi::INDEPENDENT), 0.0);
        assert_eq!(strict.ln_factor(&counts(10, 9, 0, 0), bet, Phi::INDEPENDENT), 0.0);
        assert!(fixed.ln_factor(&counts(10, 9, 0, 0), bet, Phi::INDEPENDENT) > 0.0);
    }

    #[test]
    fn a_tolerance_of_nothing_or_of_no_number_is_refused() {
        for (ratio, extra) in [(0.0, 0.0), (-1.0, 0.0), (1.0, -0.1), (f64::NAN, 0.0), (1.0, f64::INFINITY)] {
            assert!(Margin::new(ratio, extra).is_err());
        }
    }
}
