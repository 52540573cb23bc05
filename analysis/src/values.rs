//! Numbers that cannot be wrong: each is parsed once, where it enters.

use thiserror::Error;

/// A number that cannot be used, and what would do.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{name} is {value}; give {wanted}")]
pub struct Invalid {
    /// What the number is.
    pub name: &'static str,
    /// The number.
    pub value: f64,
    /// What is expected instead.
    pub wanted: &'static str,
}

fn parse(name: &'static str, value: f64, good: bool, wanted: &'static str) -> Result<f64, Invalid> {
    if good { Ok(value) } else { Err(Invalid { name, value, wanted }) }
}

/// The probability of a wrong alarm that a test may have: at least 0 and below 1. A test at 0 is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Alpha(f64);

impl Alpha {
    /// A test at this level never rejects.
    pub const OFF: Self = Self(0.0);
    /// Of a hundred good releases one may be rolled back.
    pub const HUNDREDTH: Self = Self(0.01);
    /// Of twenty bad canaries one may be accepted early.
    pub const TWENTIETH: Self = Self(0.05);

    /// # Errors
    ///
    /// When it is below 0, not below 1, or not a number.
    pub fn new(value: f64) -> Result<Self, Invalid> {
        parse("alpha", value, (0.0..1.0).contains(&value), "a number from 0 to below 1").map(Self)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// A part of it; what is not in [0, 1] is taken as the nearest that is, NaN as nothing.
    pub fn share(self, part: f64) -> Self {
        Self(self.0 * if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) })
    }
}

/// A probability strictly between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// # Errors
    ///
    /// When it is not strictly between 0 and 1.
    pub fn new(value: f64) -> Result<Self, Invalid> {
        parse("rate", value, value > 0.0 && value < 1.0, "a number above 0 and below 1").map(Self)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// How many times the baseline's rate a canary may have: above 0 and finite.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    /// No worse than the baseline.
    pub const STRICT: Self = Self(1.0);
    /// A tenth more errors than the baseline.
    pub const TENTH_MORE: Self = Self(1.1);
    /// Twice the errors of the baseline.
    pub const TWICE: Self = Self(2.0);

    /// # Errors
    ///
    /// When it is not above 0, or not finite.
    pub fn new(value: f64) -> Result<Self, Invalid> {
        parse("ratio", value, value > 0.0 && value.is_finite(), "a number above 0").map(Self)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Design effect: how many times the variance of independent errors the errors have; at least 1 and finite.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Phi(f64);

impl Phi {
    /// Independent errors.
    pub const INDEPENDENT: Self = Self(1.0);

    /// # Errors
    ///
    /// When it is below 1, or not finite.
    pub fn new(value: f64) -> Result<Self, Invalid> {
        parse("design effect", value, value >= 1.0 && value.is_finite(), "a number of at least 1").map(Self)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for Phi {
    fn default() -> Self {
        Self::INDEPENDENT
    }
}

/// Winsorising level: a look counts at most its (1 - kappa) quantile; at least 0 and below 1. 0 counts all.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Kappa(f64);

impl Kappa {
    /// Every count as it is.
    pub const NONE: Self = Self(0.0);

    /// # Errors
    ///
    /// When it is below 0, not below 1, or not a number.
    pub fn new(value: f64) -> Result<Self, Invalid> {
        parse("winsorising level", value, (0.0..1.0).contains(&value), "a number from 0 to below 1").map(Self)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for Kappa {
    /// One scrape is worth at most a p-value of 1 %.
    fn default() -> Self {
        Self(0.01)
    }
}

/// Active time so far as a part of the active time that was planned; at least 0 and finite, above 1 when it takes longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Progress(f64);

impl Progress {
    /// # Errors
    ///
    /// When it is negative or not finite.
    pub fn new(value: f64) -> Result<Self, Invalid> {
        parse("progress", value, value >= 0.0 && value.is_finite(), "a number of at least 0").map(Self)
    }

    /// Active seconds over planned seconds.
    ///
    /// # Errors
    ///
    /// When there is no plan, or a time is negative or not finite.
    pub fn of(active: f64, planned: f64) -> Result<Self, Invalid> {
        parse("planned time", planned, planned > 0.0 && planned.is_finite(), "seconds above 0")?;
        Self::new(active / planned)
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_no_value_of_any_kind() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            assert!(Alpha::new(bad).is_err() && Rate::new(bad).is_err() && Ratio::new(bad).is_err());
            assert!(Phi::new(bad).is_err() && Kappa::new(bad).is_err() && Progress::new(bad).is_err());
            assert!(Progress::of(bad, 1.0).is_err() && Progress::of(1.0, bad).is_err());
        }
    }

    #[test]
    fn a_ratio_of_nothing_and_a_rate_at_its_ends_are_refused() {
        assert!(Ratio::new(0.0).is_err() && Rate::new(0.0).is_err() && Rate::new(1.0).is_err());
        assert!(Alpha::new(1.0).is_err() && Phi::new(0.99).is_err() && Progress::of(0.0, 0.0).is_err());
        assert_eq!(Alpha::new(0.0), Ok(Alpha::OFF));
    }

    #[test]
    fn an_error_says_what_was_wrong_and_what_to_give() {
        assert_eq!(Ratio::new(0.0).unwrap_err().to_string(), "ratio is 0; give a number above 0");
    }

    #[test]
    fn the_shares_of_alpha_never_exceed_it() {
        let alpha = Alpha::new(0.01).unwrap();
        assert_eq!(alpha.share(2.0), alpha);
        assert_eq!(alpha.share(f64::NAN), Alpha::OFF);
        assert_eq!(alpha.share(-1.0), Alpha::OFF);
    }
}
