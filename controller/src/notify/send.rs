//! One notice on its way to one receiver, and what the receiver says to it.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use messages::{Again, Format, Notice, slack};

use super::channel::{Channel, Target};
use crate::outbound::{self, Letter, Post, Problem, Reply, flagger};

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
    post: &dyn Post,
    channel: &Channel,
    (notice, thread): (&Notice, Option<&str>),
    plainly: bool,
    now: DateTime<Utc>,
) -> Outcome {
    let text = channel.text(notice, plainly);
    let (format, body) = match &channel.target {
        Target::Plain(format, _) => (*format, messages::body(*format, notice, &text)),
        Target::SlackBot(_, to) => {
            // What follows nothing any more begins a thread of its own.
            let thread = thread.filter(|_| !plainly);
            (Format::Slack, slack::thread(slack::message(notice, &text), notice, to, thread))
        }
        Target::Flagger(_) => (Format::CloudEvents, flagger::notice(notice, &BTreeMap::new())),
    };
    let content_type = match channel.target {
        Target::Flagger(_) => "application/json",
        _ => messages::content_type(format),
    };
    let letter = Letter {
        namespace: channel.namespace.clone(),
        endpoint: channel.target.endpoint().clone(),
        whose: channel.title(),
        content_type,
        body: body.to_string().into_bytes(),
        at: now,
        traceparent: None,
    };
    match post.post(letter).await {
        Ok(Reply { origin, answer }) => match messages::answer(format, answer.status, &answer.body) {
            Ok(thread) => Outcome::Delivered(thread),
            Err(refusal) => {
                let why = format!("{origin}: {refusal}");
                match refusal.again {
                    Again::Later(after) => Outcome::Failed(why, answer.retry_after.or(after)),
                    Again::Mended => Outcome::Misconfigured(why),
                    Again::Never => Outcome::Refused(why),
                }
            }
        },
        Err(Problem { kind: outbound::Kind::Misconfigured, message }) => Outcome::Misconfigured(message),
        Err(Problem { kind: outbound::Kind::Unreachable, message }) => Outcome::Failed(message, None),
    }
}
