//! Did the routing take effect? Tests of the split of requests against the weight that was set.

use serde::{Deserialize, Serialize};

use crate::eproc::WORSE;
use crate::eproc::bernoulli::ln_factor_one;
use crate::special::{ln_gamma, ln_sum_exp};
use crate::{Arm, Rate};

/// How far from the weight the split may be, as a part of the weight.
const RELATIVE: f64 = 0.25;
/// And on top of that.
const ABSOLUTE: f64 = 0.01;
/// Requests share connections, and a connection is routed once.
const DESIGN_EFFECT: f64 = 10.0;
/// Probability that a split within the band is ever called a mismatch.
const LEVEL: f64 = 0.0005;

/// Why a split cannot be tested.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// The weight is not a share.
    #[error("a weight of {0} is not between 0 and 1; write 5 % as 0.05")]
    NotAWeight(f64),
    /// The shares are not above 0 or do not add up to 1.
    #[error("shares of {0:?} must be above 0 and add up to 1")]
    NotShares(Vec<f64>),
    /// Not one count for each share.
    #[error("{counts} counts for {shares} shares; give one for each")]
    Uneven {
        /// How many counts there are.
        counts: usize,
        /// How many shares there are.
        shares: usize,
    },
    /// The concentration of the prior is not above 0.
    #[error("a concentration of {0} must be above 0 and finite")]
    NotAConcentration(f64),
}

/// What the split looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    /// Within the band, or too few requests to tell.
    Plausible,
    /// Fewer or more requests reach the candidate than the weight allows.
    Mismatch {
        /// What part of the requests since the weight was set has reached the candidate.
        observed: f64,
        /// The weight.
        weight: f64,
    },
}

/// Watches the split at one weight. Begin anew at each change of the weight, once it has settled.
///
/// The band is `w (1 - 0.25) - 0.01` to `w (1 + 0.25) + 0.01`. Each side is watched by the likelihood ratio of a
/// Bernoulli share at the edge of the band against larger odds, mixed over six odds; by Ville's inequality the ratio ever
/// reaches 1/0.0005 with probability 0.0005 at most (Wald 1945; Robbins 1970). It may fall again when routing recovers.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct SplitWatch {
    weight: f64,
    canary: u64,
    stable: u64,
}

impl SplitWatch {
    /// At a weight from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`SplitError::NotAWeight`].
    pub fn new(weight: f64) -> Result<Self, SplitError> {
        if (0.0..=1.0).contains(&weight) {
            Ok(Self { weight, canary: 0, stable: 0 })
        } else {
            Err(SplitError::NotAWeight(weight))
        }
    }

    /// Adds the requests of a window. Only the totals matter, so the order and the cut of windows do not.
    pub fn add(&mut self, canary: u64, stable: u64) {
        self.canary = self.canary.saturating_add(canary);
        self.stable = self.stable.saturating_add(stable);
    }

    /// What the requests so far say.
    pub fn split(&self) -> Split {
        let strongest = self.ln_e_too_many().max(self.ln_e_too_few());
        if strongest < -LEVEL.ln() {
            return Split::Plausible;
        }
        let observed = self.canary as f64 / (self.canary as f64 + self.stable as f64);
        Split::Mismatch { observed, weight: self.weight }
    }

    /// Logarithm of the evidence that the candidate gets more than the band allows.
    pub fn ln_e_too_many(&self) -> f64 {
        let edge = self.weight * (1.0 + RELATIVE) + ABSOLUTE;
        ln_evidence(self.canary, self.stable, edge)
    }

    /// Logarithm of the evidence that the candidate gets less than the band allows.
    pub fn ln_e_too_few(&self) -> f64 {
        let edge = self.weight * (1.0 - RELATIVE) - ABSOLUTE;
        ln_evidence(self.stable, self.canary, 1.0 - edge)
    }
}

/// The mixture over the odds of `x` among `x + rest` against a share of at most `edge`; 0 where no share exceeds it.
fn ln_evidence(x: u64, rest: u64, edge: f64) -> f64 {
    let (Ok(edge), Ok(arm)) = (Rate::new(edge), Arm::new(x.saturating_add(rest), x)) else { return 0.0 };
    // The logarithm of a likelihood ratio is linear in the counts, so that it may be thinned in their stead.
    let terms = WORSE.map(|odds| ln_factor_one(arm, edge, odds) / DESIGN_EFFECT);
    ln_sum_exp(terms) - (WORSE.len() as f64).ln()
}

/// Logarithm of the evidence against a split that is known exactly, such as one by hashing in the client: the mixture
/// of multinomials over a Dirichlet prior with parameters `concentration * shares` (Lindon and Malek 2022,
/// arXiv 2011.03567). Greater than `ln(1/a)` at any time with probability a at most.
///
/// # Errors
///
/// [`SplitError`] when the shares are no shares, do not belong to the counts, or the concentration is not above 0.
pub fn ln_e_exact_split(counts: &[u64], shares: &[f64], concentration: f64) -> Result<f64, SplitError> {
    if counts.len() != shares.len() {
        return Err(SplitError::Uneven { counts: counts.len(), shares: shares.len() });
    }
    let sum: f64 = shares.iter().sum();
    if shares.iter().any(|share| share.is_nan() || *share <= 0.0) || (sum - 1.0).abs() > 1e-9 {
        return Err(SplitError::NotShares(shares.to_vec()));
    }
    if !(concentration > 0.0 && concentration.is_finite()) {
        return Err(SplitError::NotAConcentration(concentration));
    }
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    let rising = |from: f64, by: f64| ln_gamma(from + by) - ln_gamma(from);
    let cells = counts.iter().zip(shares).map(|(count, share)| (*count as f64, *share));
    let mixed: f64 = cells.map(|(x, share)| rising(concentration * share, x) - x * share.ln()).sum();
    Ok(mixed - rising(concentration, total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(weight: f64, canary: u64, stable: u64) -> Split {
        let mut watch = SplitWatch::new(weight).unwrap();
        watch.add(canary, stable);
        watch.split()
    }

    #[test]
    fn a_split_within_the_band_is_plausible() {
        assert_eq!(after(0.05, 50_000, 950_000), Split::Plausible);
        assert_eq!(after(0.05, 70_000, 930_000), Split::Plausible);
        assert_eq!(after(0.05, 30_000, 970_000), Split::Plausible);
    }

    #[test]
    fn a_candidate_that_receives_nothing_is_noticed() {
        assert_eq!(after(0.1, 0, 1_000), Split::Plausible);
        assert_eq!(after(0.1, 0, 4_000), Split::Mismatch { observed: 0.0, weight: 0.1 });
    }

    #[test]
    fn a_candidate_that_receives_everything_is_noticed() {
        assert_eq!(after(0.1, 200, 0), Split::Mismatch { observed: 1.0, weight: 0.1 });
    }

    #[test]
    fn nothing_is_wrong_without_requests() {
        assert_eq!(after(0.5, 0, 0), Split::Plausible);
    }

    #[test]
    fn weights_of_0_and_1_have_one_side_only() {
        assert_eq!(after(0.0, 0, 100_000), Split::Plausible);
        assert_eq!(after(1.0, 100_000, 0), Split::Plausible);
        assert!(matches!(after(0.0, 5_000, 5_000), Split::Mismatch { .. }));
        assert!(matches!(after(1.0, 5_000, 5_000), Split::Mismatch { .. }));
    }

    #[test]
    fn what_is_no_weight_is_refused() {
        assert_eq!(SplitWatch::new(5.0), Err(SplitError::NotAWeight(5.0)));
        assert!(SplitWatch::new(f64::NAN).is_err());
    }

    #[test]
    fn shares_must_be_shares() {
        assert!(ln_e_exact_split(&[1], &[0.5, 0.5], 100.0).is_err());
        assert!(ln_e_exact_split(&[1, 2], &[0.5, 0.4], 100.0).is_err());
        assert!(ln_e_exact_split(&[1, 2], &[1.0, 0.0], 100.0).is_err());
        assert!(ln_e_exact_split(&[1, 2], &[f64::NAN, 0.5], 100.0).is_err());
        assert!(ln_e_exact_split(&[1, 2], &[0.5, 0.5], 0.0).is_err());
    }

    #[test]
    fn the_evidence_is_fair_at_the_edge_of_the_band() {
        // One request at the edge: the mean of the ratio over both outcomes is 1. Ten of them are one after thinning.
        let edge = 0.1 * 1.25 + 0.01;
        let mean = edge * ln_evidence(10, 0, edge).exp() + (1.0 - edge) * ln_evidence(0, 10, edge).exp();
        assert!((mean - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn any_counts_give_a_verdict_whatever_windows_they_came_in(
            weight in 0.0..=1.0_f64, a in any::<[u64; 2]>(), b in any::<[u64; 2]>()
        ) {
            let mut watch = SplitWatch::new(weight).unwrap();
            watch.add(a[0], a[1]);
            watch.add(b[0], b[1]);
            prop_assert!(!watch.ln_e_too_many().is_nan() && !watch.ln_e_too_few().is_nan());
            let at_once = after(weight, a[0].saturating_add(b[0]), a[1].saturating_add(b[1]));
            prop_assert_eq!(watch.split(), at_once);
        }
    }
}
