//! Which bounds to compare the arms at.

use super::{Bounds, Buckets};
use crate::Ratio;

/// The quantiles that bounds are looked for at.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];
/// Bounds with a share of requests over them outside of this tell too little.
const TAILS: std::ops::RangeInclusive<f64> = 0.002..=0.8;
/// What a canary may be slower by, where buckets can tell.
const TOLERATED: f64 = 1.1;

/// A bound of the candidate against one of the stable version, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Requests of the candidate over this one ...
    pub canary: usize,
    /// ... against requests of the stable version over this one.
    pub baseline: usize,
}

/// The bounds nearest to the median, the 0.9 and the 0.99 quantile of the stable version before the rollout, by their
/// places: at most three, all different, none with fewer than 0.2 % or more than 80 % of the requests over it.
pub fn quantile_bounds(before: &Buckets) -> Vec<usize> {
    let tail = |bound: &usize| before.over(*bound).and_then(|arm| arm.rate()).unwrap_or(0.0);
    let telling: Vec<usize> = (0..before.bounds().get().len()).filter(|bound| TAILS.contains(&tail(bound))).collect();
    let distance = |bound: &usize, quantile: f64| (1.0 - tail(bound) - quantile).abs();
    let nearest =
        |quantile: f64| telling.iter().copied().min_by(|a, b| distance(a, quantile).total_cmp(&distance(b, quantile)));
    let mut chosen: Vec<usize> = QUANTILES.into_iter().filter_map(nearest).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// What to compare at the chosen bounds when the candidate may be slower by a ratio: its requests over the least bound
/// that is at least the ratio times the chosen one. To find more of them there than the stable version has over the
/// chosen bound proves that it is slower by more than the ratio. A bound without such a bound above it is left out.
///
/// Without a ratio it is 1.1 where the bounds allow for exactly that, and else 1: the next bound of a coarse histogram
/// would tolerate far more.
pub fn comparisons(bounds: &Bounds, chosen: &[usize], tolerated: Option<Ratio>) -> Vec<Comparison> {
    let against = |baseline: &usize| {
        let at = *bounds.get().get(*baseline)?;
        let canary = match tolerated {
            Some(ratio) => bounds.get().iter().position(|bound| *bound >= ratio.get() * at),
            None => {
                let near = |bound: f64| (bound - TOLERATED * at).abs() <= 1e-9 * at.abs();
                Some(bounds.get().iter().position(|bound| near(*bound)).unwrap_or(*baseline))
            }
        };
        Some(Comparison { canary: canary?, baseline: *baseline })
    };
    chosen.iter().filter_map(against).collect()
}
