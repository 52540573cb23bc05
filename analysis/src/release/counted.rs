//! Exact tests of one metric, stage by stage.

use super::report::{Test, TestReport, ln_calibrated};
use crate::power::{ConditionalPower, Regression};
use crate::xtest::{Kernel, XTest};
use crate::{Alpha, Counts, Kappa, Phi, Progress};

/// When stages begin, what of alpha each has and how far it is.
///
/// A release is one stage, unless what follows must not be judged by what was before: each part that begins anew is a stage,
/// with a part of alpha that was fixed before.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stages {
    /// Seconds by stage.
    planned: Vec<f64>,
    /// The stage of each step.
    of_step: Vec<usize>,
    stage: Option<usize>,
    began: f64,
    active: f64,
}

/// One look within its stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    /// The part of alpha of the stage that begins with this look, if one does.
    pub begins: Option<f64>,
    /// Within the stage.
    pub u: Progress,
    /// Within the release, which is what stages do not divide: the proof that the canary is good.
    pub release: Progress,
}

impl Stages {
    /// Seconds of each step, and whether it begins a stage.
    pub fn new(steps: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let (mut planned, mut of_step) = (Vec::new(), Vec::new());
        for (seconds, begins) in steps {
            match planned.last_mut() {
                Some(stage) if !begins => *stage += seconds,
                _ => planned.push(seconds),
            }
            of_step.push(planned.len() - 1);
        }
        Self { planned, of_step, stage: None, began: 0.0, active: 0.0 }
    }

    /// A batch of so many seconds in this step; none where no time passed.
    pub fn next(&mut self, step: usize, seconds: f64) -> Option<Moment> {
        let total: f64 = self.planned.iter().sum();
        let stage = *self.of_step.get(step).or(self.of_step.last())?;
        let planned = *self.planned.get(stage)?;
        let begins = self.planned.len() > 1 && self.stage != Some(stage);
        if begins {
            (self.stage, self.began) = (Some(stage), self.active);
        }
        self.active += seconds;
        let u = Progress::of(self.active - self.began, planned).ok()?;
        let release = Progress::of(self.active, total).ok()?;
        Some(Moment { begins: begins.then_some(planned / total), u, release })
    }
}

/// An exact test and what it takes to begin it anew.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counted {
    pub test: Test,
    pub kernel: Kernel,
    pub alpha: Alpha,
    kappa: Kappa,
    phi: Phi,
    current: XTest,
    used_before: f64,
}

impl Counted {
    pub fn new(test: Test, kernel: Kernel, alpha: Alpha, kappa: Kappa, phi: Phi) -> Self {
        let current = XTest::new(kernel, alpha, kappa, phi);
        Self { test, kernel, alpha, kappa, phi, current, used_before: 0.0 }
    }

    pub fn look(&mut self, counts: &Counts, moment: Moment) {
        if let Some(share) = moment.begins.filter(|_| !self.rejected()) {
            self.begin(share);
        }
        self.current.add(counts);
        self.current.look(moment.u);
    }

    /// A new stage with this part of alpha, whatever was said before.
    pub fn begin(&mut self, share: f64) {
        self.used_before += self.current.last().used;
        self.current = XTest::new(self.kernel, self.alpha.share(share), self.kappa, self.phi);
    }

    pub fn rejected(&self) -> bool {
        self.current.last().rejected
    }

    pub fn report(&self) -> TestReport {
        let last = self.current.last();
        TestReport {
            test: self.test,
            alpha: self.alpha,
            used: Some(self.used_before + last.used),
            p: last.p,
            sum: Some((last.sum, last.bound)),
            ln_e: ln_calibrated(last.p),
            rejected: last.rejected,
        }
    }

    /// The probability that the regression would have been rejected over these looks.
    pub fn power(&self, looks: &[(Counts, Moment)], regression: Regression) -> f64 {
        let begin =
            |share| ConditionalPower::new(self.kernel, self.alpha.share(share), self.kappa, self.phi, regression);
        let mut missed_before = 1.0;
        let mut current = begin(1.0);
        for (counts, moment) in looks {
            if let Some(share) = moment.begins {
                missed_before *= 1.0 - current.power();
                current = begin(share);
            }
            current.add(counts);
            current.look(moment.u);
        }
        1.0 - missed_before * (1.0 - current.power())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_one_stage_and_its_progress_is_active_time() {
        let mut stages = Stages::new([(60.0, false), (60.0, false)]);
        let u = |moment: Option<Moment>| (moment.unwrap().begins, moment.unwrap().u.get());
        assert_eq!(u(stages.next(0, 30.0)), (None, 0.25));
        assert_eq!(u(stages.next(1, 30.0)), (None, 0.5));
        assert_eq!(u(stages.next(7, 120.0)), (None, 1.5));
    }

    #[test]
    fn a_strict_release_begins_a_stage_with_every_step_and_its_own_progress_goes_on() {
        let mut stages = Stages::new([(60.0, true), (180.0, true)]);
        let u = |moment: Option<Moment>| moment.map(|at| (at.begins, at.u.get(), at.release.get())).unwrap();
        assert_eq!(u(stages.next(0, 30.0)), (Some(0.25), 0.5, 0.125));
        assert_eq!(u(stages.next(0, 60.0)), (None, 1.5, 0.375));
        assert_eq!(u(stages.next(1, 90.0)), (Some(0.75), 0.5, 0.75));
    }

    #[test]
    fn only_what_begins_anew_is_a_stage_of_its_own() {
        let mut stages = Stages::new([(60.0, false), (60.0, false), (180.0, true)]);
        let u = |moment: Option<Moment>| moment.map(|at| (at.begins, at.u.get())).unwrap();
        assert_eq!(u(stages.next(0, 60.0)), (Some(0.4), 0.5));
        assert_eq!(u(stages.next(1, 60.0)), (None, 1.0));
        assert_eq!(u(stages.next(2, 90.0)), (Some(0.6), 0.5));
        assert_eq!(u(stages.next(9, 90.0)), (None, 1.0));
    }
}
