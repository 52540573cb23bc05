//! One decision out of the standing of all metrics.

use super::plan::Plan;
use super::report::{MetricReport, Standing};

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Take the canary away.
    Rollback,
    /// Keep the weight, whatever the clock says.
    Hold,
    /// All is done; the canary is the new stable version.
    Promote,
    /// Go to the next step.
    Advance,
    /// There was not enough evidence in time; what then is the policy's.
    Inconclusive,
    /// Keep on looking.
    Continue,
}

/// What is known beside the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Why the canary cannot run at all, such as pods that crash.
    pub broken: Option<String>,
    /// Why the service as a whole burns its budget.
    pub burning: Option<String>,
}

/// Where the step is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position<'a> {
    pub plan: &'a Plan,
    pub step: usize,
    /// Seconds since it began.
    pub age: f64,
    /// In this step, with this one.
    pub looks: u32,
    pub signals: &'a Signals,
    /// Why the split of the traffic is not what was set.
    pub split: Option<String>,
}

/// The first rule that holds, from the worst to the best; and why.
pub(super) fn first_rule(at: &Position, metrics: &[MetricReport]) -> (Decision, String) {
    let critical = || metrics.iter().filter(|metric| metric.critical);
    let all = |good: &dyn Fn(&MetricReport) -> bool| critical().all(good);
    let find = |wanted: &dyn Fn(&MetricReport) -> bool| {
        critical().find(|metric| wanted(metric)).map(|metric| format!("{}: {}", metric.name, metric.message))
    };
    let settings = at.plan.settings();
    let step = at.plan.step(at.step);
    let onward = if at.plan.is_last(at.step) { Decision::Promote } else { Decision::Advance };
    let sufficient = all(&MetricReport::is_sufficient);
    let (done, looked) = (at.age >= step.seconds, at.looks >= settings.least_looks);

    if let Some(why) = &at.signals.broken {
        return (Decision::Rollback, why.clone());
    }
    if let Some(why) = find(&|metric| matches!(metric.standing, Standing::Rejected { .. })) {
        return (Decision::Rollback, why);
    }
    if let Some(why) = &at.signals.burning {
        let worse = settings.rollback_on_burn.then(|| find(&looks_worse)).flatten();
        return worse.map_or_else(
            || (Decision::Hold, format!("the service burns its budget: {why}")),
            |metric| (Decision::Rollback, format!("the service burns its budget: {why}; {metric}")),
        );
    }
    if let Some(why) = &at.split {
        return (overdue(at, step.seconds, Decision::Hold), why.clone());
    }
    if let Some(why) = find(&|metric| matches!(metric.standing, Standing::ServiceDegraded { .. })) {
        return (Decision::Hold, why);
    }
    if looked && all(&|metric| metric.standing == Standing::Accepted) {
        return (onward, "every critical metric is proven good enough".into());
    }
    if looked && done && sufficient {
        return (onward, "the step is done and a regression would have been seen".into());
    }
    let open = find(&|metric| !metric.is_sufficient()).unwrap_or_else(|| "the step is not done".into());
    (overdue(at, step.seconds, Decision::Continue), open)
}

/// Once a step has waited as long as it may, it is inconclusive.
fn overdue(at: &Position, seconds: f64, before: Decision) -> Decision {
    if at.age >= seconds + at.plan.settings().longest_hold { Decision::Inconclusive } else { before }
}

/// Whether the comparison with the stable version is significant by itself at 5 %.
fn looks_worse(metric: &MetricReport) -> bool {
    use super::report::Test;
    metric.tests.iter().any(|test| test.test == Test::Comparison && test.p <= 0.05)
}
