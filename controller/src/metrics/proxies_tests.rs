//! Counting what proxies have counted.

use chrono::DateTime;
use serde_json::{Value, json};

use super::*;
use crate::metrics::{
    Measure, Services,
    tests::{OWN, lacks, measure, paper::paper_samples, request, source},
};

/// When counting begins, in seconds; a look 15 s later, scrapes every 5 s.
const AFTER: i64 = 1_700_000_000;

/// Proxies, with the labels that make a series one of the candidate's and one of the stable version's, and those of answers.
struct Proxy {
    measured_by: &'static str,
    requests: &'static str,
    candidate: Value,
    stable: Value,
    good: Value,
    bad: Value,
}

fn proxies() -> Vec<Proxy> {
    let istio = |name: &str| json!({ "reporter": "source", "destination_service_namespace": "shop", "destination_service_name": name });
    let gateway =
        |name: &str| json!({ "backend_namespace": "shop", "backend_service": name, "upstream_host": "10.0.0.1:80" });
    let linkerd = |name: &str| json!({ "route_kind": "HTTPRoute", "backend_namespace": "shop", "backend_name": name });
    let traefik = |name: &str| json!({ "method": "GET", "protocol": "http", "service": name });
    let proxy = |measured_by, requests, (candidate, stable), (good, bad)| Proxy {
        measured_by,
        requests,
        candidate,
        stable,
        good,
        bad,
    };
    let both = |named: &dyn Fn(&str) -> Value| (named("frontend-3f9c01d2"), named("frontend"));
    let http = |label: &str| (json!({ label: "200" }), json!({ label: "503" }));
    vec![
        proxy("Istio", "istio_requests_total{", both(&istio), http("response_code")),
        proxy(
            "Istio",
            "istio_requests_total{",
            both(&istio),
            (
                json!({ "response_code": "200", "grpc_response_status": "5" }),
                json!({ "response_code": "200", "grpc_response_status": "14" }),
            ),
        ),
        proxy("EnvoyGateway", "envoy_backend_requests_total{", both(&gateway), http("response_code")),
        proxy(
            "EnvoyGateway",
            "envoy_backend_requests_total{",
            both(&gateway),
            // A caller that hangs up is no error.
            (
                json!({ "response_code": "0", "response_flags": "DC" }),
                json!({ "response_code": "200", "grpc_status": "2" }),
            ),
        ),
        proxy("Linkerd", r#"{__name__=~"outbound"#, both(&linkerd), http("http_status")),
        proxy(
            "Linkerd",
            r#"{__name__=~"outbound"#,
            both(&linkerd),
            (json!({ "grpc_status": "NOT_FOUND" }), json!({ "error": "FAIL_FAST" })),
        ),
        proxy(
            "Traefik",
            "traefik_service_requests_total{",
            (
                traefik("shop-frontend-3f9c01d2-http-80@kubernetesgateway"),
                traefik("shop-frontend-http-80@kubernetesgateway"),
            ),
            http("code"),
        ),
        proxy(
            "Traefik",
            "traefik_service_requests_total{",
            (
                traefik("httproute-shop-frontend-gw-a-b-ep-web-0-12-svc-shop-frontend-3f9c01d2-1@kubernetesgateway"),
                traefik("httproute-shop-frontend-gw-a-b-ep-web-0-12-svc-shop-frontend-0@kubernetesgateway"),
            ),
            http("code"),
        ),
    ]
}

/// A series of a proxy, with its samples by seconds from [`AFTER`].
fn series(proxy: &str, labels: &[&Value], samples: &[(i64, f64)]) -> Value {
    let mut metric = json!({ "job": "proxies", "instance": format!("{proxy}:9000"), "pod": proxy });
    for (name, value) in labels.iter().filter_map(|l| l.as_object()).flatten() {
        metric[name] = value.clone();
    }
    let values: Vec<_> = samples.iter().map(|(at, value)| json!([AFTER + at, value.to_string()])).collect();
    json!({ "metric": metric, "values": values })
}

fn matrix(series: &[Value]) -> Value {
    json!({ "resultType": "matrix", "result": series })
}

/// When proxies were first scraped, with labels that their pods have now.
fn scraped(proxies: &[(&str, i64, Value)]) -> Value {
    let first = proxies.iter().map(|(proxy, first, labels)| {
        let mut series = series(proxy, &[labels], &[]);
        series["value"] = json!([AFTER + 15, (AFTER + first).to_string()]);
        series.as_object_mut().unwrap().remove("values");
        series
    });
    json!({ "resultType": "vector", "result": first.collect::<Vec<_>>() })
}

async fn look(
    proxy: &Proxy,
    metrics: Value,
    services: Services,
    answers: Vec<(&'static str, Value)>,
) -> analysis::Batch {
    let spec = json!({ "url": paper_samples(answers).await, "timeout": "2s", "scrapeInterval": "5s", "delay": "0s" });
    let at = DateTime::from_timestamp(AFTER + 15, 0).unwrap();
    let both = services.stable.is_some();
    let counting = Counting { after: UnixMillis(AFTER * 1000), stable: Some("11111111".into()), both, past_hours: 0 };
    let analysis = json!({ "measuredBy": proxy.measured_by, "metrics": metrics });
    let analysis = serde_json::from_value(analysis).unwrap();
    let request = Request { at, services, counting: Some(counting), analysis, ..request() };
    measure([(OWN, source(spec))]).measure(&request).await
}

async fn errors(proxy: &Proxy, services: Services, scraped: Value, requests: &[Value]) -> Sample {
    let metrics = json!([{ "name": "success-rate", "objective": { "min": 99 } }]);
    let answers = vec![("min_over_time((timestamp(up)", scraped), (proxy.requests, matrix(requests))];
    look(proxy, metrics, services, answers).await.samples["success-rate"].clone()
}

fn in_a_step() -> Services {
    Services::in_a_step("frontend", "3f9c01d2", "frontend")
}

fn numbers(sample: &Sample) -> Vec<u64> {
    sample.counts.unwrap_or_else(|| panic!("{sample:?}")).into()
}

#[tokio::test]
async fn versions_are_told_apart_by_their_services_and_the_first_errors_of_a_candidate_count() {
    for proxy in proxies() {
        let Proxy { candidate, stable, good, bad, .. } = &proxy;
        let counted = [
            // The candidate is new to a proxy that has counted the stable version before.
            series("one", &[candidate, good], &[(8, 20.0), (13, 30.0)]),
            series("one", &[candidate, bad], &[(8, 1.0), (13, 3.0)]),
            series("one", &[stable, good], &[(-2, 900.0), (3, 950.0), (8, 20.0), (13, 70.0)]),
            series("one", &[stable, bad], &[(-2, 5.0), (13, 6.0)]),
            // Another proxy has counted neither.
            series("two", &[candidate, bad], &[(13, 4.0)]),
            series("two", &[stable, good], &[(8, 10.0), (13, 10.0)]),
        ];
        let known = [("one", -20, json!({})), ("two", -20, json!({}))];
        for known in [&known[..], &known[1..]] {
            let sample = errors(&proxy, in_a_step(), scraped(known), &counted).await;
            assert_eq!(numbers(&sample), [37, 7, 131, 1], "{} with {good}", proxy.measured_by);
        }
    }
}

#[tokio::test]
async fn after_the_switch_the_candidate_is_behind_the_service_that_callers_use() {
    for proxy in proxies() {
        let Proxy { candidate, stable: callers, good, bad, .. } = &proxy;
        let counted = [
            series("one", &[candidate, bad], &[(-2, 10.0), (13, 20.0)]),
            series("one", &[callers, good], &[(-2, 900.0), (13, 950.0)]),
            series("one", &[callers, bad], &[(8, 2.0), (13, 3.0)]),
        ];
        let sample = errors(&proxy, Services::alone("frontend"), scraped(&[]), &counted).await;
        assert_eq!(numbers(&sample), [53, 3, 0, 0], "{}", proxy.measured_by);
    }
}

#[tokio::test]
async fn what_a_proxy_ever_counted_is_a_point_to_count_from_when_its_scrapes_begin() {
    for proxy in proxies() {
        let Proxy { candidate, stable, good, bad, .. } = &proxy;
        let counted = [
            series("one", &[candidate, good], &[(3, 1_000_000.0), (13, 1_000_010.0)]),
            series("one", &[candidate, bad], &[(3, 500.0), (13, 501.0)]),
            series("one", &[stable, good], &[(3, 7_000_000.0), (13, 7_000_020.0)]),
        ];
        for known in [vec![], vec![("one", 3, json!({}))]] {
            let sample = errors(&proxy, in_a_step(), scraped(&known), &counted).await;
            assert_eq!(numbers(&sample), [11, 1, 20, 0], "{}", proxy.measured_by);
        }
    }
}

#[tokio::test]
async fn a_proxy_whose_pod_is_labelled_anew_goes_on_with_its_counters() {
    let proxy = &proxies()[0];
    let Proxy { candidate, stable, good, .. } = proxy;
    let (blue, green) = (json!({ "pod_colour": "blue" }), json!({ "pod_colour": "green" }));
    let counted = [
        series("one", &[candidate, good, &blue], &[(-2, 10_000.0), (3, 10_010.0)]),
        series("one", &[candidate, good, &green], &[(8, 10_020.0), (13, 10_030.0)]),
        series("two", &[candidate, good, &blue], &[(8, 50.0)]),
        series("two", &[candidate, good, &green], &[(13, 52.0)]),
        series("one", &[stable, good, &blue], &[(-2, 40.0), (3, 90.0)]),
    ];
    // The second one is not known by itself: its labels are those of the others.
    let sample = errors(proxy, in_a_step(), scraped(&[("one", -20, green)]), &counted).await;
    assert_eq!(numbers(&sample), [32, 0, 50, 0]);
}

#[tokio::test]
async fn silence_names_what_should_be_scraped() {
    for proxy in proxies() {
        let Proxy { candidate, stable, good, .. } = &proxy;
        let counted = [series("one", &[stable, good], &[(-2, 5.0), (13, 25.0)])];
        let told = errors(&proxy, in_a_step(), scraped(&[]), &counted).await;
        lacks(&told, Reason::NoData, "no new requests of the candidate were scraped");
        let metric = proxy.requests.trim_end_matches('{').rsplit('"').next().unwrap();
        lacks(&told, Reason::NoData, &format!("there is nothing new in {metric}"));
        lacks(&told, Reason::NoData, " about Service frontend-3f9c01d2");
        let counted = [series("one", &[candidate, good], &[(-2, 5.0), (13, 25.0)])];
        let told = errors(&proxy, in_a_step(), scraped(&[]), &counted).await;
        lacks(&told, Reason::NoData, "no new requests of the stable version were scraped");
        assert!(told.unknown.unwrap().detail.ends_with(" about Service frontend"));
    }
}

#[tokio::test]
async fn buckets_in_milliseconds_are_read_as_seconds() {
    let proxy = &proxies()[2];
    let Proxy { candidate, stable, .. } = proxy;
    let bounds: Vec<_> = ["100.0", "500.0", "1000.0", "+Inf"]
        .iter()
        .map(|le| json!({ "metric": { "le": le }, "value": [AFTER, "1"] }))
        .collect();
    let buckets = |version: &Value, counts: [f64; 3]| {
        let bucket =
            |(le, last): (&str, f64)| series("one", &[version, &json!({ "le": le })], &[(-2, 0.0), (13, last)]);
        ["500.0", "1000.0", "+Inf"].into_iter().zip(counts).map(bucket).collect::<Vec<_>>()
    };
    let slower = async |bound: &str| {
        let metrics = json!([{ "name": "latency-p99", "objective": { "maxDuration": bound } }]);
        let all = [buckets(candidate, [90.0, 95.0, 100.0]), buckets(stable, [400.0, 401.0, 402.0])].concat();
        let answers = vec![
            ("min_over_time((timestamp(up)", scraped(&[])),
            (
                "count by (le) (envoy_backend_request_duration_milliseconds_bucket{",
                json!({ "resultType": "vector", "result": bounds }),
            ),
            ("envoy_backend_request_duration_milliseconds_bucket{", matrix(&all)),
        ];
        look(proxy, metrics, in_a_step(), answers).await.samples["latency-p99"].clone()
    };
    assert_eq!(numbers(&slower("500ms").await), [100, 10, 402, 2]);
    // Between two bounds: over 1 s surely, over 500 ms perhaps.
    assert_eq!(numbers(&slower("700ms").await), [100, 5, 402, 1, 100, 10, 402, 1]);
    lacks(
        &slower("5s").await,
        Reason::Misconfigured,
        "no bucket of envoy_backend_request_duration_milliseconds ends at 5 s or later, so no request can be seen to take longer: give at most 1 s",
    );
}
