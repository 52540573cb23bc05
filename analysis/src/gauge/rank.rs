//! The exact test on ranks.

use super::{Pairs, Pods, Tolerance, null_distribution};
use crate::xtest::{Pmf, Spend, XLook};
use crate::{Alpha, Kappa, Progress};

/// Counts at each look the pairs in which the candidate's pod is worse than tolerated, and spends its probability over
/// the looks like the exact test on errors. Ties are not worse.
#[derive(Clone, Debug, PartialEq)]
pub struct RankTest {
    tolerance: Tolerance,
    alpha: Alpha,
    kappa: Kappa,
    spend: Spend,
    /// For the numbers of pods of the last look, which seldom change.
    null: Option<Null>,
}

#[derive(Clone, Debug, PartialEq)]
struct Null {
    pods: (usize, usize),
    pmf: Pmf,
    step: u64,
}

impl RankTest {
    /// A test that has seen nothing.
    pub fn new(tolerance: Tolerance, alpha: Alpha, kappa: Kappa) -> Self {
        Self { tolerance, alpha, kappa, spend: Spend::default(), null: None }
    }

    /// Adds the pods of a look; gives the number of worse pairs, none where an arm has no pods, which changes nothing.
    pub fn add(&mut self, canary: &Pods, baseline: &Pods) -> Option<u64> {
        let worse = Pairs::of(canary, baseline, self.tolerance)?.worse;
        self.add_pairs(canary.0.len(), baseline.0.len(), worse);
        Some(worse)
    }

    /// Adds a look by its number of worse pairs among n pods of the candidate and m of the stable version. Without pods
    /// nothing changes; there are never more worse pairs than pairs.
    pub fn add_pairs(&mut self, n: usize, m: usize, worse: u64) {
        if self.null.as_ref().is_none_or(|null| null.pods != (n, m)) {
            let Some((pmf, step)) = null_distribution(n, m) else { return };
            self.null = Some(Null { pods: (n, m), pmf: pmf.winsorised(self.kappa), step });
        }
        if let Some(Null { pods: (n, m), pmf, step }) = &self.null {
            self.spend.add(pmf, worse.min((n * m) as u64) / step);
        }
    }

    /// Looks. Without new pods, or when no time has passed since, it says what it said and spends nothing.
    pub fn look(&mut self, u: Progress) -> XLook {
        self.spend.look(self.alpha, u)
    }

    /// What the last look said.
    pub fn last(&self) -> XLook {
        self.spend.last()
    }

    /// The most that the last look counted; none where that was all of it.
    pub fn cap(&self) -> Option<u64> {
        self.null.as_ref().and_then(|null| null.pmf.cap())
    }
}
