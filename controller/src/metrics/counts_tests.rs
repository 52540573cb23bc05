use chrono::DateTime;
use serde_json::{Value, json};

use super::*;
use crate::metrics::{
    Measure,
    tests::{OWN, lacks, measure, paper::paper_samples, request, source},
};

const CANDIDATE: &str = "3f9c01d2";
const STABLE: &str = "11111111";
/// When counting begins, in seconds; a look 15 s later, scrapes every 5 s.
const AFTER: i64 = 1_700_000_000;

/// A series of a pod, with its samples by seconds from [`AFTER`].
fn series(revision: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Value {
    let mut metric =
        json!({ "job": "pods", "instance": format!("pod-of-{revision}"), "sluice_dev_revision": revision });
    for (name, value) in labels {
        metric[name] = json!(value);
    }
    let values: Vec<_> = samples.iter().map(|(at, value)| json!([AFTER + at, value.to_string()])).collect();
    json!({ "metric": metric, "values": values })
}

fn matrix(series: &[Value]) -> Value {
    json!({ "resultType": "matrix", "result": series })
}

/// Both versions' pods, scraped since long before.
fn up() -> Value {
    let scrapes: Vec<_> = (-5..=3).map(|n| (n * 5, 1.0)).collect();
    matrix(&[series(CANDIDATE, &[], &scrapes), series(STABLE, &[], &scrapes)])
}

async fn look(metrics: Value, past_hours: u32, answers: Vec<(&'static str, Value)>) -> analysis::Batch {
    let url = paper_samples(answers).await;
    let spec = json!({ "url": url, "timeout": "2s", "scrapeInterval": "5s", "delay": "0s" });
    let at = DateTime::from_timestamp(AFTER + 15, 0).unwrap();
    let counting = Counting { after: UnixMillis(AFTER * 1000), stable: Some(STABLE.into()), both: true, past_hours };
    let analysis = serde_json::from_value(json!({ "metrics": metrics })).unwrap();
    let request = Request { at, counting: Some(counting), analysis, ..request() };
    measure([(OWN, source(spec))]).measure(&request).await
}

async fn errors(up: Value, requests: &[Value]) -> Sample {
    let metrics = json!([{ "name": "success-rate", "objective": { "min": 99 } }]);
    let batch = look(metrics, 0, vec![("up{", up), ("http_request_duration_seconds_count{", matrix(requests))]).await;
    assert_eq!(
        batch.window.unwrap(),
        Window { after: UnixMillis(AFTER * 1000), until: UnixMillis((AFTER + 15) * 1000) }
    );
    batch.samples["success-rate"].clone()
}

fn numbers(sample: &Sample) -> Vec<u64> {
    sample.counts.unwrap_or_else(|| panic!("{sample:?}")).into()
}

const GOOD: &[(&str, &str)] = &[("status", "200"), ("path", "/")];
const BAD: &[(&str, &str)] = &[("status", "500"), ("path", "/")];

#[tokio::test]
async fn what_was_counted_before_the_window_is_left_out_and_the_first_error_is_not() {
    let counted = errors(
        up(),
        &[
            series(CANDIDATE, GOOD, &[(-10, 7.0), (-2, 10.0), (3, 12.0), (13, 30.0)]),
            // Born within the window, with its first error.
            series(CANDIDATE, BAD, &[(8, 1.0), (13, 3.0)]),
            // Restarted within the window.
            series(STABLE, GOOD, &[(-2, 900.0), (3, 950.0), (8, 20.0), (13, 70.0)]),
            series(STABLE, BAD, &[(-2, 5.0), (13, 5.0)]),
        ],
    )
    .await;
    assert_eq!(numbers(&counted), [23, 3, 120, 0]);
}

#[tokio::test]
async fn a_pod_that_is_labelled_anew_goes_on_with_its_counters() {
    let member = |labels: &[(&'static str, &'static str)]| [labels, &[("sluice_dev_serves", "11111111")]].concat();
    let counted = errors(
        up(),
        &[
            series(CANDIDATE, GOOD, &[(-10, 70.0), (-2, 70.0)]),
            series(CANDIDATE, &member(GOOD), &[(3, 72.0), (13, 90.0)]),
            series(STABLE, GOOD, &[(-2, 900.0), (13, 950.0)]),
        ],
    )
    .await;
    assert_eq!(numbers(&counted), [20, 0, 50, 0]);
}

#[tokio::test]
async fn a_series_that_comes_out_of_nowhere_is_a_point_to_count_from() {
    let unknown = matrix(&[]);
    let counted = errors(
        unknown,
        &[
            series(CANDIDATE, GOOD, &[(3, 1_000_000.0), (13, 1_000_010.0)]),
            series(STABLE, GOOD, &[(-2, 5.0), (13, 25.0)]),
        ],
    )
    .await;
    assert_eq!(numbers(&counted), [10, 0, 20, 0]);
}

#[tokio::test]
async fn silence_of_either_version_is_no_data_and_names_it() {
    let old = &[(-10, 7.0), (-2, 10.0)];
    let new = &[(-2, 10.0), (13, 30.0)];
    let candidate = errors(up(), &[series(CANDIDATE, GOOD, old), series(STABLE, GOOD, new)]).await;
    lacks(&candidate, Reason::NoData, "no new requests of the candidate were scraped");
    let stable = errors(up(), &[series(CANDIDATE, GOOD, new)]).await;
    lacks(&stable, Reason::NoData, "no new requests of the stable version were scraped");
}

#[tokio::test]
async fn what_is_no_counter_is_never_a_number() {
    let bad = [series(CANDIDATE, GOOD, &[(-2, 10.0), (13, -3.0)]), series(STABLE, GOOD, &[(-2, 1.0), (13, 2.0)])];
    lacks(&errors(up(), &bad).await, Reason::Misconfigured, "a counter cannot be -3");
}

/// Buckets of one version: how many requests took at most as long as each bound, by time.
fn buckets(revision: &str, bounds: &[&str], counts: &[(i64, &[f64])]) -> Vec<Value> {
    let one = |(i, bound): (usize, &&str)| {
        let samples: Vec<_> = counts.iter().map(|(at, values)| (*at, values[i])).collect();
        series(revision, &[("le", bound), ("path", "/")], &samples)
    };
    bounds.iter().enumerate().map(one).collect()
}

async fn slower(bound: &str, all: &[&str], of_candidate: Vec<Value>, of_stable: Vec<Value>) -> Sample {
    let bounds: Vec<_> = all.iter().map(|le| json!({ "metric": { "le": le }, "value": [AFTER, "1"] })).collect();
    let series: Vec<_> = of_candidate.into_iter().chain(of_stable).collect();
    let metrics = json!([{ "name": "latency-p99", "objective": { "maxDuration": bound } }]);
    let answers = vec![
        ("up{", up()),
        ("count by (le)", json!({ "resultType": "vector", "result": bounds })),
        ("http_request_duration_seconds_bucket{", matrix(&series)),
    ];
    look(metrics, 0, answers).await.samples["latency-p99"].clone()
}

const ALL: &[&str] = &["0.1", "0.5", "1", "+Inf"];

#[tokio::test]
async fn requests_over_a_bound_that_a_bucket_has_are_known_exactly() {
    let used = &["0.5", "+Inf"];
    let candidate = buckets(CANDIDATE, used, &[(-2, &[10.0, 10.0]), (13, &[100.0, 110.0])]);
    let stable = buckets(STABLE, used, &[(-2, &[10.0, 10.0]), (13, &[410.0, 412.0])]);
    assert_eq!(numbers(&slower("500ms", ALL, candidate, stable).await), [100, 10, 402, 2]);
}

#[tokio::test]
async fn requests_over_a_bound_within_a_bucket_are_bracketed() {
    let used = &["0.1", "0.5", "+Inf"];
    let candidate = buckets(CANDIDATE, used, &[(-2, &[0.0, 0.0, 0.0]), (13, &[70.0, 90.0, 100.0])]);
    let stable = buckets(STABLE, used, &[(-2, &[0.0, 0.0, 0.0]), (13, &[300.0, 390.0, 400.0])]);
    let counted = slower("300ms", ALL, candidate, stable).await;
    assert_eq!(numbers(&counted), [100, 10, 400, 10, 100, 30, 400, 10]);
}

#[tokio::test]
async fn a_bound_above_all_buckets_is_refused_with_what_would_do() {
    let told = slower("5s", ALL, Vec::new(), Vec::new()).await;
    lacks(&told, Reason::Misconfigured, "give at most 1 s, or add a bucket");
    let none = slower("5s", &[], Vec::new(), Vec::new()).await;
    lacks(&none, Reason::NoData, "no new requests of the candidate");
}

#[tokio::test]
async fn a_scrape_that_lacks_a_bucket_is_made_up_for_by_the_next() {
    let mut candidate = buckets(CANDIDATE, &["0.5"], &[(-2, &[10.0]), (3, &[20.0]), (13, &[100.0])]);
    candidate.extend(buckets(CANDIDATE, &["+Inf"], &[(-2, &[10.0]), (13, &[110.0])]));
    let stable = buckets(STABLE, &["0.5", "+Inf"], &[(-2, &[10.0, 10.0]), (13, &[410.0, 412.0])]);
    assert_eq!(numbers(&slower("500ms", ALL, candidate, stable).await), [100, 10, 402, 2]);
}

/// A number for each of so many hours before counting begins.
fn hours(count: i64, each: f64) -> Value {
    let values: Vec<_> = (1..=count).map(|hour| json!([AFTER - hour * 3600, each.to_string()])).collect();
    json!({ "resultType": "matrix", "result": [{ "metric": {}, "values": values }] })
}

async fn past(count: i64, past_hours: u32) -> Option<Past> {
    let metrics = json!([{ "name": "success-rate", "objective": { "min": 99 } }]);
    let labels = r#"namespace="shop",sluice_dev_policy="frontend",path!~"(.*/)?(readyz|healthz|metrics)/?""#;
    let errors = format!(r#"(((sum(increase(http_request_duration_seconds_count{{{labels},status=~"5..""#);
    let answers = vec![
        ("up{", up()),
        (Box::leak(errors.into_boxed_str()) as &'static str, hours(count, 4.4)),
        ("(((sum(increase(http_request_duration_seconds_count{", hours(count, 1000.0)),
    ];
    look(metrics, past_hours, answers).await.past?.get("success-rate").copied()
}

#[tokio::test]
async fn the_past_is_counted_by_hour_once_it_is_asked_for_and_a_day_long() {
    let week = past(168, 168).await.unwrap();
    assert_eq!((week.hours, week.requests, week.errors), (168, 168_000, 168 * 4));
    assert_eq!(past(23, 168).await, None);
    assert_eq!(past(168, 0).await, None);
}
