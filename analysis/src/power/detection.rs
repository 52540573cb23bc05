//! The probability that a test has rejected by now, under a regression.

use super::Regression;
use crate::xtest::{Kernel, Pmf, Walk, spending};
use crate::{Alpha, Counts, Kappa, Phi, Progress};

/// The bounds of a test, and how likely the sum of a regression crosses them.
///
/// The distribution under the regression is carried along beside the null distribution, with the same caps, and cut at the
/// same bounds; what is cut was detected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detection {
    null: Walk,
    alternative: Walk,
    used: f64,
    power: f64,
    news: bool,
    u: Option<Progress>,
}

impl Detection {
    /// Adds a count with its distribution under the null hypothesis, winsorised, and under the regression, which is given
    /// the same cap.
    pub fn add(&mut self, null: &Pmf, alternative: Pmf) {
        self.alternative.add(&alternative.capped_at(null.cap()));
        self.null.add(null);
        self.news = true;
    }

    /// Looks; the probability that the regression was detected at this look or before.
    pub fn look(&mut self, alpha: Alpha, u: Progress) -> f64 {
        if !self.news || self.u.is_some_and(|before| u <= before) {
            return self.power;
        }
        (self.news, self.u) = (false, Some(u));
        if let Some((bound, _)) = self.null.bound(alpha.get() * spending(u) - self.used) {
            self.used += self.null.cut(bound);
            self.power = (self.power + self.alternative.cut(bound)).min(1.0);
        }
        self.power
    }

    /// Of alpha, spent so far.
    pub fn used(&self) -> f64 {
        self.used
    }
}

/// Whether a canary as bad as this would have been rejected by now, given the traffic and the errors of both arms together.
///
/// It never sees how the errors split, so whatever is decided by it cannot bias the test.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionalPower {
    kernel: Kernel,
    alpha: Alpha,
    kappa: Kappa,
    phi: Phi,
    regression: Regression,
    detection: Detection,
}

impl ConditionalPower {
    /// Of a test with these settings.
    pub fn new(kernel: Kernel, alpha: Alpha, kappa: Kappa, phi: Phi, regression: Regression) -> Self {
        Self { kernel, alpha, kappa, phi, regression, detection: Detection::default() }
    }

    /// Adds a batch; of its errors only their sum counts.
    ///
    /// Under the regression the canary's part of the errors is taken as binomial, or beta-binomial when they cluster; where
    /// the test draws without replacement this is an approximation.
    pub fn add(&mut self, counts: &Counts) {
        let Some(draws) = self.kernel.draws(counts) else { return };
        let Some(theta) = self.kernel.theta_under(counts, self.regression) else { return };
        let null = self.kernel.pmf(counts, &draws, self.phi).winsorised(self.kappa);
        self.detection.add(&null, Pmf::beta_binomial(draws.m, theta, self.phi.get()));
    }

    /// The probability of a rejection by now, from 0 to 1.
    pub fn look(&mut self, u: Progress) -> f64 {
        self.detection.look(self.alpha, u)
    }

    /// What the last look said.
    pub fn power(&self) -> f64 {
        self.detection.power
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xtest::XTest;
    use crate::{Arm, Rate, Ratio};

    fn counts(n_c: u64, x_c: u64, n_b: u64, x_b: u64) -> Counts {
        Counts::new(Arm::new(n_c, x_c).unwrap(), Arm::new(n_b, x_b).unwrap())
    }

    fn regression(canary: f64, baseline: f64) -> Regression {
        Regression { canary: Rate::new(canary).unwrap(), baseline: Rate::new(baseline).unwrap() }
    }

    fn power(regression: Regression, batches: &[Counts]) -> f64 {
        let alpha = Alpha::new(0.1).unwrap();
        let kernel = Kernel::Ratio(Ratio::STRICT);
        let mut power = ConditionalPower::new(kernel, alpha, Kappa::default(), Phi::INDEPENDENT, regression);
        for (i, batch) in batches.iter().enumerate() {
            power.add(batch);
            power.look(Progress::new((i + 1) as f64 / batches.len() as f64).unwrap());
        }
        power.power()
    }

    #[test]
    fn power_is_the_probability_of_a_rejection_over_all_splits_of_the_errors() {
        let (batches, truth) = ([(10, 30, 4), (20, 20, 3), (20, 20, 4)], regression(0.3, 0.05));
        fn enumerate(test: &XTest, batches: &[(u64, u64, u64)], truth: Regression, looks: f64) -> f64 {
            let Some(((n_c, n_b, m), rest)) = batches.split_first() else { return 0.0 };
            let u = Progress::new(1.0 - rest.len() as f64 / looks).unwrap();
            let share = truth.share(&counts(*n_c, 0, *n_b, 0)).unwrap();
            let split = |x| {
                let mut test = test.clone();
                test.add(&counts(*n_c, x, *n_b, m - x));
                let weight = crate::special::ln_binomial_pmf(*m, share, x).exp();
                if test.look(u).rejected { weight } else { weight * enumerate(&test, rest, truth, looks) }
            };
            (0..=*m).map(split).sum()
        }
        let test =
            XTest::new(Kernel::Ratio(Ratio::STRICT), Alpha::new(0.1).unwrap(), Kappa::default(), Phi::INDEPENDENT);
        let wanted = enumerate(&test, &batches, truth, 3.0);
        let got = power(truth, &batches.map(|(n_c, n_b, m)| counts(n_c, 0, n_b, m)));
        assert!(wanted > 0.1 && (got - wanted).abs() < 1e-12, "{got} {wanted}");
    }

    #[test]
    fn power_does_not_see_how_the_errors_split() {
        let truth = regression(0.05, 0.01);
        let split = |x| power(truth, &vec![counts(100, x, 400, 12 - x); 8]);
        assert_eq!(split(0), split(12));
        assert!(split(0) > 0.5);
    }

    #[test]
    fn no_worse_a_canary_than_tolerated_is_rejected_with_what_was_spent() {
        let power = power(regression(0.01, 0.01), &vec![counts(100, 2, 400, 10); 8]);
        assert!(power > 0.0 && power <= 0.09 + 1e-12, "{power}");
    }

    #[test]
    fn without_errors_or_requests_nothing_can_be_seen() {
        assert_eq!(power(regression(0.3, 0.01), &vec![counts(100, 0, 400, 0); 8]), 0.0);
        assert_eq!(power(regression(0.3, 0.01), &vec![counts(0, 0, 400, 9); 8]), 0.0);
    }
}
