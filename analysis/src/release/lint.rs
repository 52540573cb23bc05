//! What a plan cannot do, told before a release begins.

use std::fmt;

use super::course::Course;
use super::plan::Plan;
use super::policy::{ErrorPolicy, Policy};
use crate::Rate;
use crate::power::Regression;
use crate::words::{percent, thousands};

/// Requests of the canary that a step has at least.
const FEWEST: f64 = 20.0;
/// The probability with which a regression is to be seen.
const ENOUGH: f64 = 0.8;

/// Something that a plan cannot do.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// Not even all of the release is likely to show what must be seen.
    Blind {
        /// The metric.
        metric: String,
        /// What must be seen.
        regression: Regression,
        /// The probability that it is.
        power: f64,
    },
    /// A step that ends before its second look.
    Short {
        /// From 1.
        step: usize,
    },
    /// A step with next to no requests of the canary.
    Thin {
        /// From 1.
        step: usize,
        /// Requests of the canary.
        requests: f64,
    },
    /// The service does not keep the objective by itself, so every canary would be blamed; the test says nothing then.
    Strict {
        /// The metric.
        metric: String,
        /// What the objective lets fail.
        objective: Rate,
        /// What usually fails.
        usual: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blind { metric, regression, power } => write!(
                f,
                "{metric}: a canary that fails {} instead of {} is rolled back with probability {power:.2} only; make steps \
                 longer, give the canary more traffic, or state a larger regression to detect",
                percent(regression.canary.get()),
                percent(regression.baseline.get()),
            ),
            Self::Short { step } => {
                write!(f, "step {step} ends before its second look; make it longer or look more often")
            }
            Self::Thin { step, requests } => write!(
                f,
                "step {step} brings about {} canary requests; give it more weight or time",
                thousands(requests.round() as u64)
            ),
            Self::Strict { metric, objective, usual } => write!(
                f,
                "{metric}: {} usually fails and the objective allows {}; it says nothing about canaries until the service \
                 keeps it",
                percent(*usual),
                percent(objective.get()),
            ),
        }
    }
}

/// What the plan cannot do at so many requests per second of both versions and a look so often, in seconds.
pub fn lint(plan: &Plan, requests_per_second: f64, interval: f64) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (step, number) in plan.settings().steps.iter().zip(1..) {
        if step.seconds < 2.0 * interval {
            warnings.push(Warning::Short { step: number });
        }
        let requests = requests_per_second * step.weight * step.seconds;
        if step.weight > 0.0 && requests < FEWEST {
            warnings.push(Warning::Thin { step: number, requests });
        }
    }
    let course = Course::new(&plan.settings().steps, plan.settings().strict, requests_per_second, interval);
    for (metric, alpha) in plan.metrics() {
        let Policy::Errors(policy) = &metric.policy else { continue };
        let Some(history) = policy.history else { continue };
        if let Some(objective) = policy.objective.filter(|objective| history.usual() > objective.get()) {
            warnings.push(Warning::Strict { metric: metric.name.clone(), objective, usual: history.usual() });
        }
        let (Some(course), Some(regression)) = (&course, regression(policy, history.usual())) else { continue };
        let power = course.forecast(policy, alpha, regression).power();
        if metric.critical && power < ENOUGH {
            warnings.push(Warning::Blind { metric: metric.name.clone(), regression, power });
        }
    }
    warnings
}

/// What the metric must see, where so much usually fails.
pub(super) fn regression(policy: &ErrorPolicy, usual: f64) -> Option<Regression> {
    match policy.detect {
        Some(canary) => Rate::new(usual).ok().map(|baseline| Regression { canary, baseline }),
        None => Regression::default_for(usual).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Arm;
    use crate::history::History;
    use crate::release::{Metric, Settings, Step};

    fn plan(hourly_errors: u64, steps: &[(f64, f64)]) -> Plan {
        let history = History::of(&[Arm::new(36_000, hourly_errors).unwrap(); 168]).unwrap();
        let policy = ErrorPolicy { history: Some(history), objective: Rate::new(0.01).ok(), ..ErrorPolicy::default() };
        let policy = Policy::Errors(Box::new(policy));
        let steps = steps.iter().map(|(weight, seconds)| Step { weight: *weight, seconds: *seconds }).collect();
        let metrics = vec![Metric { name: "errors".into(), critical: true, weight: 1.0, policy }];
        Plan::new(Settings { steps, metrics, ..Settings::default() }).unwrap()
    }

    fn said(plan: &Plan, requests_per_second: f64) -> Vec<String> {
        lint(plan, requests_per_second, 60.0).iter().map(Warning::to_string).collect()
    }

    #[test]
    fn a_plan_with_time_and_traffic_is_not_warned_of() {
        assert_eq!(said(&plan(180, &[(0.1, 600.0), (0.5, 1_800.0), (1.0, 600.0)]), 100.0), [""; 0]);
    }

    #[test]
    fn a_plan_that_sees_nothing_is_told_so_for_each_reason() {
        let said = said(&plan(720, &[(0.05, 60.0), (0.1, 300.0)]), 1.0);
        assert_eq!(said[0], "step 1 ends before its second look; make it longer or look more often");
        assert_eq!(said[1], "step 1 brings about 3 canary requests; give it more weight or time");
        assert!(said[2].starts_with("errors: 2 % usually fails and the objective allows 1 %; "), "{}", said[2]);
        assert!(
            said[3].starts_with("errors: a canary that fails 6 % instead of 2 % is rolled back with probability 0.")
        );
        assert_eq!(said.len(), 4);
    }
}
