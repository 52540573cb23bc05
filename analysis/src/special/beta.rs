//! The beta function and its upper tail.

use std::f64::consts::PI;

use super::gamma::{ln_gamma, stirling_error};

/// `ln B(a, b)` for a, b > 0.
///
/// Large arguments go through Stirling's errors, as in SLATEC's `DLBETA` (Fullerton), so that the terms of order
/// a + b, which cancel, are never formed.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    let sum = low + high;
    if high < 10.0 {
        return ln_gamma(low) + ln_gamma(high) - ln_gamma(sum);
    }
    let correction = stirling_error(high) - stirling_error(sum);
    if low < 10.0 {
        return ln_gamma(low) + correction + low - low * sum.ln() + (high - 0.5) * (-low / sum).ln_1p();
    }
    0.5 * (2.0 * PI).ln() - 0.5 * high.ln()
        + stirling_error(low)
        + correction
        + (low - 0.5) * (low / sum).ln()
        + high * (-low / sum).ln_1p()
}

/// `ln P(X > x)` for X ~ Beta(a, b); statrs, whose relative error was measured as 4e-13 down to tails of 1e-17 and
/// grows to 2e-6 at 1e-38.
///
/// NaN when a or b is not positive or x lies outside [0, 1].
pub fn ln_beta_upper(a: f64, b: f64, x: f64) -> f64 {
    statrs::function::beta::checked_beta_reg(b, a, 1.0 - x).map_or(f64::NAN, f64::ln)
}

#[cfg(test)]
mod tests {
    use super::super::near::near;
    use super::*;

    #[test]
    fn ln_beta_agrees_with_its_definition_and_its_recurrence() {
        for (a, b) in [(0.5, 0.5), (1.0, 99.0), (2.5, 9.9), (9.9, 10.1), (10.0, 10.0), (50.0, 3000.0), (0.01, 1e6)] {
            near(ln_beta(a, b), ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b), 1e-9);
            near(ln_beta(a + 1.0, b), ln_beta(a, b) + (a / (a + b)).ln(), 1e-13);
            assert_eq!(ln_beta(a, b), ln_beta(b, a));
        }
    }

    #[test]
    fn the_upper_tail_agrees_with_forty_digits() {
        let known = [
            (2.0, 18.0, 0.1, -0.866_869_864_659_715_2),
            (14.0, 78.0, 0.1, -0.070_735_190_301_639_64),
            (1.0, 99.0, 0.01, -0.994_983_249_496_642_7),
            (4.0, 366.0, 0.01, -0.702_153_018_018_071_6),
            (0.5, 500.5, 0.01, -6.489_671_483_232_818),
            (2.0, 18.0, 0.9, -38.601_622_290_073_415),
        ];
        for (a, b, x, want) in known {
            near(ln_beta_upper(a, b, x), want, 1e-12);
        }
        assert!(ln_beta_upper(-1.0, 2.0, 0.5).is_nan());
    }
}
