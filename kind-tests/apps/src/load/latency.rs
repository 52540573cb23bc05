//! A histogram of latencies in logarithmic buckets.

use std::time::Duration;

use crate::report::Latency;

/// Buckets for each doubling; one is 4.4 % wide.
const PER_DOUBLING: f64 = 16.0;
/// From 1 µs to beyond an hour.
const BUCKETS: usize = 32 * 16;

/// Counts latencies; a quantile is the middle of its bucket.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: vec![0; BUCKETS], total: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts one latency.
    pub fn observe(&mut self, latency: Duration) {
        let micros = (latency.as_secs_f64() * 1e6).max(1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bucket = (micros.log2() * PER_DOUBLING) as usize;
        self.counts[bucket.min(BUCKETS - 1)] += 1;
        self.total += 1;
        self.max = self.max.max(latency);
    }

    /// What a report says of it.
    pub fn summary(&self) -> Latency {
        let max_ms = self.max.as_secs_f64() * 1e3;
        Latency {
            p50_ms: self.quantile_ms(0.5).min(max_ms),
            p99_ms: self.quantile_ms(0.99).min(max_ms),
            max_ms: (max_ms * 1e3).round() / 1e3,
        }
    }

    fn quantile_ms(&self, quantile: f64) -> f64 {
        let rank = (self.total as f64 * quantile).ceil();
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen as f64 >= rank {
                let middle = ((bucket as f64 + 0.5) / PER_DOUBLING).exp2() / 1e3;
                return (middle * 1e3).round() / 1e3;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_five_percent() {
        let mut histogram = Histogram::default();
        for ms in 1..=1_000 {
            histogram.observe(Duration::from_millis(ms));
        }
        let summary = histogram.summary();
        assert!((summary.p50_ms / 500.0 - 1.0).abs() < 0.05, "{summary:?}");
        assert!((summary.p99_ms / 990.0 - 1.0).abs() < 0.05, "{summary:?}");
        assert!((summary.max_ms - 1_000.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_observed_is_zero_and_extremes_have_a_bucket() {
        assert_eq!(Histogram::default().summary(), Latency::default());
        let mut histogram = Histogram::default();
        histogram.observe(Duration::ZERO);
        histogram.observe(Duration::from_secs(1_000_000));
        assert!(histogram.summary().max_ms > 9e8);
    }
}
