//! One e-process out of many: over how much worse the canary is, and over when that began.

use crate::Invalid;
use crate::special::{ln_add_exp, ln_sum_exp};

/// When a regression begins: from the start with some probability, else at a constant hazard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Onset {
    from_start: f64,
    tau: f64,
}

impl Onset {
    /// The probability that it is there from the start, and the mean seconds until it begins otherwise.
    ///
    /// # Errors
    ///
    /// When the probability is not strictly between 0 and 1, or the time is not above 0.
    pub fn new(from_start: f64, tau: f64) -> Result<Self, Invalid> {
        if !(from_start > 0.0 && from_start < 1.0) {
            let wanted = "a probability above 0 and below 1";
            return Err(Invalid { name: "probability of a regression from the start", value: from_start, wanted });
        }
        if !(tau > 0.0 && tau.is_finite()) {
            return Err(Invalid { name: "mean time to the onset", value: tau, wanted: "seconds above 0" });
        }
        Ok(Self { from_start, tau })
    }
}

impl Default for Onset {
    /// From the start with probability 1/2, else after a quarter of an hour on average.
    fn default() -> Self {
        Self { from_start: 0.5, tau: 900.0 }
    }
}

/// The mean of e-processes that start at different times, by the onset that is assumed, in logarithms.
///
/// Each component enters with mass taken from what has not begun, so the whole stays a non-negative supermartingale of
/// mean at most 1 (mixture e-detectors: Shin, Ramdas & Rinaldo 2024).
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    onset: Onset,
    parts: Vec<f64>,
    waiting: f64,
    begun: bool,
}

impl Mixture {
    /// So many components of equal weight; at least one.
    pub fn new(components: usize, onset: Onset) -> Self {
        Self { onset, parts: vec![f64::NEG_INFINITY; components.max(1)], waiting: 1.0, begun: false }
    }

    /// Multiplies in what each component says of a look, `seconds` after the look before; the logarithm of the whole.
    ///
    /// `ln_factors` has one entry per component; what is missing or NaN counts as 0, which says nothing.
    pub fn step(&mut self, seconds: f64, ln_factors: &[f64]) -> f64 {
        let share = if self.begun {
            self.waiting * -(-seconds.max(0.0) / self.onset.tau).exp_m1()
        } else {
            self.onset.from_start
        };
        self.begun = true;
        self.waiting -= share;
        let enters = share.ln() - (self.parts.len() as f64).ln();
        for (i, part) in self.parts.iter_mut().enumerate() {
            let factor = ln_factors.get(i).copied().filter(|f| !f.is_nan()).unwrap_or(0.0);
            *part = ln_add_exp(*part, enters) + factor;
        }
        self.ln_e()
    }

    /// The logarithm of the whole.
    pub fn ln_e(&self) -> f64 {
        ln_sum_exp(self.parts.iter().copied().chain([self.waiting.ln()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::near::near;

    #[test]
    fn looks_that_say_nothing_leave_one_whatever_the_onset() {
        let mut mixture = Mixture::new(6, Onset::default());
        for seconds in [60.0, 0.0, 1e9, -5.0, 60.0] {
            assert!(mixture.step(seconds, &[0.0; 6]).abs() < 1e-12);
        }
        assert!(mixture.step(60.0, &[]).abs() < 1e-12);
    }

    #[test]
    fn evidence_beyond_every_float_stays_finite_as_a_logarithm() {
        let mut mixture = Mixture::new(1, Onset::default());
        (0..100).for_each(|_| _ = mixture.step(60.0, &[1e5]));
        near(mixture.ln_e(), 1e7 + 0.5f64.ln(), 1e-12);
    }

    #[test]
    fn a_regression_that_begins_late_is_found_by_the_parts_that_began_late() {
        let mut mixture = Mixture::new(1, Onset::default());
        (0..40).for_each(|_| _ = mixture.step(60.0, &[-1.0]));
        (0..20).for_each(|_| _ = mixture.step(60.0, &[1.0]));
        assert!(mixture.ln_e() > 10.0, "{}", mixture.ln_e());
    }

    #[test]
    fn an_onset_that_cannot_be_is_refused() {
        for (from_start, tau) in [(0.0, 900.0), (1.0, 900.0), (f64::NAN, 900.0), (0.5, 0.0), (0.5, f64::INFINITY)] {
            assert!(Onset::new(from_start, tau).is_err());
        }
    }
}
