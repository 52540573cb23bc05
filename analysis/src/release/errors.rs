//! All tests of one metric, batch by batch.

use super::counted::{Counted, Moment, Stages};
use super::intake::Intake;
use super::lint::regression;
use super::plan::Metric;
use super::policy::ErrorPolicy;
use super::report::{MetricReport, Standing, Test, TestReport};
use super::words;
use crate::accept::Acceptance;
use crate::eproc::{EProcess, Margin};
use crate::history::{Guard, GuardLook};
use crate::ingest::CountBatch;
use crate::power::Regression;
use crate::special::ln_sum_exp;
use crate::xtest::Kernel;
use crate::{Alpha, Counts, Rate, ci};

/// Requests of a window beyond which a counter must be wrong, and the exact tests would take for ever.
const MOST_REQUESTS: u64 = 1 << 30;
/// Windows in which the canary failed, before it can be rolled back. A look counts at most what its rarest hundredth would, which
/// is not less than one error: with hardly any requests, one error would else be enough.
const BAD_WINDOWS: usize = 2;
/// The level of the intervals that are shown.
const SHOWN: f64 = 0.05;

/// A test against a fixed limit, and whether the stable version keeps that limit.
#[derive(Clone, Debug)]
struct Absolute {
    counted: Counted,
    guard: Guard,
    last: Option<GuardLook>,
    /// It rejected while the stable version was ill as well. It stays rejected when that one has recovered, and an outage that is
    /// over is no more the canary's than it was before: it says nothing until a stage begins anew.
    void: bool,
}

impl Absolute {
    fn look(&mut self, second: f64, counts: &Counts, moment: Moment) {
        if let Some(share) = moment.begins.filter(|_| self.void) {
            self.counted.begin(share);
            self.void = false;
        }
        let before = self.counted.rejected();
        self.counted.look(counts, moment);
        let guard = self.guard.look(second, counts.baseline);
        self.void |= !before && self.counted.rejected() && !guard.allows_blame();
        self.last = Some(guard);
    }

    fn may_blame(&self) -> bool {
        !self.void && self.last.is_none_or(GuardLook::allows_blame)
    }

    /// Whether both versions are beyond the limit now.
    fn is_ill(&self) -> bool {
        self.counted.rejected() && self.last.is_some_and(|guard| !guard.allows_blame())
    }
}

/// The state of a metric.
#[derive(Clone, Debug)]
pub(super) struct ErrorTests<'a> {
    metric: &'a Metric,
    policy: &'a ErrorPolicy,
    alpha: Alpha,
    release: Alpha,
    stages: Stages,
    comparison: Counted,
    evidence: EProcess,
    evidence_alpha: Alpha,
    absolute: Vec<Absolute>,
    floor: Option<Counted>,
    acceptance: Acceptance,
    /// The probability with which a regression must have been seen.
    enough: f64,
    looks: Vec<(Counts, Moment)>,
    total: Counts,
    intake: Intake,
}

impl<'a> ErrorTests<'a> {
    /// `alpha` is the metric's, `release` that of the whole release.
    pub fn new(
        metric: &'a Metric,
        policy: &'a ErrorPolicy,
        alpha: Alpha,
        release: Alpha,
        beta: Alpha,
        stages: Stages,
    ) -> Self {
        let (shares, tolerance) = (policy.shares(), &policy.tolerance);
        let counted = |test, kernel, share| Counted::new(test, kernel, alpha.share(share), policy.kappa, policy.phi);
        let absolute = |test, limit: Option<Rate>, share| {
            limit.filter(|_| share > 0.0).map(|limit| Absolute {
                counted: counted(test, Kernel::One(limit), share),
                guard: Guard::new(limit),
                last: None,
                void: false,
            })
        };
        let usual = policy.history.and_then(|history| Rate::new(history.usual()).ok());
        let margin = Margin::new(tolerance.ratio().get(), tolerance.extra()).unwrap_or(Margin::STRICT);
        let evidence_alpha = alpha.share(shares.evidence);
        let past = absolute(Test::History, policy.history.map(|history| history.limit), shares.history);
        Self {
            metric,
            policy,
            alpha,
            release,
            stages,
            comparison: counted(Test::Comparison, tolerance.kernel(), shares.comparison),
            evidence: EProcess::against(margin, evidence_alpha, policy.phi, policy.onset, usual),
            evidence_alpha,
            absolute: past.into_iter().chain(absolute(Test::Objective, policy.objective, shares.objective)).collect(),
            // At all of the metric's alpha: a rollback takes both (intersection-union test, Berger 1982).
            floor: tolerance.floor().map(|floor| counted(Test::Floor, Kernel::One(floor), 1.0)),
            acceptance: Acceptance::new(policy.acceptable(), beta, policy.phi, policy.onset, usual),
            enough: 1.0 - beta.get(),
            looks: Vec::new(),
            total: Counts::default(),
            intake: Intake::default(),
        }
    }

    /// Nothing was counted; the tests stay as they are.
    pub fn lack(&mut self, why: &str) {
        self.intake.lack(why);
    }

    /// Adds what was counted in this step and looks; what proves the canary good may be counted differently, where a bound
    /// lies within a bucket.
    pub fn look(&mut self, step: usize, batch: &CountBatch, to_accept: &Counts) {
        let (window, counts) = (batch.window, batch.counts);
        let arms = [counts.canary, counts.baseline, to_accept.canary, to_accept.baseline];
        if arms.iter().any(|arm| arm.requests() > MOST_REQUESTS) {
            return self.lack("more than a billion requests in one window; check the query");
        }
        let Some(seconds) = self.intake.admit(window) else { return };
        let Some(moment) = self.stages.next(step, seconds) else { return };
        self.total = self.total.and(counts);
        self.comparison.look(&counts, moment);
        self.evidence.look(seconds, &counts);
        self.floor.iter_mut().for_each(|floor| floor.look(&counts, moment));
        let second = window.until.0 as f64 / 1000.0;
        self.absolute.iter_mut().for_each(|absolute| absolute.look(second, &counts, moment));
        self.acceptance.look(seconds, to_accept, moment.release);
        self.looks.push((counts, moment));
    }

    /// What a canary must not be without being seen.
    ///
    /// Where there is no past, the usual rate is that of both arms together: it must not depend on how errors split.
    fn regression(&self) -> Option<Regression> {
        let pooled = (self.total.errors() as f64 + 0.5) / (self.total.requests() as f64 + 1.0);
        regression(self.policy, self.policy.history.map_or(pooled, |history| history.usual()))
    }

    /// The largest power of any test; with a floor, a rollback takes both.
    fn power(&self) -> Option<(f64, f64)> {
        let sought = self.regression().filter(|_| !self.looks.is_empty())?;
        let absolute = self.absolute.iter().filter(|absolute| !absolute.void).map(|absolute| &absolute.counted);
        let tests = absolute.chain([&self.comparison]);
        let largest = tests.map(|test| test.power(&self.looks, sought)).fold(0.0, f64::max);
        let floor = self.floor.as_ref().map_or(1.0, |floor| floor.power(&self.looks, sought));
        Some((sought.canary.get(), largest.min(floor)))
    }

    fn evidence_report(&self) -> TestReport {
        let last = self.evidence.last();
        TestReport {
            test: Test::Evidence,
            alpha: self.evidence_alpha,
            used: None,
            p: last.p,
            sum: None,
            ln_e: last.ln_e_clipped,
            rejected: last.rejected,
        }
    }

    /// The strongest test that has rejected; of those against a limit, only such that may blame the canary.
    fn standing(&self, tests: &[TestReport], power: Option<(f64, f64)>) -> Standing {
        let beyond_floor = self.floor.as_ref().is_none_or(Counted::rejected);
        let absolute = |test: Test| self.absolute.iter().find(|absolute| absolute.counted.test == test);
        let may_blame = |test: Test| absolute(test).is_none_or(Absolute::may_blame);
        let is_ill = |test: Test| absolute(test).is_some_and(Absolute::is_ill);
        let again =
            self.looks.iter().filter(|(counts, _)| counts.canary.errors() > 0).take(BAD_WINDOWS).count() == BAD_WINDOWS;
        let strongest = |wanted: &dyn Fn(Test) -> bool| {
            let rejects = |report: &&TestReport| report.rejected && beyond_floor && again && wanted(report.test);
            let rejecting = tests.iter().filter(rejects);
            rejecting
                .min_by(|a, b| a.adjusted(self.release).total_cmp(&b.adjusted(self.release)))
                .map(|report| report.test)
        };
        if let Some(by) = strongest(&may_blame) {
            Standing::Rejected { by }
        } else if let Some(by) = strongest(&is_ill) {
            Standing::ServiceDegraded { by }
        } else if self.acceptance.accepted() {
            Standing::Accepted
        } else if power.is_some_and(|(_, power)| power >= self.enough) {
            Standing::Sufficient
        } else {
            Standing::Open
        }
    }

    /// All that is to be said at the last look.
    pub fn report(&self) -> MetricReport {
        let power = self.power();
        let mut tests = vec![self.comparison.report(), self.evidence_report()];
        tests.extend(self.absolute.iter().map(|absolute| absolute.counted.report()));
        tests.retain(|test| test.alpha > Alpha::OFF);
        let standing = self.standing(&tests, power);
        let void = |test: Test| self.absolute.iter().any(|absolute| absolute.void && absolute.counted.test == test);
        let by = |test: &&TestReport| match standing {
            Standing::Rejected { by } => by == test.test,
            _ => !void(test.test),
        };
        let p = tests.iter().filter(by).map(|test| test.adjusted(self.release)).fold(1.0, f64::min);
        let ln_e = ln_sum_exp(tests.iter().map(|t| t.ln_e + (t.alpha.get() / self.alpha.get()).ln()));
        let used = tests.iter().filter_map(|test| test.used).sum();
        tests.extend(self.floor.as_ref().map(Counted::report));
        let shown = Rate::new(SHOWN).ok();
        let windows: Vec<Counts> = self.looks.iter().map(|(counts, _)| *counts).collect();
        let mut report = MetricReport {
            name: self.metric.name.clone(),
            critical: self.metric.critical,
            standing,
            counts: self.total,
            canary_rate: shown.and_then(|level| ci::rate(self.total.canary, level)),
            baseline_rate: shown.and_then(|level| ci::rate(self.total.baseline, level)),
            ratio: shown.filter(|_| self.total.comparable()).map(|level| ci::ratio(&windows, level).interval),
            tests,
            alpha: self.alpha,
            used,
            p,
            ln_e,
            power,
            lacking: self.intake.lacking.clone(),
            message: String::new(),
        };
        report.message = words::sentence(&report, self.policy);
        report
    }
}
