//! Raw samples of both arms become batches of counts.

use serde::{Deserialize, Serialize};

use super::{Counts, Increment, Ledger, Target, UnixMillis, Window};

/// Requests and errors of both arms in one window. Errors are never more than requests.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CountBatch {
    /// When they happened.
    pub window: Window,
    /// Requests of the candidate.
    pub canary_requests: u64,
    /// Errors of the candidate.
    pub canary_errors: u64,
    /// Requests of the stable version.
    pub stable_requests: u64,
    /// Errors of the stable version.
    pub stable_errors: u64,
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
    Stable,
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

/// Counts that contradict each other and were put right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// More errors than requests; as many errors as requests were taken.
    #[error("{errors} errors among {requests} requests; check that both queries select the same requests")]
    MoreErrorsThanRequests {
        /// As counted.
        errors: u64,
        /// As counted.
        requests: u64,
    },
}

/// Counts requests and errors of both arms from raw samples.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct CountIngest {
    until: UnixMillis,
    canary: Arm,
    stable: Arm,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Arm {
    ledger: Ledger,
    requests: Rounded,
    errors: Rounded,
}

impl CountIngest {
    /// Counts what happens after this time.
    pub fn new(since: UnixMillis) -> Self {
        let zero = Rounded::default();
        let arm = Arm { ledger: Ledger::new(since), requests: zero, errors: zero };
        Self { until: since, canary: arm.clone(), stable: arm }
    }

    /// Takes what was scraped up to a look. Samples after it wait for the next look.
    pub fn take(&mut self, at: UnixMillis, canary: &ArmScrape, stable: &ArmScrape) -> Observation {
        if at <= self.until {
            return Observation::Dropped(Dropped::ClockWentBack { at, last: self.until });
        }
        // Both arms move on together or not at all, so that their counts are always of the same time.
        let mut next = self.clone();
        let Some((canary_requests, canary_errors)) = next.canary.take(at, canary) else {
            return Observation::NoData(NoData::Canary);
        };
        let Some((stable_requests, stable_errors)) = next.stable.take(at, stable) else {
            return Observation::NoData(NoData::Stable);
        };
        let window = Window { after: self.until, until: at };
        next.until = at;
        *self = next;
        CountBatch { window, canary_requests, canary_errors, stable_requests, stable_errors }.checked()
    }

    /// Forgets targets that are gone for good; see [`Ledger::retain`].
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.canary.ledger.retain(&mut keep);
        self.stable.ledger.retain(keep);
    }
}

impl CountBatch {
    /// Takes no more errors than requests.
    pub(super) fn checked(self) -> Observation {
        let mut faults = Vec::new();
        let mut clamp = |errors: u64, requests: u64| {
            if errors > requests {
                faults.push(DataError::MoreErrorsThanRequests { errors, requests });
            }
            errors.min(requests)
        };
        let canary_errors = clamp(self.canary_errors, self.canary_requests);
        let stable_errors = clamp(self.stable_errors, self.stable_requests);
        Observation::Batch { batch: Self { canary_errors, stable_errors, ..self }, faults }
    }
}

impl Arm {
    /// Requests and errors up to the time; none when the arm should have had some and nothing new was scraped.
    fn take(&mut self, at: UnixMillis, scrape: &ArmScrape) -> Option<(u64, u64)> {
        let increments = self.ledger.take(&scrape.targets, at);
        if increments.is_empty() && scrape.traffic {
            return None;
        }
        let sum = |counted: fn(Counts) -> bool| -> f64 {
            increments.iter().filter(|i| counted(i.counts)).filter_map(|Increment { by, .. }| by.last()).sum()
        };
        let requests = self.requests.add(sum(|counts| counts != Counts::Errors));
        let errors = self.errors.add(sum(|counts| counts != Counts::Requests));
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
