//! One file for each table.

mod acceptance;
mod adaptive;
mod gauges;
mod grid;
mod late;
mod latency;
mod looks;
mod oracle;
mod planner;
mod robustness;

use analysis::Ratio;
use analysis::release::{ErrorPolicy, Shares, Tolerance};

use crate::args::{Setup, Table};
use crate::goals::{Checks, Figure, Goals};

/// Runs and prints a table.
pub fn print(table: Table, setup: &Setup, goals: &Goals, checks: &mut Checks) {
    match table {
        Table::Main => grid::main(setup, goals, checks),
        Table::Looks => looks::print(&setup.fewer(), goals, checks),
        Table::Oracle => oracle::print(setup),
        Table::Robustness => robustness::print(setup, goals, checks),
        Table::Late => late::print(&setup.fewer(), goals, checks),
        Table::Gauges => gauges::print(setup, goals, checks),
        Table::Acceptance => acceptance::print(setup, goals, checks),
        Table::Adaptive => adaptive::print(setup, goals, checks),
        Table::Planner => planner::print(setup, goals, checks),
        Table::Latency => latency::print(setup, goals, checks),
        Table::Ratio => grid::ratio(&setup.fewer(), goals, checks),
    }
}

/// In per cent.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A goal as it is printed beside what was got.
pub fn figure((share, minutes): Figure) -> String {
    format!("({} · {})", percent(share), minutes.map_or("–".into(), |minutes| format!("{minutes:.1}")))
}

/// The rate of a canary with this effect.
pub fn canary(base: f64, effect: &str) -> f64 {
    let number = |text: &str| text.parse::<f64>().expect("an effect as x2 or +1pp");
    if let Some(times) = effect.strip_prefix('x') {
        base * number(times)
    } else if let Some(points) = effect.strip_prefix('+').and_then(|text| text.strip_suffix("pp")) {
        base + number(points) / 100.0
    } else {
        base
    }
}

/// All of alpha to the exact comparison with the stable version.
pub fn comparison_only() -> ErrorPolicy {
    strict(Shares::new(1.0, 0.0, 0.0, 0.0))
}

/// All of alpha to the e-process.
pub fn evidence_only() -> ErrorPolicy {
    strict(Shares::new(0.0, 1.0, 0.0, 0.0))
}

fn strict(shares: Result<Shares, analysis::Invalid>) -> ErrorPolicy {
    let tolerance = Tolerance::new(Ratio::STRICT, 0.0, None).expect("a tolerance");
    ErrorPolicy { tolerance, shares: Some(shares.expect("shares")), ..ErrorPolicy::default() }
}
