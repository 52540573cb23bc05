//! Buckets with exponential bounds, as Prometheus' native histograms have them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Bounds, Bracket, Buckets};
use crate::Ratio;
use crate::ingest::Cumulative;

/// The finest and the coarsest of the standard schemas.
const SCHEMAS: std::ops::RangeInclusive<i8> = -4..=8;

/// The upper bound of a bucket, `2^(index 2^-schema)`; that of the index before is its lower bound (the Prometheus
/// specification of native histograms). 0 or infinite where that is beyond the numbers there are.
pub fn native_bound(schema: i8, index: i32) -> f64 {
    (f64::from(index) * (-f64::from(schema)).exp2()).exp2()
}

/// Where the bucket with this index goes when its schema is lowered by so many steps: two buckets become one, and
/// `i` becomes `ceil(i / 2)`, at each step.
pub fn merged_index(index: i32, steps: u32) -> i32 {
    // Toward the greater whole number, for negative ones too.
    let width = 1_i64 << steps.min(32);
    i64::from(index).div_euclid(width) as i32 + i32::from(i64::from(index).rem_euclid(width) != 0)
}

/// By how many buckets of a schema a bound has to be moved up so that it is at least `ratio` times as large.
pub fn slowdown_steps(schema: i8, ratio: Ratio) -> u32 {
    let steps = ratio.get().log2() * f64::from(schema).exp2();
    // A ratio that is just a power must not take a step more by rounding. The cast saturates.
    (steps - 1e-9).ceil().max(0.0) as u32
}

/// A bucket as the HTTP API states it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NativeBucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Requests between them.
    pub count: u64,
}

/// How many requests took longer than a threshold, by buckets that may lie anywhere and do not overlap. The zero bucket,
/// which reaches below 0, holds fast requests.
pub fn native_bracket(buckets: &[NativeBucket], threshold: f64) -> Bracket {
    let (mut total, mut at_least, mut at_most, mut guess) = (0_u64, 0_u64, 0_u64, 0.0);
    for NativeBucket { lower, upper, count } in buckets {
        total = total.saturating_add(*count);
        if *lower >= threshold && *lower > 0.0 {
            at_least = at_least.saturating_add(*count);
        }
        if *upper > threshold {
            at_most = at_most.saturating_add(*count);
            let from = lower.max(0.0);
            let part = if *upper > from { ((upper - threshold) / (upper - from)).clamp(0.0, 1.0) } else { 1.0 };
            guess += *count as f64 * part;
        }
    }
    Bracket::new(total, at_least, at_most, guess.is_finite().then_some(guess))
}

/// On which side requests are counted of which one cannot tell whether they were over a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// They were within it: of the arm that is blamed for being slower.
    CountsAsFast,
    /// They were over it: of the arm that it is compared with.
    CountsAsSlow,
}

/// Requests by fixed bounds. Exact where a bound is one of the histogram's own.
pub fn native_buckets(buckets: &[NativeBucket], bounds: &Bounds, doubt: Doubt) -> Buckets {
    let over = |bracket: Bracket| match doubt {
        Doubt::CountsAsFast => bracket.to_blame(),
        Doubt::CountsAsSlow => bracket.to_accept(),
    };
    Buckets::of_bounds(bounds, |bound| over(native_bracket(buckets, bound)))
}

/// A native histogram with a standard schema at the time of a scrape, or what was added to one between two scrapes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct NativeHistogram {
    schema: i8,
    zero_threshold: f64,
    zero: u64,
    buckets: BTreeMap<i32, u64>,
}

/// Schema, zero threshold, zero bucket and the other buckets.
type Stored = (i8, f64, u64, BTreeMap<i32, u64>);

impl TryFrom<Stored> for NativeHistogram {
    type Error = BadHistogram;

    fn try_from((schema, zero_threshold, zero, buckets): Stored) -> Result<Self, BadHistogram> {
        Self::new(schema, zero_threshold, zero, buckets)
    }
}

impl From<NativeHistogram> for Stored {
    fn from(NativeHistogram { schema, zero_threshold, zero, buckets }: NativeHistogram) -> Self {
        (schema, zero_threshold, zero, buckets)
    }
}

/// Why a histogram is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadHistogram {
    /// Custom buckets, or a schema that does not exist.
    #[error("schema {0} is not from -4 to 8; take a histogram with custom buckets as a classic one")]
    Schema(i8),
    /// The zero bucket has no width.
    #[error("a zero threshold of {0} must be at least 0 and finite")]
    ZeroThreshold(f64),
}

impl NativeHistogram {
    /// By schema, with what lies within the zero threshold, and counts by index. Negative values count as zero.
    ///
    /// # Errors
    ///
    /// [`BadHistogram`].
    pub fn new(schema: i8, zero_threshold: f64, zero: u64, buckets: BTreeMap<i32, u64>) -> Result<Self, BadHistogram> {
        if !SCHEMAS.contains(&schema) {
            return Err(BadHistogram::Schema(schema));
        }
        if !(zero_threshold >= 0.0 && zero_threshold.is_finite()) {
            return Err(BadHistogram::ZeroThreshold(zero_threshold));
        }
        Ok(Self { schema, zero_threshold, zero, buckets })
    }

    /// The schema.
    pub fn schema(&self) -> i8 {
        self.schema
    }

    /// The same at a smaller schema, or as it is when that is not smaller.
    #[must_use]
    pub fn at_schema(&self, schema: i8) -> Self {
        let schema = schema.clamp(*SCHEMAS.start(), self.schema);
        let steps = (self.schema - schema).unsigned_abs().into();
        let mut buckets = BTreeMap::new();
        for (index, count) in &self.buckets {
            let into: &mut u64 = buckets.entry(merged_index(*index, steps)).or_default();
            *into = into.saturating_add(*count);
        }
        Self { schema, buckets, ..*self }
    }

    /// What was added since an earlier scrape. Both are brought to the smaller schema and the wider zero bucket first. If
    /// anything has become less, the histogram was reset, and all it holds was added since.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let (now, before) = self.in_common(earlier);
        let reset = now.zero < before.zero || before.buckets.iter().any(|(index, count)| now.count(*index) < *count);
        if reset {
            return now;
        }
        let added = |(index, count): (&i32, &u64)| (*index, count - before.count(*index));
        let buckets = now.buckets.iter().map(added).filter(|(_, count)| *count > 0).collect();
        Self { zero: now.zero - before.zero, buckets, ..now }
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (mut sum, other) = self.in_common(other);
        sum.zero = sum.zero.saturating_add(other.zero);
        for (index, count) in other.buckets {
            let into = sum.buckets.entry(index).or_default();
            *into = into.saturating_add(count);
        }
        sum
    }

    /// Without any request, at the finest schema.
    pub fn empty() -> Self {
        Self { schema: *SCHEMAS.end(), zero_threshold: 0.0, zero: 0, buckets: BTreeMap::new() }
    }

    /// Both at the smaller schema and with the wider zero bucket.
    fn in_common(&self, other: &Self) -> (Self, Self) {
        let schema = self.schema.min(other.schema);
        let zero_threshold = self.zero_threshold.max(other.zero_threshold);
        let alike = |histogram: &Self| histogram.at_schema(schema).with_zero_to(zero_threshold);
        (alike(self), alike(other))
    }

    /// Its buckets with their bounds, as [`native_bracket`] takes them.
    pub fn explicit(&self) -> Vec<NativeBucket> {
        let zero = NativeBucket { lower: -self.zero_threshold, upper: self.zero_threshold, count: self.zero };
        let bucket = |(index, count): (&i32, &u64)| NativeBucket {
            lower: native_bound(self.schema, index.saturating_sub(1)),
            upper: native_bound(self.schema, *index),
            count: *count,
        };
        [zero].into_iter().chain(self.buckets.iter().map(bucket)).collect()
    }

    fn count(&self, index: i32) -> u64 {
        self.buckets.get(&index).copied().unwrap_or(0)
    }

    /// With a zero bucket of this width, which takes up all buckets that reach into it.
    fn with_zero_to(mut self, zero_threshold: f64) -> Self {
        let within = |index: i32| native_bound(self.schema, index.saturating_sub(1)) < zero_threshold;
        let (inside, outside): (BTreeMap<i32, u64>, _) = self.buckets.iter().partition(|(index, _)| within(**index));
        self.zero = inside.values().fold(self.zero, |sum, count| sum.saturating_add(*count));
        self.zero_threshold = zero_threshold;
        self.buckets = outside;
        self
    }
}

impl Cumulative for NativeHistogram {
    type Growth = Self;

    fn alike(&self, _: &Self) -> bool {
        true
    }

    fn order(&self, other: &Self) -> std::cmp::Ordering {
        (self.zero, &self.buckets).cmp(&(other.zero, &other.buckets))
    }

    fn growth(&self, earlier: Option<&Self>) -> Self {
        earlier.map_or_else(|| self.clone(), |earlier| self.since(earlier))
    }

    fn nothing(&self) -> Self {
        Self { zero: 0, buckets: BTreeMap::new(), ..*self }
    }

    fn join(first: Self, second: Self) -> Self {
        first.and(&second)
    }
}
