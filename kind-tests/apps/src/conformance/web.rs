//! Runs checks over HTTP.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::check::Check;
use super::expect::Unmet;
use super::results::Outcome;
use crate::client::{Call, call};
use crate::clock;
use crate::url::Url;

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs the checks one after the other.
pub async fn run(base: &Url, limit: Duration, checks: &[Check]) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(checks.len());
    for check in checks {
        let began = clock::now();
        let unmet = ask(base, limit, check).await;
        let took = clock::now().duration_since(began);
        outcomes.push(Outcome { name: check.name.clone(), unmet, took });
    }
    outcomes
}

/// Waits until the host accepts a connection.
///
/// # Errors
///
/// The last failure, when the time is over.
pub async fn reachable(host: &str, port: u16, within: Duration) -> Result<(), String> {
    let deadline = clock::now() + within;
    loop {
        let left = deadline.saturating_duration_since(clock::now()).max(PAUSE);
        let failure = match timeout(left, TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no connection".to_owned(),
        };
        if clock::now() + PAUSE >= deadline {
            return Err(format!("connecting to {host}:{port} for {within:?}: {failure}"));
        }
        sleep(PAUSE).await;
    }
}

async fn ask(base: &Url, limit: Duration, check: &Check) -> Vec<Unmet> {
    let request = Call {
        method: check.method.clone(),
        url: base.join(&check.path),
        headers: HeaderMap::new(),
        body: Bytes::from(check.body.clone()),
        timeout: limit,
    };
    let reply = match call(request).await {
        Ok(reply) => reply,
        Err(error) => {
            let expected = format!("an answer with status {}", check.status);
            return vec![Unmet { expected, got: error.to_string() }];
        }
    };
    let body = String::from_utf8_lossy(&reply.body);
    let status = check.status.judge(reply.status.as_u16(), &body);
    let others = check.expectations.iter().filter_map(|expectation| expectation.judge(&body));
    status.into_iter().chain(others).collect()
}
