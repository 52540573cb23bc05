//! Both arms move on together or not at all, so that their counts are always of the same time.

use serde::{Deserialize, Serialize};

use super::{CounterValue, Cumulative, Target, UnixMillis, Window};

/// What was scraped of one arm.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmScrape<V = Vec<CounterValue>> {
    /// Its targets, with the samples of a range that reaches back to the last look or further.
    pub targets: Vec<Target<V>>,
    /// Whether it is given traffic. If so, silence is a lack of data and not a count of 0.
    pub traffic: bool,
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

/// Why a look brings no batch. The state is as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    NoData(NoData),
    Dropped(Dropped),
}

/// One arm that counts.
pub(crate) trait Side: Clone {
    /// What its series hold.
    type Held: Cumulative;
    /// What it has counted at a look.
    type Counted;

    /// Moves on to a time; none when it should have had something to count and nothing new was scraped.
    fn take(&mut self, until: UnixMillis, scrape: &ArmScrape<Self::Held>) -> Option<Self::Counted>;
}

/// Two arms, and up to when they have counted.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) struct Sides<S> {
    until: UnixMillis,
    pub(crate) canary: S,
    pub(crate) baseline: S,
}

impl<S: Side> Sides<S> {
    pub(crate) fn new(since: UnixMillis, side: S) -> Self {
        Self { until: since, canary: side.clone(), baseline: side }
    }

    /// Takes in what was scraped before counting began, so that what is new can be told from it.
    pub(crate) fn prime(&mut self, canary: &ArmScrape<S::Held>, baseline: &ArmScrape<S::Held>) {
        self.canary.take(self.until, canary);
        self.baseline.take(self.until, baseline);
    }

    pub(crate) fn take(
        &mut self,
        at: UnixMillis,
        canary: &ArmScrape<S::Held>,
        baseline: &ArmScrape<S::Held>,
    ) -> Result<(Window, S::Counted, S::Counted), Lost> {
        if at <= self.until {
            return Err(Lost::Dropped(Dropped::ClockWentBack { at, last: self.until }));
        }
        let mut next = self.clone();
        let canary = next.canary.take(at, canary).ok_or(Lost::NoData(NoData::Canary))?;
        let baseline = next.baseline.take(at, baseline).ok_or(Lost::NoData(NoData::Baseline))?;
        let window = Window { after: self.until, until: at };
        next.until = at;
        *self = next;
        Ok((window, canary, baseline))
    }
}
