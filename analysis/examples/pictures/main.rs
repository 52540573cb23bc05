//! Draws the pictures of the docs from simulated releases, judged by the crate and by the threshold rules of Flagger and
//! Argo Rollouts, and prints the other figures that `docs/analysis.md` speaks of.
//!
//! `cargo run --release -p analysis --example pictures -- --help`
//!
//! The same seed draws the same releases, so the pictures are the same to the byte.
#![forbid(unsafe_code)]

#[path = "../../benches/operating_characteristics/cores.rs"]
mod cores;
#[path = "../../benches/operating_characteristics/draw.rs"]
mod draw;
#[path = "../../benches/operating_characteristics/ours.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest of what it shares")]
mod ours;
#[path = "../../benches/operating_characteristics/peers.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest of what it shares")]
mod peers;
#[path = "../../benches/operating_characteristics/rollout.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest of what it shares")]
mod rollout;
#[path = "../../benches/operating_characteristics/tally.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest of what it shares")]
mod tally;

mod chart;
mod limits;
mod margins;
mod requests;
mod rules;
mod scenes;
mod svg;
mod verdict;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use rules::Setup;

/// Simulates releases and draws what becomes of them. Exits with 1 when `--check` finds a picture that differs.
#[derive(Parser)]
#[command(name = "pictures")]
struct Args {
    /// What to make
    #[arg(value_enum, default_value_t = What::Pictures)]
    what: What,
    /// Write nothing, and tell whether the pictures are what they would be
    #[arg(long)]
    check: bool,
    /// Releases of each point and row
    #[arg(long, default_value_t = 2_000)]
    runs: usize,
    /// The same seed gives the same pictures, on any number of threads
    #[arg(long, default_value_t = 20_260_920)]
    seed: u64,
    /// Threads; by default one for each core
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Where the pictures are
    #[arg(long, default_value_os_t = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images"))]
    into: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// The pictures, and their figures in words
    Pictures,
    /// False rollbacks where requests are not independent
    Limits,
    /// What each margin lets pass
    Margins,
    /// How many requests it takes to see a regression
    Requests,
    /// What a verdict says of one release
    Verdict,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = args.threads.map_or_else(cores, NonZeroUsize::get);
    let setup = Setup { runs: args.runs, seed: args.seed, threads };
    match args.what {
        What::Pictures => return pictures(&args, &setup),
        What::Limits => limits::print(&setup),
        What::Margins => margins::print(&setup),
        What::Requests => requests::print(&setup),
        What::Verdict => verdict::print(&setup),
    }
    ExitCode::SUCCESS
}

fn pictures(args: &Args, setup: &Setup) -> ExitCode {
    let mut as_they_should_be = true;
    for scene in [scenes::false_rollbacks(setup), scenes::detection(setup)] {
        println!("{}", scene.chart);
        let (file, text) = (args.into.join(scene.file), svg::draw(&scene.chart));
        let same = std::fs::read_to_string(&file).is_ok_and(|there| there == text);
        if args.check {
            println!("{}: {}\n", scene.file, if same { "is what it should be" } else { "differs" });
            as_they_should_be &= same;
        } else if let Err(error) = std::fs::write(&file, text) {
            eprintln!("writing {}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    }
    if as_they_should_be { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
