//! What is asked for.

use std::num::NonZeroUsize;

use clap::{Parser, ValueEnum};

/// Simulates rollouts and prints how often and when each rule rolls them back. Exits with 1 when a goal is missed.
#[derive(Parser)]
#[command(name = "operating_characteristics")]
pub struct Args {
    /// Only these tables; all by default
    #[arg(long, value_enum, value_delimiter = ',')]
    pub table: Vec<Table>,
    /// Runs of a row
    #[arg(long, default_value_t = 2_000)]
    pub runs: usize,
    /// Runs of a row in which the canary is healthy, where a rare event is counted
    #[arg(long, default_value_t = 10_000)]
    pub null_runs: usize,
    /// The same seed gives the same figures, on any number of threads
    #[arg(long, default_value_t = 20_260_920)]
    pub seed: u64,
    /// Threads; by default one for each core
    #[arg(long)]
    pub threads: Option<NonZeroUsize>,
    /// Measure how fast the crate is, and nothing else
    #[arg(long)]
    pub speed: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// A table.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Table {
    /// Every rule over traffic, base rate and effect; compared with the goals
    Main,
    /// The same engine at every scrape of 15 s
    Looks,
    /// A threshold rule that knows everything beforehand
    Oracle,
    /// Nulls that are not simple
    Robustness,
    /// Regressions that begin late
    Late,
    /// Gauges of pods
    Gauges,
    /// Canaries proven good enough
    Acceptance,
    /// Steps that end early
    Adaptive,
    /// The planner's forecast against simulation
    Planner,
    /// Latency by buckets
    Latency,
    /// The main table at the default tolerated ratio
    Ratio,
}

/// How the runs are made. Rows with many or dear looks have half of the runs, as their goals have.
#[derive(Clone, Copy)]
pub struct Setup {
    pub runs: usize,
    pub null_runs: usize,
    pub seed: u64,
    pub threads: usize,
}

impl Setup {
    /// Half of the runs, and four tenths of those with a healthy canary.
    pub fn fewer(self) -> Self {
        Self { runs: self.runs.div_ceil(2), null_runs: (2 * self.null_runs).div_ceil(5), ..self }
    }
}

impl Args {
    /// The tables that are wanted, in their order.
    pub fn tables(&self) -> Vec<Table> {
        let wanted = |table: &Table| self.table.is_empty() || self.table.contains(table);
        Table::value_variants().iter().copied().filter(wanted).collect()
    }

    /// How the runs are made.
    pub fn setup(&self) -> Setup {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = self.threads.map_or_else(cores, NonZeroUsize::get);
        Setup { runs: self.runs, null_runs: self.null_runs, seed: self.seed, threads }
    }
}
