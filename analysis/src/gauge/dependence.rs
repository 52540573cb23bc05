//! How much pods differ and how long a look remembers the one before: measured on the stable version's past, to choose a
//! tolerance and a window that keep the promise of the tests.

/// Looks that remember more than this have to be joined.
const MEMORY: f64 = 0.3;

/// The relative spread of pods, as the standard deviation of their means over the overall mean; a tolerance should be at
/// least twice this. None for fewer than two pods or a mean of 0.
pub fn pod_spread(means: &[f64]) -> Option<f64> {
    let mean = mean(means)?;
    let squares: f64 = means.iter().map(|value| (value - mean).powi(2)).sum();
    let spread = (squares / (means.len() - 1).max(1) as f64).sqrt() / mean.abs();
    (means.len() > 1 && spread.is_finite()).then_some(spread)
}

/// Correlation of the values of neighbouring looks, from -1 to 1. None for fewer than three looks or constant values.
pub fn lag_one(looks: &[f64]) -> Option<f64> {
    let mean = mean(looks)?;
    let variance: f64 = looks.iter().map(|value| (value - mean).powi(2)).sum();
    let shared: f64 = looks.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    let correlation = shared / variance;
    (looks.len() > 2 && correlation.is_finite()).then_some(correlation)
}

/// How many looks have to be joined to one, at this correlation of neighbouring ones: `(1 + r) / (1 - r)`, rounded up,
/// which is how many values of a first-order process are worth one. None where they never forget.
pub fn looks_to_join(correlation: f64) -> Option<u32> {
    if correlation <= MEMORY {
        return Some(1);
    }
    let looks = ((1.0 + correlation) / (1.0 - correlation)).ceil();
    // NaN is not below.
    (looks >= 1.0 && looks <= f64::from(u32::MAX)).then_some(looks as u32)
}

fn mean(values: &[f64]) -> Option<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    mean.is_finite().then_some(mean)
}
