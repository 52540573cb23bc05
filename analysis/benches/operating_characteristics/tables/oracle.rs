//! The best that a threshold rule could do, if it knew the base rate, the traffic and the effect.

use analysis::Arm;

use super::grid::minute;
use super::{canary, percent};
use crate::args::Setup;
use crate::cores::runs;
use crate::draw::Draw;
use crate::peers::threshold;
use crate::rollout::{Schedule, Service};
use crate::tally::Tally;

/// Successes in a look, in hundredths of a per cent.
const THRESHOLDS: [u64; 22] = [
    9_500, 9_600, 9_700, 9_750, 9_800, 9_850, 9_880, 9_900, 9_910, 9_920, 9_930, 9_940, 9_950, 9_960, 9_970, 9_975,
    9_980, 9_985, 9_990, 9_993, 9_995, 9_999,
];
/// Failed looks that are let pass.
const LIMITS: usize = 9;
/// Of all healthy canaries no more than this part may be rolled back.
const MOST_FALSE: f64 = 0.01;

/// Prints the table.
pub fn print(setup: &Setup) {
    println!("A threshold rule tuned for each cell by an oracle, looks without traffic ignored");
    println!("{:>4} {:>6} {:>6} | {:>14}   its rule", "rps", "base", "effect", "detected");
    for rps in [1.0, 10.0, 100.0] {
        for base in [0.001, 0.005, 0.01] {
            let healthy = tallies(setup, rps, base, "null");
            for effect in ["x2", "x5", "+1pp", "+5pp"] {
                let detected = tallies(setup, rps, base, effect);
                let fair = healthy.iter().zip(&detected).enumerate().filter(|(_, (h, _))| h.share() <= MOST_FALSE);
                let better = |a: &Tally, b: &Tally| a.hits.cmp(&b.hits).then(b.mean.total_cmp(&a.mean));
                let Some((rule, (_, best))) = fair.max_by(|(_, (_, a)), (_, (_, b))| better(a, b)) else { continue };
                let (successes, limit) = (THRESHOLDS[rule / LIMITS], rule % LIMITS);
                println!(
                    "{rps:>4} {:>6} {effect:>6} | {best:>14}   at least {} %, limit {limit}",
                    percent(base),
                    successes as f64 / 100.0
                );
            }
        }
    }
}

/// For every rule, how often and when it rolls back.
fn tallies(setup: &Setup, rps: f64, base: f64, effect: &str) -> Vec<Tally> {
    let schedule = Schedule::ramp(60.0);
    let service = Service::new(rps, base, canary(base, effect));
    let label = format!("oracle, {rps} rps, {} {effect}", percent(base));
    let run = |number: u64| -> Vec<Option<f64>> {
        let windows = service.rollout(&mut Draw::new(setup.seed, &label, number), 0.0, &schedule);
        let rule = |(successes, limit): (u64, usize)| {
            let fails = |canary: Arm| canary.successes() * 10_000 < successes * canary.requests();
            minute(&schedule, threshold(&windows, limit, fails))
        };
        THRESHOLDS.iter().flat_map(|successes| (0..LIMITS).map(move |limit| (*successes, limit))).map(rule).collect()
    };
    let all = runs(setup.threads, &label, setup.runs, run);
    (0..THRESHOLDS.len() * LIMITS).map(|rule| Tally::of(all.iter().map(|run| run[rule]))).collect()
}
