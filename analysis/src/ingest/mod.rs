//! From counters as Prometheus stores them to counts of requests and errors in windows that tile.
//!
//! Raw samples, asked for with a bare range selector such as `http_requests_total{...}[90s]`, give exact integers:
//! nothing is extrapolated, a missed scrape is recovered by the next one, and the jump with which an error series is
//! born is counted. [`CountIngest`] does that. [`IncreaseIngest`] takes `increase()` where raw samples cannot be had.
//!
//! Both keep a small state that can be stored and replayed, and both leave it untouched when a look gives no data: the
//! next window then covers the time of the one that was lost, in both arms alike.

mod counts;
mod fallback;
mod ledger;
mod prometheus;
mod sample;
mod settling;
mod sides;

pub(crate) use counts::Rounded;
pub use counts::{CountBatch, CountIngest, Observation};
pub use fallback::{Increase, IncreaseIngest, RangeError, overlap_design_effect};
pub use ledger::{Increment, Ledger};
pub use prometheus::{extrapolated_increase, raw_increment};
pub use sample::{BadSample, CounterValue, Cumulative, RawSample, Role, Series, Target, UnixMillis};
pub use settling::{Settling, Window};
pub use sides::{ArmScrape, Dropped, NoData};
pub(crate) use sides::{Side, Sides};

#[cfg(test)]
mod tests;
