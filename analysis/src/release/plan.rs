//! What a release is held to, checked as a whole.

use thiserror::Error;

use super::policy::Policy;
use crate::Alpha;
use crate::merging::alpha_shares;

/// So long with this share of the traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The canary's share, from 0 to 1.
    pub weight: f64,
    /// Its planned duration, in seconds.
    pub seconds: f64,
}

/// One metric of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Unique in the plan.
    pub name: String,
    /// Whether it can roll the release back and must be sufficient; others are only shown.
    pub critical: bool,
    /// Its part of alpha among the critical metrics.
    pub weight: f64,
    /// How it is judged.
    pub policy: Policy,
}

/// What a user states.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The probability that a release whose critical metrics are all tolerable is rolled back.
    pub alpha: Alpha,
    /// The probability that a canary which is not good enough goes on early, by metric.
    pub beta: Alpha,
    /// In order.
    pub steps: Vec<Step>,
    /// In the order in which they are shown.
    pub metrics: Vec<Metric>,
    /// Looks that a step has at least.
    pub least_looks: u32,
    /// Seconds beyond its duration that a step waits for evidence.
    pub longest_hold: f64,
    /// Whether each step has a budget of alpha of its own, so that steps which end early cannot bias the next.
    pub strict: bool,
    /// From this step on, from 0, the tests begin anew with the part of alpha that its time has: what is good for long must not
    /// hide that it turns bad where everybody is affected.
    pub anew: Option<usize>,
    /// Whether the service's burning budget rolls the release back when the canary looks worse; outside alpha.
    pub rollback_on_burn: bool,
    /// Whether the share of requests that reach the canary is watched.
    pub watch_split: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alpha: Alpha::HUNDREDTH,
            beta: Alpha::TWENTIETH,
            steps: Vec::new(),
            metrics: Vec::new(),
            least_looks: 2,
            longest_hold: 3_600.0,
            strict: false,
            anew: None,
            rollback_on_burn: false,
            watch_split: true,
        }
    }
}

/// Why no release can be judged by this.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PlanError {
    /// No steps.
    #[error("there are no steps; give one at least")]
    NoSteps,
    /// A step that cannot be.
    #[error("step {number} has weight {weight} and lasts {seconds} s; give a weight from 0 to 1 and a time above 0")]
    BadStep {
        /// From 1.
        number: usize,
        /// As given.
        weight: f64,
        /// As given.
        seconds: f64,
    },
    /// No critical metric.
    #[error("no metric is critical, so nothing could stop the release; make one critical at least")]
    NothingCritical,
    /// Two metrics of one name.
    #[error("two metrics are named {0:?}; give each its own name")]
    SameName(String),
    /// The weights of the critical metrics are no weights.
    #[error("the weights of the critical metrics are not at least 0 with one above it; by default each is 1")]
    BadWeights,
    /// The hold cannot be.
    #[error("the longest hold is {0} s; give a number of at least 0")]
    BadHold(f64),
}

/// Settings that fit together, with what of alpha each metric may spend.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    settings: Settings,
    alphas: Vec<Alpha>,
}

impl Plan {
    /// Checks the settings, and shares alpha among the critical metrics by weight. A metric that is not critical is tested
    /// at all of alpha, since it decides nothing.
    ///
    /// # Errors
    ///
    /// [`PlanError`], the first that is found.
    pub fn new(settings: Settings) -> Result<Self, PlanError> {
        if settings.steps.is_empty() {
            return Err(PlanError::NoSteps);
        }
        for (Step { weight, seconds }, number) in settings.steps.iter().copied().zip(1..) {
            if !((0.0..=1.0).contains(&weight) && seconds > 0.0 && seconds.is_finite()) {
                return Err(PlanError::BadStep { number, weight, seconds });
            }
        }
        if !(settings.longest_hold >= 0.0 && settings.longest_hold.is_finite()) {
            return Err(PlanError::BadHold(settings.longest_hold));
        }
        let names = settings.metrics.iter().enumerate();
        if let Some((_, twice)) = names.clone().find(|(i, m)| settings.metrics[..*i].iter().any(|n| n.name == m.name)) {
            return Err(PlanError::SameName(twice.name.clone()));
        }
        let critical: Vec<f64> = settings.metrics.iter().filter(|m| m.critical).map(|m| m.weight).collect();
        if critical.is_empty() {
            return Err(PlanError::NothingCritical);
        }
        let mut shares = alpha_shares(settings.alpha, &critical).map_err(|_| PlanError::BadWeights)?.into_iter();
        let alpha =
            |metric: &Metric| if metric.critical { shares.next().unwrap_or(Alpha::OFF) } else { settings.alpha };
        let alphas = settings.metrics.iter().map(alpha).collect();
        Ok(Self { settings, alphas })
    }

    /// What was stated.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Metrics with what of alpha each may spend.
    pub fn metrics(&self) -> impl Iterator<Item = (&Metric, Alpha)> {
        self.settings.metrics.iter().zip(self.alphas.iter().copied())
    }

    /// A step; the last one for numbers beyond it.
    pub(super) fn step(&self, index: usize) -> Step {
        let steps = &self.settings.steps;
        steps[index.min(steps.len() - 1)]
    }

    pub(super) fn is_last(&self, step: usize) -> bool {
        step + 1 >= self.settings.steps.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, critical: bool, weight: f64) -> Metric {
        Metric { name: name.into(), critical, weight, policy: Policy::Errors(Box::default()) }
    }

    fn settings(metrics: Vec<Metric>) -> Settings {
        Settings { steps: vec![Step { weight: 0.1, seconds: 300.0 }], metrics, ..Settings::default() }
    }

    #[test]
    fn critical_metrics_share_alpha_by_weight_and_the_others_cost_nothing() {
        let metrics = vec![metric("errors", true, 3.0), metric("cache", false, 9.0), metric("latency", true, 1.0)];
        let plan = Plan::new(settings(metrics)).unwrap();
        let alphas: Vec<f64> = plan.metrics().map(|(_, alpha)| alpha.get()).collect();
        assert_eq!(alphas, [0.0075, 0.01, 0.0025]);
    }

    #[test]
    fn a_plan_that_nothing_could_stop_is_refused() {
        assert_eq!(Plan::new(settings(vec![])).unwrap_err(), PlanError::NothingCritical);
        assert_eq!(Plan::new(settings(vec![metric("cache", false, 1.0)])).unwrap_err(), PlanError::NothingCritical);
        assert_eq!(Plan::new(settings(vec![metric("errors", true, 0.0)])).unwrap_err(), PlanError::BadWeights);
    }

    #[test]
    fn steps_that_cannot_be_and_names_given_twice_are_refused() {
        let good = || settings(vec![metric("errors", true, 1.0)]);
        assert_eq!(Plan::new(Settings { steps: vec![], ..good() }).unwrap_err(), PlanError::NoSteps);
        for (weight, seconds) in [(1.1, 60.0), (-0.1, 60.0), (f64::NAN, 60.0), (0.1, 0.0), (0.1, f64::INFINITY)] {
            let steps = vec![Step { weight, seconds }];
            assert!(matches!(Plan::new(Settings { steps, ..good() }), Err(PlanError::BadStep { number: 1, .. })));
        }
        assert!(matches!(Plan::new(Settings { longest_hold: -1.0, ..good() }), Err(PlanError::BadHold(_))));
        let twice = settings(vec![metric("errors", true, 1.0), metric("errors", false, 1.0)]);
        assert_eq!(
            Plan::new(twice).unwrap_err().to_string(),
            "two metrics are named \"errors\"; give each its own name"
        );
    }
}
