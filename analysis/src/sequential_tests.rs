use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::ingest::Window;
use crate::{Counted, Counts, Look, Objective, Plan, Reason, judge};

const INTERVAL: i64 = 15;

fn at(look: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(look * INTERVAL)
}

fn plan() -> Plan {
    let name = || "success-rate".to_owned();
    let counted = CountedMetric { name: name(), limit: Rate::new(0.01).ok(), tolerance: Tolerance::default() };
    let steps = vec![Step { weight: 0.2, seconds: 300.0 }, Step { weight: 0.5, seconds: 300.0 }];
    Plan {
        metrics: vec![crate::Metric { name: name(), objective: Objective { min: Some(99.0), max: None } }],
        failures: 2,
        sequential: Some(Sequential::new(Alpha::HUNDREDTH, steps, vec![counted], 100).unwrap()),
    }
}

fn arm(requests: u64, errors: u64) -> Arm {
    Arm::new(requests, errors).unwrap()
}

fn batch(look: i64, step: u32, sample: Sample) -> Batch {
    let window = Some(Window { after: at(look - 1).into(), until: at(look).into() });
    Batch { at: at(look), window, step, past: None, samples: [("success-rate".into(), sample)].into() }
}

/// So many looks at the same counts, in step 1.
fn looks(count: i64, canary: Arm, stable: Arm) -> Vec<Batch> {
    let sample = || Sample::counts(Counted::exactly(Counts::new(canary, stable)));
    (1..=count).map(|look| batch(look, 1, sample())).collect()
}

fn judged(batches: &[Batch]) -> crate::Judgement {
    judge(&plan(), batches, Look { at: at(10_000) })
}

#[test]
fn a_worse_version_fails_within_two_looks_and_the_sentence_says_how_rare_that_would_be() {
    let batches = looks(2, arm(300, 30), arm(1_200, 2));
    let judged = judged(&batches);
    assert_eq!((judged.verdict, judged.steady), (Verdict::Fail, false));
    let metric = &judged.metrics[0];
    assert!(
        metric.message.starts_with("canary fails 10 % of 600 requests, stable fails 0.17 % of 2,400 requests; a version at most 1.1 times as bad"),
        "{}",
        metric.message
    );
    let tested = metric.tested.as_ref().unwrap();
    assert_eq!((tested.candidate.requests, tested.candidate.errors, tested.stable.errors), (600, 60, 4));
    assert!(tested.p < 0.01 && tested.alpha == 0.01 && tested.alpha_used < 0.01, "{tested:?}");
    assert!(tested.tests.iter().any(|t| t.test == "Comparison" && t.sum >= t.bound), "{tested:?}");
}

#[test]
fn one_bad_look_is_never_enough_to_fail_a_version() {
    assert_ne!(judged(&looks(1, arm(300, 300), arm(1_200, 0))).verdict, Verdict::Fail);
    // Hardly any requests, an objective that allows hardly any errors, and nearly all of alpha to spend.
    let mut plan = plan();
    let counted =
        CountedMetric { name: "success-rate".into(), limit: Rate::new(0.000_1).ok(), tolerance: Tolerance::default() };
    let steps = vec![Step { weight: 0.2, seconds: 60.0 }];
    plan.sequential = Some(Sequential::new(Alpha::HUNDREDTH, steps, vec![counted], 100).unwrap());
    let mut batches = looks(3, arm(1, 0), arm(4, 0));
    batches.push(batch(4, 1, Sample::counts(Counted::exactly(Counts::new(arm(1, 1), arm(4, 0))))));
    let once = judge(&plan, &batches, Look { at: at(4) });
    assert_ne!(once.verdict, Verdict::Fail, "{once:?}");
    batches.push(batch(5, 1, Sample::counts(Counted::exactly(Counts::new(arm(1, 1), arm(4, 0))))));
    assert_eq!(judge(&plan, &batches, Look { at: at(5) }).verdict, Verdict::Fail);
}

#[test]
fn a_good_version_passes_once_a_regression_would_have_been_seen() {
    let short = judged(&looks(2, arm(60, 0), arm(240, 0)));
    assert_eq!((short.verdict, short.steady), (Verdict::Unknown, true), "{short:?}");
    let long = judged(&looks(40, arm(300, 1), arm(1_200, 4)));
    assert_eq!((long.verdict, long.steady), (Verdict::Pass, true), "{long:?}");
}

#[test]
fn a_step_with_too_few_requests_is_not_over_whatever_was_seen_in_the_one_before() {
    let mut batches = looks(40, arm(300, 1), arm(1_200, 4));
    batches.push(batch(41, 2, Sample::counts(Counted::exactly(Counts::new(arm(99, 0), arm(99, 0))))));
    let few = judged(&batches);
    assert_eq!((few.verdict, few.steady), (Verdict::Unknown, false));
    assert!(few.metrics[0].message.starts_with("the candidate had 99 of the 100 requests that a step needs; "));
    batches.push(batch(42, 2, Sample::counts(Counted::exactly(Counts::new(arm(1, 0), arm(99, 0))))));
    assert_eq!(judged(&batches).verdict, Verdict::Pass);
}

#[test]
fn an_outage_of_both_versions_holds_and_blames_nobody() {
    let ill = judged(&looks(20, arm(300, 15), arm(1_200, 60)));
    assert_eq!((ill.verdict, ill.steady, ill.metrics[0].failures), (Verdict::Unknown, false, 1), "{ill:?}");
    assert!(ill.metrics[0].message.contains("the canary is not blamed for it"), "{ill:?}");
}

#[test]
fn an_outage_of_both_that_is_over_is_not_blamed_on_the_new_one_later() {
    let mut batches = looks(104, arm(300, 0), arm(1_200, 0));
    for (batch, ill) in batches.iter_mut().zip(looks(4, arm(300, 60), arm(1_200, 240))) {
        batch.samples = ill.samples;
    }
    let outage = judged(&batches[..4]);
    assert!(outage.metrics[0].message.contains("the canary is not blamed for it"), "{outage:?}");
    assert_eq!((outage.verdict, judged(&batches[..40]).verdict), (Verdict::Unknown, Verdict::Unknown));
    let over = judged(&batches);
    assert_eq!((over.verdict, over.steady), (Verdict::Pass, true), "{over:?}");
}

#[test]
fn a_look_without_data_holds_and_says_why() {
    let mut batches = looks(40, arm(300, 1), arm(1_200, 4));
    batches.push(batch(41, 1, Sample::unknown(Reason::NoData, "nothing new was scraped of the candidate")));
    let held = judged(&batches);
    assert_eq!((held.verdict, held.steady), (Verdict::Unknown, false));
    assert!(held.metrics[0].message.starts_with("nothing new was scraped of the candidate; so far: canary fails "));
    let nothing = judged(&batches[40..]);
    assert_eq!(nothing.metrics[0].message, "nothing new was scraped of the candidate");
    assert_eq!((nothing.metrics[0].value, &nothing.metrics[0].tested), (None, &None));
}

#[test]
fn a_journal_that_was_written_and_read_says_the_same() {
    let batches = looks(40, arm(300, 3), arm(1_200, 4));
    let text = serde_json::to_string(&batches).unwrap();
    let read: Vec<Batch> = serde_json::from_str(&text).unwrap();
    assert_eq!(judged(&read), judged(&batches));
    let judgement = serde_json::to_string(&judged(&batches).metrics).unwrap();
    let again: Vec<MetricJudgement> = serde_json::from_str(&judgement).unwrap();
    assert_eq!(again, judged(&batches).metrics);
}

#[test]
fn a_metric_that_is_not_counted_keeps_its_rule_beside_one_that_is() {
    let mut plan = plan();
    plan.metrics.push(crate::Metric { name: "queue".into(), objective: Objective { min: None, max: Some(5.0) } });
    let mut batches = looks(40, arm(300, 1), arm(1_200, 4));
    batches[38].samples.insert("queue".into(), Sample::value(9.0));
    batches[39].samples.insert("queue".into(), Sample::value(9.0));
    let failed = judge(&plan, &batches, Look { at: at(10_000) });
    assert_eq!((failed.verdict, failed.metrics[0].verdict), (Verdict::Fail, Verdict::Pass));
    let once = judge(&plan, &batches, Look { at: at(39) });
    assert_eq!((once.verdict, once.steady), (Verdict::Unknown, false));
}

#[test]
fn numbers_for_people_are_short_and_finite() {
    assert_eq!(digits(0.123_456_789), 0.1235);
    assert_eq!(digits(1_234_567.0), 1_235_000.0);
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(digits(odd).is_finite());
    }
}

/// A week of a quiet service: one request per second, of which one of ten thousand fails.
fn quiet() -> Past {
    let hours: Vec<Arm> = (0..168).map(|hour| arm(3_600, u64::from(hour % 3 == 0))).collect();
    Past::of(&hours).unwrap()
}

#[test]
fn a_past_sees_with_few_requests_what_the_version_beside_it_cannot_show() {
    let few = || looks(3, arm(20, 1), arm(80, 0));
    assert_ne!(judged(&few()).verdict, Verdict::Fail);
    let mut batches = few();
    batches[0].past = Some([("success-rate".into(), quiet())].into());
    let judged = judged(&batches);
    assert_eq!(judged.verdict, Verdict::Fail, "{judged:?}");
    assert!(judged.metrics[0].message.contains("that its past allows"), "{judged:?}");
}

#[test]
fn a_past_that_comes_after_the_first_counts_is_not_taken() {
    let mut batches = looks(6, arm(12, 1), arm(48, 0));
    let without = judged(&batches);
    batches[1].past = Some([("success-rate".into(), quiet())].into());
    assert_eq!(judged(&batches), without);
}

#[test]
fn a_past_of_less_than_a_day_of_requests_is_none() {
    let hours = |n: usize| [vec![arm(0, 0); 168], vec![arm(100, 1); n]].concat();
    assert_eq!(Past::of(&hours(23)), None);
    let past = Past::of(&hours(24)).unwrap();
    assert_eq!((past.hours, past.requests, past.errors), (24, 2_400, 24));
    assert!(Past { factor: f64::NAN, ..past }.history().is_none());
    assert!(Past { errors: 9_999, ..past }.history().is_none());
    assert!(Past { requests: 1 << 62, errors: 1 << 61, ..past }.history().is_none());
}
