//! What the planner foretells against what happens.

use analysis::power::{Regression, Schedule as Planned, Step};
use analysis::xtest::Kernel;
use analysis::{Alpha, Kappa, Phi, Rate, Ratio};

use super::grid::minute;
use super::{canary, comparison_only, figure, percent};
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::goals::{Checks, Goals, Held};
use crate::ours;
use crate::rollout::{Schedule, Service};
use crate::tally::Tally;

/// Runs of the goals.
const TRIALS: usize = 1_000;
/// What the forecast may differ by from that of the goals.
const SAME: f64 = 1e-6;

/// Prints the table.
pub fn print(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("The planner against simulation (the comparison alone, alpha 0.75 %): power · minutes");
    println!(
        "{:>4} {:>6} {:>6} | {:>16} {:>16} | {:>14} {:>16}",
        "rps", "base", "effect", "foretold", "(goal)", "simulated", "(goal)"
    );
    let schedule = Schedule::ramp(60.0);
    let alpha = Alpha::new(0.0075).expect("an alpha");
    let plan = ours::plan(&schedule, comparison_only(), |settings| settings.alpha = alpha);
    for row in &goals.planner {
        let rate = canary(row.base, &row.effect);
        let label = format!("planner, {} rps, {} {}", row.rps, percent(row.base), row.effect);
        let service = Service::new(row.rps, row.base, rate);
        let run = |number: u64| {
            let windows = service.rollout(&mut Draw::new(setup.seed, &label, number), 0.0, &schedule);
            minute(&schedule, ours::first_rollback(&plan, &ours::journal(&schedule, &windows)))
        };
        let got = Tally::of(runs(setup.threads, &label, setup.runs, run));
        checks.goal(&label, Held::Many, &got, row.sim, TRIALS);
        let foretold = forecast(&schedule, row.rps, row.base, rate, alpha);
        if (foretold.0 - row.plan.0).abs() > SAME {
            checks.differ.push(format!("{label}: foretold {}, the goal is {}", figure(foretold), figure(row.plan)));
        }
        println!(
            "{:>4} {:>6} {:>6} | {:>16} {:>16} | {got:>14} {:>16}",
            row.rps,
            percent(row.base),
            row.effect,
            figure(foretold),
            figure(row.plan),
            figure(row.sim)
        );
    }
}

fn forecast(schedule: &Schedule, rps: f64, base: f64, canary: f64, alpha: Alpha) -> (f64, Option<f64>) {
    let rate = |rate: f64| Rate::new(rate).expect("a rate");
    let step =
        |(weight, looks): &(f64, usize)| Step { weight: rate(*weight), seconds: *looks as f64 * schedule.seconds };
    let planned = Planned::new(schedule.steps.iter().map(step).collect(), rps, schedule.seconds).expect("a schedule");
    let regression = Regression { canary: rate(canary), baseline: rate(base) };
    let kernel = Kernel::Ratio(Ratio::STRICT);
    let forecast = planned.forecast(kernel, regression, alpha, Kappa::default(), Phi::INDEPENDENT);
    (forecast.steps.last().copied().unwrap_or(0.0), forecast.mean_seconds.map(|seconds| seconds / 60.0))
}
