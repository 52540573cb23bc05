//! Betting on the candidate's being worse: valid at any time, without exchangeable pods.

use super::{Pairs, Pods, Tolerance};
use crate::Alpha;
use crate::eproc::{Mixture, Onset};

/// What part of the largest bet that cannot ruin is made, twice; equal weights.
pub const BETS: [f64; 5] = [0.25, 0.5, 1.0, 1.5, 1.9];

/// What the bets say at a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BettingLook {
    /// Logarithm of the evidence.
    pub ln_e: f64,
    /// The smallest level at which it would have been rejected by now.
    pub p: f64,
    /// Whether the candidate was rejected, now or before.
    pub rejected: bool,
}

/// Tests whether, given the past, the candidate's pod is the worse one in half of the pairs at most.
///
/// Multiplies bets `1 + l (y - 1/2)` on the share y of pairs in which it is worse, ties counting one half (Waudby-Smith
/// and Ramdas 2024), mixed over l and over the start of the regression. A look is worth `ln 1.95` at most; with the
/// usual onset ten of them reject at 0.01 at the earliest.
#[derive(Clone, Debug, PartialEq)]
pub struct Betting {
    tolerance: Tolerance,
    threshold: f64,
    mixture: Mixture,
    highest: f64,
    last: BettingLook,
}

impl Betting {
    /// A test that has seen nothing.
    pub fn new(tolerance: Tolerance, alpha: Alpha, onset: Onset) -> Self {
        let last = BettingLook { ln_e: 0.0, p: 1.0, rejected: false };
        let mixture = Mixture::new(BETS.len(), onset);
        Self { tolerance, threshold: -alpha.get().ln(), mixture, highest: 0.0, last }
    }

    /// Adds the pods of a look, `seconds` after the look before, and looks. Where an arm has no pods nothing changes.
    pub fn look(&mut self, seconds: f64, canary: &Pods, baseline: &Pods) -> BettingLook {
        match Pairs::of(canary, baseline, self.tolerance) {
            None => self.last,
            Some(Pairs { worse, equal, all }) => {
                self.add_share(seconds, (worse as f64 + equal as f64 / 2.0) / all as f64)
            }
        }
    }

    /// Adds a look by its share of worse pairs, from 0 to 1; what is outside is taken as the nearest, and NaN says nothing.
    pub fn add_share(&mut self, seconds: f64, share: f64) -> BettingLook {
        let share = share.clamp(0.0, 1.0);
        let ln_e = self.mixture.step(seconds, &BETS.map(|bet| (bet * (share - 0.5)).ln_1p()));
        self.highest = self.highest.max(ln_e);
        let rejected = self.last.rejected || ln_e >= self.threshold;
        self.last = BettingLook { ln_e, p: (-self.highest).exp(), rejected };
        self.last
    }

    /// What the last look said.
    pub fn last(&self) -> BettingLook {
        self.last
    }
}
