//! The receivers that a notice can be dressed for.

use serde_json::Value;

use crate::{Notice, Text, cloudevents, discord, slack, teams};

/// What a receiver reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Block Kit.
    Slack,
    /// An Adaptive Card for the webhook of a workflow.
    Teams,
    /// An embed.
    Discord,
    /// CloudEvents 1.0, structured JSON.
    CloudEvents,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Slack, Self::Teams, Self::Discord, Self::CloudEvents];
}

/// The body of a request. Slack's is one for an incoming webhook; [`slack::thread`] makes it one for `chat.postMessage`.
pub fn body(format: Format, notice: &Notice, text: &Text) -> Value {
    match format {
        Format::Slack => slack::message(notice, text),
        Format::Teams => teams::message(notice, text),
        Format::Discord => discord::message(notice, text),
        Format::CloudEvents => cloudevents::message(notice, text),
    }
}

/// The `Content-Type` of the request.
pub fn content_type(format: Format) -> &'static str {
    match format {
        Format::Slack | Format::Teams | Format::Discord => "application/json; charset=utf-8",
        Format::CloudEvents => cloudevents::CONTENT_TYPE,
    }
}
