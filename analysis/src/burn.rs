//! How fast a whole service spends its error budget: alerts on several windows and burn rates, after Beyer et al., The
//! Site Reliability Workbook, chapter 5.

use crate::special::poisson_tail;
use crate::{Arm, Rate};

/// A chance result at this level does not page: with little traffic one error burns a month's budget.
const CHANCE: f64 = 0.05;

/// The error rate in multiples of the budget, the part of requests that may fail; 1 spends it exactly over the period.
/// `slo` is the part that must succeed, such as 0.999. None without requests.
pub fn burn(slo: Rate, window: Arm) -> Option<f64> {
    window.rate().map(|rate| rate / (1.0 - slo.get()))
}

/// An alert: both windows burn faster than the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alert {
    /// Of the window that shows that it matters, in seconds.
    pub long: u64,
    /// Of the window that shows that it still goes on, in seconds.
    pub short: u64,
    /// In multiples of the budget.
    pub threshold: f64,
}

/// The alerts that page: 2 % of a month's budget in an hour, 5 % in six hours.
pub const PAGES: [Alert; 2] =
    [Alert { long: 3_600, short: 300, threshold: 14.4 }, Alert { long: 21_600, short: 1_800, threshold: 6.0 }];

impl Alert {
    /// Whether both windows burn faster than the threshold and the errors of the long one are more than a service that
    /// burns at the threshold would have by chance (level 5 %).
    pub fn fires(&self, slo: Rate, long: Arm, short: Arm) -> bool {
        let fast = |window| burn(slo, window).is_some_and(|burn| burn > self.threshold);
        let expected = self.threshold * (1.0 - slo.get()) * long.requests() as f64;
        fast(long) && fast(short) && poisson_tail(long.errors(), expected) <= CHANCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slo() -> Rate {
        Rate::new(0.999).unwrap()
    }

    fn spent(errors: u64, total: u64) -> Arm {
        Arm::new(total, errors).unwrap()
    }

    #[test]
    fn a_service_that_burns_fast_in_both_windows_fires() {
        assert!(PAGES[0].fires(slo(), spent(2_000, 100_000), spent(200, 10_000)));
    }

    #[test]
    fn what_is_over_does_not_fire() {
        assert!(!PAGES[0].fires(slo(), spent(2_000, 100_000), spent(0, 10_000)));
    }

    #[test]
    fn a_short_spike_does_not_fire() {
        assert!(!PAGES[0].fires(slo(), spent(200, 100_000), spent(200, 10_000)));
    }

    #[test]
    fn one_error_of_a_quiet_service_does_not_fire() {
        assert!(!PAGES[0].fires(slo(), spent(1, 20), spent(1, 2)));
        assert!(PAGES[0].fires(slo(), spent(5, 20), spent(1, 2)));
    }

    #[test]
    fn nothing_fires_without_requests() {
        assert_eq!(burn(slo(), spent(0, 0)), None);
        assert!(PAGES.iter().all(|page| !page.fires(slo(), spent(0, 0), spent(0, 0))));
    }
}
