//! Regressions that begin when the rollout is well under way.

use analysis::{Counts, Ratio};

use super::grid::{minute, plan_with_past};
use super::{comparison_only, evidence_only, percent};
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::goals::{Checks, Goals, Held};
use crate::rollout::{Nasty, Schedule, Service};
use crate::tally::Tally;
use crate::{ours, peers};

/// Runs of the goals.
const TRIALS: usize = 1_000;
const RULES: [&str; 4] = ["ours", "comparison", "evidence", "Argo"];

/// Prints the table.
pub fn print(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("Late onset: detected · minutes after the onset [rolled back before it]; goals in the second line");
    println!(
        "{:<34} {:>4} {:>16} | {:>22} {:>22} {:>22} {:>22}",
        "case", "rps", "rates", RULES[0], RULES[1], RULES[2], RULES[3]
    );
    for row in &goals.late {
        let (schedule, onset) =
            if row.case.starts_with("ramp") { (Schedule::ramp(60.0), 12.0) } else { (Schedule::bake(), 40.0) };
        let label = format!("late, {}, {} rps, {} to {}", row.case, row.rps, percent(row.base), percent(row.canary));
        let service = Service { nasty: Nasty::Onset(onset), ..Service::new(row.rps, row.base, row.canary) };
        let alone = [comparison_only(), evidence_only()].map(|policy| ours::plan(&schedule, policy, |_| ()));
        let run = |number: u64| {
            let mut draw = Draw::new(setup.seed, &label, number);
            let windows: Vec<Counts> = service.rollout(&mut draw, 0.0, &schedule);
            let journal = ours::journal(&schedule, &windows);
            let ours = plan_with_past(Ratio::STRICT, &schedule, &service, 0.0, &mut draw);
            let [x, e] = &alone;
            let looks = [
                ours::first_rollback(&ours, &journal),
                ours::first_rollback(x, &journal),
                ours::first_rollback(e, &journal),
                peers::argo(&windows),
            ];
            looks.map(|look| minute(&schedule, look).map(|minute| minute - onset))
        };
        let all = runs(setup.threads, &label, setup.runs, run);
        let figures = [row.ours, row.x_only, row.e_only, row.argo];
        let rates = format!("{} → {}", percent(row.base), percent(row.canary));
        print!("{:<34} {:>4} {rates:>16} |", row.case, row.rps);
        for (rule, (share, minutes, before)) in figures.into_iter().enumerate() {
            let after = Tally::of(all.iter().map(|run| run[rule].filter(|minutes| *minutes > 0.0)));
            let early = Tally::of(all.iter().map(|run| run[rule].filter(|minutes| *minutes <= 0.0)));
            let name = format!("{label}, {}", RULES[rule]);
            if rule == 3 {
                checks.same(&name, &after, (share, minutes), TRIALS);
            } else {
                checks.goal(&name, Held::Many, &after, (share, minutes), TRIALS);
                checks.goal(&format!("{name}, before"), Held::Few, &early, (before, None), TRIALS);
            }
            print!(" {:>22}", format!("{after} [{}]", percent(early.share())));
        }
        println!();
        print!("{:>57}", "");
        for (share, minutes, before) in figures {
            print!(" {:>22}", format!("{} [{}]", super::figure((share, minutes)), percent(before)));
        }
        println!();
    }
}
