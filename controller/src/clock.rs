//! The one place that reads the wall clock.

use chrono::{DateTime, Utc};

/// The time now.
#[allow(clippy::disallowed_methods)]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
