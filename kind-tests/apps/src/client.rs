//! One HTTP request on one connection of its own.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::url::Url;

/// The largest body that is read.
pub const MAX_BODY: usize = 1 << 20;

/// A request to be sent as it is.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Headers besides `Host`, `Connection` and `Content-Type`.
    pub headers: HeaderMap,
    /// Its body; sent as JSON if it is JSON.
    pub body: Bytes,
    /// The time from connecting to the last byte of the answer.
    pub timeout: Duration,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status of the answer.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct NoAnswer(String);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for NoAnswer {}

/// Sends the call on a new connection and reads the answer.
///
/// # Errors
///
/// Names the attempt that failed: connecting, asking, reading; or the timeout.
pub async fn call(call: Call) -> Result<Reply, NoAnswer> {
    let timeout = call.timeout;
    match tokio::time::timeout(timeout, exchange(call)).await {
        Ok(result) => result,
        Err(_) => Err(NoAnswer(format!("no answer within {timeout:?}"))),
    }
}

async fn exchange(call: Call) -> Result<Reply, NoAnswer> {
    let authority = call.url.authority();
    let stream = TcpStream::connect((call.url.host.as_str(), call.url.port)).await;
    let stream = stream.map_err(|e| attempt(&format!("connecting to {authority}"), &e))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| attempt(&format!("connecting to {authority}"), &e))?;
    let driver = tokio::spawn(connection);
    let result = ask(&mut sender, call, &authority).await;
    driver.abort();
    result
}

async fn ask(sender: &mut http1::SendRequest<Full<Bytes>>, call: Call, authority: &str) -> Result<Reply, NoAnswer> {
    let mut request = Request::new(Full::new(call.body.clone()));
    *request.method_mut() = call.method;
    *request.uri_mut() = call.url.path.parse().map_err(|e| attempt("building the request", &e))?;
    let headers = request.headers_mut();
    *headers = call.headers;
    let host = HeaderValue::from_str(authority).map_err(|e| attempt("building the request", &e))?;
    headers.insert(HOST, host);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if !call.body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(&call.body)));
    }
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|e| attempt(&format!("asking {authority}"), &e))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|e| attempt(&format!("reading the answer of {authority}"), e.as_ref()))?;
    Ok(Reply { status, body: body.to_bytes() })
}

fn content_type(body: &[u8]) -> &'static str {
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Ok(_) => "application/json",
        Err(_) => "text/plain; charset=utf-8",
    }
}

fn attempt(what: &str, error: &dyn Error) -> NoAnswer {
    NoAnswer(format!("{what}: {}", chain(error)))
}

/// An error with all its sources, each said once.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = inner.source();
    }
    text
}
