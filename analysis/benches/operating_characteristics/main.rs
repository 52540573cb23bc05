//! How often, and how soon, good and bad canaries are rolled back: simulated rollouts, judged look by look by the crate
//! itself, beside the rules of Flagger, Argo Rollouts and Kayenta.
//!
//! `cargo bench -p analysis --bench operating_characteristics -- --help`
//!
//! Weights of 5, 10, 25 and 50 %, five looks of 60 s each; Poisson requests, Bernoulli errors; an objective of 99 % and a
//! week of history.
#![forbid(unsafe_code)]
#![allow(missing_docs)]

mod args;
mod cores;
mod draw;
mod goals;
mod ours;
mod peers;
mod rollout;
mod speed;
mod tables;
mod tally;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use args::Args;
use goals::{Checks, goals};

fn main() -> ExitCode {
    let args = Args::parse();
    let (setup, goals, mut checks) = (args.setup(), goals(), Checks::default());
    let began = Instant::now();
    if args.speed {
        speed::print(setup.seed, &mut checks);
    }
    for table in args.tables().into_iter().filter(|_| !args.speed) {
        let began = Instant::now();
        tables::print(table, &setup, &goals, &mut checks);
        println!("({:.0} s)\n", began.elapsed().as_secs_f64());
    }
    println!("{:.0} s in all, seed {}, {} threads", began.elapsed().as_secs_f64(), setup.seed, setup.threads);
    for row in &checks.differ {
        println!("differs: {row}");
    }
    for row in &checks.missed {
        println!("MISSED: {row}");
    }
    println!("{} goals compared, {} missed", checks.compared, checks.missed.len());
    if checks.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
