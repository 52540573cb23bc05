//! The mean error rate of one arm, and the difference of two.

use super::{Interval, edge};
use crate::special::ln_gamma;
use crate::{Arm, Rate};

/// The arm's mean error rate over all its requests so far: the sequence of these intervals misses it at some time with
/// probability `alpha` at most, whatever the rate did meanwhile. None without requests.
///
/// With X errors among N requests and `S = N p`, the gamma-Poisson mixture keeps the p with
/// `S + ln G(X + 1) - (X + 1) ln(S + 1) < ln(1 / alpha)` (Howard, Ramdas, McAuliffe and Sekhon 2021; shape and rate 1).
pub fn rate(arm: Arm, alpha: Rate) -> Option<Interval> {
    if arm.requests() == 0 {
        return None;
    }
    let errors = arm.errors() as f64;
    let limit = -alpha.get().ln();
    let constant = ln_gamma(errors + 1.0);
    let inside = |s: f64| s + constant - (errors + 1.0) * s.ln_1p() < limit;
    // The left side is convex with its minimum at X, so that the interval lies around it.
    let low = if inside(0.0) { 0.0 } else { edge(errors, 0.0, inside) };
    let mut beyond = 2.0 * errors + 1.0;
    while inside(beyond) {
        beyond *= 2.0;
    }
    let requests = arm.requests() as f64;
    Some(Interval { low: low / requests, high: edge(errors, beyond, inside) / requests })
}

/// The candidate's mean rate less that of the stable version, by arithmetic on two intervals at half the probability
/// each. None when an arm has no requests.
pub fn difference(canary: Arm, baseline: Arm, alpha: Rate) -> Option<Interval> {
    let half = Rate::new(alpha.get() / 2.0).ok()?;
    let (canary, baseline) = (rate(canary, half)?, rate(baseline, half)?);
    Some(Interval { low: canary.low - baseline.high, high: canary.high - baseline.low })
}
