//! A limit on the error rate from the service's past.

use thiserror::Error;

use crate::special::gamma_inverse;
use crate::{Arm, Rate};

/// Hours that a history must have.
const HOURS: usize = 24;
/// Errors that a block of hours is made to expect.
const BLOCK_ERRORS: u64 = 8;
/// Blocks that a spread can be estimated from.
const BLOCKS: usize = 8;
/// The factor where the past is too quiet to tell its spread.
const QUIET_FACTOR: f64 = 1.5;
/// The least and the largest factor.
const FACTORS: (f64, f64) = (1.2, 5.0);
/// More requests than this in a week are those of no service, and their limit takes for ever.
const MOST_REQUESTS: u64 = 1 << 40;
/// The 95 % point of the normal distribution.
const Z95: f64 = 1.645;

/// What the error rate of the service was, over hours, and what a canary is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct History {
    /// Requests and errors of all hours, all versions together.
    pub total: Arm,
    /// How the rate went up and down, where the past had errors enough to tell.
    pub spread: Option<Spread>,
    /// How many times the usual rate an hour may have.
    pub factor: f64,
    /// The upper 95 % limit of the usual rate.
    pub upper: f64,
    /// The rate that a canary is held to: `factor` times `upper`, at most 1/2.
    pub limit: Rate,
}

/// How the error rate went up and down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Hours of a block.
    pub block_hours: usize,
    /// Whole blocks.
    pub blocks: usize,
    /// The variance of a block's rate beyond chance, over the square of its mean.
    pub frailty_variance: f64,
}

/// Why there is no history.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HistoryError {
    /// Too few hours.
    #[error("the history has {0} hours; {HOURS} are needed, a week is best")]
    TooShort(usize),
    /// Nothing happened.
    #[error("the history has no requests; check that its queries select the service")]
    NoRequests,
    /// More than there can be.
    #[error("the history has {0} requests, which is more than any service has; check its queries")]
    TooMany(u64),
}

impl History {
    /// From requests and errors by hour, oldest first: 24 hours to a week right before the rollout.
    ///
    /// The usual rate is bounded by the exact Poisson limit (Garwood 1936). Around it the rate of an hour is log-normal,
    /// with a variance estimated by moments from blocks of hours with at least eight errors each.
    ///
    /// # Errors
    ///
    /// When there are fewer than 24 hours, or no requests in them, or far too many.
    pub fn of(hours: &[Arm]) -> Result<Self, HistoryError> {
        if hours.len() < HOURS {
            return Err(HistoryError::TooShort(hours.len()));
        }
        let total = hours.iter().copied().fold(Arm::default(), Arm::and);
        if total.requests() == 0 {
            return Err(HistoryError::NoRequests);
        }
        let spread = spread(hours, total.errors());
        let factor = spread.map_or(QUIET_FACTOR, Spread::factor);
        Ok(Self { spread, ..Self::remembered(total, factor)? })
    }

    /// The same from what is remembered of it: how it went up and down is in the factor.
    ///
    /// # Errors
    ///
    /// When there are no requests or far too many, or the factor is none of those that a past gives.
    pub fn remembered(total: Arm, factor: f64) -> Result<Self, HistoryError> {
        if total.requests() > MOST_REQUESTS {
            return Err(HistoryError::TooMany(total.requests()));
        }
        if total.requests() == 0 || !(FACTORS.0..=FACTORS.1).contains(&factor) {
            return Err(HistoryError::NoRequests);
        }
        let upper = gamma_inverse(0.95, total.errors() as f64 + 1.0) / total.requests() as f64;
        let limit = Rate::new((factor * upper).min(0.5)).map_err(|_| HistoryError::NoRequests)?;
        Ok(Self { total, spread: None, factor, upper, limit })
    }

    /// The usual rate; half an error where there was none.
    pub fn usual(&self) -> f64 {
        (self.total.errors() as f64).max(0.5) / self.total.requests() as f64
    }
}

impl Spread {
    /// The 95 % point of a log-normal rate with this variance, in multiples of its median.
    fn factor(self) -> f64 {
        (Z95 * self.frailty_variance.ln_1p().sqrt()).exp().clamp(FACTORS.0, FACTORS.1)
    }
}

/// None where the past has too few errors for eight blocks.
fn spread(hours: &[Arm], errors: u64) -> Option<Spread> {
    let wanted = (errors / BLOCK_ERRORS).min(hours.len() as u64) as usize;
    if wanted < BLOCKS {
        return None;
    }
    let block_hours = hours.len().div_ceil(wanted);
    let blocks: Vec<Arm> =
        hours.chunks_exact(block_hours).map(|hours| hours.iter().copied().fold(Arm::default(), Arm::and)).collect();
    let whole = blocks.iter().copied().fold(Arm::default(), Arm::and);
    // All errors in the hours that fill no block: the rate goes up and down beyond what can be measured.
    let Some(p) = whole.rate().filter(|p| *p > 0.0) else {
        return Some(Spread { block_hours, blocks: blocks.len(), frailty_variance: f64::MAX });
    };
    let k = blocks.len() as f64;
    let deviations: f64 =
        blocks.iter().map(|block| (block.errors() as f64 - block.requests() as f64 * p).powi(2)).sum();
    let squares: f64 = blocks.iter().map(|block| (block.requests() as f64).powi(2)).sum();
    let beyond_chance = k / (k - 1.0) * deviations - whole.errors() as f64;
    Some(Spread { block_hours, blocks: blocks.len(), frailty_variance: (beyond_chance / (p * p * squares)).max(0.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::near::near;

    fn hours(errors: impl Iterator<Item = u64>) -> Vec<Arm> {
        errors.map(|x| Arm::new(3_600, x).unwrap()).collect()
    }

    #[test]
    fn a_day_is_needed_and_requests_in_it() {
        assert_eq!(History::of(&hours((0..23).map(|_| 1))), Err(HistoryError::TooShort(23)));
        assert_eq!(History::of(&[Arm::default(); 24]), Err(HistoryError::NoRequests));
        assert_eq!(HistoryError::TooShort(3).to_string(), "the history has 3 hours; 24 are needed, a week is best");
    }

    #[test]
    fn a_past_without_errors_still_has_a_limit() {
        let history = History::of(&hours((0..24).map(|_| 0))).unwrap();
        assert_eq!((history.spread, history.factor), (None, 1.5));
        near(history.limit.get(), 1.5 * 20f64.ln() / 86_400.0, 1e-12);
    }

    #[test]
    fn a_rate_that_swings_by_half_in_a_day_is_given_room_for_it() {
        let swing = |hour: u32| (f64::from(hour) * std::f64::consts::TAU / 24.0).sin();
        let history = History::of(&hours((0..168).map(|h| (180.0 * (1.0 + 0.5 * swing(h))) as u64))).unwrap();
        assert!((1.6..1.9).contains(&history.factor), "{}", history.factor);
    }

    #[test]
    fn an_outage_in_the_past_widens_the_limit_to_five_times_at_most() {
        let history = History::of(&hours((0..168).map(|h| if h == 9 { 3_600 } else { 2 }))).unwrap();
        assert_eq!(history.factor, 5.0);
        assert!(history.limit.get() <= 0.5);
        let broken = History::of(&hours((0..24).map(|_| 3_600))).unwrap();
        assert_eq!(broken.limit.get(), 0.5);
    }

    #[test]
    fn errors_only_in_the_hours_that_fill_no_block_give_the_widest_limit() {
        let history = History::of(&hours((0..25).map(|h| if h == 24 { 100 } else { 0 }))).unwrap();
        assert_eq!(history.factor, 5.0);
    }
}
