//! What each margin lets pass.

use analysis::release::{ErrorPolicy, Tolerance};
use analysis::{Rate, Ratio};

use crate::ours;
use crate::rollout::{Schedule, Service};
use crate::rules::{OBJECTIVE, Setup, percent, tally};

/// How often the stable version fails.
const USUAL: f64 = 0.005;

/// Prints how often worse versions are taken back, margin by margin.
pub fn print(setup: &Setup) {
    let schedule = Schedule::ramp(60.0);
    let ratio = |percent: f64| Tolerance::new(Ratio::new(1.0 + percent / 100.0).expect("a ratio"), 0.0, None);
    let points = |points: f64| Tolerance::new(Ratio::STRICT, points / 100.0, None);
    let margins = [
        ("marginPercent 0", ratio(0.0)),
        ("marginPercent 10", ratio(10.0)),
        ("marginPercent 50", ratio(50.0)),
        ("margin 0.1", points(0.1)),
        ("margin 0.5", points(0.5)),
    ];
    let margins = margins.map(|(name, tolerance)| {
        let tolerance = tolerance.expect("a tolerance");
        let policy = ErrorPolicy { tolerance, objective: Rate::new(OBJECTIVE).ok(), ..ErrorPolicy::default() };
        (name, ours::plan(&schedule, policy, |_| ()))
    });
    println!("The stable version fails {} %: share taken back · mean minutes to it", percent(USUAL));
    print!("{:>4} {:>9} |", "rps", "candidate");
    margins.iter().for_each(|(name, _)| print!(" {name:>16}"));
    println!();
    for rps in [10.0, 100.0] {
        for rate in [0.005, 0.0055, 0.0075, 0.01, 0.015, 0.025] {
            print!("{rps:>4} {:>7} % |", percent(rate));
            for (name, plan) in &margins {
                let label = format!("margins, {rps} rps, {} %, {name}", percent(rate));
                let got = tally(setup, &label, &Service::new(rps, USUAL, rate), &schedule, plan);
                print!(" {got:>16}");
            }
            println!();
        }
    }
}
