//! How soon a good canary is proven good, and how often a bad one is.

use analysis::Ratio;

use super::grid::{minute, policy};
use super::{figure, percent};
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::goals::{Checks, Goals, Held};
use crate::ours;
use crate::rollout::{Schedule, Service};
use crate::tally::Tally;

/// Runs of the goals.
const TRIALS: usize = 2_000;
/// The most that may be accepted of canaries which are not good enough.
const BETA: f64 = 0.05;

/// Prints the table.
pub fn print(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("Proven good enough by minute 20 · mean minutes (twice the base rate or 0.5 %, beta 5 %)");
    println!("{:>4} {:>6} {:>7} {:<14} | {:>14} {:>15}", "rps", "base", "canary", "", "accepted", "(goal)");
    let schedule = Schedule::ramp(60.0);
    for row in &goals.accept {
        let service = Service::new(row.rps, row.base, row.canary);
        let label = format!("acceptance, {} rps, {} and {:.2} %", row.rps, percent(row.base), 100.0 * row.canary);
        let plan = ours::plan(&schedule, policy(Ratio::STRICT, None, &schedule, &service), |_| ());
        let run = |number: u64| {
            let windows = service.rollout(&mut Draw::new(setup.seed, &label, number), 0.0, &schedule);
            minute(&schedule, ours::first_accepted(&plan, &ours::journal(&schedule, &windows)))
        };
        let got = Tally::of(runs(setup.threads, &label, setup.runs, run));
        if row.intolerable {
            checks.at_most(&label, &got, BETA);
        } else {
            checks.goal(&label, Held::Many, &got, row.accept, TRIALS);
        }
        let truth = if row.intolerable { "not tolerable" } else { "healthy" };
        println!(
            "{:>4} {:>6} {:>7} {truth:<14} | {got:>14} {:>15}",
            row.rps,
            percent(row.base),
            format!("{:.2} %", 100.0 * row.canary),
            figure(row.accept)
        );
    }
}
