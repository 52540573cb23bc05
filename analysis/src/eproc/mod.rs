//! Evidence that may be looked at for ever: e-processes.
//!
//! A bet whose mean is at most 1 while the canary is tolerable, multiplied up from look to look, reaches `1/alpha` with
//! probability at most alpha, at any time and for any rule of stopping (Ville 1939). It costs power against the exact test,
//! and does what that cannot: tolerances by a difference, rollouts without an end, regressions that begin late.

pub mod bernoulli;
pub mod conjugate;
mod margin;
mod mixture;

pub use margin::{Bet, Margin};
pub use mixture::{Mixture, Onset};

use crate::{Alpha, Counts, Phi, Rate};

/// How many times the tolerated rate the canary might have, for evidence against it.
pub const WORSE: [f64; 6] = [1.25, 1.6, 2.5, 5.0, 12.0, 40.0];
/// The same for evidence that it is better than the margin.
pub const BETTER: [f64; 4] = [0.02, 0.1, 0.3, 0.6];
/// Requests that the guess of the baseline's rate is worth before there are any.
const GUESS_REQUESTS: f64 = 500.0;
/// The guess without a history: half an error in those.
const GUESS_RATE: f64 = 0.001;

/// What the evidence says at a look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ELook {
    /// The logarithm of the evidence.
    pub ln_e: f64,
    /// The same with each look's step held at half of what rejects, so that it takes two looks.
    pub ln_e_clipped: f64,
    /// The smallest level at which it would have been rejected by now.
    pub p: f64,
    /// Whether the hypothesis is rejected, now or before.
    pub rejected: bool,
}

/// Evidence against a margin, over severities and over the start of the regression.
#[derive(Clone, Debug, PartialEq)]
pub struct EProcess {
    margin: Margin,
    severities: &'static [f64],
    phi: Phi,
    threshold: f64,
    guess: f64,
    baseline: (f64, f64),
    mixture: Mixture,
    highest: f64,
    last: ELook,
}

impl EProcess {
    /// Against the hypothesis that the canary is within the margin.
    pub fn against(margin: Margin, alpha: Alpha, phi: Phi, onset: Onset, history: Option<Rate>) -> Self {
        Self::new(margin, &WORSE, alpha, phi, onset, history)
    }

    /// Against the hypothesis that the canary is beyond the margin: evidence for accepting it.
    pub fn accepting(margin: Margin, alpha: Alpha, phi: Phi, onset: Onset, history: Option<Rate>) -> Self {
        Self::new(margin, &BETTER, alpha, phi, onset, history)
    }

    fn new(
        margin: Margin,
        severities: &'static [f64],
        alpha: Alpha,
        phi: Phi,
        onset: Onset,
        history: Option<Rate>,
    ) -> Self {
        let last = ELook { ln_e: 0.0, ln_e_clipped: 0.0, p: 1.0, rejected: false };
        Self {
            margin,
            severities,
            phi,
            threshold: -alpha.get().ln(),
            guess: history.map_or(GUESS_RATE, Rate::get),
            baseline: (0.0, 0.0),
            mixture: Mixture::new(severities.len(), onset),
            highest: 0.0,
            last,
        }
    }

    /// The share of the tolerance that is a constant, by what is known of the baseline before the next batch.
    pub fn absolute_share(&self) -> f64 {
        let (errors, requests) = self.baseline;
        self.margin.absolute_share((errors + self.guess * GUESS_REQUESTS) / (requests + GUESS_REQUESTS))
    }

    /// Adds a batch, `seconds` after the one before, and looks.
    pub fn look(&mut self, seconds: f64, counts: &Counts) -> ELook {
        let share = self.absolute_share();
        let factor = |severity: &f64| {
            let Some(odds) = self.margin.odds(counts) else { return 0.0 };
            self.margin.ln_factor(counts, Bet::growing(*severity, share, odds), self.phi)
        };
        let factors: Vec<f64> = self.severities.iter().map(factor).collect();
        let ln_e = self.mixture.step(seconds, &factors);
        let step = (ln_e - self.last.ln_e).min(self.threshold / 2.0);
        let ln_e_clipped = self.last.ln_e_clipped + step;
        self.highest = self.highest.max(ln_e_clipped);
        let rejected = self.last.rejected || ln_e_clipped >= self.threshold;
        self.last = ELook { ln_e, ln_e_clipped, p: (-self.highest).exp(), rejected };
        self.baseline.0 += counts.baseline.errors() as f64;
        self.baseline.1 += counts.baseline.requests() as f64;
        self.last
    }

    /// What the last look said.
    pub fn last(&self) -> ELook {
        self.last
    }
}

#[cfg(test)]
mod tests;
