//! Raw samples of native histograms of both arms become batches.

use serde::{Deserialize, Serialize};

use super::NativeHistogram;
use crate::ingest::{ArmScrape, Ledger, Observation, Side, Sides, UnixMillis, Window};

/// Requests of both arms in one window by how long they took.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeBatch {
    /// When they happened.
    pub window: Window,
    /// Of the candidate.
    pub canary: NativeHistogram,
    /// Of the stable version.
    pub baseline: NativeHistogram,
}

/// Counts the requests of both arms from raw samples of native histograms.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(transparent)]
pub struct NativeIngest {
    sides: Sides<Native>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(transparent)]
struct Native {
    ledger: Ledger<NativeHistogram>,
}

impl NativeIngest {
    /// Counts what happens after this time.
    pub fn new(since: UnixMillis) -> Self {
        Self { sides: Sides::new(since, Native { ledger: Ledger::new(since) }) }
    }

    /// Takes what was scraped up to a look. Samples after it wait for the next look.
    pub fn take(
        &mut self,
        at: UnixMillis,
        canary: &ArmScrape<NativeHistogram>,
        baseline: &ArmScrape<NativeHistogram>,
    ) -> Observation<NativeBatch> {
        match self.sides.take(at, canary, baseline) {
            Ok((window, canary, baseline)) => {
                Observation::Batch { batch: NativeBatch { window, canary, baseline }, faults: Vec::new() }
            }
            Err(lost) => lost.into(),
        }
    }

    /// Forgets targets that are gone for good; see [`Ledger::retain`].
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.sides.canary.ledger.retain(&mut keep);
        self.sides.baseline.ledger.retain(keep);
    }
}

impl Side for Native {
    type Held = NativeHistogram;
    type Counted = NativeHistogram;

    fn take(&mut self, until: UnixMillis, scrape: &ArmScrape<NativeHistogram>) -> Option<NativeHistogram> {
        let increments = self.ledger.take(&scrape.targets, until);
        if increments.is_empty() && scrape.traffic {
            return None;
        }
        Some(increments.iter().fold(NativeHistogram::empty(), |sum, increment| sum.and(&increment.by)))
    }
}
