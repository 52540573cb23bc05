//! The ratio of the error rates of the arms.

use super::{Interval, edge};
use crate::{Counts, Rate};

/// Standard deviation of the prior on the logarithm of the ratio: from 1/20 to 20 is likely.
pub const PRIOR: f64 = 1.5;
/// How far the mixture is integrated, in standard deviations, and how finely.
const REACH: i32 = 12;
const STEPS: i32 = 8;

/// The ratio, its interval, and what the interval was made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioSequence {
    /// Logarithm of the likeliest ratio; infinite when one arm has no errors. None without any.
    pub ln_likeliest: Option<f64>,
    /// Logarithm of the likelihood, mixed over the prior.
    pub ln_mixture: f64,
    /// All ratios whose likelihood is at least `alpha` of the mixture.
    pub interval: Interval,
}

/// The ratio of the candidate's error rate to that of the stable version, if that is the same all the time: the sequence
/// of these intervals misses it at some time with probability `alpha` at most, even when both rates move together.
///
/// Given the errors of both arms, those of the candidate are binomial with odds `ratio * n_c / n_b` in each window; the
/// interval inverts the mixture likelihood ratio with a normal prior on the logarithm (the method of mixtures: Robbins
/// 1970; Johari, Koomen, Pekelis and Walsh 2022). Windows in which an arm has no requests are left out.
pub fn ratio(windows: &[Counts], alpha: Rate) -> RatioSequence {
    let likelihood = Likelihood::new(windows);
    let ln_mixture = likelihood.ln_mixture();
    let limit = ln_mixture + alpha.get().ln();
    let inside = |z: f64| likelihood.ln(z) > limit;
    let likeliest = likelihood.likeliest();
    // The likelihood is concave: it leaves the interval once on each side. At an infinite maximum it comes as near to the
    // maximum as one likes, so that a point of the interval is found by going there.
    let within = match likeliest {
        Some(z) if z.is_finite() => z,
        Some(z) => walk(0.0, z.signum(), |z| !inside(z)),
        None => 0.0,
    };
    let end = |side: f64, open: bool| match open {
        true => side * f64::INFINITY,
        false => edge(within, walk(within, side, inside), inside),
    };
    let low = end(-1.0, likelihood.canary_errors == 0.0).exp();
    let high = end(1.0, likelihood.baseline_errors == 0.0).exp();
    RatioSequence { ln_likeliest: likeliest, ln_mixture, interval: Interval { low, high } }
}

/// Goes from a point in ever longer steps while the condition holds; gives the first point where it does not.
fn walk(from: f64, side: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let mut step = 1.0;
    // After 1000 doublings there are no numbers left; no likelihood reaches so far.
    while holds(from + side * step) && step < 1e300 {
        step *= 2.0;
    }
    from + side * step
}

/// The likelihood of the logarithm of a ratio.
struct Likelihood {
    /// For each window: errors of the candidate, of the stable version, and the logarithm of the ratio of requests.
    windows: Vec<(f64, f64, f64)>,
    canary_errors: f64,
    baseline_errors: f64,
}

impl Likelihood {
    fn new(windows: &[Counts]) -> Self {
        let told = windows.iter().filter(|window| window.comparable());
        let windows: Vec<_> = told
            .map(|Counts { canary, baseline }| {
                let exposure = (canary.requests() as f64 / baseline.requests() as f64).ln();
                (canary.errors() as f64, baseline.errors() as f64, exposure)
            })
            .filter(|(canary, baseline, _)| canary + baseline > 0.0)
            .collect();
        let sum = |of: fn(&(f64, f64, f64)) -> f64| windows.iter().map(of).sum();
        Self { canary_errors: sum(|w| w.0), baseline_errors: sum(|w| w.1), windows }
    }

    fn ln(&self, z: f64) -> f64 {
        // `ln(1 + exp(-v))` and `ln(1 + exp(v))` differ by v only, so that one of the two dear functions serves both.
        let window = |(c, b, lr): &(f64, f64, f64)| {
            let v = z + lr;
            times(*c, (-v).max(0.0)) + times(*b, v.max(0.0)) + (c + b) * (-v.abs()).exp().ln_1p()
        };
        -self.windows.iter().map(window).sum::<f64>()
    }

    /// Errors of the candidate less those expected at this ratio; falls with it.
    fn slope(&self, z: f64) -> f64 {
        self.windows.iter().map(|(c, b, lr)| c - (c + b) * logistic(z + lr)).sum()
    }

    fn likeliest(&self) -> Option<f64> {
        match (self.canary_errors > 0.0, self.baseline_errors > 0.0) {
            (false, false) => None,
            (false, true) => Some(f64::NEG_INFINITY),
            (true, false) => Some(f64::INFINITY),
            (true, true) => Some(falls_to_0(|z| self.slope(z))),
        }
    }

    /// `ln INT exp(l(z)) N(z; 0, PRIOR^2) dz` by the trapezoid rule, which is as good as exact for a smooth peak. What
    /// lies beyond its reach is left out; that makes the interval wider, never narrower.
    fn ln_mixture(&self) -> f64 {
        let mode = falls_to_0(|z| self.slope(z) - z / PRIOR.powi(2));
        let information: f64 =
            self.windows.iter().map(|(c, b, lr)| (c + b) * logistic(mode + lr) * logistic(-mode - lr)).sum();
        let deviation = (information + PRIOR.powi(-2)).powf(-0.5);
        let step = deviation / f64::from(STEPS);
        let normal = |z: f64| -(z / PRIOR).powi(2) / 2.0 - (PRIOR * (2.0 * std::f64::consts::PI).sqrt()).ln();
        let at = |z: f64| self.ln(z) + normal(z);
        let top = at(mode);
        let reach = REACH * STEPS;
        let sum: f64 = (-reach..=reach).map(|i| (at(mode + step * f64::from(i)) - top).exp()).sum();
        top + (sum * step).ln()
    }
}

/// Where a falling function is 0.
fn falls_to_0(slope: impl Fn(f64) -> f64) -> f64 {
    let high = walk(0.0, 1.0, |z| slope(z) > 0.0);
    let low = walk(0.0, -1.0, |z| slope(z) < 0.0);
    edge(low, high, |z| slope(z) >= 0.0)
}

fn logistic(v: f64) -> f64 {
    1.0 / (1.0 + (-v).exp())
}

/// No errors are no evidence, even where the other factor is infinite.
fn times(count: f64, factor: f64) -> f64 {
    if count == 0.0 { 0.0 } else { count * factor }
}
