//! Buckets with fixed bounds.

use serde::{Deserialize, Serialize};

use crate::Arm;
use crate::ingest::{BadSample, RawSample, UnixMillis};

/// Bounds of buckets in ascending order, finite, at least one; in the unit of the histogram, mostly seconds. A value
/// that equals a bound lies below it (`le`).
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Bounds(Vec<f64>);

/// Why buckets are none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadBuckets {
    /// There is no bound, one is not finite, or they do not ascend.
    #[error("bounds {0:?} must be finite, ascend, and be at least one; leave out +Inf, which is the count")]
    Bounds(Vec<f64>),
    /// Not one count for each bound.
    #[error("{counts} counts for {bounds} bounds; give one for each")]
    Uneven {
        /// How many counts there are.
        counts: usize,
        /// How many bounds there are.
        bounds: usize,
    },
    /// A series of a bucket is missing in a scrape, so that the scrape cannot be used; the next one makes up for it.
    #[error("no bucket with the bound {0} in the scrape")]
    Missing(f64),
    /// A bucket is no counter.
    #[error(transparent)]
    Sample(#[from] BadSample),
}

impl TryFrom<Vec<f64>> for Bounds {
    type Error = BadBuckets;

    fn try_from(bounds: Vec<f64>) -> Result<Self, BadBuckets> {
        let ascend = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if bounds.is_empty() || bounds.iter().any(|bound| !bound.is_finite()) || !ascend {
            return Err(BadBuckets::Bounds(bounds));
        }
        Ok(Self(bounds))
    }
}

impl From<Bounds> for Vec<f64> {
    fn from(bounds: Bounds) -> Self {
        bounds.0
    }
}

/// Where a threshold lies among the bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// At a bound: requests over it are known exactly.
    Bound(usize),
    /// Between two neighbouring bounds: they are known within a range. Without a lower one it lies below the first.
    Between(Option<usize>, usize),
    /// Above the last bound.
    Above(usize),
}

impl Bounds {
    /// In ascending order.
    pub fn get(&self) -> &[f64] {
        &self.0
    }

    /// Where a threshold lies. `lint` should tell of any place but [`Place::Bound`], and of the bounds beside it.
    pub fn place(&self, threshold: f64) -> Place {
        let next = self.0.partition_point(|bound| *bound < threshold);
        match self.0.get(next) {
            Some(bound) if *bound == threshold => Place::Bound(next),
            Some(_) => Place::Between(next.checked_sub(1), next),
            None => Place::Above(self.0.len() - 1),
        }
    }

    /// One scrape of all buckets of a histogram as a sample of counters that are reset together: `(le, value)` in any
    /// order, with infinity for the count.
    ///
    /// # Errors
    ///
    /// [`BadBuckets::Missing`] when the scrape lacks a bound or the count, which would look like a reset, and
    /// [`BadBuckets::Sample`] when a value is no counter.
    pub fn sample(&self, at: UnixMillis, scraped: &[(f64, f64)]) -> Result<RawSample, BadBuckets> {
        let value = |bound: f64| {
            let found = scraped.iter().find(|(le, _)| *le == bound).map(|(_, value)| *value);
            found.ok_or(BadBuckets::Missing(bound))
        };
        let values: Vec<f64> = self.0.iter().copied().chain([f64::INFINITY]).map(value).collect::<Result<_, _>>()?;
        Ok(RawSample::of_many(at, &values)?)
    }
}

/// How many requests of an arm took at most as long as each bound, and how many there were, in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    bounds: Bounds,
    cumulative: Vec<u64>,
    total: u64,
}

/// Requests over a threshold that is no bound: at least and at most so many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bracket {
    total: u64,
    /// At least so many took longer.
    pub at_least: u64,
    /// At most so many took longer.
    pub at_most: u64,
    /// A guess between the two, as if requests were spread evenly within a bucket; for display only. None above the
    /// last bound.
    pub guess: Option<f64>,
}

impl Bracket {
    pub(super) fn new(total: u64, at_least: u64, at_most: u64, guess: Option<f64>) -> Self {
        Self { total, at_least: at_least.min(total), at_most: at_most.min(total), guess }
    }

    /// The counts to blame the candidate by: requests that were certainly slow.
    pub fn to_blame(&self) -> Arm {
        Arm::clamped(self.total, self.at_least).0
    }

    /// The counts to accept the candidate by: requests that may have been slow.
    pub fn to_accept(&self) -> Arm {
        Arm::clamped(self.total, self.at_most).0
    }
}

impl Buckets {
    /// Cumulative counts, one for each bound, and the count of all. Counts that fall from one bound to the next come from
    /// a scrape that was torn; they are raised to the greatest before them.
    ///
    /// # Errors
    ///
    /// [`BadBuckets::Uneven`].
    pub fn new(bounds: Bounds, mut cumulative: Vec<u64>, total: u64) -> Result<Self, BadBuckets> {
        if cumulative.len() != bounds.0.len() {
            return Err(BadBuckets::Uneven { counts: cumulative.len(), bounds: bounds.0.len() });
        }
        let mut greatest = 0;
        for count in &mut cumulative {
            greatest = greatest.max(*count);
            *count = greatest;
        }
        Ok(Self { bounds, cumulative, total: total.max(greatest) })
    }

    /// From what is over each bound, out of the same requests.
    pub(super) fn of_bounds(bounds: &Bounds, over: impl Fn(f64) -> Arm) -> Self {
        let over: Vec<Arm> = bounds.0.iter().map(|bound| over(*bound)).collect();
        let total = over.iter().map(|arm| arm.requests()).max().unwrap_or(0);
        Self { bounds: bounds.clone(), cumulative: over.iter().map(|arm| arm.successes()).collect(), total }
    }

    /// The bounds.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// How many requests there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// All requests, and as errors those that took longer than a bound; none where there is no such bound.
    pub fn over(&self, bound: usize) -> Option<Arm> {
        let within = *self.cumulative.get(bound)?;
        Some(Arm::clamped(self.total, self.total - within).0)
    }

    /// How many took longer than a threshold. Latencies are not negative: below the first bound lies 0.
    pub fn bracket(&self, threshold: f64) -> Bracket {
        let over = |bound: usize| self.total - self.cumulative[bound];
        match self.bounds.place(threshold) {
            Place::Bound(at) => Bracket::new(self.total, over(at), over(at), Some(over(at) as f64)),
            Place::Above(last) => Bracket::new(self.total, 0, over(last), None),
            Place::Between(low, high) => {
                let (most, from) = low.map_or((self.total, 0.0), |low| (over(low), self.bounds.0[low]));
                let part = (threshold - from) / (self.bounds.0[high] - from);
                let guess = most as f64 - (most - over(high)) as f64 * part.clamp(0.0, 1.0);
                Bracket::new(self.total, over(high), most, Some(guess))
            }
        }
    }

    /// Both windows together; none when their bounds differ.
    pub fn and(&self, other: &Self) -> Option<Self> {
        let sum = |a: &u64, b: &u64| a.saturating_add(*b);
        let cumulative = self.cumulative.iter().zip(&other.cumulative).map(|(a, b)| sum(a, b)).collect();
        let both = Self { bounds: self.bounds.clone(), cumulative, total: sum(&self.total, &other.total) };
        (self.bounds == other.bounds).then_some(both)
    }
}
