//! What a journal records of gates, metrics and people.

use analysis::{Batch, MetricJudgement, Verdict};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{cut, is_false};
use crate::policy::Place;

/// The verdict of one gate at one place.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GateRecord {
    /// The gate.
    #[schemars(length(max = 40))]
    pub name: String,
    /// Where it was asked.
    pub at: Place,
    /// The step, counted from 1, where `at` is `step`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// What it said.
    pub verdict: Verdict,
    /// Runs begun; each is a Job, or a question to a webhook, of its own.
    pub attempt: u32,
    /// Runs that ended with a failure of the test.
    #[serde(default)]
    pub failures: u32,
    /// When it was first asked.
    pub since: DateTime<Utc>,
    /// When it said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// One sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
    /// What the last run left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Who approved so far, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub approvals: Vec<Approved>,
}

/// That a person approved.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Approved {
    /// Who.
    #[schemars(length(max = 253))]
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub comment: Option<String>,
}

/// An approval that came before its gate was asked.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EarlyApproval {
    /// The gate.
    #[schemars(length(max = 40))]
    pub gate: String,
    /// The approval.
    #[serde(flatten)]
    pub approved: Approved,
}

impl Approved {
    /// Within the bounds of the schema.
    pub(crate) fn new(by: &str, at: DateTime<Utc>, comment: Option<&str>) -> Self {
        Self { by: cut(by, 253), at, comment: comment.map(|c| cut(c, 256)) }
    }
}

/// What a run of a test left.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The Job; absent where a webhook was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub job: String,
    /// Exit code of the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What its report says, such as "37 passed, 1 failed: checkout refuses an expired card".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub summary: Option<String>,
    /// The last 4 KiB of its log, or the first 4 KiB of what a webhook answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub log: Option<String>,
}

/// What was measured: numbers since the step was in force, counts since live traffic began.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// What the metrics say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub metrics: Vec<MetricJudgement>,
    /// The looks that count, oldest first: of a day in 64 KiB at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub looks: Vec<Batch>,
    /// What they say together.
    #[serde(default)]
    pub verdict: Verdict,
    /// Nothing speaks against the candidate and it had enough requests: a step that is not the last may end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub steady: bool,
    /// Since when a metric has had no number, or a step that has baked no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<DateTime<Utc>>,
}

impl Evidence {
    /// Within the bounds of the schema: the end of the log is what tells.
    pub(crate) fn bounded(&self) -> Self {
        Self {
            job: cut(self.job.as_str(), 63),
            exit_code: self.exit_code,
            summary: self.summary.as_deref().map(|s| cut(s, 512)),
            log: self.log.as_deref().map(|log| tail(log, 4096).to_owned()),
        }
    }
}

/// The last bytes of a text, from the beginning of a character.
fn tail(text: &str, most: usize) -> &str {
    let from = text.len().saturating_sub(most);
    let from = (from..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(from);
    &text[from..]
}

impl Measured {
    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the evidence lets a step end: the last one takes a verdict.
    pub(crate) fn lets_go_on(&self, last: bool) -> bool {
        if last { self.verdict == Verdict::Pass } else { self.steady }
    }

    /// Another split begins. Numbers belong to the one they were measured under; counts are of the whole release, since what
    /// was spent of its error probability stays spent.
    pub(crate) fn next_split(&mut self) {
        let mut looks = std::mem::take(&mut self.looks);
        looks.iter_mut().for_each(|look| look.samples.retain(|_, sample| sample.counts.is_some()));
        looks.retain(Batch::is_counted);
        *self = Self { looks, ..Self::default() };
    }
}

/// What people decided that is still in effect.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Orders {
    /// The decisions that were heeded, by UID, so that each works once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub heeded: Vec<String>,
    /// Held by a person.
    #[serde(default, skip_serializing_if = "is_false")]
    pub paused: bool,
    /// The step whose pause a person ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<u32>,
    /// The step whose bake, pause and analysis a person ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u32>,
    /// Straight to promotion.
    #[serde(default, skip_serializing_if = "is_false")]
    pub promote: bool,
    /// Approvals whose gates have not been asked yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub approvals: Vec<EarlyApproval>,
}

impl Orders {
    /// Whether nobody decided anything.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
