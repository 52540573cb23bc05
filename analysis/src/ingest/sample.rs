//! What is scraped: samples of series of targets. Values that are no counter cannot be built.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point in time, in milliseconds since 1970 as Prometheus keeps it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl From<DateTime<Utc>> for UnixMillis {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis())
    }
}

impl UnixMillis {
    /// Milliseconds since an earlier point; 0 when that is not earlier.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// Why a value cannot be used as evidence.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadSample {
    /// NaN, infinite or below 0.
    #[error("a counter cannot be {0}; check that the query selects a counter and not a rate or a ratio")]
    NotACount(f64),
    /// A histogram's buckets and its count belong to one sample.
    #[error("a sample without a value; a counter has one, a histogram one per bucket and its count")]
    Empty,
    /// Two samples of a series differ in how many values they have.
    #[error("series {0:?} changes its number of buckets; merge its samples to one set of bounds first")]
    Uneven(String),
    /// The same series stands twice in what was scraped of a target.
    #[error("series {0:?} was given twice for one target; aggregate nothing and keep every label")]
    SameSeriesTwice(String),
}

/// The value of a counter: finite and not below 0.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, PartialOrd)]
#[serde(try_from = "f64", into = "f64")]
pub struct CounterValue(f64);

impl TryFrom<f64> for CounterValue {
    type Error = BadSample;

    fn try_from(value: f64) -> Result<Self, BadSample> {
        if value.is_finite() && value >= 0.0 { Ok(Self(value)) } else { Err(BadSample::NotACount(value)) }
    }
}

impl From<CounterValue> for f64 {
    fn from(value: CounterValue) -> f64 {
        value.0
    }
}

/// What a series holds that only grows, until it is reset: one counter, or several that belong together.
pub trait Cumulative: Clone + PartialEq {
    /// What was added between two samples.
    type Growth;

    /// Whether both can be samples of one series.
    fn alike(&self, other: &Self) -> bool;

    /// Which of two samples of one time is taken; any order will do.
    fn order(&self, other: &Self) -> Ordering;

    /// What was added since an earlier sample, all it holds if there was a reset or there is no earlier one.
    fn growth(&self, earlier: Option<&Self>) -> Self::Growth;

    /// No growth.
    fn nothing(&self) -> Self::Growth;

    /// One growth and then another.
    fn join(first: Self::Growth, second: Self::Growth) -> Self::Growth;
}

/// One counter, or the cumulative buckets of a histogram and its count; they are reset together.
impl Cumulative for Vec<CounterValue> {
    type Growth = Vec<f64>;

    fn alike(&self, other: &Self) -> bool {
        self.len() == other.len()
    }

    fn order(&self, other: &Self) -> Ordering {
        self.partial_cmp(other).unwrap_or(Ordering::Equal)
    }

    fn growth(&self, earlier: Option<&Self>) -> Vec<f64> {
        let reset = |earlier: &Self| !self.alike(earlier) || earlier.iter().zip(self).any(|(a, b)| b < a);
        match earlier.filter(|earlier| !reset(earlier)) {
            Some(earlier) => earlier.iter().zip(self).map(|(a, b)| b.0 - a.0).collect(),
            None => self.iter().map(|value| value.0).collect(),
        }
    }

    fn nothing(&self) -> Vec<f64> {
        vec![0.0; self.len()]
    }

    fn join(first: Vec<f64>, second: Vec<f64>) -> Vec<f64> {
        first.iter().zip(&second).map(|(a, b)| a + b).collect()
    }
}

/// What a series held at the time of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct RawSample<V = Vec<CounterValue>> {
    pub(super) at: UnixMillis,
    pub(super) held: V,
}

impl RawSample {
    /// A sample of a plain counter.
    ///
    /// # Errors
    ///
    /// [`BadSample::NotACount`] when the value is not finite or below 0.
    pub fn new(at: UnixMillis, value: f64) -> Result<Self, BadSample> {
        Self::of_many(at, &[value])
    }

    /// A sample of counters that are reset together, such as the buckets of a histogram.
    ///
    /// # Errors
    ///
    /// [`BadSample::NotACount`] when a value is not finite or below 0, [`BadSample::Empty`] when there is none.
    pub fn of_many(at: UnixMillis, values: &[f64]) -> Result<Self, BadSample> {
        if values.is_empty() {
            return Err(BadSample::Empty);
        }
        let held = values.iter().map(|v| CounterValue::try_from(*v)).collect::<Result<_, _>>()?;
        Ok(Self { at, held })
    }
}

impl<V: Cumulative> RawSample<V> {
    /// A sample of anything else that only grows.
    pub fn of(at: UnixMillis, held: V) -> Self {
        Self { at, held }
    }
}

/// What a series adds to.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Requests that are no errors, or all requests where errors have a metric of their own.
    Requests,
    /// Errors that are counted among the requests by another series.
    Errors,
    /// Errors that no other series counts among the requests, such as `http_requests_total{code="500"}`.
    Both,
}

/// A series and its samples in the range, sorted by time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series<V = Vec<CounterValue>> {
    pub(super) key: String,
    pub(super) role: Role,
    pub(super) samples: Vec<RawSample<V>>,
}

impl<V: Cumulative> Series<V> {
    /// A series under a key that is unique in its target, with samples in any order.
    ///
    /// # Errors
    ///
    /// [`BadSample::Uneven`] when the samples differ in their number of values.
    pub fn new(key: impl Into<String>, role: Role, mut samples: Vec<RawSample<V>>) -> Result<Self, BadSample> {
        let key = key.into();
        if samples.windows(2).any(|pair| !pair[0].held.alike(&pair[1].held)) {
            return Err(BadSample::Uneven(key));
        }
        // Two samples of one time should not be; the same one is taken, whatever the order they came in.
        samples.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.held.order(&b.held)));
        Ok(Self { key, role, samples })
    }
}

/// One endpoint that is scraped as a whole. All its series of one scrape have one time stamp.
///
/// A pod with two endpoints is two targets: that one of them was scraped says nothing about the series of the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Target<V = Vec<CounterValue>> {
    pub(super) id: String,
    pub(super) started: Option<UnixMillis>,
    pub(super) scraped: Option<UnixMillis>,
    pub(super) series: Vec<Series<V>>,
}

impl<V: Cumulative> Target<V> {
    /// A target under an id that no other target ever has: the pod's uid and the name of the scrape job, not its address.
    ///
    /// `started` is when its process or pod began, if known.
    ///
    /// # Errors
    ///
    /// [`BadSample::SameSeriesTwice`] when two series have one key.
    pub fn new(
        id: impl Into<String>,
        started: Option<UnixMillis>,
        mut series: Vec<Series<V>>,
    ) -> Result<Self, BadSample> {
        series.sort_by(|a, b| a.key.cmp(&b.key));
        if let Some(pair) = series.windows(2).find(|pair| pair[0].key == pair[1].key) {
            return Err(BadSample::SameSeriesTwice(pair[0].key.clone()));
        }
        Ok(Self { id: id.into(), started, scraped: None, series })
    }

    /// States that the target was scraped with success at this time (`up` was 1), whatever series it had then.
    pub fn scraped(self, at: UnixMillis) -> Self {
        let scraped = Some(self.scraped.map_or(at, |earlier| earlier.min(at)));
        Self { scraped, ..self }
    }
}

impl Target {
    /// How many values each sample has.
    pub(crate) fn widths(&self) -> impl Iterator<Item = usize> {
        self.series.iter().flat_map(|series| &series.samples).map(|sample| sample.held.len())
    }
}
