//! What is counted at a look, and how that count is distributed when the canary is just tolerable.

use super::pmf::Pmf;
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
    /// None where the batch says nothing: no requests of an arm that is needed, or no errors at all.
    pub(crate) fn draws(&self, counts: &Counts) -> Option<Draws> {
        let Counts { canary, baseline } = counts;
        let (n_c, n_b) = (canary.requests() as f64, baseline.requests() as f64);
        let theta = |weight: f64, other: f64| weight / (weight + other);
        let draws = match self {
            Self::One(p0) => Draws { m: canary.requests(), theta: p0.get(), count: canary.errors() },
            Self::OneMirrored(p0) => Draws { m: canary.requests(), theta: 1.0 - p0.get(), count: canary.successes() },
            _ if !counts.comparable() => return None,
            Self::Ratio(rho) => {
                Draws { m: counts.errors(), theta: theta(rho.get() * n_c, n_b), count: canary.errors() }
            }
            Self::Hypergeometric => Draws { m: counts.errors(), theta: theta(n_c, n_b), count: canary.errors() },
            Self::Mirrored(rho) => {
                Draws { m: counts.errors(), theta: theta(n_b, rho.get() * n_c), count: baseline.errors() }
            }
        };
        (draws.m > 0 && draws.theta > 0.0 && draws.theta < 1.0).then_some(draws)
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
