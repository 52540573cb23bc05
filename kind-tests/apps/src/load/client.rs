//! One target: how a request reaches it.

use std::future::Future;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderValue};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::http::{Ask, HttpConnection};
use super::outcome::{Answer, Outcome, Trouble};
use super::pool::{Pool, Taken};
use super::redis::RedisConnection;
use super::resolver::Resolver;
use crate::clock;
use crate::report::Cause;
use crate::url::{Scheme, Url};

/// Sends requests to one target.
#[derive(Debug)]
pub struct Client {
    resolver: Resolver,
    speaks: Speaks,
    pool: Pool<Connection>,
    timeout: Duration,
}

#[derive(Debug)]
enum Speaks {
    Http(Box<Ask>),
    Redis,
}

#[derive(Debug)]
enum Connection {
    Http(HttpConnection),
    Redis(RedisConnection),
}

/// One request: its number and its deadline.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    n: u64,
    deadline: Instant,
    last: bool,
}

impl Client {
    /// A client without connections yet.
    ///
    /// # Errors
    ///
    /// When the URL cannot be asked for over HTTP.
    pub fn new(url: &Url, headers: HeaderMap, kept: u16, timeout: Duration) -> Result<Client, String> {
        let speaks = match url.scheme {
            Scheme::Redis => Speaks::Redis,
            Scheme::Http => Speaks::Http(Box::new(Ask {
                path: url.path.parse().map_err(|e| format!("{url}: {e}"))?,
                host: HeaderValue::from_str(&url.authority()).map_err(|e| format!("{url}: {e}"))?,
                headers,
            })),
        };
        let resolver = Resolver::new(&url.host, url.port);
        Ok(Client { resolver, speaks, pool: Pool::new(kept), timeout })
    }

    /// Sends request `n` on a connection of its own.
    pub async fn fresh(&self, n: u64) -> Outcome {
        let attempt = self.attempt(n, true);
        let result = match self.open(attempt).await {
            Ok(mut connection) => self.exchange(&mut connection, attempt).await,
            Err(trouble) => Err(trouble),
        };
        Outcome { result, retried: false, renewed: false }
    }

    /// Sends request `n` over a kept connection. If that is closed before a byte of an answer came, the
    /// request is sent once more on a new one; if it was found closed, it is opened anew.
    pub async fn kept(&self, n: u64) -> Outcome {
        let attempt = self.attempt(n, false);
        let outcome = |result, retried, renewed| Outcome { result, retried, renewed };
        let (seat, retried, renewed) = match self.pool.take() {
            Taken::Open(seat) => (seat, false, false),
            Taken::Idle(connection, seat) if connection.is_closed() => (Some(seat), false, true),
            Taken::Idle(mut connection, seat) => match self.exchange(&mut connection, attempt).await {
                Err(trouble) if trouble.may_be_tried_again() => (Some(seat), true, false),
                result => {
                    if result.is_ok() {
                        self.pool.keep(connection, seat);
                    }
                    return outcome(result, false, false);
                }
            },
        };
        let mut connection = match self.open(attempt).await {
            Ok(connection) => connection,
            Err(trouble) => return outcome(Err(trouble), retried, renewed),
        };
        let result = self.exchange(&mut connection, attempt).await;
        if let (Ok(_), Some(seat)) = (&result, seat) {
            self.pool.keep(connection, seat);
        }
        outcome(result, retried, renewed)
    }

    fn attempt(&self, n: u64, last: bool) -> Attempt {
        Attempt { n, deadline: clock::now() + self.timeout, last }
    }

    async fn open(&self, attempt: Attempt) -> Result<Connection, Trouble> {
        let resolving = self.resolver.address(attempt.n);
        let address = within(attempt, Cause::Dns, resolving).await?;
        let address = address.map_err(|e| Trouble::new(Cause::Dns, e.to_string()))?;
        let connecting = TcpStream::connect(address);
        let stream = within(attempt, Cause::ConnectTimeout, connecting).await?;
        let stream = stream.map_err(|e| Trouble::connecting(&e))?;
        let _ = stream.set_nodelay(true);
        match self.speaks {
            Speaks::Http(_) => HttpConnection::over(stream).await.map(Connection::Http),
            Speaks::Redis => Ok(Connection::Redis(RedisConnection::over(stream))),
        }
    }

    async fn exchange(&self, connection: &mut Connection, attempt: Attempt) -> Result<Answer, Trouble> {
        within(attempt, Cause::Timeout, connection.exchange(&self.speaks, attempt)).await?
    }
}

impl Connection {
    fn is_closed(&self) -> bool {
        match self {
            Connection::Http(connection) => connection.is_closed(),
            Connection::Redis(connection) => connection.is_closed(),
        }
    }

    async fn exchange(&mut self, speaks: &Speaks, attempt: Attempt) -> Result<Answer, Trouble> {
        match (self, speaks) {
            (Connection::Http(connection), Speaks::Http(ask)) => connection.exchange(ask, attempt.last).await,
            (Connection::Redis(connection), _) => connection.exchange(attempt.n).await,
            (Connection::Http(_), Speaks::Redis) => Err(Trouble::new(Cause::BadBody, "not Redis")),
        }
    }
}

async fn within<F: Future>(attempt: Attempt, late: Cause, work: F) -> Result<F::Output, Trouble> {
    let result = timeout_at(attempt.deadline, work).await;
    result.map_err(|_| Trouble::new(late, "the request's time was over"))
}
