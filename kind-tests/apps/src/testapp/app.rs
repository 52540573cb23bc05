//! How requests are answered.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::echo::echo;
use super::metrics::{CONTENT_TYPE, Metrics};
use super::options::Options;
use super::route::Route;
use crate::client::MAX_BODY;
use crate::clock;
use crate::server::{self, Answer};

/// The application: what it was told, since when it runs, what it counted.
#[derive(Debug)]
pub struct App {
    options: Options,
    started: Instant,
    ending: AtomicBool,
    metrics: Metrics,
    /// Other draws in every process.
    chance: RandomState,
}

impl App {
    /// An application that starts now.
    pub fn new(options: Options) -> App {
        App {
            options,
            started: clock::now(),
            ending: AtomicBool::new(false),
            metrics: Metrics::default(),
            chance: RandomState::new(),
        }
    }

    /// Not ready any more: it was asked to end.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Answers a request, and counts it.
    pub async fn handle(&self, request: Request<Incoming>) -> Answer {
        let begin = clock::now();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let route = Route::of(&path);
        let label = route.label(&path);
        let answer = if route.is_live() { self.live(route, label, request).await } else { self.direct(route) };
        let took = clock::now().duration_since(begin);
        self.metrics.served(method.as_str(), label, answer.status().as_u16(), took);
        answer
    }

    fn fails(&self, number: u64) -> bool {
        let rate = self.options.error_rate;
        if self.options.random_errors { rate.drawn(self.chance.hash_one(number)) } else { rate.diffused(number) }
    }

    async fn live(&self, route: Route, label: &'static str, request: Request<Incoming>) -> Answer {
        let number = self.metrics.arrived(label);
        if self.options.latency_ms > 0 {
            sleep(Duration::from_millis(self.options.latency_ms)).await;
        }
        if self.fails(number) {
            self.metrics.spoiled();
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return self.identified(status, "code", json!(500), "message", "error by --error-rate");
        }
        match route {
            Route::Info => self.info(),
            Route::Version => {
                let (version, commit) = (&self.options.app_version, &self.options.commit);
                server::json(StatusCode::OK, &json!({"version": version, "commit": commit}))
            }
            Route::Echo => {
                let (head, body) = request.into_parts();
                match Limited::new(body, MAX_BODY).collect().await {
                    Ok(body) => {
                        let (backends, version) = (&self.options.backend, &self.options.app_version);
                        echo(backends, version, &head.headers, body.to_bytes()).await
                    }
                    Err(error) => server::plain(StatusCode::BAD_REQUEST, format!("reading the body: {error}")),
                }
            }
            Route::Status(code) => {
                let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
                self.identified(status, "status", json!(code), "message", "as asked")
            }
            Route::Delay(seconds) => {
                sleep(Duration::from_secs(seconds)).await;
                self.identified(StatusCode::OK, "delay", json!(seconds), "message", "as asked")
            }
            Route::Env => {
                let variables = std::env::vars_os()
                    .map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy()));
                server::json(StatusCode::OK, &variables.collect::<Vec<_>>())
            }
            _ => self.identified(StatusCode::NOT_FOUND, "code", json!(404), "message", "no such path"),
        }
    }

    fn direct(&self, route: Route) -> Answer {
        let status = |status| server::json(status, &json!({"status": status.canonical_reason()}));
        match route {
            Route::Readyz if !self.is_ready() => status(StatusCode::SERVICE_UNAVAILABLE),
            Route::Metrics => server::with_type(StatusCode::OK, CONTENT_TYPE, self.metrics.exposition()),
            Route::Counters => server::json(StatusCode::OK, &self.counters()),
            Route::Conformance if self.options.fail_conformance => {
                let reason = "conformance fails, as told by --fail-conformance";
                server::plain(StatusCode::INTERNAL_SERVER_ERROR, reason)
            }
            Route::Conformance => server::plain(StatusCode::OK, "ok"),
            _ => status(StatusCode::OK),
        }
    }

    fn is_ready(&self) -> bool {
        !self.options.never_ready
            && !self.ending.load(Ordering::Relaxed)
            && clock::now().duration_since(self.started) >= self.options.ready_after
    }

    fn info(&self) -> Answer {
        let told = &self.options;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let info = BTreeMap::from([
            ("hostname", told.hostname.as_str()),
            ("version", &told.app_version),
            ("revision", &told.commit),
            ("message", &told.message),
            ("color", &told.color),
            ("logo", ""),
            ("goos", std::env::consts::OS),
            ("goarch", std::env::consts::ARCH),
            ("runtime", "rust"),
        ]);
        let mut info: BTreeMap<_, _> = info.into_iter().map(|(k, v)| (k, v.to_owned())).collect();
        info.insert("num_cpu", cores.to_string());
        server::json(StatusCode::OK, &info)
    }

    fn counters(&self) -> serde_json::Value {
        let live = self.metrics.snapshot();
        json!({
            "hostname": self.options.hostname,
            "version": self.options.app_version,
            "total": live.total,
            "errors": live.errors,
            "paths": live.paths,
        })
    }

    /// A small answer that says who gave it, so that errors can be attributed too.
    fn identified(&self, status: StatusCode, key: &str, value: serde_json::Value, note: &str, text: &str) -> Answer {
        let body = json!({
            key: value,
            note: text,
            "hostname": self.options.hostname,
            "version": self.options.app_version,
        });
        server::json(status, &body)
    }
}
