//! How many requests it takes.

use analysis::power::{Regression, Sought};
use analysis::release::{ErrorPolicy, Shares};
use analysis::xtest::Kernel;
use analysis::{Alpha, Kappa, Phi, Rate, Ratio};

use crate::rules::{OBJECTIVE, percent};

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
fn needed(kernel: Kernel, share: f64, (baseline, canary): (f64, f64), weight: f64) -> String {
    let alpha = Alpha::HUNDREDTH.share(share / METRICS as f64);
    let regression = Regression { canary: rate(canary), baseline: rate(baseline) };
    let sought = Sought { kernel, regression, alpha, kappa: Kappa::default(), phi: Phi::INDEPENDENT };
    let whole = |requests: f64| {
        let unit = 10f64.powf((requests.log10().floor() - 1.0).max(0.0));
        ((requests / unit).ceil() * unit).to_string()
    };
    sought.requests(rate(weight)).map_or_else(|| "never".into(), whole)
}

/// Prints the tables.
pub fn print() {
    let policy = ErrorPolicy { objective: Rate::new(OBJECTIVE).ok(), ..ErrorPolicy::default() };
    let shares = Shares::new(COMPARISON, 1.0 - COMPARISON - LIMIT, 0.0, LIMIT);
    assert_eq!(Ok(policy.shares()), shares, "the tables are for the default shares");

    println!(
        "Requests of the candidate that show a regression with probability 0.8 (falseRollback 0.01, {METRICS} metrics)"
    );
    let columns = [(10, 5), (10, 20), (10, 50), (0, 20), (25, 20), (50, 20)];
    print!("{:>16} |", "marginPercent");
    columns.iter().for_each(|(margin, _)| print!(" {margin:>7}"));
    print!("\n{:>16} |", "weight");
    columns.iter().for_each(|(_, weight)| print!(" {weight:>7}"));
    println!();
    for regression in REGRESSIONS {
        print!("{:>16} |", format!("{} to {} %", percent(regression.0), percent(regression.1)));
        for (margin, weight) in columns {
            let kernel = Kernel::Ratio(Ratio::new(1.0 + f64::from(margin) / 100.0).expect("a ratio"));
            print!(" {:>7}", needed(kernel, COMPARISON, regression, f64::from(weight) / 100.0));
        }
        println!();
    }
    println!("against the objective of 99 % alone:");
    for canary in [0.015, 0.02, 0.03, 0.05, 0.1] {
        let requests = needed(Kernel::One(rate(OBJECTIVE)), LIMIT, (0.001, canary), 0.2);
        println!("{:>14} % | {requests:>7}", percent(canary));
    }
}
