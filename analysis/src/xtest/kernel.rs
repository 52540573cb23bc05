//! What is counted at a look, and how that count is distributed when the canary is just tolerable.

use super::pmf::Pmf;
use crate::power::Regression;
use crate::{Counts, Phi, Rate, Ratio};

/// Which hypothesis a test holds against the canary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// The canary fails at most so many times as often as the baseline does.
    ///
    /// Given the errors of both, the canary's are binomial: exactly for Poisson counts, conservatively for requests that
    /// fail one by one (Przyborowski & Wilenski 1940; sequentially Kulldorff et al. 2011).
    Ratio(Ratio),
    /// The canary fails at most at this rate.
    One(Rate),
    /// The canary fails at most as often as the baseline, for counts of requests only: exact where much fails, wrong for
    /// counts that are not requests (Fisher's exact test).
    Hypergeometric,
    /// The baseline fails at most `1/ratio` times as often as the canary: [`Kernel::Ratio`] with the arms exchanged and
    /// the baseline's errors counted. Rejecting shows that the canary is better than the ratio.
    Mirrored(Ratio),
    /// The canary fails at least at this rate; its successes are counted. Rejecting shows that it fails less.
    OneMirrored(Rate),
}

/// A count and what can be expected of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draws {
    /// How many could have been counted.
    pub m: u64,
    /// The probability of each, at the edge of the hypothesis.
    pub theta: f64,
    /// What was counted.
    pub count: u64,
}

impl Kernel {
    /// None where the batch says nothing: no requests of an arm that is needed. Requests without any errors are a count of
    /// nothing out of nothing: they change no sum, but a look at them is one, which may spend what time has made available.
    pub(crate) fn draws(&self, counts: &Counts) -> Option<Draws> {
        let Counts { canary, baseline } = counts;
        let (m, count) = match self {
            Self::One(_) => (canary.requests(), canary.errors()),
            Self::OneMirrored(_) => (canary.requests(), canary.successes()),
            Self::Ratio(_) | Self::Hypergeometric => (counts.errors(), canary.errors()),
            Self::Mirrored(_) => (counts.errors(), baseline.errors()),
        };
        let theta = self.theta(counts)?;
        let exposed = canary.requests() > 0;
        (exposed && theta > 0.0 && theta < 1.0).then_some(Draws { m, theta, count })
    }

    /// Whether the errors of both versions are counted, and not the requests of the canary.
    pub(crate) fn compares(&self) -> bool {
        !matches!(self, Self::One(_) | Self::OneMirrored(_))
    }

    /// The probability of each draw at the edge of the hypothesis; none where an arm that is needed had no requests.
    pub(crate) fn theta(&self, counts: &Counts) -> Option<f64> {
        let (n_c, n_b) = (counts.canary.requests() as f64, counts.baseline.requests() as f64);
        match self {
            Self::One(p0) => Some(p0.get()),
            Self::OneMirrored(p0) => Some(1.0 - p0.get()),
            _ if !counts.comparable() => None,
            Self::Ratio(rho) => Some(rho.get() * n_c / (rho.get() * n_c + n_b)),
            Self::Hypergeometric => Some(n_c / (n_c + n_b)),
            Self::Mirrored(rho) => Some(n_b / (rho.get() * n_c + n_b)),
        }
    }

    /// The same under a regression.
    pub(crate) fn theta_under(&self, counts: &Counts, regression: Regression) -> Option<f64> {
        match self {
            Self::One(_) => Some(regression.canary.get()),
            Self::OneMirrored(_) => Some(1.0 - regression.canary.get()),
            Self::Ratio(_) | Self::Hypergeometric => regression.share(counts),
            Self::Mirrored(_) => regression.share(counts).map(|share| 1.0 - share),
        }
    }

    /// The distribution of the count, before winsorising.
    pub(crate) fn pmf(&self, counts: &Counts, draws: &Draws, phi: Phi) -> Pmf {
        match self {
            // Clustered errors are no draws without replacement; the binomial with their variance is wider than both.
            Self::Hypergeometric if phi == Phi::INDEPENDENT => {
                Pmf::hypergeometric(counts.canary.requests(), counts.baseline.requests(), draws.m)
            }
            _ => Pmf::beta_binomial(draws.m, draws.theta, phi.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xtest::XTest;
    use crate::{Alpha, Arm, Kappa, Progress};

    fn strict() -> XTest {
        XTest::new(Kernel::Ratio(Ratio::STRICT), Alpha::HUNDREDTH, Kappa::default(), Phi::INDEPENDENT)
    }

    /// Errors of 100 requests of the canary and of 900 of the baseline.
    fn counts(x_c: u64, x_b: u64) -> Counts {
        Counts::new(Arm::new(100, x_c).unwrap(), Arm::new(900, x_b).unwrap())
    }

    fn at(u: f64) -> Progress {
        Progress::new(u).unwrap()
    }

    #[test]
    fn a_look_at_requests_without_errors_is_one_and_spends_what_time_has_made_available() {
        let seen = |errors: [u64; 3]| {
            let mut test = strict();
            errors.iter().for_each(|x_c| _ = test.add(&counts(*x_c, 2 - x_c)));
            let early = test.look(at(0.01));
            assert_eq!((early.bound, early.rejected), (None, false));
            assert_eq!(test.look(at(0.99)), early, "nothing was counted");
            test.add(&counts(0, 0));
            let later = test.look(at(1.0));
            assert_eq!((later.sum, later.bound), (early.sum, Some(3)));
            assert!(later.used > 0.0 && later.used <= 0.009, "{later:?}");
            later.rejected
        };
        assert!(!seen([1, 1, 0]) && seen([1, 1, 1]));
    }
}
