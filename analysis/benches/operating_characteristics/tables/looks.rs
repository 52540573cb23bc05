//! The same engine at every scrape of 15 s.

use analysis::Ratio;

use super::grid::{minute, plan_with_past};
use super::{canary, figure, percent};
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::goals::{Checks, Goals, Held};
use crate::ours;
use crate::rollout::{Schedule, Service};
use crate::tally::Tally;

/// Prints the table.
pub fn print(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("Ours, with a look every 15 s");
    println!("{:>4} {:>6} {:>6} | {:>14} {:>15}", "rps", "base", "effect", "ours", "(goal)");
    let schedule = Schedule::ramp(15.0);
    for row in &goals.every15s {
        let label = format!("looks, {} rps, {} {}", row.rps, percent(row.base), row.effect);
        let service = Service::new(row.rps, row.base, canary(row.base, &row.effect));
        let run = |number: u64| {
            let mut draw = Draw::new(setup.seed, &label, number);
            let journal = ours::journal(&schedule, &service.rollout(&mut draw, 0.0, &schedule));
            let plan = plan_with_past(Ratio::STRICT, &schedule, &service, 0.0, &mut draw);
            minute(&schedule, ours::first_rollback(&plan, &journal))
        };
        let got = Tally::of(runs(setup.threads, &label, setup.runs, run));
        let held = if row.effect == "null" { Held::Few } else { Held::Many };
        checks.goal(&label, held, &got, row.ours15, row.trials);
        println!("{:>4} {:>6} {:>6} | {got:>14} {:>15}", row.rps, percent(row.base), row.effect, figure(row.ours15));
    }
}
