//! Raw samples of both arms become batches of counts.

use serde::{Deserialize, Serialize};

use super::{Increment, Ledger, Role, Target, UnixMillis, Window};
use crate::Counts;
use crate::counts::{Arm, DataError};

/// Requests and errors of both arms in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountBatch {
    /// When they happened.
    pub window: Window,
    /// What was counted.
    pub counts: Counts,
}

/// What was scraped of one arm.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmScrape {
    /// Its targets, with the samples of a range that reaches back to the last look or further.
    pub targets: Vec<Target>,
    /// Whether it is given traffic. If so, silence is a lack of data and not a count of 0.
    pub traffic: bool,
}

/// What a look has brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// Counts, and what had to be put right about them.
    Batch {
        /// The counts.
        batch: CountBatch,
        /// Worth a warning; the counts stand.
        faults: Vec<DataError>,
    },
    /// Nothing to count. The state is as before, and the next window begins where this one would have.
    NoData(NoData),
    /// The look is not used. The state is as before.
    Dropped(Dropped),
}

/// Why there is nothing to count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoData {
    /// The candidate is given traffic and none of its series has a new sample.
    #[error("nothing new was scraped of the candidate, which is given traffic")]
    Canary,
    /// The stable version is given traffic and none of its series has a new sample.
    #[error("nothing new was scraped of the stable version, which is given traffic")]
    Baseline,
}

/// Why a look is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// Its time is that of an earlier look or before it; the clock went back.
    #[error("the look at {at} ms is not after the one before it, at {last} ms; check the clock", at = at.0, last = last.0)]
    ClockWentBack {
        /// Of this look.
        at: UnixMillis,
        /// Of the last one that was used.
        last: UnixMillis,
    },
}

/// Counts requests and errors of both arms from raw samples.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct CountIngest {
    until: UnixMillis,
    canary: Counter,
    baseline: Counter,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Counter {
    ledger: Ledger,
    requests: Rounded,
    errors: Rounded,
}

impl CountIngest {
    /// Counts what happens after this time.
    pub fn new(since: UnixMillis) -> Self {
        let zero = Rounded::default();
        let arm = Counter { ledger: Ledger::new(since), requests: zero, errors: zero };
        Self { until: since, canary: arm.clone(), baseline: arm }
    }

    /// Takes what was scraped up to a look. Samples after it wait for the next look.
    pub fn take(&mut self, at: UnixMillis, canary: &ArmScrape, baseline: &ArmScrape) -> Observation {
        if at <= self.until {
            return Observation::Dropped(Dropped::ClockWentBack { at, last: self.until });
        }
        // Both arms move on together or not at all, so that their counts are always of the same time.
        let mut next = self.clone();
        let Some(canary) = next.canary.take(at, canary) else {
            return Observation::NoData(NoData::Canary);
        };
        let Some(baseline) = next.baseline.take(at, baseline) else {
            return Observation::NoData(NoData::Baseline);
        };
        let window = Window { after: self.until, until: at };
        next.until = at;
        *self = next;
        Observation::counted(window, canary, baseline)
    }

    /// Forgets targets that are gone for good; see [`Ledger::retain`].
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.canary.ledger.retain(&mut keep);
        self.baseline.ledger.retain(keep);
    }
}

impl Observation {
    /// Takes no more errors than requests, and says so.
    pub(super) fn counted(window: Window, canary: (u64, u64), baseline: (u64, u64)) -> Self {
        let (canary, in_canary) = Arm::clamped(canary.0, canary.1);
        let (baseline, in_baseline) = Arm::clamped(baseline.0, baseline.1);
        let faults = [in_canary, in_baseline].into_iter().flatten().collect();
        Self::Batch { batch: CountBatch { window, counts: Counts::new(canary, baseline) }, faults }
    }
}

impl Counter {
    /// Requests and errors up to the time; none when the arm should have had some and nothing new was scraped.
    fn take(&mut self, at: UnixMillis, scrape: &ArmScrape) -> Option<(u64, u64)> {
        let increments = self.ledger.take(&scrape.targets, at);
        if increments.is_empty() && scrape.traffic {
            return None;
        }
        let sum = |counted: fn(Role) -> bool| -> f64 {
            increments.iter().filter(|i| counted(i.role)).filter_map(|Increment { by, .. }| by.last()).sum()
        };
        let requests = self.requests.add(sum(|role| role != Role::Errors));
        let errors = self.errors.add(sum(|role| role != Role::Requests));
        Some((requests, errors))
    }
}

/// A growing real number of which whole parts are handed out. Rounding the total and not each part keeps the sum of the
/// parts within one half of the total.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Default)]
#[serde(transparent)]
pub(super) struct Rounded {
    total: f64,
}

impl Rounded {
    /// Adds a number not below 0; gives the whole numbers that it brings.
    pub(super) fn add(&mut self, by: f64) -> u64 {
        let whole = |total: f64| (total + 0.5).floor();
        let before = whole(self.total);
        self.total += by;
        // The cast saturates, and a counter near 2^64 is no count of requests.
        (whole(self.total) - before).max(0.0) as u64
    }
}
