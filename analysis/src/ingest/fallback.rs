//! Counts from `increase()`, for servers that give no raw samples.

use serde::{Deserialize, Serialize};

use super::counts::Rounded;
use super::{BadSample, CounterValue, Dropped, Observation, UnixMillis, Window};

/// What `increase()` has answered for one arm: real numbers, not below 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Increase {
    requests: CounterValue,
    errors: CounterValue,
}

impl Increase {
    /// Requests and errors of an arm over the range.
    ///
    /// # Errors
    ///
    /// [`BadSample::NotACount`] when a number is not finite or below 0: there is no data then.
    pub fn new(requests: f64, errors: f64) -> Result<Self, BadSample> {
        Ok(Self { requests: requests.try_into()?, errors: errors.try_into()? })
    }
}

/// Why a range cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Ranges that overlap count twice, ranges with gaps miss counts; either voids what the tests promise.
    #[error("the range of {range} ms must be the {since} ms since the last look")]
    DoesNotTile {
        /// Of the query.
        range: u64,
        /// Since the last look that was used.
        since: u64,
    },
    /// No two samples fit into the range.
    #[error("a range of {range} ms must be longer than the scrape interval of {scrape} ms")]
    TooShort {
        /// Of the query.
        range: u64,
        /// Between two scrapes.
        scrape: u64,
    },
}

/// By how much `increase()` inflates evidence: `W / (W - s)` for a range W and a scrape interval s, because it stretches
/// what was seen in `W - s` to all of W. The design effect must be at least this.
///
/// # Errors
///
/// [`RangeError::TooShort`] unless the range is longer than the scrape interval.
pub fn overlap_design_effect(range: u64, scrape: u64) -> Result<f64, RangeError> {
    match range.checked_sub(scrape) {
        Some(seen) if seen > 0 => Ok(range as f64 / seen as f64),
        _ => Err(RangeError::TooShort { range, scrape }),
    }
}

/// Counts requests and errors of both arms from answers of `increase()` over ranges that tile.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct IncreaseIngest {
    until: UnixMillis,
    /// Requests and errors.
    canary: [Rounded; 2],
    baseline: [Rounded; 2],
}

impl IncreaseIngest {
    /// Counts what happens after this time.
    pub fn new(since: UnixMillis) -> Self {
        Self { until: since, canary: Default::default(), baseline: Default::default() }
    }

    /// Takes the answers for a range of `range` milliseconds that ends at the look.
    ///
    /// # Errors
    ///
    /// [`RangeError::DoesNotTile`] unless the range begins where the last one ended; the state is as before.
    pub fn take(
        &mut self,
        at: UnixMillis,
        range: u64,
        canary: Increase,
        baseline: Increase,
    ) -> Result<Observation, RangeError> {
        if at <= self.until {
            return Ok(Observation::Dropped(Dropped::ClockWentBack { at, last: self.until }));
        }
        let since = at.since(self.until);
        if range != since {
            return Err(RangeError::DoesNotTile { range, since });
        }
        let window = Window { after: self.until, until: at };
        let count = |[requests, errors]: &mut [Rounded; 2], by: Increase| {
            (requests.add(by.requests.into()), errors.add(by.errors.into()))
        };
        let (canary, baseline) = (count(&mut self.canary, canary), count(&mut self.baseline, baseline));
        self.until = at;
        Ok(Observation::counted(window, canary, baseline))
    }
}
