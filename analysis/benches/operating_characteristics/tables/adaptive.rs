//! Steps that end as soon as the canary is proven good: does that make false rollbacks more frequent?

use analysis::release::{Decision, Plan, Replay};

use super::{comparison_only, percent};
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::goals::{Checks, Goals, Held};
use crate::ours;
use crate::rollout::{Schedule, Service};
use crate::tally::Tally;

/// Runs of the goals.
const TRIALS: usize = 10_000;

/// Prints the table.
pub fn print(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("Healthy canaries and steps that end when accepted (all of alpha to the comparison)");
    println!(
        "{:>4} {:>6} {:<18} | {:>14} {:>8} | {:>8} {:>8}",
        "rps", "base", "schedule", "rolled back", "(goal)", "minutes", "(goal)"
    );
    let schedule = Schedule::ramp(60.0);
    for row in &goals.adaptive {
        let (early, reset) = (row.mode.starts_with("adaptive"), row.mode == "adaptive reset");
        let service = Service::new(row.rps, row.base, row.base);
        let label = format!("adaptive, {} rps, {}, {}", row.rps, percent(row.base), row.mode);
        let plan = ours::plan(&schedule, comparison_only(), |settings| settings.strict = reset);
        let run = |number: u64| {
            let mut draw = Draw::new(setup.seed, &label, number);
            if early {
                return rollout(&plan, &service, &schedule, &mut draw);
            }
            let journal = ours::journal(&schedule, &service.rollout(&mut draw, 0.0, &schedule));
            let look = ours::first_rollback(&plan, &journal);
            (look.is_some(), look.map_or(schedule.len(), |look| look + 1))
        };
        let all = runs(setup.threads, &label, setup.runs, run);
        let minutes = Tally::of(all.iter().map(|(_, looks)| Some(*looks as f64)));
        let got = Tally::of(all.iter().map(|(rejected, looks)| rejected.then_some(*looks as f64)));
        checks.goal(&label, Held::Few, &got, (row.reject, None), TRIALS);
        checks.not_longer(&label, &minutes, row.mean_ticks, TRIALS);
        println!(
            "{:>4} {:>6} {:<18} | {got:>14} {:>8} | {:>8.1} {:>8}",
            row.rps,
            percent(row.base),
            row.mode,
            format!("({})", percent(row.reject)),
            minutes.mean,
            format!("({:.1})", row.mean_ticks),
        );
    }
}

/// Goes on when the decision says so or the step has had its time; whether it was rolled back, and after how many looks.
fn rollout(plan: &Plan, service: &Service, schedule: &Schedule, draw: &mut Draw) -> (bool, usize) {
    let mut replay = Replay::new(plan);
    let (mut step, mut since) = (0, 0);
    for look in 0.. {
        let (weight, looks) = schedule.steps[step];
        let counts = service.window(draw, 0.0, schedule.minute(look), schedule.seconds, weight);
        replay.look(&ours::entry(look, schedule.seconds, step, since, ours::counted(look, schedule.seconds, counts)));
        let done = match replay.decided().decision {
            Decision::Rollback => return (true, look + 1),
            Decision::Advance | Decision::Promote => true,
            _ => look + 1 - since >= looks,
        };
        if done {
            (step, since) = (step + 1, look + 1);
        }
        if step == schedule.steps.len() {
            return (false, look + 1);
        }
    }
    unreachable!("every step ends")
}
