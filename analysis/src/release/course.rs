//! What the exact tests of a metric are likely to see over the steps of a plan.

use super::plan::Step;
use super::policy::ErrorPolicy;
use crate::power::{Forecast, Regression, Schedule};
use crate::xtest::Kernel;
use crate::{Alpha, Rate};

/// Steps with their traffic and looks: one stage, or one for each step where each has a budget of its own.
pub(super) struct Course {
    stages: Vec<Stage>,
}

struct Stage {
    schedule: Schedule,
    /// Its part of alpha.
    share: f64,
    /// When it begins, in seconds.
    begins: f64,
}

impl Course {
    /// At so many requests per second of both versions and a look so often, in seconds; none where one of them is not above
    /// 0, or the looks are too many to be foretold.
    pub fn new(steps: &[Step], strict: bool, requests_per_second: f64, interval: f64) -> Option<Self> {
        let total = seconds(steps);
        let (mut begins, mut stages) = (0.0, Vec::new());
        for steps in steps.chunks(if strict { 1 } else { steps.len().max(1) }) {
            let shares = steps.iter().map(|step| (step.weight, step.seconds));
            let schedule = Schedule::of_shares(shares, requests_per_second, interval).ok()?;
            stages.push(Stage { schedule, share: seconds(steps) / total, begins });
            begins += seconds(steps);
        }
        Some(Self { stages })
    }

    /// By when the metric rolls the regression back, at least: at each look what the best of its exact tests has seen. What
    /// evidence sees beside them is not foretold.
    pub fn forecast(&self, policy: &ErrorPolicy, alpha: Alpha, regression: Regression) -> Forecast {
        let seen = |(kernel, share)| self.seen(kernel, policy, alpha.share(share), regression);
        let best = tests(policy, regression.baseline).map(seen).reduce(|one, other| one.or(&other)).unwrap_or_default();
        match policy.tolerance.floor() {
            // At all of alpha, as the release tests it: a rollback takes both.
            Some(floor) => best.and(&self.seen(Kernel::One(floor), policy, alpha, regression)),
            None => best,
        }
    }

    fn seen(&self, kernel: Kernel, policy: &ErrorPolicy, alpha: Alpha, regression: Regression) -> Forecast {
        let of = |stage: &Stage| {
            let alpha = alpha.share(stage.share);
            stage.schedule.forecast_by_chance(kernel, regression, alpha, policy.kappa, policy.phi)
        };
        self.stages.iter().fold(Forecast::default(), |before, stage| before.then(&of(stage), stage.begins))
    }
}

/// Seconds of all steps.
pub(super) fn seconds(steps: &[Step]) -> f64 {
    steps.iter().map(|step| step.seconds).sum()
}

/// The exact tests that may blame a canary, with their shares. A limit that the service does not keep by itself blames none.
pub(super) fn tests(policy: &ErrorPolicy, usual: Rate) -> impl Iterator<Item = (Kernel, f64)> {
    let shares = policy.shares();
    let limit = |limit: Option<Rate>| limit.filter(|limit| *limit >= usual).map(Kernel::One);
    let tests = [
        (Some(policy.tolerance.kernel()), shares.comparison),
        (limit(policy.history.map(|history| history.limit)), shares.history),
        (limit(policy.objective), shares.objective),
    ];
    tests.into_iter().filter_map(|(kernel, share)| Some((kernel?, share)).filter(|_| share > 0.0))
}
