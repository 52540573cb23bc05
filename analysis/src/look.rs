//! What one look at the metrics brought: numbers, counts, or why there is neither.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::counts::DataError;
use crate::history::History;
use crate::ingest::Window;
use crate::{Arm, Counts};

/// What was measured at one look.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// When the metrics were read; the samples lie wholly in the window before.
    pub at: DateTime<Utc>,
    /// When what is counted happened: it begins where that of the look before ended, or when the split was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The step, counted from 1; the time after promotion is the one after the last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step: u32,
    /// With the first look that is counted: the service's past, by name of the metric. What comes later is not taken, since the
    /// tests are fixed before there is anything to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 16))]
    pub past: Option<BTreeMap<String, Past>>,
    /// By name of the metric.
    #[schemars(extend("maxProperties" = 16))]
    pub samples: BTreeMap<String, Sample>,
}

/// What a service's requests were in the days before a release, all versions together.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// Hours that had requests.
    pub hours: u32,
    /// Requests in all of them.
    pub requests: u64,
    /// Those that failed, or took too long.
    pub errors: u64,
    /// How many times the usual rate an hour may have: by how the rate went up and down, 1.2 to 5.
    pub factor: f64,
}

impl Past {
    /// From requests and errors by hour, oldest first; hours without requests are left out. None where they are fewer than 24.
    pub fn of(hours: &[Arm]) -> Option<Self> {
        let hours: Vec<Arm> = hours.iter().copied().filter(|hour| hour.requests() > 0).collect();
        let history = History::of(&hours).ok()?;
        let (requests, errors) = (history.total.requests(), history.total.errors());
        Some(Self { hours: u32::try_from(hours.len()).ok()?, requests, errors, factor: history.factor })
    }

    /// What a canary is held to by it; none where these numbers are none.
    pub fn history(&self) -> Option<History> {
        History::remembered(Arm::new(self.requests, self.errors).ok()?, self.factor).ok()
    }

    /// Requests per second.
    pub(crate) fn requests_per_second(&self) -> f64 {
        self.requests as f64 / (f64::from(self.hours.max(1)) * 3600.0)
    }
}

impl Batch {
    /// Whether anything was counted.
    pub fn is_counted(&self) -> bool {
        self.samples.values().any(|sample| sample.counts.is_some())
    }
}

fn is_zero(step: &u32) -> bool {
    *step == 0
}

/// One number, or counts of both versions, or why there is neither. Never two of them.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The value, finite; percent for a success rate, seconds for a latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Requests of both versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counted>,
    /// Why there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
}

impl Sample {
    /// A number; anything that is not finite is no evidence.
    pub fn value(value: f64) -> Self {
        if value.is_finite() {
            Self { value: Some(value), counts: None, unknown: None }
        } else {
            Self::unknown(Reason::NotANumber, format!("the query answered {value}"))
        }
    }

    /// No number, and why; the detail is cut at 256 characters.
    pub fn unknown(reason: Reason, detail: impl Into<String>) -> Self {
        let detail: String = detail.into().chars().take(256).collect();
        Self { value: None, counts: None, unknown: Some(Unknown { reason, detail }) }
    }

    /// What was counted of both versions in one window.
    pub fn counts(counted: Counted) -> Self {
        Self { value: None, counts: Some(counted), unknown: None }
    }

    /// Whether it says anything.
    pub fn is_known(&self) -> bool {
        self.value.is_some() || self.counts.is_some()
    }
}

/// Requests and errors of both versions in one window. Written as whole numbers in this order: requests and errors of the
/// candidate, then of the stable version; and once more the same four, as they may have been at most at the candidate and
/// at least at the stable version, where errors can only be bracketed.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct Counted {
    /// To blame the candidate by.
    pub counts: Counts,
    /// To prove it good by, where that differs.
    pub at_most: Option<Counts>,
}

impl Counted {
    /// Errors that are known exactly.
    pub fn exactly(counts: Counts) -> Self {
        Self { counts, at_most: None }
    }
}

impl TryFrom<Vec<u64>> for Counted {
    type Error = BadCounts;

    fn try_from(numbers: Vec<u64>) -> Result<Self, BadCounts> {
        let counts = |n: [u64; 4]| -> Result<Counts, BadCounts> {
            Ok(Counts::new(Arm::new(n[0], n[1])?, Arm::new(n[2], n[3])?))
        };
        match numbers.as_slice() {
            [a, b, c, d] => Ok(Self::exactly(counts([*a, *b, *c, *d])?)),
            [a, b, c, d, e, f, g, h] => {
                Ok(Self { counts: counts([*a, *b, *c, *d])?, at_most: Some(counts([*e, *f, *g, *h])?) })
            }
            _ => Err(BadCounts::Length(numbers.len())),
        }
    }
}

impl From<Counted> for Vec<u64> {
    fn from(counted: Counted) -> Self {
        let numbers = |c: Counts| [c.canary.requests(), c.canary.errors(), c.baseline.requests(), c.baseline.errors()];
        std::iter::once(counted.counts).chain(counted.at_most).flat_map(numbers).collect()
    }
}

/// Why numbers are no counts of two versions.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadCounts {
    /// Neither four nor eight.
    #[error("{0} numbers; counts of two versions are 4, or 8 where errors are bracketed")]
    Length(usize),
    /// More errors than requests.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl JsonSchema for Counted {
    fn schema_name() -> Cow<'static, str> {
        "Counted".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array", "minItems": 4, "maxItems": 8,
            "items": { "type": "integer", "format": "int64", "minimum": 0 },
            "description": "Requests and errors of the candidate, requests and errors of the stable version; then the same as they may have been at most and at least, where errors are only bracketed."
        })
    }
}

/// Why there is no number.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// The kind of lack.
    pub reason: Reason,
    /// In words.
    #[schemars(length(max = 256))]
    pub detail: String,
}

/// Kinds of lack of evidence.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The query gave no series: no traffic, or nothing scraped.
    NoData,
    /// NaN or infinite.
    NotANumber,
    /// More than one series where one number was asked for.
    ManySeries,
    /// The metrics server could not be asked, refused, or answered something else.
    ProviderError,
    /// The query or its source is wrong or missing.
    Misconfigured,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Counted, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn counts_are_written_as_four_numbers_or_eight_and_read_back() {
        for text in ["[100,2,900,9]", "[100,2,900,9,100,5,900,7]"] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
        assert_eq!(read("[100,2,900,9]").unwrap().counts.canary.errors(), 2);
        assert_eq!(read("[100,2,900,9,100,5,900,7]").unwrap().at_most.unwrap().baseline.errors(), 7);
    }

    #[test]
    fn numbers_that_are_no_counts_are_refused() {
        for text in ["[]", "[1,2,3]", "[1,0,1,0,1]", "[1,2,3,0]", "[1,0,3,4]", "[-1,0,3,0]", "[1.5,0,3,0]"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
