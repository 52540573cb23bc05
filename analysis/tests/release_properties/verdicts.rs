//! Whatever a journal holds: a verdict without a panic, that can be stored and says the same when it is read again.

use analysis::{
    Alpha, Batch, Counted, CountedMetric, Look, Metric, Objective, Past, Plan, Rate, Ratio, Reason, Sample, Sequential,
    Verdict,
    ingest::{UnixMillis, Window},
    judge,
    release::{Step, Tolerance},
};
use chrono::DateTime;
use proptest::prelude::*;

const NAMES: [&str; 3] = ["success-rate", "latency-p99", "queue"];

fn counted() -> impl Strategy<Value = Sample> {
    let arm = || (0_u64..2_000, 0_u64..2_000).prop_map(|(a, b)| [a.max(b), a.min(b)]);
    (arm(), arm(), proptest::option::of((arm(), arm()))).prop_map(|(canary, stable, at_most)| {
        let numbers = [canary, stable].concat();
        let more = at_most.map(|(canary, stable)| [canary, stable].concat()).unwrap_or_default();
        Sample::counts(Counted::try_from([numbers, more].concat()).unwrap())
    })
}

fn sample() -> impl Strategy<Value = Sample> {
    prop_oneof![
        6 => counted(),
        2 => number().prop_map(Sample::value),
        1 => "[a-z ]{0,20}".prop_map(|words| Sample::unknown(Reason::NoData, words)),
    ]
}

/// Numbers that JSON keeps to the last digit, and such as are none.
fn number() -> impl Strategy<Value = f64> {
    let odd = proptest::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0]);
    prop_oneof![4 => (-8_000_i32..8_000).prop_map(|eighths| f64::from(eighths) / 8.0), 1 => odd]
}

fn past() -> impl Strategy<Value = Past> {
    (any::<u32>(), any::<u64>(), any::<u64>(), -1_i32..50).prop_map(|(hours, requests, errors, factor)| Past {
        hours,
        requests,
        errors,
        factor: f64::from(factor) / 8.0,
    })
}

fn batch() -> impl Strategy<Value = Batch> {
    let samples = proptest::collection::btree_map(proptest::sample::select(NAMES.to_vec()), sample(), 0..4);
    let past = proptest::option::weighted(0.2, past());
    let window = proptest::option::weighted(0.9, (-100_000_i64..100_000, -100_000_i64..100_000));
    (0_i64..2_000, window, 0_u32..6, past, samples).prop_map(|(second, window, step, past, samples)| Batch {
        at: DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap(),
        window: window.map(|(after, until)| Window { after: UnixMillis(after), until: UnixMillis(until) }),
        step,
        past: past.map(|past| [("success-rate".to_owned(), past)].into()),
        samples: samples.into_iter().map(|(name, sample)| (name.to_owned(), sample)).collect(),
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let limit = prop_oneof![Just(None), (1e-6_f64..0.999).prop_map(|limit| Rate::new(limit).ok())];
    let tolerance = (0.1_f64..5.0, prop_oneof![2 => Just(0.0), 1 => 0.0..0.5_f64])
        .prop_map(|(ratio, extra)| Tolerance::new(Ratio::new(ratio).unwrap(), extra, None).unwrap());
    let metric = (limit, tolerance);
    let steps = proptest::collection::vec((0.0_f64..=1.0, 0.5_f64..5_000.0), 1..5);
    (0.0001_f64..0.5, steps, metric.clone(), metric, 1_u64..1_000).prop_map(|(alpha, steps, one, other, least)| {
        let counted = [one, other].into_iter().zip(NAMES).map(|((limit, tolerance), name)| CountedMetric {
            name: name.into(),
            limit,
            tolerance,
        });
        let steps = steps.into_iter().map(|(weight, seconds)| Step { weight, seconds }).collect();
        let sequential = Sequential::new(Alpha::new(alpha).unwrap(), steps, counted.collect(), least).unwrap();
        let objective = Objective { min: None, max: Some(10.0) };
        Plan {
            metrics: NAMES.map(|name| Metric { name: name.into(), objective }).into(),
            failures: 2,
            sequential: Some(sequential),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_journal_gives_a_verdict_that_can_be_stored_and_is_the_same_when_it_is_read_again(
        plan in plan(),
        journal in proptest::collection::vec(batch(), 0..12),
    ) {
        let look = Look { at: DateTime::from_timestamp(1_700_002_000, 0).unwrap() };
        let judged = judge(&plan, &journal, look);
        // What is not finite would become null, which cannot be read again.
        let text = serde_json::to_string(&judged.metrics).unwrap();
        let again: Vec<analysis::MetricJudgement> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&again, &judged.metrics);
        let stored: Vec<Batch> = serde_json::from_str(&serde_json::to_string(&journal).unwrap()).unwrap();
        prop_assert_eq!(judge(&plan, &stored, look), judged.clone());
        for metric in &judged.metrics {
            // "the query answered NaN" is no number of ours.
            let odd = metric.message.replace("answered NaN", "").contains("NaN");
            prop_assert!(!odd && metric.message.chars().count() <= 1024, "{}", metric.message);
        }
        prop_assert!(judged.verdict != Verdict::Pass || judged.steady);
    }
}
