//! What is said about a metric at a look.

use crate::ci::Interval;
use crate::{Alpha, Counts};

/// The tests of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// Exactly against the stable version.
    Comparison,
    /// By evidence against the stable version.
    Evidence,
    /// Against what the service's past allows.
    History,
    /// Against what the objective allows.
    Objective,
    /// Against the floor below which no canary is rolled back.
    Floor,
    /// Pods against pods of the stable version, by rank.
    Ranks,
}

/// What one test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestReport {
    /// Which.
    pub test: Test,
    /// What of alpha it may spend.
    pub alpha: Alpha,
    /// What it has spent; none for evidence, which spends nothing by looking.
    pub used: Option<f64>,
    /// The smallest level at which it would have rejected by now.
    pub p: f64,
    /// The sum that is tested and the least one that rejects, for exact tests.
    pub sum: Option<(u64, Option<u64>)>,
    /// The logarithm of the evidence.
    pub ln_e: f64,
    /// Whether it has rejected the canary, now or before.
    pub rejected: bool,
}

/// Where a metric stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The canary is worse than tolerated.
    Rejected {
        /// The first test that says so.
        by: Test,
    },
    /// The canary is beyond an absolute limit and so is the stable version: the service is ill and the canary not blamed.
    ServiceDegraded {
        /// The test that would have rejected.
        by: Test,
    },
    /// Proven good enough.
    Accepted,
    /// Not proven, but a canary as bad as must be seen would have been rolled back by now with a probability of 1 less beta.
    Sufficient,
    /// There is not enough to tell.
    Open,
}

/// One metric at a look, with all that a person needs to judge it.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricReport {
    /// The metric.
    pub name: String,
    /// Whether it decides.
    pub critical: bool,
    /// Where it stands.
    pub standing: Standing,
    /// All requests and errors so far; none of gauges.
    pub counts: Counts,
    /// Rates and their ratio: 95 % confidence sequences, none without requests.
    pub canary_rate: Option<Interval>,
    /// The stable version's.
    pub baseline_rate: Option<Interval>,
    /// Of the canary's rate to the stable version's.
    pub ratio: Option<Interval>,
    /// The tests.
    pub tests: Vec<TestReport>,
    /// What of alpha the metric may spend.
    pub alpha: Alpha,
    /// What of it was spent by exact tests.
    pub used: f64,
    /// The smallest alpha of the release at which this metric would have rolled it back by now, by the test that did if
    /// one has.
    pub p: f64,
    /// Logarithm of the evidence of all tests together.
    pub ln_e: f64,
    /// The rate that must be seen, and the probability that a canary with it would have been rolled back by now.
    pub power: Option<(f64, f64)>,
    /// Why there is nothing new at this look.
    pub lacking: Option<String>,
    /// One sentence for people.
    pub message: String,
}

impl TestReport {
    /// The level of the whole release at which this test would have rejected by now.
    pub(super) fn adjusted(&self, release: Alpha) -> f64 {
        (self.p * release.get() / self.alpha.get()).min(1.0)
    }
}

/// The logarithm of the evidence that a p-value is worth: `1 / (2 sqrt p)` (Vovk & Wang 2021).
pub(super) fn ln_calibrated(p: f64) -> f64 {
    -(2f64.ln()) - 0.5 * p.max(f64::MIN_POSITIVE).ln()
}

impl MetricReport {
    /// Whether a step may be done as far as this metric knows.
    pub fn is_sufficient(&self) -> bool {
        matches!(self.standing, Standing::Accepted | Standing::Sufficient)
    }
}
