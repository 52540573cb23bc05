//! What an application tells of itself.

use analysis::ingest::UnixMillis;
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta};
use controller::metrics::{
    Counting, Request, Services,
    queries::{self, Counter, built_in},
};
use serde_json::{Value, json};

use crate::{NOW, evaluates};

/// How far back the queries reach, in seconds; a sample each second.
const WINDOW: i64 = 10;

/// A revision that is measured, and the labels that its pods' series have.
const OURS: &str = r#"namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision="3f9c01d2""#;

fn query(name: &str) -> Result<String> {
    built_in(name, &request(name)?).with_context(|| format!("a query for {name}"))
}

fn request(name: &str) -> Result<Request> {
    let counting = Counting { after: UnixMillis(0), stable: Some("11111111".into()), both: true, past_hours: 24 };
    Ok(Request {
        namespace: "shop".into(),
        policy: "frontend".into(),
        workload: "frontend".into(),
        service: "frontend".into(),
        revision: "3f9c01d2".into(),
        services: Services::alone("frontend"),
        window: TimeDelta::seconds(WINDOW),
        at: DateTime::default(),
        analysis: serde_json::from_value(json!({ "metrics": [{ "name": name, "objective": { "min": 1 } }] }))?,
        counting: Some(counting),
    })
}

/// Requests of one pod: the series' labels beside those of the revision, and its samples in promtool's notation.
fn requests(labels: &str, samples: &str) -> Value {
    json!({ "series": format!("http_request_duration_seconds_count{{{OURS},{labels}}}"), "values": samples })
}

/// Those in a bucket.
fn bucket(labels: &str, samples: &str) -> Value {
    json!({ "series": format!("http_request_duration_seconds_bucket{{{OURS},{labels}}}"), "values": samples })
}

/// Asserts what a built-in metric says over these series; `None` is no data.
fn says(test: &str, metric: &str, series: &[Value], expected: Option<f64>) -> Result<()> {
    evaluates(test, &query(metric)?, ("1s", NOW), series, expected)
}

#[test]
fn the_first_error_of_a_pod_counts() -> Result<()> {
    let good = requests(r#"pod="a",path="root",status="200""#, "0+4x30");
    // Born with its first error, five seconds ago.
    let bad = requests(r#"pod="a",path="root",status="500""#, "_x24 1x5");
    says("first-error", "success-rate", &[good, bad], Some(100.0 * (1.0 - 1.0 / 41.0)))
}

#[test]
fn the_first_request_of_a_pod_counts_whatever_its_answer() -> Result<()> {
    let old = requests(r#"pod="a",path="root",status="500""#, "0+1x30");
    let new = requests(r#"pod="b",path="root",status="200""#, "_x24 10x5");
    says("first-request", "success-rate", &[old, new], Some(50.0))
}

#[test]
fn errors_from_before_the_window_are_not_counted_again() -> Result<()> {
    let good = requests(r#"pod="a",path="root",status="200""#, "0+4x30");
    let bad = requests(r#"pod="a",path="root",status="500""#, "7x30");
    says("old-errors", "success-rate", &[good, bad], Some(100.0))
}

#[test]
fn a_version_that_fails_every_request_has_a_rate_of_zero() -> Result<()> {
    says("all-fail", "success-rate", &[requests(r#"pod="a",path="root",status="503""#, "0+4x30")], Some(0.0))
}

#[test]
fn answers_that_blame_the_caller_are_no_errors() -> Result<()> {
    let refused = requests(r#"pod="a",path="root",status="404""#, "0+4x30");
    says("callers", "success-rate", &[refused], Some(100.0))
}

#[test]
fn probes_alone_say_nothing() -> Result<()> {
    let probes = ["readyz", "/healthz", "api/metrics/"]
        .map(|path| requests(&format!(r#"pod="a",path="{path}",status="500""#), "0+4x30"));
    says("probes", "success-rate", &probes, None)
}

#[test]
fn a_version_without_requests_says_nothing() -> Result<()> {
    says("no-series", "success-rate", &[], None)?;
    let idle = requests(r#"pod="a",path="root",status="200""#, "12x30");
    says("no-requests", "success-rate", &[idle], None)
}

#[test]
fn other_revisions_policies_and_namespaces_are_not_counted() -> Result<()> {
    let good = requests(r#"pod="a",path="root",status="200""#, "0+4x30");
    let others = ["shop;frontend;00000000", "shop;backend;3f9c01d2", "stage;frontend;3f9c01d2"].map(|who| {
        let labels: Vec<_> = who.split(';').collect();
        let labels = format!(
            r#"namespace="{}",sluice_dev_policy="{}",sluice_dev_revision="{}",pod="z",path="root",status="500""#,
            labels[0], labels[1], labels[2]
        );
        json!({ "series": format!("http_request_duration_seconds_count{{{labels}}}"), "values": "0+9x30" })
    });
    says("others", "success-rate", &[&[good][..], &others[..]].concat(), Some(100.0))
}

#[test]
fn a_latency_is_the_quantile_over_all_pods_and_nothing_without_requests() -> Result<()> {
    let of = |pod: &str, le: &str, samples: &str| bucket(&format!(r#"pod="{pod}",path="root",le="{le}""#), samples);
    // Of four requests one takes up to 250 ms, two more up to 500 ms. All numbers are sums of powers of two.
    let series = [
        of("a", "0.25", "0+1x30"),
        of("a", "0.5", "0+2x30"),
        of("a", "+Inf", "0+2x30"),
        of("b", "0.25", "0x30"),
        of("b", "0.5", "0+1x30"),
        of("b", "+Inf", "0+2x30"),
    ];
    says("latency", "latency-p50", &series, Some(0.375))?;
    let idle = [of("a", "0.1", "5x30"), of("a", "+Inf", "5x30")];
    says("latency-idle", "latency-p50", &idle, None)
}

/// What is counted is read as raw samples: promtool tells how many of them there are.
#[test]
fn raw_samples_are_those_of_callers_requests_of_both_revisions_and_of_the_buckets_that_matter() -> Result<()> {
    let range = TimeDelta::seconds(WINDOW);
    let request = request("success-rate")?;
    let stable = OURS.replace("3f9c01d2", "11111111");
    let other = OURS.replace("3f9c01d2", "22222222");
    let of = |labels: &str, name: &str, more: &str| json!({ "series": format!("{name}{{{labels}{more}}}"), "values": "0+1x30" });
    let count = "http_request_duration_seconds_count";
    let path = |path: &str| format!(r#",status="200",path="{path}""#);
    let series: Vec<_> = [OURS, stable.as_str(), other.as_str()]
        .into_iter()
        .flat_map(|labels| [of(labels, count, &path("/")), of(labels, count, &path("/readyz")), of(labels, "up", "")])
        .collect();
    let samples = |query: &str| format!("sum(count_over_time({query}))");
    evaluates("raw_requests", &samples(&queries::requests(&request, range)), ("1s", NOW), &series, Some(20.0))?;
    evaluates("raw_scrapes", &samples(&queries::scrapes(&request, range)), ("1s", NOW), &series, Some(20.0))?;
    let bound = |le: &str| of(OURS, "http_request_duration_seconds_bucket", &format!(r#"{},le="{le}""#, path("/")));
    let series: Vec<_> = ["0.5", "0x5", "1", "+Inf"].map(bound).into();
    let query = queries::buckets(&request, &["0.5", "+Inf"], range);
    evaluates("raw_buckets", &samples(&query), ("1s", NOW), &series, Some(20.0))?;
    evaluates("bounds", &format!("count({})", queries::bounds(&request)), ("1s", NOW), &series, Some(4.0))
}

#[test]
fn an_hour_of_the_past_is_that_of_all_revisions_with_the_first_errors() -> Result<()> {
    let request = request("success-rate")?;
    let old = OURS.replace("3f9c01d2", "11111111");
    let of = |labels: &str, status: &str, values: &str| {
        let series = format!(r#"http_request_duration_seconds_count{{{labels},path="/",status="{status}"}}"#);
        json!({ "series": series, "values": values })
    };
    // A sample each five minutes for three hours; the error series is born with its first error in the second one.
    let series = [of(OURS, "200", "0+5x36"), of(&old, "200", "0+1x36"), of(OURS, "500", "_x18 1x18")];
    let sum = |counter: Counter| format!("round(sum_over_time({}))", queries::by_hour(&request, counter, 24));
    let hours = ("5m", "3h");
    evaluates("past_requests", &sum(Counter::Requests), hours, &series, Some(217.0))?;
    evaluates("past_errors", &sum(Counter::Errors), hours, &series, Some(1.0))
}

#[test]
fn what_usually_fails_counts_the_first_error_and_requests_per_second_are_those_of_callers() -> Result<()> {
    let request = request("success-rate")?;
    let good = requests(r#"pod="a",path="root",status="200""#, "0+3x30");
    let bad = requests(r#"pod="a",path="root",status="500""#, "_x20 1+1x10");
    let probes = requests(r#"pod="a",path="readyz",status="200""#, "0+9x30");
    let share = queries::error_share(&request);
    let series = [good.clone(), bad, probes.clone()];
    evaluates("usual_errors", &format!("round({share} * 100)"), ("1s", NOW), &series, Some(11.0))?;
    evaluates("usual_errors_none", &share, ("1s", NOW), std::slice::from_ref(&probes), None)?;
    let rate = format!("round({})", queries::request_rate(&request));
    evaluates("usual_requests", &rate, ("1s", NOW), &[good, probes], Some(3.0))
}
