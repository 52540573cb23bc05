//! Gauges of pods, such as CPU, memory or the length of a queue: is the candidate's pod worse than a pod of the stable
//! version, by more than is tolerated?
//!
//! Two ways: [`RankTest`] spends its probability exactly and is quick, if pods are exchangeable within a look and looks
//! are independent; [`Betting`] needs only that the candidate is not the worse one on average, and may run for ever.
//! Gauges of the same pods depend on each other from look to look, which makes every test too bold; a tolerance above the
//! spread of healthy pods is what protects, and [`dependence`] measures what is needed.

mod betting;
pub mod dependence;
mod null;
mod rank;

pub use betting::{BETS, Betting, BettingLook};
pub use null::{null_counts, null_distribution};
pub use rank::RankTest;

use crate::Invalid;

/// What is tolerated, and which way is worse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    kind: Kind,
    by: f64,
    worse: Worse,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Relative,
    Absolute,
}

/// Which way a gauge gets worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// Upwards, such as memory.
    Higher,
    /// Downwards, such as a hit rate.
    Lower,
}

impl Tolerance {
    /// A part of the stable version's value, from 0 to below 1; 0.1 is usual. For gauges that are never negative.
    ///
    /// # Errors
    ///
    /// [`Invalid`] outside of that.
    pub fn relative(part: f64, worse: Worse) -> Result<Self, Invalid> {
        let good = (0.0..1.0).contains(&part);
        let invalid = Invalid { name: "relative tolerance", value: part, wanted: "a part from 0 to below 1" };
        if good { Ok(Self { kind: Kind::Relative, by: part, worse }) } else { Err(invalid) }
    }

    /// In the unit of the gauge, at least 0. For gauges that can be negative.
    ///
    /// # Errors
    ///
    /// [`Invalid`] when it is negative or not finite.
    pub fn absolute(by: f64, worse: Worse) -> Result<Self, Invalid> {
        let good = by >= 0.0 && by.is_finite();
        let invalid = Invalid { name: "absolute tolerance", value: by, wanted: "a number of at least 0" };
        if good { Ok(Self { kind: Kind::Absolute, by, worse }) } else { Err(invalid) }
    }

    /// The candidate's value against the worst that is tolerated beside a value of the stable version: `Greater` is worse.
    fn compare(&self, canary: f64, baseline: f64) -> std::cmp::Ordering {
        let sign = if self.worse == Worse::Higher { 1.0 } else { -1.0 };
        let limit = match self.kind {
            Kind::Relative => baseline * (1.0 + sign * self.by),
            Kind::Absolute => baseline + sign * self.by,
        };
        let order = canary.partial_cmp(&limit).unwrap_or(std::cmp::Ordering::Equal);
        if self.worse == Worse::Higher { order } else { order.reverse() }
    }
}

/// One value for each pod of one arm at a look, all of them finite. There may be none.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Pods(Vec<f64>);

impl Pods {
    /// The mean of each pod's samples in the window; a pod without samples is left out.
    ///
    /// # Errors
    ///
    /// [`Invalid`] when a sample is not finite: there is no data then.
    pub fn of_samples<'a>(pods: impl IntoIterator<Item = &'a [f64]>) -> Result<Self, Invalid> {
        let sampled = pods.into_iter().filter(|samples| !samples.is_empty());
        // Divided before they are added, so that the sum cannot overflow.
        let mean = |samples: &[f64]| samples.iter().map(|sample| sample / samples.len() as f64).sum();
        Self::new(sampled.map(mean).collect())
    }

    /// A value for each pod.
    ///
    /// # Errors
    ///
    /// [`Invalid`] when a value is not finite: there is no data then.
    pub fn new(values: Vec<f64>) -> Result<Self, Invalid> {
        match values.iter().find(|value| !value.is_finite()) {
            Some(bad) => Err(Invalid { name: "gauge", value: *bad, wanted: "a finite number" }),
            None => Ok(Self(values)),
        }
    }
}

/// How the pairs of pods compare.
struct Pairs {
    worse: u64,
    equal: u64,
    all: u64,
}

impl Pairs {
    /// None where an arm has no pods.
    fn of(canary: &Pods, baseline: &Pods, tolerance: Tolerance) -> Option<Self> {
        let mut pairs = Self { worse: 0, equal: 0, all: 0 };
        for (v, w) in canary.0.iter().flat_map(|v| baseline.0.iter().map(move |w| (*v, *w))) {
            pairs.all += 1;
            match tolerance.compare(v, w) {
                std::cmp::Ordering::Greater => pairs.worse += 1,
                std::cmp::Ordering::Equal => pairs.equal += 1,
                std::cmp::Ordering::Less => {}
            }
        }
        (pairs.all > 0).then_some(pairs)
    }
}

#[cfg(test)]
mod tests;
