//! How the number of worse pairs is distributed when candidate and stable version are alike.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::xtest::Pmf;

/// Up to this many pairs the distribution is exact.
const EXACT: usize = 10_000;
/// More pairs than this are counted in steps, so that a sum over many looks stays quick.
const LEVELS: usize = 1_000;

/// In how many of the orders of n and m different values there are u pairs in which the one of the n is greater, for
/// u = 0 to nm: the coefficients of the Gaussian binomial (Mann and Whitney 1947). Whole numbers, exact below 2^53.
///
/// By their recurrence, which only adds: removing the greatest value leaves n - 1 and m, less m pairs, or n and m - 1.
pub fn null_counts(n: usize, m: usize) -> Vec<f64> {
    // One entry for each number of the n, all for the present number of the m.
    let mut rows: Vec<Vec<f64>> = vec![vec![1.0]; n + 1];
    for others in 1..=m {
        for own in 1..=n {
            let mut counts = vec![0.0; own * others + 1];
            counts.iter_mut().zip(&rows[own]).for_each(|(count, fewer)| *count += fewer);
            counts[others..].iter_mut().zip(&rows[own - 1]).for_each(|(count, fewer)| *count += fewer);
            rows[own] = counts;
        }
    }
    rows.pop().unwrap_or_default()
}

/// The distribution of the number of worse pairs among n pods of the candidate and m of the stable version, and how many
/// pairs make one step of it. None without pods.
///
/// The values are exchangeable, all of them different. Beyond 10,000 pairs the normal approximation is taken: right to 1 %
/// at two standard deviations, and further out heavier than the truth, so that a test errs on the side of not rejecting.
/// More than 1,000 pairs are counted in steps, rounded down: the distribution of the steps is as exact as that of the
/// pairs.
pub fn null_distribution(n: usize, m: usize) -> Option<(Pmf, u64)> {
    let pairs = n.checked_mul(m)?;
    let step = pairs.div_ceil(LEVELS).max(1);
    let counts = if pairs <= EXACT { null_counts(n, m) } else { approximate(n, m, step) };
    let steps = if pairs <= EXACT { counts.chunks(step).map(|chunk| chunk.iter().sum()).collect() } else { counts };
    let pmf = (pairs > 0).then(|| Pmf::from_weights(0, steps)).flatten()?;
    Some((pmf, step as u64))
}

/// The probabilities of the steps by the normal approximation with correction for continuity.
fn approximate(n: usize, m: usize, step: usize) -> Vec<f64> {
    let (n, m, step) = (n as f64, m as f64, step as f64);
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    let normal = Normal::standard();
    // From the nearer end, where the tails do not cancel.
    let below = |u: f64| (u - 0.5 - n * m / 2.0) / deviation;
    let within = |i: usize| {
        let (low, high) = (below(i as f64 * step), below((i + 1) as f64 * step));
        if low > 0.0 { normal.sf(low) - normal.sf(high) } else { normal.cdf(high) - normal.cdf(low) }
    };
    (0..=(n * m / step) as usize).map(|i| within(i).max(0.0)).collect()
}
