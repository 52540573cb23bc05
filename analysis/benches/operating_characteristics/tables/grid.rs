//! Every rule side by side, over traffic, base rate and effect.

use analysis::history::History;
use analysis::release::{ErrorPolicy, Plan, Tolerance};
use analysis::{Rate, Ratio};

use super::{figure, percent};
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::goals::{Cell, Checks, Goals, Held};
use crate::rollout::{Schedule, Service};
use crate::tally::Tally;
use crate::{ours, peers};

/// The objective lets this part fail: 99 %.
const SLO: f64 = 0.01;
/// What is promised: of all healthy canaries no more than this part is rolled back.
const ALPHA: f64 = 0.01;

/// Strict: no worse than the stable version.
pub fn main(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("Main table: share rolled back · mean minutes to it (goals in brackets)");
    table("main", setup, &goals.main, Ratio::STRICT, checks);
}

/// With the default tolerated ratio.
pub fn ratio(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("At the default tolerated ratio of 1.1");
    table("ratio 1.1", setup, &goals.ratio_1_1, Ratio::TENTH_MORE, checks);
}

/// The policy of the tables: an objective of 99 %, and the past that there is.
pub fn policy(ratio: Ratio, history: Option<History>, schedule: &Schedule, service: &Service) -> ErrorPolicy {
    let usual = history.map_or(service.base, |history| history.usual());
    ErrorPolicy {
        tolerance: Tolerance::new(ratio, 0.0, None).expect("a tolerance"),
        objective: Rate::new(SLO).ok(),
        history,
        expected_errors: Some(usual * schedule.baseline_requests(service.rps)),
        ..ErrorPolicy::default()
    }
}

/// The plan of a run, with a past drawn for it.
pub fn plan_with_past(ratio: Ratio, schedule: &Schedule, service: &Service, begins: f64, draw: &mut Draw) -> Plan {
    let history = History::of(&service.week(draw, begins)).expect("a week of requests");
    ours::plan(schedule, policy(ratio, Some(history), schedule, service), |_| ())
}

/// The minute of a look.
pub fn minute(schedule: &Schedule, look: Option<usize>) -> Option<f64> {
    look.map(|look| schedule.minute(look))
}

#[derive(Clone, Copy, Default)]
struct Minutes {
    ours: Option<f64>,
    ours_nohist: Option<f64>,
    /// None where the peers were not run.
    peers: Option<[Option<f64>; 4]>,
}

fn table(name: &str, setup: &Setup, rows: &[Cell], ratio: Ratio, checks: &mut Checks) {
    println!(
        "{:>4} {:>6} {:>6} | {:>13} {:>15} | {:>13} {:>15} | {:>13} {:>13} {:>13} {:>13}",
        "rps", "base", "effect", "ours", "(goal)", "no history", "(goal)", "Flagger", "Argo", "Kayenta 5", "Kayenta 1"
    );
    for row in rows {
        cell(name, setup, row, ratio, checks);
    }
}

fn cell(name: &str, setup: &Setup, row: &Cell, ratio: Ratio, checks: &mut Checks) {
    let schedule = Schedule::ramp(60.0);
    let service = Service::new(row.rps, row.base, row.canary);
    let null = row.effect == "null";
    let count = if null { setup.null_runs } else { setup.runs };
    let label = format!("{name}, {} rps, {} {}", row.rps, percent(row.base), row.effect);
    let without = ours::plan(&schedule, policy(ratio, None, &schedule, &service), |_| ());
    let run = |number: u64| {
        let mut draw = Draw::new(setup.seed, &label, number);
        let windows = service.rollout(&mut draw, 0.0, &schedule);
        let journal = ours::journal(&schedule, &windows);
        let with = plan_with_past(ratio, &schedule, &service, 0.0, &mut draw);
        let when = |look| minute(&schedule, look);
        let rules = |draw: &mut Draw| {
            [
                peers::flagger(&service, &schedule, draw),
                when(peers::argo(&windows)),
                when(peers::kayenta(&windows, 5)),
                when(peers::kayenta(&windows, 1)),
            ]
        };
        Minutes {
            ours: when(ours::first_rollback(&with, &journal)),
            ours_nohist: when(ours::first_rollback(&without, &journal)),
            // Kayenta's solver takes longer than all else together; its goals need no more runs than the others.
            peers: (number < setup.runs as u64).then(|| rules(&mut draw)),
        }
    };
    let all = runs(setup.threads, &label, count, run);
    let ours = Tally::of(all.iter().map(|run| run.ours));
    let nohist = Tally::of(all.iter().map(|run| run.ours_nohist));
    let peers = [0, 1, 2, 3].map(|peer| Tally::of(all.iter().filter_map(|run| run.peers.map(|minutes| minutes[peer]))));
    let held = if null { Held::Few } else { Held::Many };
    if null {
        checks.at_most(&format!("{label}, alpha"), &ours, ALPHA);
        checks.at_most(&format!("{label}, no history, alpha"), &nohist, ALPHA);
    }
    checks.goal(&label, held, &ours, row.ours, row.trials);
    checks.goal(&format!("{label}, no history"), held, &nohist, row.ours_nohist, row.trials);
    let figures = [row.flagger, row.argo, row.kayenta5, row.kayenta1];
    for ((got, goal), who) in peers.iter().zip(figures).zip(["Flagger", "Argo", "Kayenta 5", "Kayenta 1"]) {
        checks.same(&format!("{label}, {who}"), got, goal, row.trials);
    }
    let [flagger, argo, kayenta5, kayenta1] = peers;
    println!(
        "{:>4} {:>6} {:>6} | {ours:>13} {:>15} | {nohist:>13} {:>15} | {flagger:>13} {argo:>13} {kayenta5:>13} {kayenta1:>13}",
        row.rps,
        percent(row.base),
        row.effect,
        figure(row.ours),
        figure(row.ours_nohist),
    );
}
