//! Kayenta's judge: for each metric a Mann-Whitney test of the candidate's points against those of the stable version,
//! then a score over groups of metrics.
//!
//! Twice: as theirs is (github.com/spinnaker/kayenta at a69573b, modules `kayenta-judge` and `kayenta-mannwhitney`), so
//! that a canary configuration moves over with its verdicts, and with the defect mended that makes those verdicts depend
//! on the unit of the metric. Kept in both: the tolerance is a part of the estimated shift and not of the baseline, so
//! that points of which most are a hundred times worse can pass (spinnaker/spinnaker#6278).

mod brent;
mod difference;
mod judge;
mod outliers;
mod ranks;
mod score;
mod shift;

pub use judge::{Class, Direction, Effect, Judged, Measure, Missing, Outliers, Settings, TOLERANCE, confidence, judge};
pub use outliers::{Fences, fences};
pub use ranks::{MannWhitney, mann_whitney};
pub use score::{BadWeight, Grade, Group, Labelled, Score, Weights, grade, score};
pub use shift::{Roots, Shift, shift};

/// Numbers beyond this overflow when they are added up.
const GREATEST: f64 = 1e300;

/// The values of one side: at least one, none beyond 1e300, in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub struct Values(Vec<f64>);

/// Why numbers are no values.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadValues {
    /// There are none.
    #[error("there are no values")]
    None,
    /// One of them is NaN, infinite or beyond 1e300.
    #[error("{0} among the values; only numbers up to 1e300 can be ranked")]
    NotANumber(f64),
}

impl Values {
    /// Sorts them.
    ///
    /// # Errors
    ///
    /// [`BadValues`] when there are none or one is no number up to 1e300.
    pub fn new(mut values: Vec<f64>) -> Result<Self, BadValues> {
        if let Some(bad) = values.iter().find(|value| value.is_nan() || value.abs() > GREATEST) {
            return Err(BadValues::NotANumber(*bad));
        }
        // -0 is 0, also for the order.
        values.iter_mut().for_each(|value| *value += 0.0);
        values.sort_by(f64::total_cmp);
        if values.is_empty() { Err(BadValues::None) } else { Ok(Self(values)) }
    }

    /// In ascending order.
    pub fn sorted(&self) -> &[f64] {
        &self.0
    }

    fn count(&self) -> f64 {
        self.0.len() as f64
    }

    fn least(&self) -> f64 {
        self.0[0]
    }

    fn greatest(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.count()
    }

    fn constant(&self) -> bool {
        self.least() == self.greatest()
    }
}

#[cfg(test)]
mod tests;
