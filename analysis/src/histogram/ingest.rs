//! Raw samples of the buckets of both arms become batches of buckets.

use serde::{Deserialize, Serialize};

use super::{BadBuckets, Bounds, Buckets};
use crate::ingest::{ArmScrape, CounterValue, Ledger, Observation, Rounded, Side, Sides, UnixMillis, Window};

/// Requests of both arms in one window by how long they took.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramBatch {
    /// When they happened.
    pub window: Window,
    /// Of the candidate.
    pub canary: Buckets,
    /// Of the stable version.
    pub baseline: Buckets,
}

/// Counts the requests of both arms by buckets from raw samples, each made by [`Bounds::sample`].
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct HistogramIngest {
    bounds: Bounds,
    sides: Sides<Histogram>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Histogram {
    ledger: Ledger,
    totals: Vec<Rounded>,
}

impl HistogramIngest {
    /// Counts what happens after this time.
    pub fn new(since: UnixMillis, bounds: Bounds) -> Self {
        let totals = vec![Rounded::default(); bounds.get().len() + 1];
        Self { bounds, sides: Sides::new(since, Histogram { ledger: Ledger::new(since), totals }) }
    }

    /// The same for one look by itself, whose samples reach back beyond the time at which counting begins: a version without
    /// a sample after that time has nothing new, though it has samples.
    #[must_use]
    pub fn primed(mut self, canary: &ArmScrape, baseline: &ArmScrape) -> Self {
        self.sides.prime(canary, baseline);
        self
    }

    /// Takes what was scraped up to a look. Samples after it wait for the next look.
    ///
    /// # Errors
    ///
    /// [`BadBuckets::Uneven`] when a sample has another number of buckets; the state is as before.
    pub fn take(
        &mut self,
        at: UnixMillis,
        canary: &ArmScrape,
        baseline: &ArmScrape,
    ) -> Result<Observation<HistogramBatch>, BadBuckets> {
        let bounds = self.bounds.get().len();
        let targets = canary.targets.iter().chain(&baseline.targets);
        if let Some(values) = targets.flat_map(|target| target.widths()).find(|values| *values != bounds + 1) {
            return Err(BadBuckets::Uneven { counts: values.saturating_sub(1), bounds });
        }
        let (window, canary, baseline) = match self.sides.take(at, canary, baseline) {
            Ok(taken) => taken,
            Err(lost) => return Ok(lost.into()),
        };
        let buckets = |mut counts: Vec<u64>| {
            let total = counts.pop().unwrap_or(0);
            Buckets::new(self.bounds.clone(), counts, total)
        };
        let batch = HistogramBatch { window, canary: buckets(canary)?, baseline: buckets(baseline)? };
        Ok(Observation::Batch { batch, faults: Vec::new() })
    }

    /// Forgets targets that are gone for good; see [`Ledger::retain`].
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.sides.canary.ledger.retain(&mut keep);
        self.sides.baseline.ledger.retain(keep);
    }
}

impl Side for Histogram {
    type Held = Vec<CounterValue>;
    type Counted = Vec<u64>;

    fn take(&mut self, until: UnixMillis, scrape: &ArmScrape) -> Option<Vec<u64>> {
        let increments = self.ledger.take(&scrape.targets, until);
        if increments.is_empty() && scrape.traffic {
            return None;
        }
        let sum = |value: usize| increments.iter().filter_map(|increment| increment.by.get(value)).sum();
        Some(self.totals.iter_mut().enumerate().map(|(value, total)| total.add(sum(value))).collect())
    }
}
