//! `sluice-conformance`: the program of the conformance tests that a suite runs in a Job.
//!
//! Exit code 0: all checks passed; 1: at least one failed; 2: the command line is wrong.

pub mod check;
pub mod expect;
pub mod options;
pub mod redis;
pub mod results;
pub mod variables;
pub mod web;

use std::process::ExitCode;

pub use self::check::Check;
use self::expect::Unmet;
pub use self::options::Suite;
use self::options::{How, Redis, Run};
use self::results::Outcome;
use crate::out;
use crate::url::{Scheme, Url};

/// The exit code for a command line that cannot be followed.
const USAGE: u8 = 2;

/// Runs the suite and prints its results.
pub async fn main(suite: Suite) -> ExitCode {
    let (how, result) = match suite {
        Suite::Run(run) => (run.how.clone(), http(run).await),
        Suite::Redis(redis) => (redis.how.clone(), Ok(cache(redis).await)),
    };
    let outcomes = match result {
        Ok(outcomes) => outcomes,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    out::line(told(&how, &outcomes).trim_end());
    if outcomes.iter().all(Outcome::passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn http(run: Run) -> Result<Vec<Outcome>, String> {
    if run.base.scheme != Scheme::Http {
        return Err(format!("--base {} is no http:// URL", run.base));
    }
    let checks = run.checks.iter().map(|text| Check::parse(text, &variables::environment));
    let checks = checks.collect::<Result<Vec<_>, _>>()?;
    let Url { host, port, .. } = &run.base;
    Ok(match web::reachable(host, *port, run.how.wait).await {
        Ok(()) => web::run(&run.base, run.how.timeout, &checks).await,
        Err(failure) => checks.into_iter().map(|check| unreachable(check.name, &failure)).collect(),
    })
}

async fn cache(suite: Redis) -> Vec<Outcome> {
    let (host, port) = &suite.addr;
    let wanted = redis::Wanted { version: suite.expect_version, rebuild: suite.rebuild };
    // A server that never answers fails every check by itself.
    let _ = web::reachable(host, *port, suite.how.wait).await;
    redis::run(host, *port, suite.how.timeout, &wanted).await
}

fn unreachable(name: String, failure: &str) -> Outcome {
    let unmet = Unmet { expected: "a connection".to_owned(), got: failure.to_owned() };
    Outcome { name, unmet: vec![unmet], took: std::time::Duration::ZERO }
}

fn told(how: &How, outcomes: &[Outcome]) -> String {
    if how.junit { results::junit(&how.suite, outcomes) } else { results::tap(outcomes) }
}
