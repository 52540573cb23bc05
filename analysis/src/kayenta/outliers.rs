//! Fences beyond which Kayenta drops a value, if told so (`IQRDetector.scala`).

use super::Values;

/// The fences of one side, and the percentiles they come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fences {
    /// A value below is dropped.
    pub low: f64,
    /// A value above is dropped.
    pub high: f64,
    /// Lower quartile.
    pub p25: f64,
    /// Upper quartile.
    pub p75: f64,
    /// First percentile.
    pub p01: f64,
    /// Last percentile.
    pub p99: f64,
}

impl Fences {
    /// Whether a value is dropped.
    pub fn exclude(&self, value: f64) -> bool {
        value > self.high || value < self.low
    }
}

/// `factor` times the distance between the quartiles outside of these, but never inside the first or last percentile.
pub fn fences(values: &Values, factor: f64) -> Fences {
    let [p01, p25, p75, p99] = [0.01, 0.25, 0.75, 0.99].map(|share| percentile(values, share));
    let reach = factor * (p75 - p25);
    Fences { low: p01.min(p25 - reach), high: p99.max(p75 + reach), p25, p75, p01, p99 }
}

/// Linear between the order statistics (type 7 of Hyndman and Fan 1996).
fn percentile(values: &Values, share: f64) -> f64 {
    let sorted = values.sorted();
    let place = (sorted.len() - 1) as f64 * share;
    let low = sorted[place.floor() as usize];
    let high = sorted[place.ceil() as usize];
    low + (place - place.floor()) * (high - low)
}
