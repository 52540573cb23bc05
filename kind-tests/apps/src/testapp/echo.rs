//! `/echo`: the body back, or what the backends make of it.
//!
//! As podinfo does it: 202 with the body where there is no backend; else 200 with an array of strings, one
//! for each backend in order, also for a backend that failed.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

use crate::client::{Call, call};
use crate::server::{Answer, json, with_type};
use crate::url::Url;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Headers that are handed on, so that a trace holds together.
const TRACING: [&str; 8] = [
    "x-request-id",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-ot-span-context",
    "traceparent",
];

/// Answers `/echo`.
pub async fn echo(backends: &[Url], version: &str, headers: &HeaderMap, body: Bytes) -> Answer {
    if backends.is_empty() {
        return with_type(StatusCode::ACCEPTED, "application/octet-stream", body);
    }
    let forwarded = forwarded(headers, version);
    let calls: Vec<_> =
        backends.iter().map(|url| tokio::spawn(ask(url.clone(), forwarded.clone(), body.clone()))).collect();
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        answers.push(call.await.unwrap_or_else(|e| format!("the call failed: {e}")));
    }
    json(StatusCode::OK, &answers)
}

async fn ask(url: Url, headers: HeaderMap, body: Bytes) -> String {
    let name = url.to_string();
    let request = Call { method: Method::POST, url, headers, body, timeout: TIMEOUT };
    match call(request).await {
        Ok(reply) if reply.status.as_u16() >= 400 => {
            format!("backend {name} response status code {}", reply.status.as_u16())
        }
        Ok(reply) => String::from_utf8_lossy(&reply.body).into_owned(),
        Err(error) => format!("backend {name} call failed {error}"),
    }
}

fn forwarded(headers: &HeaderMap, version: &str) -> HeaderMap {
    let mut forwarded = HeaderMap::new();
    for name in TRACING {
        if let Some(value) = headers.get(name) {
            forwarded.insert(name, value.clone());
        }
    }
    if let Ok(version) = HeaderValue::from_str(version) {
        forwarded.insert("x-api-version", version);
    }
    forwarded
}
