//! Times in which nothing rises, whatever a policy says.

use chrono::{DateTime, Utc};

/// A time in which no release starts or rises. The way back goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// When it begins; `None` if it has begun already.
    pub from: Option<DateTime<Utc>>,
    /// When it ends; `None` if somebody has to end it.
    pub until: Option<DateTime<Utc>>,
    /// Why, in words.
    pub reason: String,
    /// Where that is written, in words.
    pub by: String,
}

impl Freeze {
    /// Whether it holds now.
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}
