//! Looks, against a Prometheus and an API server of paper.

pub(super) mod paper;

use std::collections::BTreeMap;

use analysis::{Batch, Reason, Sample};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use super::*;
use paper::{paper_cluster, paper_prometheus};

const CANARY: &str = "pl4nted-c4nary";

pub(super) fn request() -> Request {
    Request {
        namespace: "shop".into(),
        policy: "frontend".into(),
        workload: "frontend".into(),
        service: "frontend".into(),
        revision: "3f9c01d2".into(),
        services: Services::alone("frontend"),
        window: TimeDelta::seconds(60),
        at: DateTime::from_timestamp(1_700_000_000, 250_000_000).unwrap(),
        analysis: serde_json::from_value(json!({"metrics": [{"name": "success-rate", "objective": {"min": 99}}]}))
            .unwrap(),
        counting: None,
    }
}

/// A request for metrics of one template each, whose query is the metric's name: the paper Prometheus answers by it.
fn asking(names: &[&str]) -> Request {
    let metrics: Vec<_> =
        names.iter().map(|name| json!({"name": name, "objective": {"min": 1}, "template": {"name": name}})).collect();
    let mut request = request();
    request.analysis = serde_json::from_value(json!({"metrics": metrics})).unwrap();
    request
}

const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBizCCATGgAwIBAgIUScdtefW7r75xOc0YAiGQPQ277tYwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPcGFwZXIgYXV0aG9yaXR5MCAXDTI2MTEyMTA3NDM1OFoYDzIx
MjYxMDI4MDc0MzU4WjAaMRgwFgYDVQQDDA9wYXBlciBhdXRob3JpdHkwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAASWr0SOKRom15dB3mvH/cwZK9EVlSvM7mlw1GUp
K8v50SvgUXt3AuVGHybNqYwgtP6EW17RxWxMIg+o3tRgC/FPo1MwUTAdBgNVHQ4E
FgQUKLYMAZ9d0wYgmzZyk20NTlojnvMwHwYDVR0jBBgwFoAUKLYMAZ9d0wYgmzZy
k20NTlojnvMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA1fYD
g9Kid0jmAuK8I/WhU+jY1pywB+ZeIkBo3HtdsiwCICLewPypmZu1HUi8qyjlbKot
rRnK0xfMcsBNR/Uk5Vwu
-----END CERTIFICATE-----
";

pub(super) const OWN: &str = "/apis/sluice.dev/v1alpha1/namespaces/shop/metricsources/default";
const SHARED: &str = "/apis/sluice.dev/v1alpha1/namespaces/sluice-system/metricsources/default";

pub(super) fn source(prometheus: Value) -> Value {
    json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "MetricSource",
        "metadata": {"name": "default"}, "spec": {"prometheus": prometheus},
    })
}

fn secret(data: &[(&str, &str)]) -> Value {
    let data: BTreeMap<_, _> = data.iter().map(|(k, v)| (*k, k8s_openapi::ByteString(v.as_bytes().to_vec()))).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data})
}

pub(super) fn measure(objects: impl IntoIterator<Item = (&'static str, Value)>) -> PrometheusMeasure {
    PrometheusMeasure::new(paper_cluster(objects), "sluice-system").allow_loopback()
}

pub(super) fn lacks(sample: &Sample, reason: Reason, words: &str) {
    let unknown = sample.unknown.as_ref().unwrap_or_else(|| panic!("{sample:?}"));
    assert_eq!(unknown.reason, reason, "{unknown:?}");
    assert!(unknown.detail.contains(words), "{unknown:?}");
    assert!(!unknown.detail.contains(CANARY), "{unknown:?}");
}

fn only(batch: &Batch) -> &Sample {
    assert_eq!(batch.samples.len(), 1);
    batch.samples.values().next().unwrap()
}

#[tokio::test]
async fn each_answer_is_worth_what_it_says() {
    let (url, asked) = paper_prometheus().await;
    let measure = measure([(OWN, source(json!({"url": url, "timeout": "2s"})))]);
    let names = [
        "good", "scalar", "empty", "nan", "infinite", "many", "matrix", "partial", "bad", "broken", "locked", "html",
        "garbled", "failed", "redirect", "huge", "gone",
    ];
    let request = asking(&names);
    let batch = measure.measure(&request).await;
    assert_eq!(batch.at, request.at);
    assert_eq!(batch.samples.len(), names.len());
    assert_eq!(batch.samples["good"], Sample::value(98.5));
    assert_eq!(batch.samples["scalar"], Sample::value(7.0));
    for (name, reason, words) in [
        ("empty", Reason::NoData, "no traffic"),
        ("nan", Reason::NotANumber, "NaN"),
        ("infinite", Reason::NotANumber, "inf"),
        ("many", Reason::ManySeries, "2 series"),
        ("matrix", Reason::Misconfigured, "range"),
        ("partial", Reason::ProviderError, "part of its data"),
        ("bad", Reason::ProviderError, "answered 400"),
        ("broken", Reason::ProviderError, "MetricSource shop/default (http://127.0.0.1:"),
        ("broken", Reason::ProviderError, "answered 500: see the server's log"),
        ("locked", Reason::ProviderError, "answered 401: the credentials"),
        ("html", Reason::ProviderError, "web page"),
        ("garbled", Reason::ProviderError, "something else"),
        ("failed", Reason::ProviderError, "the query failed"),
        ("redirect", Reason::ProviderError, "answered 307: a redirect"),
        ("huge", Reason::ProviderError, "more than 1 MiB"),
        ("gone", Reason::Misconfigured, "MetricTemplate shop/gone is missing: create it"),
    ] {
        lacks(&batch.samples[name], reason, words);
    }
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|(parameters, _)| parameters["query"] != "redirected"));
    assert!(asked.iter().all(|(parameters, _)| parameters["time"] == "1700000000.250"));
}

#[tokio::test]
async fn a_slow_query_ends_at_its_deadline_and_holds_up_no_other() {
    let (url, _) = paper_prometheus().await;
    let measure = measure([(OWN, source(json!({"url": url, "timeout": "200ms"})))]);
    let request = asking(&["slow", "good"]);
    let look = measure.measure(&request);
    let batch = tokio::time::timeout(std::time::Duration::from_secs(3), look).await.expect("a look is bounded");
    lacks(&batch.samples["slow"], Reason::ProviderError, "did not answer within 200ms");
    assert_eq!(batch.samples["good"], Sample::value(98.5));
}

#[tokio::test]
async fn a_built_in_metric_is_asked_with_its_query_also_at_a_name() {
    let (url, asked) = paper_prometheus().await;
    let url = url.replace("127.0.0.1", "localhost");
    let measure = measure([(OWN, source(json!({"url": url})))]);
    let batch = measure.measure(&request()).await;
    assert_eq!(only(&batch), &Sample::value(98.5));
    assert!(asked.lock().unwrap()[0].0["query"].contains("sluice_dev_revision=\"3f9c01d2\""));
}

#[tokio::test]
async fn the_shared_source_is_asked_with_secrets_of_its_own_namespace() {
    let (url, asked) = paper_prometheus().await;
    let token = json!({"name": "prom", "key": "token"});
    let shared = source(json!({
        "url": url, "bearerToken": token, "headers": {"X-Scope-OrgID": "shop"}, "scrapeInterval": "5s",
    }));
    let measure = measure([
        (SHARED, shared),
        ("/api/v1/namespaces/sluice-system/secrets/prom", secret(&[("token", &format!("{CANARY}\n"))])),
    ]);
    assert_eq!(only(&measure.measure(&asking(&["good"])).await), &Sample::value(98.5));
    let headers = asked.lock().unwrap()[0].1.clone();
    assert_eq!(headers["authorization"], format!("Bearer {CANARY}"));
    assert_eq!(headers["x-scope-orgid"], "shop");
    assert_eq!(measure.scrape_interval("shop", "default").await, Duration::from_secs(5));
    assert_eq!(measure.scrape_interval("shop", "other").await, Duration::from_secs(15));
}

#[tokio::test]
async fn a_user_and_a_password_are_sent() {
    let (url, asked) = paper_prometheus().await;
    let measure = measure([
        (OWN, source(json!({"url": url, "basicAuth": {"name": "prom"}}))),
        ("/api/v1/namespaces/shop/secrets/prom", secret(&[("username", "u"), ("password", "p")])),
    ]);
    assert_eq!(only(&measure.measure(&asking(&["good"])).await), &Sample::value(98.5));
    assert_eq!(asked.lock().unwrap()[0].1["authorization"], "Basic dTpw");
}

#[tokio::test]
async fn what_cannot_be_asked_says_what_to_do() {
    let with = |key: &str, value: Value| {
        let mut prometheus = json!({"url": "http://127.0.0.1:1", "timeout": "1s"});
        prometheus[key] = value;
        source(prometheus)
    };
    let named = json!({"name": "prom", "key": "k"});
    let prom = "/api/v1/namespaces/shop/secrets/prom";
    use Reason::{Misconfigured, ProviderError};
    for (objects, reason, words) in [
        (vec![], Misconfigured, "MetricSource default is missing: create it in namespace shop, or in sluice-system"),
        (vec![(OWN, json!(500))], ProviderError, "cannot read MetricSource shop/default: the API server answered 500"),
        (vec![(OWN, json!(403))], ProviderError, "the controller may not"),
        (vec![(OWN, with("url", json!("ftp://a")))], Misconfigured, "no http or https address"),
        (vec![(OWN, with("url", json!("http://169.254.169.254/")))], Misconfigured, "metadata service"),
        (vec![(OWN, with("url", json!("http://nobody.invalid")))], ProviderError, "nobody.invalid has no address"),
        (
            vec![(OWN, with("url", json!("http://127.0.0.1:1")))],
            ProviderError,
            "cannot connect to MetricSource shop/default",
        ),
        (vec![(OWN, with("headers", json!({"a b": "c"})))], Misconfigured, "the header a b"),
        (vec![(OWN, with("bearerToken", named.clone()))], Misconfigured, "Secret shop/prom"),
        (vec![(OWN, with("bearerToken", named.clone())), (prom, json!(403))], Misconfigured, "may not be read: allow"),
        (vec![(OWN, with("bearerToken", named.clone())), (prom, secret(&[]))], Misconfigured, "has no key k: add it"),
        (
            vec![(OWN, with("bearerToken", named.clone())), (prom, secret(&[("k", "pl4nted-c4nary\n\u{1}")]))],
            Misconfigured,
            "characters that no header",
        ),
        (vec![(OWN, with("ca", named)), (prom, secret(&[("k", CANARY)]))], Misconfigured, "holds no certificates"),
    ] {
        lacks(only(&measure(objects).measure(&asking(&["good"])).await), reason, words);
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_taken() {
    let own = source(json!({"url": "https://127.0.0.1:1", "timeout": "1s", "ca": {"name": "prom", "key": "ca.crt"}}));
    let pem = secret(&[("ca.crt", AUTHORITY)]);
    let batch = measure([(OWN, own), ("/api/v1/namespaces/shop/secrets/prom", pem)]).measure(&asking(&["good"])).await;
    lacks(only(&batch), Reason::ProviderError, "cannot connect to MetricSource shop/default (https://127.0.0.1:1)");
}

#[tokio::test]
async fn a_server_that_only_speaks_http_is_not_asked_by_tls() {
    let (url, _) = paper_prometheus().await;
    let own = source(json!({"url": url.replace("http://", "https://"), "timeout": "2s"}));
    let batch = measure([(OWN, own)]).measure(&asking(&["good"])).await;
    lacks(only(&batch), Reason::ProviderError, "MetricSource shop/default");
}

#[tokio::test]
async fn loopback_is_refused_unless_allowed() {
    let cluster = paper_cluster([(OWN, source(json!({"url": "http://127.0.0.1:9090"})))]);
    let batch = PrometheusMeasure::new(cluster, "sluice-system").measure(&asking(&["good"])).await;
    lacks(only(&batch), Reason::Misconfigured, "where no request is sent");
}

#[tokio::test]
async fn a_window_without_length_holds_nothing() {
    let mut request = request();
    request.window = TimeDelta::zero();
    lacks(only(&measure([]).measure(&request).await), Reason::Misconfigured, "a window of 0s");
}
