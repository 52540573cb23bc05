//! One HTTP/1.1 connection under our control.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::outcome::{Answer, Trouble};
use crate::client::MAX_BODY;
use crate::json;
use crate::report::{Cause, UNKNOWN};

/// What every request of a target asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Path and query.
    pub path: Uri,
    /// The `Host` header.
    pub host: HeaderValue,
    /// More headers.
    pub headers: HeaderMap,
}

/// A connection; closed when dropped.
#[derive(Debug)]
pub struct HttpConnection {
    sender: SendRequest<Empty<Bytes>>,
    received: Arc<AtomicU64>,
    driver: JoinHandle<()>,
}

impl Drop for HttpConnection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl HttpConnection {
    /// Speaks HTTP over a connected stream.
    pub async fn over(stream: TcpStream) -> Result<HttpConnection, Trouble> {
        let received = Arc::new(AtomicU64::new(0));
        let counted = Counted { stream, received: Arc::clone(&received) };
        let (sender, connection) = handshake(TokioIo::new(counted)).await.map_err(|e| Trouble::exchanging(&e, true))?;
        let driver = tokio::spawn(async move {
            // Its error reaches whoever waits for the answer.
            let _ = connection.await;
        });
        Ok(HttpConnection { sender, received, driver })
    }

    /// Whether the other side has ended it.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends the request and reads the whole answer. `last` asks the server to close afterwards.
    pub async fn exchange(&mut self, ask: &Ask, last: bool) -> Result<Answer, Trouble> {
        let before = self.received.load(Ordering::Relaxed);
        let untouched = |received: &AtomicU64| received.load(Ordering::Relaxed) == before;
        let answer = match self.send(ask, last).await {
            Ok(answer) => answer,
            Err(error) => return Err(Trouble::exchanging(&error, untouched(&self.received))),
        };
        read(answer).await
    }

    async fn send(&mut self, ask: &Ask, last: bool) -> Result<Response<hyper::body::Incoming>, hyper::Error> {
        self.sender.ready().await?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = ask.path.clone();
        *request.headers_mut() = ask.headers.clone();
        request.headers_mut().insert(HOST, ask.host.clone());
        if last {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.sender.send_request(request).await
    }
}

async fn read(answer: Response<hyper::body::Incoming>) -> Result<Answer, Trouble> {
    let status = answer.status();
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let says_json = kind.is_some_and(|kind| kind.contains("json"));
    let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|e| half(e.as_ref()))?.to_bytes();
    let (hostname, version) = match serde_json::from_slice::<Value>(&body) {
        Ok(body) => (member(&body, "/hostname"), member(&body, "/version")),
        Err(error) if says_json => return Err(Trouble::new(Cause::BadBody, error.to_string())),
        Err(_) => (UNKNOWN.to_owned(), UNKNOWN.to_owned()),
    };
    let good = status.as_u16() < 400;
    Ok(Answer { status: status.as_u16().to_string(), good, hostname, version })
}

fn half(error: &(dyn Error + 'static)) -> Trouble {
    Trouble::new(Cause::BadBody, crate::client::chain(error))
}

fn member(body: &Value, pointer: &str) -> String {
    match json::lookup(body, pointer) {
        Some(Value::String(text)) => text,
        _ => UNKNOWN.to_owned(),
    }
}

/// A stream that counts what was received.
struct Counted {
    stream: TcpStream,
    received: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        let bytes = buf.filled().len() - before;
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        poll
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
