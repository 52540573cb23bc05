//! What the service's own past allows a canary, and whether the service itself is well.

mod guard;
mod limit;

pub use guard::{Guard, GuardLook, guard_p};
pub use limit::{History, HistoryError, Spread};
