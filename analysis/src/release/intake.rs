//! Which windows are evidence.

use crate::ingest::{UnixMillis, Window};

/// What was taken in so far, and what was wrong with the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Intake {
    until: Option<UnixMillis>,
    /// Why the last look brought nothing.
    pub lacking: Option<String>,
}

impl Intake {
    /// Nothing was brought.
    pub fn lack(&mut self, why: impl Into<String>) {
        self.lacking = Some(why.into());
    }

    /// Seconds of the window; none where it begins before the last one ended, since nothing may count twice.
    pub fn admit(&mut self, window: Window) -> Option<f64> {
        if self.until.is_some_and(|until| window.after < until) || window.until <= window.after {
            self.lack("the window overlaps the one before; it is not used");
            return None;
        }
        (self.until, self.lacking) = (Some(window.until), None);
        Some(window.until.since(window.after) as f64 / 1000.0)
    }
}
