//! The one place that reads the wall clock.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// Tells the time; a test tells its own.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// The time now.
#[allow(clippy::disallowed_methods)]
pub fn wall() -> Clock {
    Arc::new(Utc::now)
}
