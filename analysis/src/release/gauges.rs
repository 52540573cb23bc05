//! The test of one metric of gauges, look by look.

use super::counted::Stages;
use super::intake::Intake;
use super::plan::Metric;
use super::policy::GaugePolicy;
use super::report::{MetricReport, Standing, Test, TestReport, ln_calibrated};
use super::{PodValues, words};
use crate::gauge::{Pods, RankTest};
use crate::{Alpha, Counts, Kappa};

/// The state of a metric.
#[derive(Clone, Debug)]
pub(super) struct GaugeTests<'a> {
    metric: &'a Metric,
    policy: &'a GaugePolicy,
    alpha: Alpha,
    release: Alpha,
    stages: Stages,
    ranks: RankTest,
    /// The same test, had every pod been worse at every look.
    worst: RankTest,
    used_before: f64,
    worse: u64,
    pairs: u64,
    intake: Intake,
}

impl<'a> GaugeTests<'a> {
    /// `alpha` is the metric's, `release` that of the whole release.
    pub fn new(metric: &'a Metric, policy: &'a GaugePolicy, alpha: Alpha, release: Alpha, stages: Stages) -> Self {
        let test = RankTest::new(policy.tolerance, alpha, policy.kappa);
        let (ranks, worst) = (test.clone(), test);
        let (used_before, worse, pairs, intake) = (0.0, 0, 0, Intake::default());
        Self { metric, policy, alpha, release, stages, ranks, worst, used_before, worse, pairs, intake }
    }

    /// Nothing was measured; the test stays as it is.
    pub fn lack(&mut self, why: &str) {
        self.intake.lack(why);
    }

    /// Adds the pods of a look in this step. A value that is no number makes the whole look no data.
    pub fn look(&mut self, step: usize, values: &PodValues) {
        let parsed = (Pods::new(values.canary.clone()), Pods::new(values.baseline.clone()));
        let (canary, baseline) = match parsed {
            (Ok(canary), Ok(baseline)) => (canary, baseline),
            (Err(wrong), _) | (_, Err(wrong)) => return self.intake.lack(wrong.to_string()),
        };
        let Some(seconds) = self.intake.admit(values.window) else { return };
        let Some(moment) = self.stages.next(step, seconds) else { return };
        if let Some(share) = moment.begins {
            self.begin(share);
        }
        if let Some(worse) = self.ranks.add(&canary, &baseline) {
            let (n, m) = (values.canary.len(), values.baseline.len());
            self.worst.add_pairs(n, m, (n * m) as u64);
            self.worse += worse;
            self.pairs += (n * m) as u64;
        }
        self.ranks.look(moment.u);
        self.worst.look(moment.u);
    }

    /// A new stage with this part of alpha; what has rejected stays so.
    fn begin(&mut self, share: f64) {
        let new = || RankTest::new(self.policy.tolerance, self.alpha.share(share), self.policy.kappa);
        if !self.ranks.last().rejected {
            self.used_before += self.ranks.last().used;
            self.ranks = new();
        }
        if !self.worst.last().rejected {
            self.worst = new();
        }
    }

    /// All that is to be said at the last look.
    ///
    /// There is no model of how much worse a gauge may be, so what counts as enough is that the worst canary there can be
    /// would have been rolled back.
    pub fn report(&self) -> MetricReport {
        let last = self.ranks.last();
        let test = TestReport {
            test: Test::Ranks,
            alpha: self.alpha,
            used: Some(self.used_before + last.used),
            p: last.p,
            sum: Some((last.sum, last.bound)),
            ln_e: ln_calibrated(last.p),
            rejected: last.rejected,
        };
        let standing = match (last.rejected, self.worst.last().rejected) {
            (true, _) => Standing::Rejected { by: Test::Ranks },
            (false, true) => Standing::Sufficient,
            (false, false) => Standing::Open,
        };
        let p = test.adjusted(self.release);
        MetricReport {
            name: self.metric.name.clone(),
            critical: self.metric.critical,
            standing,
            counts: Counts::default(),
            canary_rate: None,
            baseline_rate: None,
            ratio: None,
            tests: vec![test],
            alpha: self.alpha,
            used: self.used_before + last.used,
            p,
            ln_e: test.ln_e,
            power: None,
            lacking: self.intake.lacking.clone(),
            message: words::pods(standing, self.worse, self.pairs, p),
        }
    }
}

impl GaugePolicy {
    /// With this tolerance, and each look winsorised as by default.
    pub fn new(tolerance: crate::gauge::Tolerance) -> Self {
        Self { tolerance, kappa: Kappa::default() }
    }
}
