//! Is the candidate slower than the stable version?

use super::{Buckets, Comparison};
use crate::xtest::{Kernel, XLook, XTest};
use crate::{Alpha, Counts, Kappa, Phi, Progress};

/// Tests at each chosen bound whether more of the candidate's requests are over it. The candidate is slower if any of the
/// tests says so; each has an equal part of the probability, and by the union bound they keep it together.
///
/// Against "the candidate is not slower", which is to say that at no bound more of its requests are over it: no shape of
/// the distribution is assumed. Requests over a bound are drawn without replacement from those of both arms.
#[derive(Clone, Debug, PartialEq)]
pub struct Dominance {
    tests: Vec<(Comparison, XTest)>,
}

/// What the tests say at a look.
#[derive(Clone, Debug, PartialEq)]
pub struct DominanceLook {
    /// Whether the candidate was rejected at any bound, now or before.
    pub rejected: bool,
    /// For all bounds together: the least p-value times the number of bounds, at most 1.
    pub p: f64,
    /// One for each comparison.
    pub bounds: Vec<(Comparison, XLook)>,
}

impl Dominance {
    /// Tests that have seen nothing. Without comparisons nothing is ever rejected.
    pub fn new(comparisons: Vec<Comparison>, alpha: Alpha, kappa: Kappa, phi: Phi) -> Self {
        let alpha = alpha.share(1.0 / comparisons.len().max(1) as f64);
        let test = |comparison| (comparison, XTest::new(Kernel::Hypergeometric, alpha, kappa, phi));
        Self { tests: comparisons.into_iter().map(test).collect() }
    }

    /// Adds what both arms did in a window. Where an arm had no requests, or lacks the bounds, nothing changes.
    pub fn add(&mut self, canary: &Buckets, baseline: &Buckets) {
        for (Comparison { canary: at, baseline: against }, test) in &mut self.tests {
            if let (Some(canary), Some(baseline)) = (canary.over(*at), baseline.over(*against)) {
                test.add(&Counts::new(canary, baseline));
            }
        }
    }

    /// Looks. Without a new batch, or when no time has passed since, it says what it said and spends nothing.
    pub fn look(&mut self, u: Progress) -> DominanceLook {
        let bounds: Vec<_> = self.tests.iter_mut().map(|(comparison, test)| (*comparison, test.look(u))).collect();
        let least = bounds.iter().map(|(_, look)| look.p).fold(1.0, f64::min);
        let rejected = bounds.iter().any(|(_, look)| look.rejected);
        DominanceLook { rejected, p: (least * bounds.len().max(1) as f64).min(1.0), bounds }
    }
}
