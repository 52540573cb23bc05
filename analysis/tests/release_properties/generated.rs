//! Settings and journals of any kind.

use std::collections::BTreeMap;

use analysis::accept::Acceptable;
use analysis::history::History;
use analysis::ingest::{CountBatch, UnixMillis, Window};
use analysis::release::{
    Entry, ErrorPolicy, GaugePolicy, Metric, Observed, PodValues, Policy, Settings, Shares, Signals, Step, Tolerance,
};
use analysis::{Alpha, Arm, Counts, Kappa, Phi, Rate, Ratio, gauge};
use proptest::prelude::*;

/// Names of metrics; a plan has the first ones of these.
const NAMES: [&str; 3] = ["errors", "latency", "memory"];

fn share() -> impl Strategy<Value = f64> {
    prop_oneof![1e-9..1.0, Just(1e-300), Just(1.0 - f64::EPSILON / 2.0)]
}

fn rate() -> impl Strategy<Value = Rate> {
    share().prop_map(|share| Rate::new(share).unwrap())
}

fn ratio() -> impl Strategy<Value = Ratio> {
    prop_oneof![0.1..10.0, Just(1e-9), Just(1e9)].prop_map(|ratio| Ratio::new(ratio).unwrap())
}

fn arm(most: u64) -> impl Strategy<Value = Arm> {
    (0..=most, 0.0..=1.0).prop_map(|(requests, share)| {
        // Mostly few errors, at times all.
        Arm::clamped(requests, (requests as f64 * f64::powi(share, 6)).round() as u64).0
    })
}

fn tolerance() -> impl Strategy<Value = Tolerance> {
    let with_extra = (ratio(), prop_oneof![Just(0.0), 0.0..1.0], prop::option::of(rate()))
        .prop_map(|(ratio, extra, floor)| Tolerance::new(ratio, extra, floor).unwrap());
    prop_oneof![
        4 => with_extra,
        1 => prop::option::of(rate()).prop_map(Tolerance::no_worse_by_requests),
    ]
}

fn history() -> impl Strategy<Value = History> {
    prop::collection::vec(arm(5_000), 24..40).prop_filter_map("no requests", |hours| History::of(&hours).ok())
}

fn error_policy() -> impl Strategy<Value = Policy> {
    let limits = (tolerance(), prop::option::of(rate()), prop::option::of(history()), prop::option::of(rate()));
    let ways = (
        prop::option::of(prop::array::uniform4(0.0..0.25_f64)),
        prop_oneof![Just(0.01), Just(0.0), 0.0..1.0_f64],
        prop_oneof![Just(1.0), 1.0..60.0_f64],
        prop::option::of(0.0..1e6_f64),
        prop::option::of((ratio(), 0.0..0.5_f64, prop::option::of(rate()))),
    );
    (limits, ways).prop_map(|((tolerance, objective, history, detect), (shares, kappa, phi, expected, accept))| {
        Policy::Errors(Box::new(ErrorPolicy {
            tolerance,
            objective,
            history,
            detect,
            shares: shares.map(|[x, e, h, s]| Shares::new(x, e, h, s).unwrap()),
            kappa: Kappa::new(kappa).unwrap(),
            phi: Phi::new(phi).unwrap(),
            expected_errors: expected,
            acceptable: accept.map(|(ratio, extra, floor)| Acceptable::new(ratio, extra, floor).unwrap()),
            ..ErrorPolicy::default()
        }))
    })
}

fn gauge_policy() -> impl Strategy<Value = Policy> {
    let worse = prop_oneof![Just(gauge::Worse::Higher), Just(gauge::Worse::Lower)];
    (any::<bool>(), 0.0..1.0_f64, worse).prop_map(|(relative, by, worse)| {
        let tolerance = if relative { gauge::Tolerance::relative } else { gauge::Tolerance::absolute };
        Policy::Gauge(GaugePolicy::new(tolerance(by, worse).unwrap()))
    })
}

/// Settings that mostly make a plan.
pub fn settings() -> impl Strategy<Value = Settings> {
    let metric = (prop_oneof![3 => error_policy(), 1 => gauge_policy()], prop::bool::weighted(0.8), 0.0..3.0_f64);
    let steps = prop::collection::vec((0.0..=1.0_f64, 1.0..2_000.0_f64), 1..4);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let levels = (prop_oneof![Just(0.01), Just(0.0), 0.0..1.0_f64], prop_oneof![Just(0.05), Just(0.0), 0.0..1.0_f64]);
    (levels, steps, prop::collection::vec(metric, 1..=3), flags, 0_u32..4, 0.0..1e5_f64).prop_map(
        |((alpha, beta), steps, metrics, (strict, rollback_on_burn, watch_split), least_looks, longest_hold)| {
            Settings {
                alpha: Alpha::new(alpha).unwrap(),
                beta: Alpha::new(beta).unwrap(),
                steps: steps.into_iter().map(|(weight, seconds)| Step { weight, seconds }).collect(),
                metrics: metrics
                    .into_iter()
                    .zip(NAMES)
                    .map(|((policy, critical, weight), name)| Metric { name: name.into(), critical, weight, policy })
                    .collect(),
                least_looks,
                longest_hold,
                strict,
                // Any step, none, and one that there is not.
                anew: (least_looks > 0).then_some(least_looks as usize),
                rollback_on_burn,
                watch_split,
            }
        },
    )
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![6 => -10.0..1e6_f64, 1 => any::<f64>()]
}

#[derive(Clone, Debug)]
enum Measured {
    Counts(Counts),
    Bracket(Counts, Counts),
    Pods(Vec<f64>, Vec<f64>),
    Nothing,
}

/// The same requests, with more errors of the canary and fewer of the stable version.
fn looser(counts: Counts, more: f64) -> Counts {
    let (canary, baseline) = (counts.canary, counts.baseline);
    let extra = (canary.successes() as f64 * more) as u64;
    let fewer = (baseline.errors() as f64 * more) as u64;
    let canary = Arm::clamped(canary.requests(), canary.errors().saturating_add(extra)).0;
    Counts::new(canary, Arm::clamped(baseline.requests(), baseline.errors().saturating_sub(fewer)).0)
}

fn measured() -> impl Strategy<Value = Measured> {
    // Beyond a billion requests nothing is counted; up to a few thousand the exact tests are quick.
    let arm = || prop_oneof![8 => arm(3_000), 1 => Just(Arm::default()), 1 => Just(Arm::clamped(u64::MAX, u64::MAX).0)];
    let counts = move || (arm(), arm()).prop_map(|(canary, baseline)| Counts::new(canary, baseline));
    let pods = || prop::collection::vec(value(), 0..5);
    prop_oneof![
        6 => counts().prop_map(Measured::Counts),
        1 => (counts(), 0.0..=1.0_f64).prop_map(|(least, more)| Measured::Bracket(least, looser(least, more))),
        2 => (pods(), pods()).prop_map(|(canary, baseline)| Measured::Pods(canary, baseline)),
        1 => Just(Measured::Nothing),
    ]
}

fn observed(measured: Measured, window: Window) -> Observed {
    match measured {
        Measured::Counts(counts) => Observed::Counts(CountBatch { window, counts }),
        Measured::Bracket(counts, at_most) => Observed::Bracket { at_least: CountBatch { window, counts }, at_most },
        Measured::Pods(canary, baseline) => Observed::Pods(PodValues { window, canary, baseline }),
        Measured::Nothing => Observed::NoData("nothing was scraped".into()),
    }
}

/// When (milliseconds since the look before, the window's length, whether it is the wrong way round), the step, what was
/// measured by metric, and whether pods crash and the budget burns.
type Look = ((i64, i64, bool), usize, [Option<Measured>; 3], (bool, bool));

/// Looks in order, with windows and steps that may be anything.
pub fn journal() -> impl Strategy<Value = Vec<Entry>> {
    let signals = (prop::bool::weighted(0.03), prop::bool::weighted(0.1));
    let times = (1_i64..400_000, 0_i64..500_000, prop::bool::weighted(0.05));
    let look = (times, 0_usize..5, prop::array::uniform3(prop::option::weighted(0.9, measured())), signals);
    prop::collection::vec(look, 0..6).prop_map(|looks| {
        let (mut at, mut since) = (0, 0);
        let entry = |((later, length, reversed), step, metrics, (broken, burning)): Look| {
            (since, at) = (at, at + later);
            let window = Window {
                after: UnixMillis(if reversed { at + length } else { at - length.min(later) }),
                until: UnixMillis(at),
            };
            let metrics = NAMES.iter().zip(metrics).filter_map(|(name, measured)| Some((*name, measured?)));
            Entry {
                at: UnixMillis(at),
                step,
                step_since: UnixMillis(since),
                observed: metrics
                    .map(|(name, measured)| (name.to_owned(), observed(measured, window)))
                    .collect::<BTreeMap<_, _>>(),
                signals: Signals {
                    broken: broken.then(|| "pods crash".into()),
                    burning: burning.then(|| "14.4 times too fast".into()),
                },
            }
        };
        looks.into_iter().map(entry).collect()
    })
}
