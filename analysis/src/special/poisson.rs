//! Tails of the Poisson distribution and the quantile that bounds its mean.

use statrs::distribution::{ContinuousCDF, Gamma};
use statrs::function::gamma::checked_gamma_lr;

/// `P(X >= x)` for X ~ Poisson(mean).
///
/// It is the lower incomplete gamma function P(x, mean); statrs computes it to 1e-12 for counts up to 1000 and 2e-9 at a
/// million. 1 for x = 0; NaN for a mean that is negative or not finite.
pub fn poisson_tail(x: u64, mean: f64) -> f64 {
    if !(mean >= 0.0 && mean.is_finite()) {
        return f64::NAN;
    }
    match (x, mean > 0.0) {
        (0, _) => 1.0,
        (_, false) => 0.0,
        _ => checked_gamma_lr(x as f64, mean).unwrap_or(f64::NAN),
    }
}

/// The value below which a Gamma(shape, 1) variable lies with this probability.
///
/// `gamma_inverse(1 - a, x + 1)` is the exact upper limit of a Poisson mean after x events (Garwood 1936). From statrs,
/// then a step of Newton's method, because its bisection stops at 2e-10. NaN when the shape is not positive or the
/// probability lies outside (0, 1).
pub fn gamma_inverse(probability: f64, shape: f64) -> f64 {
    if !(probability > 0.0 && probability < 1.0) {
        return f64::NAN;
    }
    let Ok(gamma) = Gamma::new(shape, 1.0) else { return f64::NAN };
    let start = gamma.inverse_cdf(probability);
    let density = statrs::distribution::Continuous::pdf(&gamma, start);
    let step = (gamma.cdf(start) - probability) / density;
    if step.is_finite() { start - step } else { start }
}

#[cfg(test)]
mod tests {
    use super::super::near::near;
    use super::*;

    #[test]
    fn poisson_tails_agree_with_forty_digits() {
        let known = [
            (5, 1.581, 0.022_649_668_011_561_114),
            (60, 27.0, 3.057_942_732_015_922e-8),
            (1000, 900.0, 0.000_549_902_265_711_782_9),
            (100_000, 99_000.0, 0.000_757_419_921_174_768),
        ];
        for (x, mean, want) in known {
            near(poisson_tail(x, mean), want, 1e-9);
        }
    }

    #[test]
    fn poisson_tails_at_the_edges_are_certain_or_impossible() {
        assert_eq!(poisson_tail(0, 0.0), 1.0);
        assert_eq!(poisson_tail(1, 0.0), 0.0);
        assert!(poisson_tail(1, f64::NAN).is_nan());
        assert!(poisson_tail(1, -1.0).is_nan());
    }

    #[test]
    fn the_inverse_gamma_agrees_with_forty_digits() {
        let known = [
            (1.0, 2.995_732_273_553_991),
            (2.0, 4.743_864_518_390_578),
            (88.0, 103.977_358_500_435_16),
            (1000.0, 1_052.577_118_082_320_6),
            (50_001.0, 50_369.371_766_654_42),
        ];
        for (shape, want) in known {
            near(gamma_inverse(0.95, shape), want, 1e-12);
        }
    }

    #[test]
    fn the_inverse_gamma_of_any_count_bounds_the_tail_it_was_asked_for() {
        for x in (0..400).chain([1_000, 12_345, 200_000, 3_000_000]) {
            let limit = gamma_inverse(0.95, x as f64 + 1.0);
            near(1.0 - poisson_tail(x + 1, limit), 0.05, 1e-7);
        }
        assert!(gamma_inverse(0.95, 0.0).is_nan());
        assert!(gamma_inverse(1.5, 2.0).is_nan());
    }
}
