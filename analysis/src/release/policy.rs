//! How one metric is judged.

use crate::accept::Acceptable;
use crate::eproc::{Margin, Onset};
use crate::gauge;
use crate::history::History;
use crate::xtest::Kernel;
use crate::{Invalid, Kappa, Phi, Rate, Ratio};

/// Below this many errors expected of the stable version, history decides more than comparison.
const FEW_ERRORS: f64 = 20.0;

/// How one metric is judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// By counts of errors, or of requests over a bound of latency.
    Errors(Box<ErrorPolicy>),
    /// By one number per pod.
    Gauge(GaugePolicy),
}

/// How the gauges of pods are judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaugePolicy {
    /// How much worse a pod may be, and which way that is.
    pub tolerance: gauge::Tolerance,
    /// How much one look can count.
    pub kappa: Kappa,
}

/// How much worse than the stable version a canary may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    ratio: Ratio,
    extra: f64,
    floor: Option<Rate>,
    requests: bool,
}

impl Tolerance {
    /// So many times its error rate, so much more on top, and whatever stays below the floor.
    ///
    /// # Errors
    ///
    /// When the difference is negative or not finite.
    pub fn new(ratio: Ratio, extra: f64, floor: Option<Rate>) -> Result<Self, Invalid> {
        Margin::new(ratio.get(), extra).map(|_| Self { ratio, extra, floor, requests: false })
    }

    /// No worse than the stable version, for single requests of which a large part counts, as those over a bound of latency
    /// do: the comparison is then exact (Fisher). Wrong for counts that are not requests.
    pub fn no_worse_by_requests(floor: Option<Rate>) -> Self {
        Self { ratio: Ratio::STRICT, extra: 0.0, floor, requests: true }
    }

    pub(super) fn kernel(&self) -> Kernel {
        if self.requests { Kernel::Hypergeometric } else { Kernel::Ratio(self.ratio) }
    }

    /// How many times the stable version's rate.
    pub fn ratio(&self) -> Ratio {
        self.ratio
    }

    /// How much more on top.
    pub fn extra(&self) -> f64 {
        self.extra
    }

    /// The rate below which no canary is rolled back.
    pub fn floor(&self) -> Option<Rate> {
        self.floor
    }
}

impl Default for Tolerance {
    /// A tenth more errors, none on top, no floor.
    fn default() -> Self {
        Self { ratio: Ratio::TENTH_MORE, extra: 0.0, floor: None, requests: false }
    }
}

/// What part of a metric's alpha each of its tests has; together at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// The exact comparison.
    pub(super) comparison: f64,
    /// The e-process.
    pub(super) evidence: f64,
    /// The limit from history.
    pub(super) history: f64,
    /// The objective.
    pub(super) objective: f64,
}

impl Shares {
    /// Of the exact comparison, the e-process, the history limit and the objective.
    ///
    /// # Errors
    ///
    /// When one is negative or not a number, or they add up to more than 1.
    pub fn new(comparison: f64, evidence: f64, history: f64, objective: f64) -> Result<Self, Invalid> {
        let all = [comparison, evidence, history, objective];
        let sum: f64 = all.iter().sum();
        if all.iter().any(|share| share.is_nan() || *share < 0.0) || sum > 1.0 + 1e-9 {
            return Err(Invalid {
                name: "sum of shares",
                value: sum,
                wanted: "shares of at least 0 that add up to at most 1",
            });
        }
        Ok(Self { comparison, evidence, history, objective })
    }

    /// By what there is to go by: with little traffic the past tells most, without a past or an objective their shares go
    /// to the comparison. `expected_errors` are those of the stable version over the planned rollout.
    pub fn default_for(history: bool, objective: bool, expected_errors: Option<f64>) -> Self {
        let few = expected_errors.is_some_and(|errors| errors < FEW_ERRORS);
        let (comparison, evidence, past, slo) = match (history, few) {
            (false, _) => (0.60, 0.20, 0.0, 0.20),
            (true, true) => (0.15, 0.05, 0.65, 0.15),
            (true, false) => (0.50, 0.15, 0.20, 0.15),
        };
        let slo_to_comparison = if objective { 0.0 } else { slo };
        Self { comparison: comparison + slo_to_comparison, evidence, history: past, objective: slo - slo_to_comparison }
    }
}

/// How the errors of a release are judged.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorPolicy {
    /// How much worse the canary may be.
    pub tolerance: Tolerance,
    /// What is good enough to go on early; by default twice the stable version's errors or half of the objective.
    pub acceptable: Option<Acceptable>,
    /// The rate that the objective lets fail: 1 less the objective.
    pub objective: Option<Rate>,
    /// The service's past.
    pub history: Option<History>,
    /// Errors of the stable version that are expected over the planned rollout, where that is known.
    pub expected_errors: Option<f64>,
    /// Shares of alpha; by default by what there is to go by.
    pub shares: Option<Shares>,
    /// How much one look can count.
    pub kappa: Kappa,
    /// How much errors cluster.
    pub phi: Phi,
    /// When a regression begins.
    pub onset: Onset,
    /// The rate of a canary that must be seen before a step is done; by default three times the usual rate or a percentage
    /// point more.
    pub detect: Option<Rate>,
}

impl Default for ErrorPolicy {
    fn default() -> Self {
        Self {
            tolerance: Tolerance::default(),
            acceptable: None,
            objective: None,
            history: None,
            expected_errors: None,
            shares: None,
            kappa: Kappa::default(),
            phi: Phi::INDEPENDENT,
            onset: Onset::default(),
            detect: None,
        }
    }
}

impl ErrorPolicy {
    /// The shares that hold: those of tests which cannot be made are not spent.
    pub fn shares(&self) -> Shares {
        let by_default = || Shares::default_for(self.history.is_some(), self.objective.is_some(), self.expected_errors);
        let mut shares = self.shares.unwrap_or_else(by_default);
        if self.tolerance.extra > 0.0 {
            // An exact comparison knows ratios only.
            shares.evidence += std::mem::take(&mut shares.comparison);
        }
        shares
    }

    pub(super) fn acceptable(&self) -> Acceptable {
        self.acceptable.unwrap_or_else(|| Acceptable::default_for(self.objective))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_shares_add_up_to_one_whatever_there_is_to_go_by() {
        for (history, objective) in [(true, true), (true, false), (false, true), (false, false)] {
            for errors in [None, Some(1.0), Some(1e6)] {
                let s = Shares::default_for(history, objective, errors);
                assert!((s.comparison + s.evidence + s.history + s.objective - 1.0).abs() < 1e-12);
                assert_eq!((s.history > 0.0, s.objective > 0.0), (history, objective));
            }
        }
    }

    #[test]
    fn with_few_errors_to_come_history_decides() {
        assert_eq!(Shares::default_for(true, true, Some(19.0)).history, 0.65);
        assert_eq!(Shares::default_for(true, true, Some(20.0)).history, 0.20);
    }

    #[test]
    fn a_difference_gives_the_share_of_the_comparison_to_the_evidence() {
        let tolerance = Tolerance::new(Ratio::STRICT, 0.001, None).unwrap();
        let shares = ErrorPolicy { tolerance, ..ErrorPolicy::default() }.shares();
        assert_eq!((shares.comparison, shares.evidence), (0.0, 1.0));
        assert!(Tolerance::new(Ratio::STRICT, f64::NAN, None).is_err());
    }

    #[test]
    fn shares_of_more_than_all_or_less_than_nothing_are_refused() {
        assert!(Shares::new(0.5, 0.5, 0.1, 0.0).is_err());
        assert!(Shares::new(-0.1, 0.5, 0.1, 0.0).is_err());
        assert!(Shares::new(f64::NAN, 0.5, 0.1, 0.0).is_err());
        assert!(Shares::new(0.5, 0.5, 0.0, 0.0).is_ok());
    }
}
