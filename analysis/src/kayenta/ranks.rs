//! The rank sum of one side among both, and what follows from it.

use statrs::distribution::{ContinuousCDF, Normal};

use super::{Values, difference};

/// The rank sum test of x against y with normal approximation, midranks, correction for ties and for continuity (Mann and
/// Whitney 1947; Lehmann, Nonparametrics, section 1.4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// How many pairs have the greater value on the side of x; equal ones count one half.
    pub u: f64,
    /// In standard deviations from what equal sides would give; 0 when all values are equal.
    pub z: f64,
    /// Probability of so great a difference in either direction if the sides are alike.
    pub p_two_sided: f64,
    /// Probability of so many greater values of x if the sides are alike.
    pub p_greater: f64,
    /// The middle one of all differences `x - y` (Hodges and Lehmann 1963).
    pub hodges_lehmann: f64,
    /// Share of pairs in which x is greater; equal ones count one half (Vargha and Delaney 2000).
    pub cles: f64,
}

/// Tests whether x is greater or smaller than y.
pub fn mann_whitney(x: &Values, y: &Values) -> MannWhitney {
    let pairs = x.count() * y.count();
    let rank_sum = RankSum::of(x, y, 0.0);
    let u = rank_sum.excess + pairs / 2.0;
    let z = rank_sum.standardized().unwrap_or(0.0);
    let greater = if rank_sum.deviation == 0.0 { 0.0 } else { (rank_sum.excess - 0.5) / rank_sum.deviation };
    let normal = Normal::standard();
    MannWhitney {
        u,
        z,
        p_two_sided: (2.0 * normal.sf(z.abs())).min(1.0),
        p_greater: normal.sf(greater),
        hodges_lehmann: difference::median(x, y),
        cles: u / pairs,
    }
}

/// The rank sum of x, less what it would be if both sides were alike.
pub(super) struct RankSum {
    pub(super) excess: f64,
    /// Standard deviation; 0 when all values are equal.
    pub(super) deviation: f64,
}

impl RankSum {
    /// Of x, moved down by `shift`, among y.
    pub(super) fn of(x: &Values, y: &Values, shift: f64) -> Self {
        let moved = x.sorted().iter().map(|value| (value - shift, 1.0));
        let mut all: Vec<(f64, f64)> = moved.chain(y.sorted().iter().map(|value| (*value, 0.0))).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut rank_sum, mut ties, mut below) = (0.0, 0.0, 0.0);
        for equal in all.chunk_by(|a, b| a.0 == b.0) {
            let count = equal.len() as f64;
            let of_x: f64 = equal.iter().map(|(_, of_x)| of_x).sum();
            rank_sum += of_x * (below + (count + 1.0) / 2.0);
            ties += count.powi(3) - count;
            below += count;
        }
        let (n, m) = (x.count(), y.count());
        Self { excess: rank_sum - n * (n + 1.0) / 2.0 - n * m / 2.0, deviation: deviation(n, m, ties) }
    }

    /// In standard deviations, one half nearer to 0 since ranks are whole; none when all values are equal.
    pub(super) fn standardized(&self) -> Option<f64> {
        (self.deviation > 0.0).then(|| (self.excess - toward_0(self.excess)) / self.deviation)
    }
}

/// One half with the sign of the number; 0 for 0.
pub(super) fn toward_0(excess: f64) -> f64 {
    if excess == 0.0 { 0.0 } else { 0.5 * excess.signum() }
}

/// Standard deviation of the rank sum of n values among m others, given the sum of `t^3 - t` over groups of t equal ones.
pub(super) fn deviation(n: f64, m: f64, ties: f64) -> f64 {
    let all = n + m;
    (n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)))).max(0.0).sqrt()
}
