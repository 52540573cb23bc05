//! What is to be expected of a look, and how it spreads.

use super::Regression;
use crate::special::{BetaBinomial, ln_binomial_pmf};
use crate::xtest::{Kernel, Pmf};
use crate::{Arm, Counts, Kappa, Phi};

/// Units in a standard deviation of the sum of all looks.
const CELLS: f64 = 48.0;
/// Standard deviations beyond which a count in larger units is never seen.
const REACH: f64 = 9.0;

/// Expected requests and errors so far; what is given out is the difference of their rounded sums.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    times: f64,
    regression: Regression,
    canary: f64,
    errors: f64,
}

/// Expected whole numbers at one look.
pub(super) struct Look {
    canary: u64,
    errors: u64,
    weight: f64,
    regression: Regression,
}

impl Expected {
    /// With so many times the errors that are to be expected.
    pub fn new(times: f64, regression: Regression) -> Self {
        Self { times, regression, canary: 0.0, errors: 0.0 }
    }

    /// After so many more requests of both versions, of which the canary has this share.
    pub fn next(&mut self, requests: f64, weight: f64) -> Look {
        let (w, before, regression) = (weight, *self, self.regression);
        self.canary += requests * w;
        self.errors += self.times * requests * (w * regression.canary.get() + (1.0 - w) * regression.baseline.get());
        // Free of the noise of summing, so that halves are halves.
        let whole = |sum: f64| ((sum * 1e9).round() / 1e9).round_ties_even();
        let step = |from: f64, to: f64| (whole(to) - whole(from)) as u64;
        Look { canary: step(before.canary, self.canary), errors: step(before.errors, self.errors), weight, regression }
    }
}

impl Look {
    /// How many can be counted, and the probability of each under the null hypothesis and under the regression; none where
    /// an arm that is needed has no traffic.
    pub fn draws(&self, kernel: Kernel) -> Option<(u64, f64, f64)> {
        // Only the ratio of the exposures matters to a comparison; large numbers give it without rounding.
        let scale = 1e12;
        let exposed = |share: f64| Arm::clamped((share * scale).round() as u64, 0).0;
        let exposures = Counts::new(exposed(self.weight), exposed(1.0 - self.weight));
        let m = if kernel.compares() { self.errors } else { self.canary };
        let (null, alternative) = (kernel.theta(&exposures)?, kernel.theta_under(&exposures, self.regression)?);
        (self.weight > 0.0).then_some((m, null, alternative))
    }

    /// The distributions of the count, in units, under the null hypothesis and under the regression.
    pub fn laws(&self, kernel: Kernel, kappa: Kappa, phi: Phi, unit: Unit) -> Option<(Pmf, Pmf)> {
        let (m, null, alternative) = self.draws(kernel)?;
        let null = unit.law(m, null, phi)?.winsorised(kappa);
        let beyond = null.first() + null.weights().len() as u64;
        let (mean, deviation) = unit.spread(m, alternative, phi);
        // A regression that is beyond all that could be by chance needs no law, which might be very wide.
        let surely = mean - REACH * deviation > beyond as f64;
        let alternative = if surely { Pmf::from_weights(beyond, vec![1.0]) } else { unit.law(m, alternative, phi) };
        Some((null, alternative?))
    }
}

/// Steps in which a count is taken: 1 until there is so much to count that larger ones change nothing.
#[derive(Clone, Copy)]
pub(super) struct Unit(u64);

impl Unit {
    /// For a sum with this standard deviation.
    pub fn of(deviation: f64) -> Self {
        Self(((deviation / CELLS) as u64).max(1))
    }

    /// Mean and standard deviation of a count of m draws, in units.
    fn spread(self, m: u64, theta: f64, phi: Phi) -> (f64, f64) {
        let mean = m as f64 * theta;
        (mean / self.0 as f64, (phi.get() * mean * (1.0 - theta)).sqrt() / self.0 as f64)
    }

    /// The law of a count of m draws, where a unit is more than 1 by the density at its middle.
    fn law(self, m: u64, theta: f64, phi: Phi) -> Option<Pmf> {
        let unit = self.0;
        if unit == 1 {
            return Some(Pmf::beta_binomial(m, theta, phi.get()));
        }
        let (mean, deviation) = self.spread(m, theta, phi);
        if deviation < 1.0 {
            return Pmf::from_weights(mean.round() as u64, vec![1.0]);
        }
        let clustered = BetaBinomial::with_design_effect(m, theta, phi.get());
        let ln_pmf = |k| clustered.as_ref().map_or_else(|| ln_binomial_pmf(m, theta, k), |law| law.ln_pmf(k));
        let (first, last) = ((mean - REACH * deviation).max(0.0) as u64, (mean + REACH * deviation) as u64);
        let middle = |cell: u64| cell.saturating_mul(unit).saturating_add(unit / 2);
        let weight = |cell: u64| if middle(cell) > m { 0.0 } else { ln_pmf(middle(cell)).exp() };
        Pmf::from_weights(first, (first..=last).map(weight).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::Detection;
    use crate::xtest::Kernel;
    use crate::{Alpha, Progress, Rate, Ratio};

    #[test]
    fn counting_in_larger_units_foretells_the_same() {
        let rate = |value| Rate::new(value).unwrap();
        for (kernel, canary) in [(Kernel::Ratio(Ratio::TENTH_MORE), 0.0113), (Kernel::One(rate(0.011)), 0.0112)] {
            let regression = Regression { canary: rate(canary), baseline: rate(0.01) };
            let power = |unit: Unit| {
                let (mut expected, mut detection) = (Expected::new(1.0, regression), Detection::default());
                let look = |look: u32| {
                    let (null, alternative) =
                        expected.next(200_000.0, 0.3).laws(kernel, Kappa::default(), Phi::INDEPENDENT, unit)?;
                    detection.add(&null, alternative);
                    Some(detection.look(Alpha::HUNDREDTH, Progress::of(f64::from(look), 20.0).ok()?))
                };
                (1..=20).filter_map(look).last().unwrap()
            };
            let (exact, coarse) = (power(Unit(1)), power(Unit::of(96.0)));
            assert!(exact > 0.2 && exact < 0.95 && (exact - coarse).abs() < 0.01, "{kernel:?}: {exact} {coarse}");
        }
    }
}
