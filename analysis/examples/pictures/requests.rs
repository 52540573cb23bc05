//! How many requests it takes.

use analysis::power::{Regression, Sought};
use analysis::release::{ErrorPolicy, Shares, Tolerance};
use analysis::xtest::Kernel;
use analysis::{Alpha, Kappa, Phi, Rate, Ratio};

use crate::ours;
use crate::rollout::{Schedule, Service};
use crate::rules::{OBJECTIVE, Setup, minutes, percent, tally};
use crate::tally::Tally;

/// Critical metrics, which share what `falseRollback` allows.
const METRICS: usize = 2;
/// Of a metric's part, what the comparison with the stable version has, and what the objective.
const COMPARISON: f64 = 0.6;
const LIMIT: f64 = 0.2;

/// From which rate to which.
const REGRESSIONS: [(f64, f64); 8] = [
    (0.001, 0.002),
    (0.001, 0.005),
    (0.001, 0.011),
    (0.005, 0.01),
    (0.005, 0.015),
    (0.005, 0.025),
    (0.01, 0.02),
    (0.01, 0.03),
];

fn rate(rate: f64) -> Rate {
    Rate::new(rate).expect("a rate")
}

/// Requests of the candidate that show the regression with probability 0.8, to two digits.
fn needed(kernel: Kernel, share: f64, (baseline, canary): (f64, f64), weight: f64) -> Option<f64> {
    let alpha = Alpha::HUNDREDTH.share(share / METRICS as f64);
    let regression = Regression { canary: rate(canary), baseline: rate(baseline) };
    let sought = Sought { kernel, regression, alpha, kappa: Kappa::default(), phi: Phi::INDEPENDENT };
    let whole = |requests: f64| {
        let unit = 10f64.powf((requests.log10().floor() - 1.0).max(0.0));
        (requests / unit).ceil() * unit
    };
    sought.requests(rate(weight)).map(whole)
}

fn with_share(requests: Option<f64>, seen: Option<f64>) -> String {
    let both = requests.zip(seen).map(|(requests, seen)| format!("{requests} ({} %)", percent(seen)));
    both.unwrap_or_else(|| "never".into())
}

/// How often all tests together take the version back within so many requests, in twenty looks.
fn simulated(setup: &Setup, requests: f64, (baseline, canary): (f64, f64), weight: f64, margin: f64) -> Tally {
    let schedule = Schedule { steps: vec![(weight, 20)], seconds: 60.0 };
    let service = Service::new(requests / weight / 1_200.0, baseline, canary);
    let plan =
        ours::plan(&schedule, policy(margin), |settings| settings.alpha = settings.alpha.share(1.0 / METRICS as f64));
    tally(setup, &format!("requests, {requests} of {baseline} to {canary} at {weight}"), &service, &schedule, &plan)
}

fn policy(margin: f64) -> ErrorPolicy {
    let ratio = Ratio::new(1.0 + margin / 100.0).expect("a ratio");
    let tolerance = Tolerance::new(ratio, 0.0, None).expect("a tolerance");
    ErrorPolicy { tolerance, objective: Rate::new(OBJECTIVE).ok(), ..ErrorPolicy::default() }
}

/// Prints the tables.
pub fn print(setup: &Setup) {
    let shares = Shares::new(COMPARISON, 1.0 - COMPARISON - LIMIT, 0.0, LIMIT);
    assert_eq!(Ok(policy(10.0).shares()), shares, "the tables are for the default shares");

    println!(
        "Requests of the candidate that show a regression with probability 0.8 (falseRollback 0.01, {METRICS} metrics)"
    );
    let columns = [(10.0, 5.0), (10.0, 20.0), (10.0, 50.0), (0.0, 20.0), (50.0, 20.0)];
    print!("{:>16} |", "marginPercent");
    columns.iter().for_each(|(margin, _)| print!(" {margin:>18}"));
    print!("\n{:>16} |", "weight");
    columns.iter().for_each(|(_, weight)| print!(" {weight:>18}"));
    println!("\n{:>16} |  in brackets what simulation says of so many", "");
    for regression in REGRESSIONS {
        print!("{:>16} |", format!("{} to {} %", percent(regression.0), percent(regression.1)));
        for (margin, weight) in columns {
            let kernel = Kernel::Ratio(policy(margin).tolerance.ratio());
            let requests = needed(kernel, COMPARISON, regression, weight / 100.0);
            let seen = requests.map(|n| simulated(setup, n, regression, weight / 100.0, margin).share());
            print!(" {:>18}", with_share(requests, seen));
        }
        println!();
    }
    println!("against the objective of 99 % alone, all traffic to the candidate:");
    for canary in [0.015, 0.02, 0.03, 0.05, 0.1] {
        let requests = needed(Kernel::One(rate(OBJECTIVE)), LIMIT, (0.001, canary), 0.2);
        let seen = requests.map(|n| simulated(setup, n, (0.001, canary), 1.0, 10.0).share());
        println!("{:>14} % | {:>18}", percent(canary), with_share(requests, seen));
    }
    first_step(setup);
}

/// What so many requests of the candidate show in the first of four steps of five looks, at weight 20.
fn first_step(setup: &Setup) {
    let rates = [0.05, 0.1, 0.2, 0.5];
    println!("taken back in the first quarter of a release, beside a stable version that fails 0.1 %:");
    print!("{:>16} |", "requests");
    rates.iter().for_each(|rate| print!(" {:>18}", format!("{} %", percent(*rate))));
    println!();
    let (weight, schedule) = (0.2, Schedule { steps: vec![(0.2, 20)], seconds: 60.0 });
    let (alpha, first) = (Alpha::HUNDREDTH.share(1.0 / METRICS as f64), schedule.minute(4));
    let plan = ours::plan(&schedule, policy(10.0), |settings| settings.alpha = alpha);
    for requests in [50.0, 100.0, 200.0] {
        print!("{requests:>16} |");
        for canary in rates {
            let service = Service::new(requests / weight / 60.0 / first, 0.001, canary);
            let minutes = minutes(setup, &format!("first step, {requests}, {canary}"), &service, &schedule, &plan);
            let got = Tally::of(minutes.into_iter().map(|minute| minute.filter(|minute| *minute <= first)));
            print!(" {:>18}", format!("{} %", percent(got.share())));
        }
        println!();
    }
}
