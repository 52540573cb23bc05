//! Latency by requests over bounds of buckets.

use std::collections::BTreeMap;

use analysis::ingest::CountBatch;
use analysis::release::{ErrorPolicy, Metric, Observed, Policy, Shares, Tolerance};
use analysis::{Arm, Counts};
use statrs::distribution::{ContinuousCDF, LogNormal};

use super::figure;
use super::grid::minute;
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::goals::{Checks, Goals, Held};
use crate::ours;
use crate::rollout::Schedule;
use crate::tally::Tally;

/// Runs of the goals.
const TRIALS: usize = 2_000;
/// Median in seconds, and deviation of the logarithm.
const MEDIAN: f64 = 0.08;
const SPREAD: f64 = 0.7;
/// Bounds of the usual buckets, in seconds, that are nearest to the median, the 90th and the 99th percentile.
const BOUNDS: [f64; 3] = [0.1, 0.25, 0.5];

/// Prints the table.
pub fn print(setup: &Setup, goals: &Goals, checks: &mut Checks) {
    println!("Latency, log-normal with median 80 ms; requests over 0.1, 0.25 and 0.5 s");
    println!("{:>4} {:<20} | {:>14} {:>15}", "rps", "case", "ours", "(goal)");
    let schedule = Schedule::ramp(60.0);
    let policy = || ErrorPolicy {
        tolerance: Tolerance::no_worse_by_requests(None),
        shares: Shares::new(1.0, 0.0, 0.0, 0.0).ok(),
        ..ErrorPolicy::default()
    };
    let metric = |bound: f64| Metric {
        name: name(bound),
        critical: true,
        weight: 1.0,
        policy: Policy::Errors(Box::new(policy())),
    };
    let plan = ours::plan_of(&schedule, BOUNDS.map(metric).to_vec(), |_| ());
    for row in &goals.latency {
        let label = format!("latency, {} rps, {}", row.rps, row.case);
        let (slower, delayed) = truth(&row.case);
        let run = |number: u64| {
            let mut draw = Draw::new(setup.seed, &label, number);
            let windows: Vec<[Counts; 3]> = schedule
                .looks()
                .map(|(_, weight)| window(&mut draw, row.rps * schedule.seconds, weight, slower, delayed))
                .collect();
            let journal = ours::observed_journal(&schedule, &windows, |look, counts| {
                let window = ours::window(look, schedule.seconds);
                let observed = |counts: Counts| Observed::Counts(CountBatch { window, counts });
                BOUNDS
                    .iter()
                    .zip(counts)
                    .map(|(bound, counts)| (name(*bound), observed(*counts)))
                    .collect::<BTreeMap<_, _>>()
            });
            minute(&schedule, ours::first_rollback(&plan, &journal))
        };
        let got = Tally::of(runs(setup.threads, &label, setup.runs, run));
        checks.goal(&label, if row.case == "null" { Held::Few } else { Held::Many }, &got, row.ours, TRIALS);
        println!("{:>4} {:<20} | {got:>14} {:>15}", row.rps, row.case, figure(row.ours));
    }
}

fn name(bound: f64) -> String {
    format!("over {bound} s")
}

/// How many times slower the canary is, and what part of its requests takes two seconds longer.
fn truth(case: &str) -> (f64, f64) {
    match case {
        "median +10%" => (1.1, 0.0),
        "median +25%" => (1.25, 0.0),
        "median x2" => (2.0, 0.0),
        "1% of requests +2s" => (1.0, 0.01),
        _ => (1.0, 0.0),
    }
}

/// Requests of both arms, and those over each bound as errors.
fn window(draw: &mut Draw, requests: f64, weight: f64, slower: f64, delayed: f64) -> [Counts; 3] {
    let canary = arm(draw, requests * weight, slower, delayed);
    let baseline = arm(draw, requests * (1.0 - weight), 1.0, 0.0);
    [0, 1, 2].map(|bound| Counts::new(canary[bound], baseline[bound]))
}

fn arm(draw: &mut Draw, mean: f64, slower: f64, delayed: f64) -> [Arm; 3] {
    let latency = LogNormal::new((MEDIAN * slower).ln(), SPREAD).expect("a distribution");
    let requests = draw.poisson(mean);
    let (mut over, mut share) = (requests, 1.0);
    // Who is over a bound is over those below it.
    BOUNDS.map(|bound| {
        let tail = delayed + (1.0 - delayed) * latency.sf(bound);
        over = draw.binomial(over, tail / share);
        share = tail;
        Arm::new(requests, over).expect("a part of the requests")
    })
}
