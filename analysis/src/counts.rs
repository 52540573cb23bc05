//! What both versions did in the same window: requests and errors.

use thiserror::Error;

/// Requests of one version in a window, and how many of them failed; never more than there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Arm {
    requests: u64,
    errors: u64,
}

/// More errors than requests: the two queries do not count the same requests.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{errors} errors of {requests} requests; let both queries count the same requests over the same window")]
pub struct DataError {
    /// As measured.
    pub requests: u64,
    /// As measured.
    pub errors: u64,
}

impl Arm {
    /// # Errors
    ///
    /// When there are more errors than requests.
    pub fn new(requests: u64, errors: u64) -> Result<Self, DataError> {
        if errors > requests { Err(DataError { requests, errors }) } else { Ok(Self { requests, errors }) }
    }

    /// As many errors as there can be, and what was wrong, if anything.
    pub fn clamped(requests: u64, errors: u64) -> (Self, Option<DataError>) {
        (Self { requests, errors: errors.min(requests) }, Self::new(requests, errors).err())
    }

    /// How many requests there were.
    pub fn requests(self) -> u64 {
        self.requests
    }

    /// How many of them failed.
    pub fn errors(self) -> u64 {
        self.errors
    }

    /// How many of them did not fail.
    pub fn successes(self) -> u64 {
        self.requests - self.errors
    }

    /// The share that failed; none without requests.
    pub fn rate(self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors as f64 / self.requests as f64)
    }

    /// Both windows together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            errors: self.errors.saturating_add(other.errors),
        }
    }
}

/// The candidate and the stable version that runs beside it, in the same window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// The candidate.
    pub canary: Arm,
    /// The stable version.
    pub baseline: Arm,
}

impl Counts {
    /// Both arms.
    pub fn new(canary: Arm, baseline: Arm) -> Self {
        Self { canary, baseline }
    }

    /// Errors of both arms.
    pub fn errors(&self) -> u64 {
        self.canary.errors.saturating_add(self.baseline.errors)
    }

    /// Requests of both arms.
    pub fn requests(&self) -> u64 {
        self.canary.requests.saturating_add(self.baseline.requests)
    }

    /// Whether both arms had requests, without which nothing can be compared.
    pub fn comparable(&self) -> bool {
        self.canary.requests > 0 && self.baseline.requests > 0
    }

    /// Both windows together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { canary: self.canary.and(other.canary), baseline: self.baseline.and(other.baseline) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_errors_than_requests_are_cut_and_said() {
        let (arm, wrong) = Arm::clamped(10, 12);
        assert_eq!((arm.errors(), arm.successes()), (10, 0));
        assert_eq!(
            wrong.unwrap().to_string(),
            "12 errors of 10 requests; let both queries count the same requests over the same window"
        );
        assert_eq!(Arm::clamped(10, 10), (Arm::new(10, 10).unwrap(), None));
    }

    #[test]
    fn an_arm_without_requests_has_no_rate() {
        assert_eq!(Arm::default().rate(), None);
        assert_eq!(Arm::new(4, 1).unwrap().rate(), Some(0.25));
        assert!(!Counts::new(Arm::default(), Arm::new(4, 1).unwrap()).comparable());
    }
}
