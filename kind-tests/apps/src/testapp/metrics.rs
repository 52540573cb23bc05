//! podinfo's metrics, by the same names and with the same labels, and the count of live requests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde::Serialize;

/// The default buckets of Prometheus' Go client, in seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The type of what [`Metrics::exposition`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    path: &'static str,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Path {
    path: &'static str,
}

/// Counts of requests that came as live traffic, for "never answered one live request".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Live {
    /// All of them.
    pub total: u64,
    /// Those answered with an injected error.
    pub errors: u64,
    /// By the path's label.
    pub paths: BTreeMap<&'static str, u64>,
}

/// Everything the application counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    durations: Family<Request, Histogram, fn() -> Histogram>,
    requests: Family<Status, Counter>,
    live_requests: Family<Path, Counter>,
    live: Mutex<Live>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let durations: Family<Request, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let requests: Family<Status, Counter> = Family::default();
        let live_requests: Family<Path, Counter> = Family::default();
        let help = "Seconds spent serving HTTP requests";
        registry.register("http_request_duration_seconds", help, durations.clone());
        // The client appends `_total`.
        registry.register("http_requests", "The total number of HTTP requests", requests.clone());
        let help = "Requests that are no probe, scrape or test, since the start";
        registry.register("testapp_live_requests", help, live_requests.clone());
        let live = Mutex::default();
        Metrics { registry, durations, requests, live_requests, live }
    }
}

impl Metrics {
    /// Counts a live request at its arrival and returns how many came before it.
    pub fn arrived(&self, path: &'static str) -> u64 {
        self.live_requests.get_or_create(&Path { path }).inc();
        let mut live = self.live();
        live.total += 1;
        *live.paths.entry(path).or_default() += 1;
        live.total - 1
    }

    /// Counts an injected error.
    pub fn spoiled(&self) {
        self.live().errors += 1;
    }

    /// Counts any request at its end.
    pub fn served(&self, method: &str, path: &'static str, status: u16, took: Duration) {
        let (method, status) = (method.to_owned(), status.to_string());
        let request = Request { method, path, status: status.clone() };
        self.durations.get_or_create(&request).observe(took.as_secs_f64());
        self.requests.get_or_create(&Status { status }).inc();
    }

    /// The live requests so far.
    pub fn snapshot(&self) -> Live {
        self.live().clone()
    }

    /// The text that Prometheus scrapes.
    pub fn exposition(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposition_has_podinfos_names_labels_and_buckets() {
        let metrics = Metrics::default();
        metrics.served("GET", "root", 500, Duration::from_millis(20));
        let text = metrics.exposition();
        for line in [
            "http_requests_total{status=\"500\"} 1",
            "http_request_duration_seconds_count{method=\"GET\",path=\"root\",status=\"500\"} 1",
            "http_request_duration_seconds_bucket{le=\"0.01\",method=\"GET\",path=\"root\",status=\"500\"} 0",
            "http_request_duration_seconds_bucket{le=\"0.025\",method=\"GET\",path=\"root\",status=\"500\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn live_requests_are_numbered_from_zero_and_counted_by_path() {
        let metrics = Metrics::default();
        assert_eq!([metrics.arrived("root"), metrics.arrived("echo"), metrics.arrived("root")], [0, 1, 2]);
        let live = metrics.snapshot();
        assert_eq!((live.total, live.paths["root"], live.paths["echo"]), (3, 2, 1));
        assert!(metrics.exposition().contains("testapp_live_requests_total{path=\"root\"} 2"));
    }
}
