//! Whether a share that was counted can be the share that was meant.

use std::ops::RangeInclusive;

use statrs::distribution::{Binomial, DiscreteCDF};

/// A test says so wrongly once in a million.
const ERROR: f64 = 1e-6;

/// How many of `n` independent requests may go to a target that each reaches with probability `share`: the exact
/// two-sided interval that is left with probability of at most 1e-6.
///
/// # Panics
///
/// When `share` is no probability.
#[allow(clippy::expect_used)]
pub fn interval(n: u64, share: f64) -> RangeInclusive<u64> {
    let binomial = Binomial::new(share, n).expect("a share lies between 0 and 1");
    // The smallest k with P(X <= k) >= q.
    let quantile = |q| binomial.inverse_cdf(q);
    quantile(ERROR / 2.0)..=quantile(1.0 - ERROR / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probability(n: u64, share: f64, of: impl Iterator<Item = u64>) -> f64 {
        let ln = |k: u64| -> f64 { (1..=k).map(|i| (i as f64).ln()).sum() };
        of.map(|k| (ln(n) - ln(k) - ln(n - k) + k as f64 * share.ln() + (n - k) as f64 * (1.0 - share).ln()).exp())
            .sum()
    }

    #[test]
    fn the_interval_is_left_once_in_a_million() {
        for (n, share) in [(40, 0.2), (725, 0.5), (3000, 0.2), (729, 0.05)] {
            let within = interval(n, share);
            let (low, high) = (*within.start(), *within.end());
            assert!(probability(n, share, 0..low) < ERROR / 2.0, "{n} {share}: {within:?}");
            assert!(probability(n, share, high + 1..=n) < ERROR / 2.0, "{n} {share}: {within:?}");
            // And not more rarely than it must.
            assert!(probability(n, share, 0..=low) >= ERROR / 2.0, "{n} {share}: {within:?}");
            assert!(probability(n, share, high..=n) >= ERROR / 2.0 * 0.9, "{n} {share}: {within:?}");
        }
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert_eq!(interval(500, 0.0), 0..=0);
        assert_eq!(interval(500, 1.0), 500..=500);
    }
}
