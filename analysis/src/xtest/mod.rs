//! An exact test that may look as often as it likes.
//!
//! Given the exposures and the errors of both arms together, the canary's errors have a known distribution when it is just
//! tolerable. The distribution of their sum, as far as no bound was crossed, is carried along by convolution; at each
//! look the bound is put where the mass above it is what the spending function allows (Lan & DeMets 1983, with the exact
//! boundaries of Kulldorff et al. 2011 for conditional counts). So the masses add up to at most alpha, whatever the
//! traffic, however often and whenever one looks, as long as exposures do not depend on how errors split between the arms.

mod kernel;
mod pmf;
mod spending;
mod walk;

pub use kernel::Kernel;
pub use pmf::Pmf;
pub use spending::spending;
pub use walk::Walk;

use crate::{Alpha, Counts, Kappa, Phi, Progress};

/// What the test says at a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct XLook {
    /// The sum of the counts, as they count.
    pub sum: u64,
    /// The least sum that rejects; none while even the largest possible one would not.
    pub bound: Option<u64>,
    /// Of alpha, spent so far.
    pub used: f64,
    /// The probability that a canary which is just tolerable had been rejected by now or shows at least this much now.
    pub p: f64,
    /// Whether the canary was rejected, now or before.
    pub rejected: bool,
}

/// The state of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct XTest {
    kernel: Kernel,
    alpha: Alpha,
    kappa: Kappa,
    phi: Phi,
    spend: Spend,
}

impl XTest {
    /// A test that has seen nothing.
    pub fn new(kernel: Kernel, alpha: Alpha, kappa: Kappa, phi: Phi) -> Self {
        Self { kernel, alpha, kappa, phi, spend: Spend::default() }
    }

    /// Adds what both arms did in a window. A batch that says nothing changes nothing; after a rejection nothing does.
    ///
    /// The most that the batch counts, where that is less than it can be.
    pub fn add(&mut self, counts: &Counts) -> Option<u64> {
        let draws = self.kernel.draws(counts)?;
        let pmf = self.kernel.pmf(counts, &draws, self.phi).winsorised(self.kappa);
        self.spend.add(&pmf, draws.count);
        pmf.cap()
    }

    /// Looks. Without a new batch, or when no time has passed since, it says what it said and spends nothing.
    pub fn look(&mut self, u: Progress) -> XLook {
        self.spend.look(self.alpha, u)
    }

    /// What the last look said.
    pub fn last(&self) -> XLook {
        self.spend.last
    }
}

/// The sum, its distribution and what was spent: a test on any count whose distribution is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Spend {
    walk: Walk,
    sum: u64,
    news: bool,
    u: Option<Progress>,
    last: XLook,
}

impl Default for Spend {
    fn default() -> Self {
        let last = XLook { sum: 0, bound: None, used: 0.0, p: 1.0, rejected: false };
        Self { walk: Walk::default(), sum: 0, news: false, u: None, last }
    }
}

impl Spend {
    /// Adds a count and its distribution, capped as the distribution is. After a rejection nothing changes.
    pub fn add(&mut self, pmf: &Pmf, count: u64) {
        if self.last.rejected {
            return;
        }
        self.walk.add(pmf);
        self.sum = self.sum.saturating_add(pmf.capped(count));
        self.news = true;
    }

    /// Looks, spending what of alpha is available at this progress.
    pub fn look(&mut self, alpha: Alpha, u: Progress) -> XLook {
        if self.last.rejected || !self.news || self.u.is_some_and(|before| u <= before) {
            return self.last;
        }
        (self.news, self.u) = (false, Some(u));
        let used = self.last.used;
        let p = (used + self.walk.tail(self.sum)).min(1.0);
        let available = alpha.get() * spending(u) - used;
        let impossible = || self.walk.end().filter(|end| available > 0.0 && self.sum >= *end);
        let bound = self.walk.bound(available).map(|(bound, _)| bound).or_else(impossible);
        let spent = bound.map_or(0.0, |bound| self.walk.cut(bound));
        let rejected = bound.is_some_and(|bound| self.sum >= bound);
        self.last = XLook { sum: self.sum, bound, used: used + spent, p, rejected };
        self.last
    }

    /// What the last look said.
    pub fn last(&self) -> XLook {
        self.last
    }
}

#[cfg(test)]
mod tests;
