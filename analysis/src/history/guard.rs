//! Whether the stable version is itself worse than what a canary is held to: then no canary is blamed for it.

use crate::special::poisson_tail;
use crate::{Arm, Rate};

/// Significance at which the stable version counts as worse.
const SIGNIFICANT: f64 = 0.05;
/// How far back "lately" goes, in seconds.
const RECENT: f64 = 300.0;

/// The probability that a stable version which fails at the limit shows at least so many errors.
pub fn guard_p(baseline: Arm, limit: Rate) -> f64 {
    poisson_tail(baseline.errors(), baseline.requests() as f64 * limit.get())
}

/// What the guard says at a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuardLook {
    /// By all that the stable version did beside this canary.
    pub cumulative: f64,
    /// By what it did in the last five minutes.
    pub recent: f64,
}

impl GuardLook {
    /// Whether a rejection by an absolute limit may be blamed on the canary now.
    pub fn allows_blame(self) -> bool {
        self.cumulative > SIGNIFICANT && self.recent > SIGNIFICANT
    }

    /// Whether absolute limits say nothing at all: the stable version has been beyond them all along.
    pub fn mutes(self) -> bool {
        self.cumulative <= SIGNIFICANT
    }
}

/// The stable version against a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    limit: Rate,
    total: Arm,
    recent: Vec<(f64, Arm)>,
}

impl Guard {
    /// One that has seen nothing.
    pub fn new(limit: Rate) -> Self {
        Self { limit, total: Arm::default(), recent: Vec::new() }
    }

    /// Adds a batch that ends at this second, and looks there. Times do not decrease.
    pub fn look(&mut self, second: f64, baseline: Arm) -> GuardLook {
        self.total = self.total.and(baseline);
        self.recent.push((second, baseline));
        self.recent.retain(|(at, _)| *at > second - RECENT);
        let recent = self.recent.iter().fold(Arm::default(), |sum, (_, arm)| sum.and(*arm));
        GuardLook { cumulative: guard_p(self.total, self.limit), recent: guard_p(recent, self.limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(n: u64, x: u64) -> Arm {
        Arm::new(n, x).unwrap()
    }

    fn guard() -> Guard {
        Guard::new(Rate::new(0.01).unwrap())
    }

    #[test]
    fn a_stable_version_within_the_limit_or_without_requests_allows_blame() {
        assert!(guard().look(60.0, arm(1_000, 9)).allows_blame());
        assert!(guard().look(60.0, arm(0, 0)).allows_blame());
    }

    #[test]
    fn an_outage_of_the_service_allows_no_blame_while_it_lasts_and_is_forgotten_when_it_was_short() {
        let mut guard = guard();
        for minute in 1..=60 {
            assert!(guard.look(f64::from(minute) * 60.0, arm(1_000, 5)).allows_blame());
        }
        let outage = guard.look(3_660.0, arm(1_000, 60));
        assert!(!outage.allows_blame() && !outage.mutes());
        for minute in 62..=65 {
            assert!(!guard.look(f64::from(minute) * 60.0, arm(1_000, 5)).allows_blame());
        }
        assert!(guard.look(66.0 * 60.0, arm(1_000, 5)).allows_blame());
    }

    #[test]
    fn a_stable_version_beyond_the_limit_all_along_mutes_it() {
        assert!(guard().look(60.0, arm(10_000, 200)).mutes());
    }
}
