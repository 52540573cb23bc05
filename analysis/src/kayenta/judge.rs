//! What Kayenta says of one metric (`NetflixACAJudge.scala`, `MannWhitneyClassifier.scala`).

use statrs::distribution::{ContinuousCDF, Normal};

use super::{BadValues, Roots, Shift, Values, fences, mann_whitney, shift};
use crate::{Alpha, Invalid, Rate};

/// A shift counts if its limit exceeds this part of the estimate. Not to be set in Kayenta either.
pub const TOLERANCE: f64 = 0.25;
/// Constant values get a noise of this part of themselves before they are ranked.
const NOISE: f64 = 1e-5;

/// What a metric is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not worse.
    Pass,
    /// Greater than the stable version's.
    High,
    /// Smaller than the stable version's.
    Low,
    /// A side has no values.
    NoData,
    /// A side has no values, and that counts as a failure.
    NoDataFailMetric,
    /// The values could not be judged.
    Error,
}

/// In which direction a metric gets worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Upwards.
    Increase,
    /// Downwards.
    Decrease,
    /// Any change is for the worse.
    #[default]
    Either,
}

/// What NaN stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Missing {
    /// A point that is not there (`nanStrategy: remove`).
    #[default]
    Remove,
    /// The value 0 (`nanStrategy: replace`).
    Replace,
}

/// What to do with values beyond the fences.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Outliers {
    /// Nothing.
    #[default]
    Keep,
    /// Drop them; the number is how many distances between the quartiles the fences are away, 3 in Kayenta.
    Remove(f64),
}

/// How the size of a change is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Measure {
    /// Mean of the candidate over that of the stable version.
    #[default]
    MeanRatio,
    /// Share of pairs in which the candidate is greater.
    Cles,
}

/// Changes smaller than this are let pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// What the bounds are about.
    pub measure: Measure,
    /// `High` only from here upwards.
    pub allowed_increase: f64,
    /// `Low` only from here downwards.
    pub allowed_decrease: f64,
    /// `High` of a critical metric ends the release from here upwards.
    pub critical_increase: f64,
    /// `Low` of a critical metric ends the release from here downwards.
    pub critical_decrease: f64,
}

impl Effect {
    /// Any change counts, however small.
    pub fn any(measure: Measure) -> Self {
        let none = if measure == Measure::Cles { 0.5 } else { 1.0 };
        let (allowed_increase, allowed_decrease) = (none, none);
        Self { measure, allowed_increase, allowed_decrease, critical_increase: none, critical_decrease: none }
    }
}

/// How a metric is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Which way is worse.
    pub direction: Direction,
    /// What NaN stands for.
    pub missing: Missing,
    /// What becomes of extreme values.
    pub outliers: Outliers,
    /// How great a change must be.
    pub effect: Effect,
    /// A failure of this metric makes the whole score 0.
    pub critical: bool,
    /// Without data the metric fails, but not the release.
    pub must_have_data: bool,
    /// Of the limits of the shift; 0.98 in Kayenta, not to be set there.
    pub confidence: Rate,
    /// As theirs or exact.
    pub roots: Roots,
}

/// The confidence of each of `judgements` planned judgements, so that all of them together call a metric worse by chance
/// with probability `alpha`: `1 - 2 alpha / K`. One judgement at 0.01 is Kayenta's 0.98; it does not correct for more.
///
/// # Errors
///
/// [`Invalid`] when alpha is 0 or from 0.5 upwards with one judgement.
pub fn confidence(alpha: Alpha, judgements: u32) -> Result<Rate, Invalid> {
    Rate::new(1.0 - 2.0 * alpha.get() / f64::from(judgements.max(1)))
}

/// What a metric is called, and from what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Its name.
    pub class: Class,
    /// Whether that makes the whole score 0.
    pub critical: bool,
    /// Mean of the candidate over that of the stable version; none where one of them is 0 or there was no test.
    pub ratio: Option<f64>,
    /// What the test said, if there was one.
    pub shift: Option<Shift>,
}

impl Judged {
    fn untested(class: Class, critical: bool) -> Self {
        Self { class, critical, ratio: None, shift: None }
    }
}

/// Judges the candidate's points of a metric against those of the stable version.
///
/// Kayenta takes random noise for two constant sides; here it is the quantiles of the same normal distribution, so that
/// the same points always get the same verdict. An infinite point, or one beyond 1e300, is an error.
pub fn judge(canary: &[f64], baseline: &[f64], settings: &Settings) -> Judged {
    let clean = |points: &[f64]| cleaned(points, settings);
    let (canary, baseline) = match (clean(canary), clean(baseline)) {
        (Ok(canary), Ok(baseline)) => (canary, baseline),
        (Err(BadValues::NotANumber(_)), _) | (_, Err(BadValues::NotANumber(_))) => {
            return Judged::untested(Class::Error, false);
        }
        (Err(BadValues::None), _) | (_, Err(BadValues::None)) => return without_data(settings),
    };
    // Also where both sides have but one value, and the same one.
    let alike = canary.constant() && baseline.constant() && canary.least() == baseline.least();
    if canary == baseline || alike {
        return Judged::untested(Class::Pass, false);
    }
    let (canary, baseline) = match settings.roots {
        Roots::Kayenta if canary.constant() && baseline.constant() => (noisy(&canary), noisy(&baseline)),
        _ => (canary, baseline),
    };
    let Some(shift) = shift(&canary, &baseline, settings.confidence, settings.roots) else {
        return Judged::untested(Class::Error, false);
    };
    tested(&canary, &baseline, shift, settings)
}

fn cleaned(points: &[f64], settings: &Settings) -> Result<Values, BadValues> {
    let points = points.iter().copied();
    let numbers: Vec<f64> = match settings.missing {
        Missing::Remove => points.filter(|point| !point.is_nan()).collect(),
        Missing::Replace => points.map(|point| if point.is_nan() { 0.0 } else { point }).collect(),
    };
    let values = Values::new(numbers)?;
    let Outliers::Remove(factor) = settings.outliers else { return Ok(values) };
    let fences = fences(&values, factor);
    Values::new(values.sorted().iter().copied().filter(|value| !fences.exclude(*value)).collect())
}

fn without_data(settings: &Settings) -> Judged {
    match settings.missing {
        Missing::Replace => Judged::untested(Class::Pass, false),
        Missing::Remove if settings.must_have_data && !settings.critical => {
            Judged::untested(Class::NoDataFailMetric, false)
        }
        Missing::Remove => Judged::untested(Class::NoData, settings.critical),
    }
}

/// Spreads equal values as a normal sample of them would most likely lie.
fn noisy(values: &Values) -> Values {
    let (centre, count) = (values.least(), values.count());
    let quantile = |i: usize| Normal::standard().inverse_cdf((i as f64 + 0.5) / count);
    // Ascending like the quantiles, since the deviation is not negative.
    Values((0..values.sorted().len()).map(|i| centre + NOISE * centre.abs() * quantile(i)).collect())
}

fn tested(canary: &Values, baseline: &Values, shift: Shift, settings: &Settings) -> Judged {
    let Effect { measure, allowed_increase, allowed_decrease, critical_increase, critical_decrease } = settings.effect;
    let (of_canary, of_baseline) = (canary.mean(), baseline.mean());
    let ratio = (of_canary != 0.0 && of_baseline != 0.0).then(|| of_canary / of_baseline);
    let effect = match measure {
        Measure::MeanRatio => ratio,
        Measure::Cles => Some(mann_whitney(canary, baseline).cles),
    };
    // An effect that cannot be told is not held against the test.
    let at_least = |bound: f64| effect.is_none_or(|effect| effect >= bound);
    let at_most = |bound: f64| effect.is_none_or(|effect| effect <= bound);
    let bound = TOLERANCE * shift.estimate.abs();
    let high = settings.direction != Direction::Decrease && shift.low > bound && at_least(allowed_increase);
    let low = settings.direction != Direction::Increase && shift.high < -bound && at_most(allowed_decrease);
    let (class, severe) = match (high, low) {
        (true, _) => (Class::High, at_least(critical_increase)),
        (false, true) => (Class::Low, at_most(critical_decrease)),
        (false, false) => (Class::Pass, false),
    };
    Judged { class, critical: settings.critical && severe, ratio, shift: Some(shift) }
}
