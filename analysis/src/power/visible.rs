//! The smallest regression that is seen.

use super::{Regression, Schedule};
use crate::xtest::Kernel;
use crate::{Alpha, Kappa, Phi, Rate};

/// The smallest rate of the canary that the schedule sees with this probability, found by bisection to a thousandth of
/// itself; none where not even a canary that always fails is seen.
pub fn smallest_visible(
    schedule: &Schedule,
    kernel: Kernel,
    baseline: Rate,
    alpha: Alpha,
    kappa: Kappa,
    phi: Phi,
    probability: f64,
) -> Option<Rate> {
    let sees = |regression| schedule.forecast(kernel, regression, alpha, kappa, phi).power() >= probability;
    smallest_that(sees, baseline)
}

/// The same for whatever sees.
pub(crate) fn smallest_that(sees: impl Fn(Regression) -> bool, baseline: Rate) -> Option<Rate> {
    let sees = |canary: Rate| sees(Regression { canary, baseline });
    let (mut low, mut high) = (baseline.get(), 1.0 - f64::EPSILON);
    if !sees(Rate::new(high).ok()?) {
        return None;
    }
    while high - low > 1e-3 * high {
        let middle = f64::midpoint(low, high);
        if sees(Rate::new(middle).ok()?) { high = middle } else { low = middle }
    }
    Rate::new(high).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ratio;
    use crate::power::Step;

    fn rate(value: f64) -> Rate {
        Rate::new(value).unwrap()
    }

    #[test]
    fn the_smallest_visible_rate_is_visible_and_less_is_not() {
        let steps = [0.05, 0.1, 0.25, 0.5].map(|w| Step { weight: rate(w), seconds: 300.0 });
        let schedule = Schedule::new(steps.to_vec(), 10.0, 60.0).unwrap();
        let kernel = Kernel::Ratio(Ratio::STRICT);
        let (alpha, kappa, phi) = (Alpha::new(0.0075).unwrap(), Kappa::default(), Phi::INDEPENDENT);
        let found = smallest_visible(&schedule, kernel, rate(0.01), alpha, kappa, phi, 0.8).unwrap().get();
        assert!((0.02..0.025).contains(&found), "{found}");
        let power = |canary: f64| {
            let regression = Regression { canary: rate(canary), baseline: rate(0.01) };
            schedule.forecast(kernel, regression, alpha, kappa, phi).power()
        };
        assert!(power(found) >= 0.8 && power(found * 0.95) < 0.8);
        let short = Schedule::new(vec![Step { weight: rate(0.05), seconds: 60.0 }], 0.1, 60.0).unwrap();
        assert_eq!(smallest_visible(&short, kernel, rate(0.01), alpha, kappa, phi, 0.8), None);
    }
}
