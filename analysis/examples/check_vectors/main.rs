//! Recomputes the cases of a file of test vectors: `cargo run -p analysis --example check_vectors -- FILE`.
//!
//! Prints a line per case. Exits 1 when a value differs, a group is unknown, or the file is not of the form that
//! `analysis/vectors.json` has.
#![forbid(unsafe_code)]

mod check;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: check_vectors FILE");
        return ExitCode::FAILURE;
    };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("reading {file}: {error}");
            return ExitCode::FAILURE;
        }
    };
    match check::run(&text) {
        Ok(report) => {
            print!("{report}");
            if report.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(malformed) => {
            eprintln!("{file}: {malformed}");
            ExitCode::FAILURE
        }
    }
}
