//! What a step would have to be to see a regression.

use super::{Regression, Schedule, Step};
use crate::words::{minutes, percent, thousands};
use crate::xtest::Kernel;
use crate::{Alpha, Kappa, Phi, Rate};

/// Looks that a step is thought to have when its requests are counted.
const LOOKS: f64 = 20.0;
/// The probability with which a regression is to be seen.
const ENOUGH: f64 = 0.8;
/// The weight that is offered instead, where it is larger.
const OTHER_WEIGHT: f64 = 0.25;
/// More expected errors of the canary than this are never waited for.
const MOST_ERRORS: f64 = 1e5;

/// A test that a step is planned for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sought {
    /// Against what.
    pub kernel: Kernel,
    /// What must be seen.
    pub regression: Regression,
    /// The level of the test.
    pub alpha: Alpha,
    /// How much one look can count.
    pub kappa: Kappa,
    /// How much errors cluster.
    pub phi: Phi,
}

impl Sought {
    /// Requests of the canary that see the regression with probability .8 over twenty looks at this weight; none where it
    /// takes more than a hundred thousand errors.
    pub fn requests(&self, weight: Rate) -> Option<f64> {
        let sees = |requests: f64| {
            let step = Step { weight, seconds: requests / weight.get() };
            let schedule = Schedule::new(vec![step], 1.0, step.seconds / LOOKS);
            schedule.is_ok_and(|schedule| self.power(&schedule) >= ENOUGH)
        };
        let mut high = 1.0;
        while !sees(high) {
            high *= 2.0;
            if high * self.regression.canary.get() > MOST_ERRORS {
                return None;
            }
        }
        let mut low = high / 2.0;
        while high - low > 1e-3 * high {
            let middle = f64::midpoint(low, high);
            if sees(middle) { high = middle } else { low = middle }
        }
        Some(high)
    }

    fn power(&self, schedule: &Schedule) -> f64 {
        let forecast = schedule.forecast(self.kernel, self.regression, self.alpha, self.kappa, self.phi);
        forecast.steps.last().copied().unwrap_or(0.0)
    }
}

/// What a step gives, what it would take, and what else could be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advice {
    /// As planned.
    pub step: Step,
    /// Requests of the canary in it.
    pub gives: f64,
    /// Requests of the canary that it takes; none where no number does.
    pub needs: Option<f64>,
    /// The probability that the step by itself sees the regression.
    pub power: f64,
    /// Seconds that it takes at this weight.
    pub seconds: Option<f64>,
    /// A larger weight, and the seconds that it takes then.
    pub instead: Option<(Rate, f64)>,
    regression: Regression,
}

impl Advice {
    /// For a step at so many requests per second of both versions, with a look so often, in seconds.
    ///
    /// # Errors
    ///
    /// As for [`Schedule::new`].
    pub fn new(sought: &Sought, step: Step, requests_per_second: f64, interval: f64) -> Result<Self, crate::Invalid> {
        let schedule = Schedule::new(vec![step], requests_per_second, interval)?;
        let seconds =
            |weight: Rate| sought.requests(weight).map(|requests| requests / (requests_per_second * weight.get()));
        let other = Rate::new(OTHER_WEIGHT).ok().filter(|other| *other > step.weight);
        Ok(Self {
            step,
            gives: requests_per_second * step.weight.get() * step.seconds,
            needs: sought.requests(step.weight),
            power: sought.power(&schedule),
            seconds: seconds(step.weight),
            instead: other.and_then(|weight| seconds(weight).map(|seconds| (weight, seconds))),
            regression: sought.regression,
        })
    }

    /// Whether the step sees the regression as it is.
    pub fn suffices(&self) -> bool {
        self.power >= ENOUGH
    }
}

impl std::fmt::Display for Advice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (weight, gives) = (percent(self.step.weight.get()), thousands(self.gives.round() as u64));
        let (from, to) = (percent(self.regression.baseline.get()), percent(self.regression.canary.get()));
        write!(f, "{weight} for {} gives {gives} canary requests; ", minutes(self.step.seconds))?;
        let Some(needs) = self.needs else { return write!(f, "no number of them shows {from} becoming {to}") };
        let unit = 10f64.powf((needs.log10().floor() - 1.0).max(0.0));
        let needs = thousands(((needs / unit).round() * unit) as u64);
        write!(f, "to see {from} become {to} takes about {needs}: power {}", percent(self.power))?;
        if self.suffices() {
            return Ok(());
        }
        if let Some(seconds) = self.seconds {
            write!(f, "; use {} or more", minutes(seconds))?;
        }
        if let Some((weight, seconds)) = self.instead {
            write!(f, ", or weight {} for {}", percent(weight.get()), minutes(seconds))?;
        }
        write!(f, ", or accept to see less")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ratio;

    fn sought(baseline: f64, canary: f64) -> Sought {
        let rate = |value| Rate::new(value).unwrap();
        Sought {
            kernel: Kernel::Ratio(Ratio::STRICT),
            regression: Regression { canary: rate(canary), baseline: rate(baseline) },
            alpha: Alpha::new(0.005).unwrap(),
            kappa: Kappa::default(),
            phi: Phi::INDEPENDENT,
        }
    }

    #[test]
    fn the_requests_that_it_takes_are_those_that_were_worked_out() {
        // Baseline, canary, weight, requests. The figures were searched for in steps of 6 %, so they may be that much more.
        let figures = [
            (0.001, 0.002, 0.05, 20_342.0),
            (0.001, 0.005, 0.25, 2_828.0),
            (0.005, 0.01, 0.1, 4_499.0),
            (0.005, 0.015, 0.5, 2_669.0),
            (0.01, 0.02, 0.1, 2_243.0),
            (0.01, 0.02, 0.25, 2_669.0),
            (0.01, 0.02, 0.5, 4_246.0),
        ];
        for (baseline, canary, weight, requests) in figures {
            let got = sought(baseline, canary).requests(Rate::new(weight).unwrap()).unwrap();
            assert!((0.93..1.03).contains(&(got / requests)), "{baseline} {canary} {weight}: {got}");
        }
    }

    #[test]
    fn a_step_that_is_too_short_is_told_what_would_do() {
        let step = Step { weight: Rate::new(0.1).unwrap(), seconds: 300.0 };
        let advice = Advice::new(&sought(0.01, 0.02), step, 10.0, 60.0).unwrap();
        assert!(!advice.suffices());
        let said = advice.to_string();
        assert!(
            said.starts_with("10 % for 5 min gives 300 canary requests; to see 1 % become 2 % takes about 2,2"),
            "{said}"
        );
        assert!(said.contains("; use 3") && said.contains(", or weight 25 % for 1"), "{said}");
    }

    #[test]
    fn a_step_that_suffices_is_told_so_and_no_more() {
        let step = Step { weight: Rate::new(0.5).unwrap(), seconds: 3_600.0 };
        let advice = Advice::new(&sought(0.01, 0.06), step, 10.0, 60.0).unwrap();
        assert!(advice.suffices() && !advice.to_string().contains("use"));
    }

    #[test]
    fn what_is_no_regression_takes_more_than_any_number_of_requests() {
        assert_eq!(sought(0.01, 0.01).requests(Rate::new(0.1).unwrap()), None);
    }
}
