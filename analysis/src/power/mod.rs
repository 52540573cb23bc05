//! What a test can see: before a rollout from a schedule, and at a look from the traffic that there was.

mod advice;
mod detection;
mod expected;
mod forecast;
mod rule;
mod schedule;
mod visible;

pub use advice::{Advice, Sought};
pub use detection::{ConditionalPower, Detection};
pub use forecast::Forecast;
pub use rule::{growth, requests_by_rule};
pub use schedule::{Schedule, Step};
pub(crate) use visible::smallest_that;
pub use visible::smallest_visible;

use crate::{Counts, Invalid, Rate};

/// The regression that a test is asked to see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regression {
    /// How often the canary fails.
    pub canary: Rate,
    /// How often the baseline does.
    pub baseline: Rate,
}

impl Regression {
    /// Three times the baseline's rate or a percentage point more, whichever is worse.
    ///
    /// # Errors
    ///
    /// When the rate is not strictly between 0 and 1, or too high to become three times worse.
    pub fn default_for(baseline: f64) -> Result<Self, Invalid> {
        Ok(Self { canary: Rate::new((3.0 * baseline).max(baseline + 0.01))?, baseline: Rate::new(baseline)? })
    }

    /// The canary's part of all errors; none where an arm had no requests.
    pub(crate) fn share(&self, counts: &Counts) -> Option<f64> {
        let canary = counts.canary.requests() as f64 * self.canary.get();
        let baseline = counts.baseline.requests() as f64 * self.baseline.get();
        counts.comparable().then(|| canary / (canary + baseline))
    }
}
