//! By how much the candidate's values are shifted against the stable version's: an estimate and its limits.

use statrs::distribution::{ContinuousCDF, Normal};

use super::brent::{Point, root};
use super::ranks::{RankSum, deviation, toward_0};
use super::{Values, difference};
use crate::Rate;

/// Kayenta's solver stops at this, in the unit of the metric.
const TOLERANCE: f64 = 1e-4;

/// How the limits are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Roots {
    /// As Kayenta: by a solver that stops at an absolute 1e-4, so that a metric in seconds and the same one in
    /// microseconds can get different verdicts.
    Kayenta,
    /// Exactly: the statistic jumps at differences between two values only, so that the limit is one of these.
    #[default]
    Exact,
}

/// An estimate of the shift and its limits, in the unit of the metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Lower confidence limit.
    pub low: f64,
    /// Upper confidence limit.
    pub high: f64,
    /// Hodges-Lehmann estimate.
    pub estimate: f64,
}

/// The shift of x against y with two-sided limits. None when it cannot be told: all values are equal after a shift.
///
/// The limits are the shifts that the test does not reject (Hollander and Wolfe, Nonparametric Statistical Methods,
/// section 4.3; R's `wilcox.test`). Where so few values cannot reject anything, they are the least and the greatest
/// difference, as they are in Kayenta.
pub fn shift(x: &Values, y: &Values, confidence: Rate, roots: Roots) -> Option<Shift> {
    let z = -Normal::standard().inverse_cdf((1.0 - confidence.get()) / 2.0);
    match roots {
        Roots::Kayenta => solved(x, y, z),
        Roots::Exact => exact(x, y, z),
    }
}

fn solved(x: &Values, y: &Values, z: f64) -> Option<Shift> {
    let statistic = |shift: f64| RankSum::of(x, y, shift).standardized();
    let (least, greatest) = (x.least() - y.greatest(), x.greatest() - y.least());
    let (at_least, at_greatest) = (statistic(least)?, statistic(greatest)?);
    // No shift between these makes all values equal, since one side has two distinct values.
    let solve = |quantile: f64| {
        let low = Point { x: least, f: at_least - quantile };
        let high = Point { x: greatest, f: at_greatest - quantile };
        root(low, high, TOLERANCE, |shift| statistic(shift).unwrap_or(0.0) - quantile)
    };
    let limit = |quantile: f64| {
        if at_least <= quantile {
            least
        } else if at_greatest >= quantile {
            greatest
        } else {
            solve(quantile)
        }
    };
    Some(Shift { low: limit(z), high: limit(-z), estimate: solve(0.0) })
}

fn exact(x: &Values, y: &Values, z: f64) -> Option<Shift> {
    let (n, m) = (x.count(), y.count());
    if n * m <= 1.0 {
        return None;
    }
    let pairs = difference::pairs(x, y);
    let deviation = deviation(n, m, ties(x) + ties(y));
    // Between two neighbouring differences no x equals a y, and the rank sum is known from how many differences are
    // below. The limit is the difference at which the statistic comes down to the quantile.
    let after = |below: u64| {
        let excess = (pairs - below) as f64 - pairs as f64 / 2.0;
        (excess - toward_0(excess)) / deviation
    };
    let limit = |quantile: f64| {
        let (mut low, mut high) = (0, pairs - 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if after(middle + 1) <= quantile { high = middle } else { low = middle + 1 }
        }
        difference::kth(x, y, low)
    };
    Some(Shift { low: limit(z), high: limit(-z), estimate: difference::median(x, y) })
}

/// Sum of `t^3 - t` over groups of t equal values.
fn ties(values: &Values) -> f64 {
    let groups = values.sorted().chunk_by(|a, b| a == b).map(|group| group.len() as f64);
    groups.map(|t| t.powi(3) - t).sum()
}
