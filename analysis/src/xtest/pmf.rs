//! The distribution of one look's count when the null hypothesis holds at its edge, as a window of weights.

use crate::special::{BetaBinomial, ln_binomial_pmf, ln_hypergeometric_pmf};
use crate::{Kappa, Rate};

/// Low weights below this are nothing once the window covers nine standard deviations.
const NEGLIGIBLE_BELOW: f64 = 1e-20;
/// High ones are summed for p-values, which stay precise however small they are.
const NEGLIGIBLE_ABOVE: f64 = 1e-60;

/// Probabilities of the counts `first`, `first + 1`, ...; 0 elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Pmf {
    first: u64,
    weights: Vec<f64>,
    cap: Option<u64>,
}

impl Pmf {
    /// Any distribution of counts, given by non-negative weights for `first`, `first + 1`, ...; they are scaled to sum to 1.
    ///
    /// None when a weight is negative or not finite, or all are 0.
    pub fn from_weights(first: u64, weights: Vec<f64>) -> Option<Self> {
        let sum: f64 = weights.iter().sum();
        let good = weights.iter().all(|w| w.is_finite() && *w >= 0.0) && sum > 0.0 && sum.is_finite();
        good.then(|| Self { first, weights: weights.into_iter().map(|w| w / sum).collect(), cap: None })
    }

    /// Binomial with m draws.
    pub fn binomial(m: u64, theta: Rate) -> Self {
        Self::of_draws(m, theta.get())
    }

    fn of_draws(m: u64, theta: f64) -> Self {
        let spread = (m as f64 * theta * (1.0 - theta)).sqrt();
        let odds = theta / (1.0 - theta);
        let ratio = |k: u64| (m - k) as f64 / (k + 1) as f64 * odds;
        Self::around((0, m), m as f64 * theta, spread, |k| ln_binomial_pmf(m, theta, k), ratio)
    }

    /// Beta-binomial.
    pub(crate) fn beta_binomial(m: u64, theta: f64, phi: f64) -> Self {
        let Some(distribution) = BetaBinomial::with_design_effect(m, theta, phi) else {
            return Self::of_draws(m, theta);
        };
        let spread = (phi * m as f64 * theta * (1.0 - theta)).sqrt();
        Self::around((0, m), m as f64 * theta, spread, |k| distribution.ln_pmf(k), |k| distribution.ratio(k))
    }

    /// Hypergeometric: m drawn from `marked` marked and `others` other ones; m at most their sum.
    pub(crate) fn hypergeometric(marked: u64, others: u64, m: u64) -> Self {
        let total = (marked + others) as f64;
        let share = marked as f64 / total;
        let mean = m as f64 * share;
        let spread = (mean * (1.0 - share) * (total - m as f64) / (total - 1.0).max(1.0)).sqrt();
        let ratio = |k: u64| {
            let (k, up) = (k as f64, others as f64 - m as f64 + k as f64 + 1.0);
            (marked as f64 - k) / (k + 1.0) * ((m as f64 - k) / up)
        };
        let support = (m.saturating_sub(others), marked.min(m));
        Self::around(support, mean, spread, |k| ln_hypergeometric_pmf(marked, others, m, k), ratio)
    }

    /// From one precise probability near the mean outwards by ratios of neighbours: over nine standard deviations and 25,
    /// and on while anything worth a weight follows.
    fn around(
        (lowest, highest): (u64, u64),
        mean: f64,
        spread: f64,
        ln_pmf: impl Fn(u64) -> f64,
        ratio: impl Fn(u64) -> f64,
    ) -> Self {
        let centre = (mean as u64).clamp(lowest, highest);
        let reach = (9.0 * spread) as u64 + 25;
        let (low, high) = (centre.saturating_sub(reach).max(lowest), centre.saturating_add(reach).min(highest));
        let start = ln_pmf(centre).exp();
        let (mut below, mut weight, mut first) = (Vec::new(), start, centre);
        while first > lowest && (first > low || weight > NEGLIGIBLE_BELOW) {
            first -= 1;
            weight /= ratio(first);
            below.push(weight);
        }
        let mut weights: Vec<f64> = below.into_iter().rev().collect();
        weights.push(start);
        let (mut last, mut weight) = (centre, start);
        while last < highest && (last < high || weight > NEGLIGIBLE_ABOVE) {
            weight *= ratio(last);
            last += 1;
            weights.push(weight);
        }
        Self { first, weights, cap: None }
    }

    /// Winsorised: counts above `max(1, largest k with P(X >= k) > kappa)` count as that.
    ///
    /// The distribution of the capped count is exact, so that the test stays what it was, and one scrape is worth at
    /// most a p-value of kappa.
    #[must_use]
    pub fn winsorised(mut self, kappa: Kappa) -> Self {
        if kappa.get() <= 0.0 {
            return self;
        }
        let mut tail = 0.0;
        let top = self.weights.iter().rposition(|weight| {
            tail += weight;
            tail > kappa.get()
        });
        let cap = (self.first + top.unwrap_or(0) as u64).max(1);
        let kept = (cap.saturating_sub(self.first) + 1) as usize;
        if kept < self.weights.len() {
            self.fold(kept);
            self.cap = Some(cap);
        }
        self
    }

    /// Keeps so many weights, the last with all that is above it.
    fn fold(&mut self, kept: usize) {
        let above: f64 = self.weights.iter().skip(kept).rev().sum();
        self.weights.truncate(kept);
        if let Some(last) = self.weights.last_mut() {
            *last += above;
        }
    }

    /// The most that a look counts, where that is less than it can be.
    pub fn cap(&self) -> Option<u64> {
        self.cap
    }

    /// The count as it counts.
    pub fn capped(&self, count: u64) -> u64 {
        self.cap.map_or(count, |cap| count.min(cap))
    }

    /// The least count that has a weight.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The weights, from [`Pmf::first`] on.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Winsorised at a cap that another distribution of the same count has.
    #[must_use]
    pub(crate) fn capped_at(mut self, cap: Option<u64>) -> Self {
        let Some(cap) = cap else { return self };
        if cap < self.first {
            return Self { first: cap, weights: vec![self.weights.iter().sum()], cap: Some(cap) };
        }
        self.fold((cap - self.first + 1) as usize);
        self.cap = Some(cap);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::near::near;

    fn mean(pmf: &Pmf) -> f64 {
        pmf.weights.iter().zip(pmf.first..).map(|(w, k)| w * k as f64).sum()
    }

    #[test]
    fn a_window_holds_all_of_the_probability() {
        let windows = [
            (Pmf::of_draws(1, 0.05), 0.05),
            (Pmf::of_draws(1_000_000, 0.05), 50_000.0),
            (Pmf::of_draws(400, 0.999), 399.6),
            (Pmf::beta_binomial(30, 0.1, 12.0), 3.0),
            (Pmf::beta_binomial(100_000, 0.02, 40.0), 2_000.0),
            (Pmf::beta_binomial(2, 0.5, 50.0), 1.0),
            (Pmf::hypergeometric(5, 3, 7), 35.0 / 8.0),
            (Pmf::hypergeometric(3_000, 27_000, 10_000), 1_000.0),
            (Pmf::hypergeometric(3, 2, 5), 3.0),
        ];
        for (pmf, expected) in &windows {
            near(pmf.weights.iter().sum::<f64>(), 1.0, 1e-11);
            near(mean(pmf), *expected, 1e-11);
        }
        assert!(windows[1].0.weights.len() < 6_000, "a million draws need no million weights");
    }

    #[test]
    fn every_weight_of_a_window_is_the_probability_itself() {
        let pmf = Pmf::of_draws(20_000, 0.3);
        for (weight, k) in pmf.weights.iter().zip(pmf.first..).step_by(37) {
            near(*weight, ln_binomial_pmf(20_000, 0.3, k).exp(), 1e-11);
        }
    }

    #[test]
    fn the_cap_is_the_largest_count_that_is_likelier_than_kappa_and_never_below_one() {
        let kappa = Kappa::default();
        assert_eq!(Pmf::of_draws(3, 0.055).winsorised(kappa).cap(), Some(1));
        assert_eq!(Pmf::of_draws(50, 1e-9).winsorised(kappa).cap(), Some(1));
        assert_eq!(Pmf::of_draws(1, 0.5).winsorised(kappa).cap(), None);
        assert_eq!(Pmf::of_draws(60, 0.05).winsorised(Kappa::NONE).cap(), None);
        let capped = Pmf::of_draws(60, 0.05).winsorised(kappa);
        near(capped.weights.iter().sum::<f64>(), 1.0, 1e-13);
        assert_eq!((capped.capped(60), capped.capped(2)), (capped.cap().unwrap(), 2));
        assert!(*capped.weights.last().unwrap() > 0.01);
    }

    #[test]
    fn weights_that_are_no_distribution_are_refused() {
        assert!(Pmf::from_weights(0, vec![]).is_none());
        assert!(Pmf::from_weights(0, vec![1.0, -0.5]).is_none());
        assert!(Pmf::from_weights(0, vec![f64::NAN]).is_none());
        assert_eq!(Pmf::from_weights(2, vec![1.0, 3.0]).unwrap().weights(), [0.25, 0.75]);
    }
}
