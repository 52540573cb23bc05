//! The rules side by side on the same releases.

use analysis::release::{ErrorPolicy, Plan};
use analysis::{Counts, Rate};

use crate::cores::runs;
use crate::draw::Draw;
use crate::rollout::{Schedule, Service};
use crate::tally::Tally;
use crate::{ours, peers};

/// The objective lets this part fail: 99 %.
pub const OBJECTIVE: f64 = 0.01;

/// How the releases are made.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Of each point.
    pub runs: usize,
    pub seed: u64,
    pub threads: usize,
}

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Sluice,
    Flagger,
    Argo,
}

impl Rule {
    pub const ALL: [Self; 3] = [Self::Sluice, Self::Flagger, Self::Argo];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sluice => "Sluice",
            Self::Flagger => "Flagger",
            Self::Argo => "Argo Rollouts",
        }
    }
}

/// What becomes of releases of this service, by each of [`Rule::ALL`]: 5, 10, 25 and 50 % of the traffic for five minutes
/// each, a look a minute.
pub fn tallies(setup: &Setup, label: &str, service: &Service) -> [Tally; 3] {
    let schedule = Schedule::ramp(60.0);
    let plan = plan(&schedule);
    let run = |number: u64| {
        let mut draw = Draw::new(setup.seed, label, number);
        let windows: Vec<Counts> = service.rollout(&mut draw, 0.0, &schedule);
        let minute = |look: Option<usize>| look.map(|look| schedule.minute(look));
        Rule::ALL.map(|rule| match rule {
            Rule::Sluice => minute(ours::first_rollback(&plan, &ours::journal(&schedule, &windows))),
            // It holds the share after a failed look, so its releases take their own course.
            Rule::Flagger => peers::flagger(service, &schedule, &mut draw),
            Rule::Argo => minute(peers::argo(&windows)),
        })
    };
    let all = runs(setup.threads, label, setup.runs, run);
    [0, 1, 2].map(|rule| Tally::of(all.iter().map(|minutes| minutes[rule])))
}

/// When releases of this service are taken back by one plan of ours, if they are.
pub fn minutes(setup: &Setup, label: &str, service: &Service, schedule: &Schedule, plan: &Plan) -> Vec<Option<f64>> {
    let run = |number: u64| {
        let windows = service.rollout(&mut Draw::new(setup.seed, label, number), 0.0, schedule);
        ours::first_rollback(plan, &ours::journal(schedule, &windows)).map(|look| schedule.minute(look))
    };
    runs(setup.threads, label, setup.runs, run)
}

/// The same, counted.
pub fn tally(setup: &Setup, label: &str, service: &Service, schedule: &Schedule, plan: &Plan) -> Tally {
    Tally::of(minutes(setup, label, service, schedule, plan))
}

/// One critical metric, `objective: {min: 99}`, `versusStable: {marginPercent: 10}`, `falseRollback: 0.01`; nothing is
/// known of the service's past.
pub fn plan(schedule: &Schedule) -> Plan {
    let policy = ErrorPolicy { objective: Rate::new(OBJECTIVE).ok(), ..ErrorPolicy::default() };
    ours::plan(schedule, policy, |_| ())
}

/// A rate or a share in per cent, with as many digits as it takes.
pub fn percent(rate: f64) -> String {
    let text = format!("{:.2}", 100.0 * rate);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
