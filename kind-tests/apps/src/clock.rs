//! The only place of this crate that reads a clock.
#![allow(clippy::disallowed_methods, reason = "this module owns the clocks")]

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Milliseconds since the Unix epoch, the unit of every time in a report.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// The monotonic clock that deadlines and durations are measured with.
pub fn now() -> Instant {
    Instant::now()
}
