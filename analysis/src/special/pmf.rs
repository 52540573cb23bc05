//! Point probabilities of counts, as logarithms.

use std::f64::consts::PI;

use super::gamma::{deviance, stirling_error};

/// `ln P(X = k)` for X ~ Binomial(m, theta); minus infinity outside the support.
///
/// Saddle-point form of Loader, "Fast and Accurate Computation of Binomial Probabilities" (2000): full precision for
/// every m, where the difference of logarithms of factorials loses the digits of m.
pub fn ln_binomial_pmf(m: u64, theta: f64, k: u64) -> f64 {
    if k > m {
        return f64::NEG_INFINITY;
    }
    match (k, m - k) {
        (0, 0) => 0.0,
        (0, _) => m as f64 * (-theta).ln_1p(),
        (_, 0) => m as f64 * theta.ln(),
        (_, rest) => saddle(k as f64, rest as f64, theta, 1.0 - theta),
    }
}

/// `ln [ Gamma(n + 1) / (Gamma(x + 1) Gamma(rest + 1)) p^x q^rest ]` with n = x + rest, for x, rest > 0, whole or not.
fn saddle(x: f64, rest: f64, p: f64, q: f64) -> f64 {
    let n = x + rest;
    let errors = stirling_error(n) - stirling_error(x) - stirling_error(rest);
    let deviances = deviance(x, n * p) + deviance(rest, n * q);
    errors - deviances - 0.5 * ((2.0 * PI).ln() + x.ln() + (-x / n).ln_1p())
}

/// `ln P(k failures before success number a)` with probability p of success and q = 1 - p of failure, a > 0 whole or not.
fn ln_negative_binomial_pmf(k: u64, a: f64, p: f64, q: f64) -> f64 {
    match k {
        0 => a * (-q).ln_1p(),
        _ => (a / (a + k as f64)).ln() + saddle(a, k as f64, p, q),
    }
}

/// `ln P(X = k)` where m balls are drawn without replacement from `marked` marked and `others` other ones; minus
/// infinity outside the support.
///
/// A product of three binomial probabilities (Loader 2000), precise for the same reason.
pub fn ln_hypergeometric_pmf(marked: u64, others: u64, m: u64, k: u64) -> f64 {
    let total = marked + others;
    if k > m || k > marked || m > total || m - k > others {
        return f64::NEG_INFINITY;
    }
    if m == 0 || m == total {
        return 0.0;
    }
    let share = m as f64 / total as f64;
    ln_binomial_pmf(marked, share, k) + ln_binomial_pmf(others, share, m - k) - ln_binomial_pmf(total, share, m)
}

/// A binomial count whose probability differs from batch to batch as Beta(a, b) does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaBinomial {
    m: u64,
    a: f64,
    b: f64,
}

impl BetaBinomial {
    /// With mean `m theta` and variance `phi m theta (1 - theta)`, as far as m draws can have it: the correlation of
    /// two draws, `(phi - 1)/(m - 1)`, is held at .95.
    ///
    /// None where the binomial itself is meant: m at most 1, phi at most 1, theta outside (0, 1).
    pub fn with_design_effect(m: u64, theta: f64, phi: f64) -> Option<Self> {
        if m <= 1 || phi <= 1.0 || !(theta > 0.0 && theta < 1.0) {
            return None;
        }
        let correlation = ((phi - 1.0) / (m - 1) as f64).min(0.95);
        let scale = (1.0 - correlation) / correlation;
        Some(Self { m, a: theta * scale, b: (1.0 - theta) * scale })
    }

    /// `ln P(X = k)`; minus infinity outside the support.
    ///
    /// It is the law of one of two negative binomial counts given their sum, whatever their common p: three saddle
    /// points, whose p is chosen so that none of them is far from its mean.
    pub fn ln_pmf(&self, k: u64) -> f64 {
        if k > self.m {
            return f64::NEG_INFINITY;
        }
        let (m, size) = (self.m as f64, self.a + self.b);
        let (p, q) = (size / (size + m), m / (size + m));
        ln_negative_binomial_pmf(k, self.a, p, q) + ln_negative_binomial_pmf(self.m - k, self.b, p, q)
            - ln_negative_binomial_pmf(self.m, size, p, q)
    }

    /// `P(X = k + 1) / P(X = k)` for k < m.
    pub(crate) fn ratio(&self, k: u64) -> f64 {
        let (x, rest) = (k as f64, (self.m - k) as f64);
        rest / (x + 1.0) * ((x + self.a) / (rest - 1.0 + self.b))
    }
}

#[cfg(test)]
mod tests {
    use super::super::near::near;
    use super::*;

    #[test]
    fn binomial_probabilities_agree_with_forty_digits_even_for_a_million_draws() {
        let known = [
            (1_000_000, 100, 1e-4, -3.222_306_954_262_521),
            (1_000_000, 500_000, 0.5, -7.133_546_881_626_864),
            (1_000_000, 505_000, 0.5, -57.134_330_245_828_49),
            (20, 0, 0.3, -7.133_498_878_774_648),
            (20, 20, 0.3, -24.079_456_086_518_72),
            (5, 2, 1e-12, -52.959_457_138_866_05),
        ];
        for (m, k, theta, want) in known {
            near(ln_binomial_pmf(m, theta, k), want, 1e-14);
        }
        assert_eq!(ln_binomial_pmf(3, 0.5, 4), f64::NEG_INFINITY);
        assert_eq!(ln_binomial_pmf(0, 0.5, 0), 0.0);
    }

    #[test]
    fn beta_binomial_probabilities_agree_with_forty_digits() {
        let known = [
            (1_000_000, 250_000, 0.25, 5.0, -7.794_428_068_297_624),
            (1_000_000, 255_000, 0.25, 5.0, -21.034_525_413_361_824),
            (10_000, 3_000, 0.25, 1.0001, -68.751_776_199_423_05),
            (50, 0, 0.001, 20.0, -0.006_041_439_950_950_948),
        ];
        for (m, k, theta, phi, want) in known {
            let distribution = BetaBinomial::with_design_effect(m, theta, phi).unwrap();
            near(distribution.ln_pmf(k), want, 1e-12);
        }
    }

    #[test]
    fn the_ratio_of_neighbours_is_the_ratio_of_their_probabilities() {
        let distribution = BetaBinomial::with_design_effect(30, 0.1, 4.0).unwrap();
        for k in 0..30 {
            near(distribution.ratio(k), (distribution.ln_pmf(k + 1) - distribution.ln_pmf(k)).exp(), 1e-12);
        }
    }

    #[test]
    fn every_distribution_sums_to_one_and_the_beta_binomial_has_the_stated_variance() {
        let (m, theta, phi) = (40u64, 0.2, 3.0);
        let distribution = BetaBinomial::with_design_effect(m, theta, phi).unwrap();
        let (mut mean, mut square) = (0.0, 0.0);
        let (mut sums, n) = ([0.0; 3], m as f64);
        for k in 0..=m {
            let p = distribution.ln_pmf(k).exp();
            mean += p * k as f64;
            square += p * (k * k) as f64;
            sums[0] += p;
            sums[1] += ln_binomial_pmf(m, theta, k).exp();
            sums[2] += ln_hypergeometric_pmf(30, 25, m, k).exp();
        }
        sums.iter().for_each(|sum| near(*sum, 1.0, 1e-12));
        near(mean, n * theta, 1e-12);
        near(square - mean * mean, phi * n * theta * (1.0 - theta), 1e-10);
    }

    #[test]
    fn hypergeometric_probabilities_agree_with_forty_digits() {
        let known = [
            ((100_000, 900_000, 500_000, 50_000), -5.929_576_355_078_706),
            ((100_000, 900_000, 500_000, 50_500), -11.485_164_742_162_332),
            ((10, 5, 12, 7), -1.332_805_676_168_904_4),
        ];
        for ((marked, others, m, k), want) in known {
            near(ln_hypergeometric_pmf(marked, others, m, k), want, 1e-12);
        }
        assert_eq!(ln_hypergeometric_pmf(3, 2, 4, 1), f64::NEG_INFINITY);
        assert_eq!(ln_hypergeometric_pmf(3, 2, 5, 3), 0.0);
    }
}
