//! Sending one letter, whoever carries it: tests carry theirs in memory.

use chrono::{DateTime, Utc};
use crds::endpoint::Endpoint;
use futures::{FutureExt as _, future::BoxFuture};
use kube::Client;
use tracing::{Instrument as _, Span, debug_span, field::Empty};

use super::{Answer, Egress, Problem, Proxies, open};

/// A body and whom it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// Namespace of what names the receiver, and of its Secrets.
    pub namespace: String,
    /// The receiver.
    pub endpoint: Endpoint,
    /// What names it, for people, such as `gate load of RolloutPolicy shop/front`.
    pub whose: String,
    /// Such as `application/json`.
    pub content_type: &'static str,
    /// What is sent.
    pub body: Vec<u8>,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The span that the receiver's own are a part of, in W3C's words; a header of that name that the user gives goes before.
    pub traceparent: Option<String>,
}

/// An answer, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The receiver's scheme, host and port.
    pub origin: String,
    /// What it answered.
    pub answer: Answer,
}

/// Carries letters.
pub trait Post: Send + Sync {
    /// Sends it once and waits for the answer, within the endpoint's timeout. A [`Problem`] where there was none.
    fn post(&self, letter: Letter) -> BoxFuture<'_, Result<Reply, Problem>>;
}

/// Carries them over the network.
pub struct Outbound {
    client: Client,
    egress: Egress,
    proxies: Proxies,
}

impl Outbound {
    /// Secrets are read by this client; connections go where `egress` lets them.
    pub fn new(client: Client, egress: Egress) -> Self {
        Self { client, egress, proxies: Proxies::default() }
    }

    /// Requests go through these proxies.
    #[must_use]
    pub fn through(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    async fn send(&self, letter: Letter) -> Result<Reply, Problem> {
        let Letter { namespace, endpoint, whose, .. } = &letter;
        let receiver = open(&self.client, namespace, endpoint, whose, self.egress, &self.proxies).await?;
        let answer = receiver.post(letter).await?;
        Ok(Reply { origin: receiver.origin().to_owned(), answer })
    }
}

impl Post for Outbound {
    fn post(&self, letter: Letter) -> BoxFuture<'_, Result<Reply, Problem>> {
        let span = debug_span!(
            "post",
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            sluice.to = letter.whose,
            http.response.status_code = Empty,
        );
        let posting = self.send(letter).map(|result| {
            let span = Span::current();
            match &result {
                Ok(reply) => span.record("http.response.status_code", reply.answer.status),
                Err(problem) => {
                    span.record("otel.status_code", "ERROR").record("otel.status_description", &problem.message)
                }
            };
            result
        });
        posting.instrument(span).boxed()
    }
}
