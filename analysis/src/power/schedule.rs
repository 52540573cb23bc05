//! What a planned rollout can see, without chance: every look gets the errors that are to be expected.

use super::expected::{Expected, Unit};
use super::{Detection, Forecast, Regression};
use crate::special::poisson_tail;
use crate::xtest::Kernel;
use crate::{Alpha, Invalid, Kappa, Phi, Progress, Rate};

/// Where no more errors than this are expected of both versions, how many there are is chance.
const FEW_ERRORS: f64 = 60.0;
/// Totals that stand for all.
const TOTALS: usize = 8;

/// So long with this share of the traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The canary's share.
    pub weight: Rate,
    /// Its duration, in seconds.
    pub seconds: f64,
}

/// A step in which the canary may have nothing or all.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Leg {
    weight: f64,
    seconds: f64,
}

/// Steps, the traffic and how often one looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    steps: Vec<Leg>,
    requests_per_second: f64,
    interval: f64,
}

impl Schedule {
    /// The interval is that between looks, in seconds.
    ///
    /// # Errors
    ///
    /// When a time or the traffic is not above 0, or there are more than 100,000 looks.
    pub fn new(steps: Vec<Step>, requests_per_second: f64, interval: f64) -> Result<Self, Invalid> {
        let shares = steps.into_iter().map(|step| (step.weight.get(), step.seconds));
        Self::of_shares(shares, requests_per_second, interval)
    }

    /// The same for steps that are given by the canary's share, which may be nothing or all, and seconds. What takes both
    /// versions sees nothing in those, and still their time passes.
    pub(crate) fn of_shares(
        steps: impl Iterator<Item = (f64, f64)>,
        requests_per_second: f64,
        interval: f64,
    ) -> Result<Self, Invalid> {
        let steps: Vec<Leg> = steps.map(|(weight, seconds)| Leg { weight: weight.clamp(0.0, 1.0), seconds }).collect();
        let above_zero = |name, value: f64| {
            let good = value > 0.0 && value.is_finite();
            if good { Ok(()) } else { Err(Invalid { name, value, wanted: "a number above 0" }) }
        };
        steps.iter().try_for_each(|step| above_zero("duration of a step", step.seconds))?;
        above_zero("requests per second", requests_per_second)?;
        above_zero("interval between looks", interval)?;
        let schedule = Self { steps, requests_per_second, interval };
        let looks = schedule.seconds() / interval;
        if !(looks > 0.0 && looks <= 1e5) {
            return Err(Invalid { name: "number of looks", value: looks, wanted: "1 to 100,000: fewer or more steps" });
        }
        Ok(schedule)
    }

    /// Seconds of all steps.
    pub fn seconds(&self) -> f64 {
        self.steps.iter().map(|step| step.seconds).sum()
    }

    /// What the test sees of the regression.
    ///
    /// Per look the rounded increment of the expected total is taken. Within 6 percentage points of simulation from nine
    /// expected errors on; below that only simulation tells, or [`Schedule::forecast_by_chance`].
    pub fn forecast(&self, kernel: Kernel, regression: Regression, alpha: Alpha, kappa: Kappa, phi: Phi) -> Forecast {
        self.forecast_of(1.0, kernel, regression, alpha, kappa, phi)
    }

    /// The same where so few errors are expected that how many there are is chance: the mean over eight equally likely
    /// totals of a Poisson count.
    pub fn forecast_by_chance(
        &self,
        kernel: Kernel,
        regression: Regression,
        alpha: Alpha,
        kappa: Kappa,
        phi: Phi,
    ) -> Forecast {
        let of = |part| self.forecast_of(part, kernel, regression, alpha, kappa, phi);
        let errors = self.errors(regression);
        if !kernel.compares() || errors > FEW_ERRORS {
            return of(1.0);
        }
        let totals = (0..TOTALS).map(|i| poisson_quantile((i as f64 + 0.5) / TOTALS as f64, errors) as f64 / errors);
        let add = |(mean, n): (Forecast, f64), next: Forecast| {
            let mean = if n > 0.0 { mean.mixed(&next, 1.0 / (n + 1.0)) } else { next };
            (mean, n + 1.0)
        };
        totals.map(of).fold((Forecast::default(), 0.0), add).0
    }

    /// Errors of both versions that are to be expected.
    fn errors(&self, regression: Regression) -> f64 {
        let rate = |weight: f64| weight * regression.canary.get() + (1.0 - weight) * regression.baseline.get();
        self.steps.iter().map(|step| self.requests_per_second * step.seconds * rate(step.weight)).sum()
    }

    /// What to count in, for this to take no longer however many requests there are.
    fn unit(&self, kernel: Kernel, regression: Regression, phi: Phi) -> Unit {
        let variance = |step: &Leg| {
            let look = Expected::new(1.0, regression).next(step.seconds * self.requests_per_second, step.weight);
            look.draws(kernel).map_or(0.0, |(m, theta, _)| phi.get() * m as f64 * theta * (1.0 - theta))
        };
        Unit::of(self.steps.iter().map(variance).sum::<f64>().sqrt())
    }

    /// With so many times the errors that are to be expected.
    fn forecast_of(
        &self,
        errors: f64,
        kernel: Kernel,
        regression: Regression,
        alpha: Alpha,
        kappa: Kappa,
        phi: Phi,
    ) -> Forecast {
        let mut detection = Detection::default();
        let (mut looks, mut steps, planned) = (Vec::new(), Vec::new(), self.seconds());
        let (mut start, mut expected, mut power) = (0.0, Expected::new(errors, regression), 0.0);
        let unit = self.unit(kernel, regression, phi);
        for step in &self.steps {
            let mut passed = 0.0;
            while passed < step.seconds {
                let seconds = self.interval.min(step.seconds - passed);
                passed += seconds;
                let look = expected.next(seconds * self.requests_per_second, step.weight);
                if let Some((null, alternative)) = look.laws(kernel, kappa, phi, unit) {
                    detection.add(&null, alternative);
                }
                let at = start + passed;
                power = Progress::of(at, planned).map_or(power, |u| detection.look(alpha, u));
                looks.push((at, power));
            }
            start += step.seconds;
            steps.push(power);
        }
        Forecast::new(looks, steps, detection.used())
    }
}

/// The least count that a Poisson count with this mean does not exceed with this probability.
fn poisson_quantile(probability: f64, mean: f64) -> u64 {
    (0..).find(|count| poisson_tail(count + 1, mean) <= 1.0 - probability).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ratio;
    use crate::special::near::near;

    fn rate(value: f64) -> Rate {
        Rate::new(value).unwrap()
    }

    fn ramp(requests_per_second: f64) -> Schedule {
        let steps = [0.05, 0.1, 0.25, 0.5].map(|w| Step { weight: rate(w), seconds: 300.0 });
        Schedule::new(steps.to_vec(), requests_per_second, 60.0).unwrap()
    }

    fn forecast(schedule: &Schedule, baseline: f64, canary: f64) -> Forecast {
        let regression = Regression { canary: rate(canary), baseline: rate(baseline) };
        let (kernel, alpha) = (Kernel::Ratio(Ratio::STRICT), Alpha::new(0.0075).unwrap());
        schedule.forecast(kernel, regression, alpha, Kappa::default(), Phi::INDEPENDENT)
    }

    #[test]
    fn the_forecast_of_the_ramp_gives_the_figures_that_were_worked_out() {
        // Requests per second, baseline, canary, power, mean minutes. Left out: rows in which an expected sum lies halfway
        // between two whole numbers, where the figures were rounded by chance.
        let figures = [
            (1.0, 0.001, 0.011, 0.363120039683, 19.0),
            (1.0, 0.001, 0.051, 0.999268794568, 11.75229627),
            (1.0, 0.005, 0.01, 0.0418955999908, 16.1975157453),
            (1.0, 0.005, 0.025, 0.287573533984, 13.8394725035),
            (1.0, 0.005, 0.015, 0.0819344008264, 13.8226950355),
            (1.0, 0.01, 0.02, 0.0682308066351, 15.0354534489),
            (1.0, 0.01, 0.05, 0.721826470879, 14.2613706972),
            (1.0, 0.01, 0.06, 0.866021535183, 13.2936074595),
            (10.0, 0.001, 0.002, 0.0682308066351, 15.0354534489),
            (10.0, 0.001, 0.005, 0.721826470879, 14.2613706972),
            (10.0, 0.005, 0.01, 0.331220316518, 14.5680386285),
            (10.0, 0.005, 0.025, 0.999995208947, 8.11749704604),
            (10.0, 0.005, 0.055, 1.0, 3.63019565733),
            (10.0, 0.01, 0.02, 0.717442993968, 14.2454995758),
            (10.0, 0.01, 0.05, 1.0, 5.82255063337),
            (10.0, 0.01, 0.06, 1.0, 5.0799913091),
            (100.0, 0.001, 0.002, 0.717442993968, 14.2454995758),
            (100.0, 0.001, 0.005, 1.0, 5.82255063337),
            (100.0, 0.001, 0.011, 1.0, 3.39232335286),
            (100.0, 0.001, 0.051, 1.0, 2.00000006994),
            (100.0, 0.005, 0.01, 0.999998539087, 7.89115436655),
            (100.0, 0.005, 0.025, 1.0, 3.13774656385),
            (100.0, 0.005, 0.015, 1.0, 4.10411756114),
            (100.0, 0.005, 0.055, 1.0, 2.00024267623),
            (100.0, 0.01, 0.02, 1.0, 5.35279565358),
            (100.0, 0.01, 0.05, 1.0, 3.00371135418),
            (100.0, 0.01, 0.06, 1.0, 2.00591597839),
        ];
        for (rps, baseline, canary, power, minutes) in figures {
            let got = forecast(&ramp(rps), baseline, canary);
            near(got.steps[3], power, 1e-9);
            near(got.mean_seconds.unwrap() / 60.0, minutes, 1e-9);
            assert!(got.used <= 0.0075 && got.looks.len() == 20);
        }
    }

    #[test]
    fn a_forecast_never_falls_and_what_cannot_be_seen_has_no_time() {
        let got = forecast(&ramp(1.0), 0.001, 0.002);
        assert!(got.looks.windows(2).all(|w| w[0].1 <= w[1].1));
        assert_eq!((got.steps[3], got.mean_seconds), (0.0, None));
    }

    #[test]
    fn a_schedule_without_time_or_traffic_is_refused() {
        let step = Step { weight: rate(0.1), seconds: 60.0 };
        for (steps, rps, interval) in [
            (vec![], 1.0, 60.0),
            (vec![step], 0.0, 60.0),
            (vec![step], 1.0, 0.0),
            (vec![step], f64::NAN, 60.0),
            (vec![Step { seconds: -1.0, ..step }], 1.0, 60.0),
            (vec![Step { seconds: 1e9, ..step }], 1.0, 1.0),
        ] {
            assert!(Schedule::new(steps, rps, interval).is_err());
        }
    }
}
