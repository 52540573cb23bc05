//! Somebody who wants a healthy canary rolled back and may stop whenever that looks best.

use std::collections::BTreeMap;

use analysis::ingest::{CountBatch, UnixMillis, Window};
use analysis::release::{
    Entry, ErrorPolicy, Metric, Observed, Plan, Policy, Replay, Settings, Shares, Signals, Step, Tolerance,
};
use analysis::{Alpha, Arm, Counts, Rate, Ratio};
use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution};
use rand_pcg::Pcg64;

const SEED: u64 = 20_260_920;
const RUNS: u32 = 400;
/// Large, so that few runs tell whether it is kept.
const ALPHA: f64 = 0.2;
/// Of both arms, and of the objective: the canary is at the edge of every hypothesis.
const RATE: f64 = 0.05;
/// Twice as many as are planned: the release is held for as long again.
const LOOKS: i64 = 24;

fn plan(shares: Option<Shares>) -> Plan {
    let policy = ErrorPolicy {
        tolerance: Tolerance::new(Ratio::STRICT, 0.0, None).unwrap(),
        objective: Rate::new(RATE).ok(),
        shares,
        ..ErrorPolicy::default()
    };
    let policy = Policy::Errors(Box::new(policy));
    let step = |weight| Step { weight, seconds: 360.0 };
    Plan::new(Settings {
        alpha: Alpha::new(ALPHA).unwrap(),
        steps: vec![step(0.2), step(0.5)],
        metrics: vec![Metric { name: "errors".into(), critical: true, weight: 1.0, policy }],
        ..Settings::default()
    })
    .unwrap()
}

fn arm(draw: &mut Pcg64, requests: u64) -> Arm {
    Arm::new(requests, Binomial::new(requests, RATE).unwrap().sample(draw)).unwrap()
}

/// The share of runs in which any test has rejected at any look. A rejection lasts, so this is what is reached by stopping
/// at the best look; and it counts those that the guard would not have blamed on the canary.
fn rolled_back(plan: &Plan) -> f64 {
    let run = |number: u32| {
        let mut draw = Pcg64::seed_from_u64(SEED + u64::from(number));
        let mut replay = Replay::new(plan);
        let mut after = 0;
        for look in 1..=LOOKS {
            // Looks come when they like; traffic comes and goes.
            let until = after + draw.random_range(1_000..120_000);
            let step = usize::from(look > LOOKS / 4);
            let requests = draw.random_range(0..120_u64);
            let (canary, baseline) =
                if step == 0 { (requests / 5, 4 * requests / 5) } else { (requests / 2, requests / 2) };
            let counts = Counts::new(arm(&mut draw, canary), arm(&mut draw, baseline));
            let window = Window { after: UnixMillis(after), until: UnixMillis(until) };
            replay.look(&Entry {
                at: UnixMillis(until),
                step,
                step_since: UnixMillis(0),
                observed: BTreeMap::from([("errors".into(), Observed::Counts(CountBatch { window, counts }))]),
                signals: Signals::default(),
            });
            after = until;
        }
        replay.decided().metrics[0].tests.iter().any(|test| test.rejected)
    };
    f64::from((0..RUNS).map(|number| u32::from(run(number))).sum::<u32>()) / f64::from(RUNS)
}

fn holds(shares: Option<Shares>) {
    let share = rolled_back(&plan(shares));
    let allowed = 3.0 * (ALPHA * (1.0 - ALPHA) / f64::from(RUNS)).sqrt();
    assert!(share <= ALPHA + allowed, "{share} of healthy canaries are rolled back, {ALPHA} is promised");
    assert!(share > 0.0, "nothing is ever rolled back, so this shows nothing");
}

#[test]
fn whoever_stops_when_it_looks_best_rolls_back_no_more_healthy_canaries_than_alpha() {
    holds(None);
}

#[test]
fn the_comparison_alone_keeps_alpha_against_whoever_stops_when_it_looks_best() {
    holds(Shares::new(1.0, 0.0, 0.0, 0.0).ok());
}

#[test]
fn the_evidence_alone_keeps_alpha_against_whoever_stops_when_it_looks_best() {
    holds(Shares::new(0.0, 1.0, 0.0, 0.0).ok());
}

#[test]
fn the_objective_alone_keeps_alpha_against_whoever_stops_when_it_looks_best() {
    holds(Shares::new(0.0, 0.0, 0.0, 1.0).ok());
}
