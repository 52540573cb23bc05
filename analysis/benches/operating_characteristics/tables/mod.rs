//! One file for each table.

mod grid;

use crate::args::{Setup, Table};
use crate::goals::{Checks, Goals};

/// Runs and prints a table.
pub fn print(table: Table, setup: &Setup, goals: &Goals, checks: &mut Checks) {
    match table {
        Table::Main => grid::main(setup, goals, checks),
        Table::Ratio => grid::ratio(setup, goals, checks),
        _ => {}
    }
}

/// Per cent with as many digits as it needs.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
