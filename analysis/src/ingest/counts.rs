//! Raw samples of both arms become batches of counts.

use serde::{Deserialize, Serialize};

use super::sides::{ArmScrape, Dropped, Lost, NoData, Side, Sides};
use super::{CounterValue, Increment, Ledger, Role, UnixMillis, Window};
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

/// What a look has brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation<B = CountBatch> {
    /// Counts, and what had to be put right about them.
    Batch {
        /// The counts.
        batch: B,
        /// Worth a warning; the counts stand.
        faults: Vec<DataError>,
    },
    /// Nothing to count. The state is as before, and the next window begins where this one would have.
    NoData(NoData),
    /// The look is not used. The state is as before.
    Dropped(Dropped),
}

impl<B> From<Lost> for Observation<B> {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NoData(why) => Self::NoData(why),
            Lost::Dropped(why) => Self::Dropped(why),
        }
    }
}

/// Counts requests and errors of both arms from raw samples.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(transparent)]
pub struct CountIngest {
    sides: Sides<Counter>,
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
        Self { sides: Sides::new(since, Counter { ledger: Ledger::new(since), requests: zero, errors: zero }) }
    }

    /// The same for one look by itself, whose samples reach back beyond the time at which counting begins: a version without
    /// a sample after that time has nothing new, though it has samples.
    #[must_use]
    pub fn primed(mut self, canary: &ArmScrape, baseline: &ArmScrape) -> Self {
        self.sides.prime(canary, baseline);
        self
    }

    /// Takes what was scraped up to a look. Samples after it wait for the next look.
    pub fn take(&mut self, at: UnixMillis, canary: &ArmScrape, baseline: &ArmScrape) -> Observation {
        match self.sides.take(at, canary, baseline) {
            Ok((window, canary, baseline)) => Observation::counted(window, canary, baseline),
            Err(lost) => lost.into(),
        }
    }

    /// Forgets targets that are gone for good; see [`Ledger::retain`].
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.sides.canary.ledger.retain(&mut keep);
        self.sides.baseline.ledger.retain(keep);
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

impl Side for Counter {
    type Held = Vec<CounterValue>;
    type Counted = (u64, u64);

    fn take(&mut self, until: UnixMillis, scrape: &ArmScrape) -> Option<(u64, u64)> {
        let increments = self.ledger.take(&scrape.targets, until);
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
pub(crate) struct Rounded {
    total: f64,
}

impl Rounded {
    /// Adds a number not below 0; gives the whole numbers that it brings.
    pub(crate) fn add(&mut self, by: f64) -> u64 {
        let whole = |total: f64| (total + 0.5).floor();
        let before = whole(self.total);
        self.total += by;
        // The cast saturates, and a counter near 2^64 is no count of requests.
        (whole(self.total) - before).max(0.0) as u64
    }
}
