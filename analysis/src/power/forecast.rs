//! What tests are likely to have seen by when, one beside another or one after another.

/// What can be seen by when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// Seconds of the look, and the probability that the regression was detected by then.
    pub looks: Vec<(f64, f64)>,
    /// The probability that it was detected by the end of each step.
    pub steps: Vec<f64>,
    /// Mean seconds to detection where it is detected at all.
    pub mean_seconds: Option<f64>,
    /// Of alpha, spent by the end.
    pub used: f64,
}

impl Forecast {
    pub(super) fn new(looks: Vec<(f64, f64)>, steps: Vec<f64>, used: f64) -> Self {
        let detected = looks.last().map_or(0.0, |(_, power)| *power);
        let mut before = 0.0;
        let weighted =
            looks.iter().fold(0.0, |sum, (at, power)| sum + (power - std::mem::replace(&mut before, *power)) * at);
        Self { mean_seconds: (detected > 0.0).then(|| weighted / detected), looks, steps, used }
    }

    /// The probability that the regression is detected at all.
    pub fn power(&self) -> f64 {
        self.steps.last().copied().unwrap_or(0.0)
    }

    /// At least what either of two tests over the same looks sees: at each look what the better one has seen.
    #[must_use]
    pub(crate) fn or(&self, other: &Self) -> Self {
        self.with(other, f64::max)
    }

    /// At most what two tests over the same looks see both: at each look what the worse one has seen.
    #[must_use]
    pub(crate) fn and(&self, other: &Self) -> Self {
        self.with(other, f64::min)
    }

    /// Of two tests over the same looks, with this share of the second.
    #[must_use]
    pub(super) fn mixed(&self, other: &Self, share: f64) -> Self {
        self.with(other, |own, others| own + share * (others - own))
    }

    /// What a test of its own sees beyond these steps, in steps that follow after so many seconds.
    #[must_use]
    pub(crate) fn then(&self, later: &Self, seconds: f64) -> Self {
        let missed = 1.0 - self.power();
        let beyond = |power: f64| 1.0 - missed * (1.0 - power);
        let looks = later.looks.iter().map(|(at, power)| (seconds + at, beyond(*power)));
        let steps = later.steps.iter().map(|power| beyond(*power));
        Self::new(
            self.looks.iter().copied().chain(looks).collect(),
            self.steps.iter().copied().chain(steps).collect(),
            self.used + later.used,
        )
    }

    fn with(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        let looks = self.looks.iter().zip(&other.looks).map(|((at, own), (_, others))| (*at, of(*own, *others)));
        let steps = self.steps.iter().zip(&other.steps).map(|(own, others)| of(*own, *others));
        Self::new(looks.collect(), steps.collect(), self.used + other.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast(powers: [f64; 3]) -> Forecast {
        let looks = [60.0, 120.0, 180.0].into_iter().zip(powers).collect();
        Forecast::new(looks, vec![powers[0], powers[2]], 0.001)
    }

    #[test]
    fn the_mean_time_is_that_of_what_is_detected() {
        assert_eq!(forecast([0.0, 0.2, 0.4]).mean_seconds, Some(150.0));
        assert_eq!(forecast([0.0; 3]).mean_seconds, None);
        assert_eq!((Forecast::default().power(), Forecast::default().mean_seconds), (0.0, None));
    }

    #[test]
    fn of_two_tests_one_suffices_or_both_are_needed() {
        let (soon, surely) = (forecast([0.3, 0.4, 0.5]), forecast([0.0, 0.2, 0.9]));
        assert_eq!(soon.or(&surely).steps, [0.3, 0.9]);
        assert_eq!(soon.and(&surely).steps, [0.0, 0.5]);
        assert_eq!(soon.mixed(&surely, 0.5).looks[2], (180.0, 0.7));
    }

    #[test]
    fn a_test_that_follows_sees_what_was_missed_before() {
        let both = forecast([0.0, 0.0, 0.5]).then(&forecast([0.0, 0.5, 0.5]), 180.0);
        assert_eq!((both.steps.as_slice(), both.power()), ([0.0, 0.5, 0.5, 0.75].as_slice(), 0.75));
        assert_eq!(both.looks[4], (300.0, 0.75));
        assert_eq!(both.mean_seconds, Some((0.5 * 180.0 + 0.25 * 300.0) / 0.75));
    }
}
