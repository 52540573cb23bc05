//! One notice on its way to one receiver, and what the receiver says to it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::Client;
use messages::{Notice, Reply, slack};

use super::channel::{Channel, Target};
use crate::outbound::{self, Egress, Problem, flagger};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it; what it is known by, where others can follow it.
    Delivered(Option<String>),
    /// Not now: why, and when the receiver wants to be asked again.
    Failed(String, Option<Duration>),
    /// Nobody can send it so: what is wrong with the channel, and what to do.
    Misconfigured(String),
    /// The receiver does not take what it says: why.
    Refused(String),
}

impl Outcome {
    /// One word for it, for metrics and logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Delivered(_) => "delivered",
            Self::Failed(..) => "failed",
            Self::Misconfigured(_) => "misconfigured",
            Self::Refused(_) => "refused",
        }
    }
}

/// Sends a notice once; `thread` is what its release's first message is known by, and `plainly` leaves the user's template out.
pub async fn send(
    client: &Client,
    egress: Egress,
    channel: &Channel,
    (notice, thread): (&Notice, Option<&str>),
    plainly: bool,
    now: DateTime<Utc>,
) -> Outcome {
    let text = channel.text(notice, plainly);
    let (endpoint, format, body) = match &channel.target {
        Target::Plain(format, endpoint) => (endpoint, *format, messages::body(*format, notice, &text)),
        Target::SlackBot(endpoint, to) => {
            let body = slack::thread(slack::message(notice, &text), to, thread, notice.kind);
            (endpoint, messages::Format::Slack, body)
        }
        Target::Flagger(endpoint) => (endpoint, messages::Format::Webhook, flagger::of_notice(notice)),
    };
    let body = body.to_string().into_bytes();
    let sent = async {
        let receiver = outbound::open(client, &channel.namespace, endpoint, &channel.title(), egress).await?;
        let answer = receiver.post(messages::content_type(format), body, now).await?;
        Ok((receiver.origin().to_owned(), answer))
    };
    match sent.await {
        Ok((origin, answer)) => match messages::answer(format, answer.status, &answer.body) {
            Reply::Delivered { thread } => Outcome::Delivered(thread),
            Reply::Later { why, after } => Outcome::Failed(format!("{origin}: {why}"), answer.retry_after.or(after)),
            Reply::Misconfigured { why } => Outcome::Misconfigured(format!("{origin}: {why}")),
            Reply::Refused { why } => Outcome::Refused(format!("{origin}: {why}")),
        },
        Err(Problem { kind: outbound::Kind::Misconfigured, message }) => Outcome::Misconfigured(message),
        Err(Problem { kind: outbound::Kind::Unreachable, message }) => Outcome::Failed(message, None),
    }
}
