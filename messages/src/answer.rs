//! What a receiver answered: delivered, or refused for good or for now, and what a person can do about it.

use std::time::Duration;

use serde_json::Value;

use crate::{Format, clean, slack_answer};

/// The longest reason that is quoted from an answer.
const QUOTED: usize = 200;
/// The longest wait that a receiver is granted.
const LONGEST: f64 = 3_600.0;

/// A message that was not taken.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
#[error("{receiver} refused the message: {reason}; {remedy}")]
pub struct Refusal {
    /// Who refused.
    pub receiver: &'static str,
    /// Whether to send it again.
    pub again: Again,
    /// What was answered: a code of the receiver, or the status.
    pub reason: String,
    /// What a person can do.
    pub remedy: String,
}

/// Whether a message that was refused may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Not this one: what it says is not taken.
    Never,
    /// Once a person has mended the channel, its Secret or the receiver: no message is taken as it is.
    Mended,
    /// Later; after this time where the answer's body says so. Its header `Retry-After` is the sender's to read.
    Later(Option<Duration>),
}

impl Refusal {
    /// Whether the same would be answered to the same message now.
    pub fn is_permanent(&self) -> bool {
        !matches!(self.again, Again::Later(_))
    }
}

/// Reads an answer by its HTTP status and body. Slack's Web API gives the time stamp of the message, by which a thread is named.
///
/// # Errors
///
/// The refusal.
pub fn answer(format: Format, status: u16, body: &[u8]) -> Result<Option<String>, Refusal> {
    match format {
        Format::Slack => slack_answer::answer(status, body),
        Format::Teams => by_status("Teams", status, body, teams),
        Format::Discord => by_status("Discord", status, body, discord),
        Format::CloudEvents => by_status("the receiver", status, body, |_, _| None),
    }
}

/// The remedy that fits a code in the body, where one does.
type Remedy = fn(u16, &Value) -> Option<&'static str>;

fn by_status(receiver: &'static str, status: u16, body: &[u8], known: Remedy) -> Result<Option<String>, Refusal> {
    if (200..300).contains(&status) {
        return Ok(None);
    }
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = said(&document).unwrap_or_else(|| quoted(body));
    let reason = if said.is_empty() { format!("status {status}") } else { format!("status {status}, {said}") };
    let remedy = known(status, &document).unwrap_or_else(|| general(status)).to_owned();
    Err(Refusal { receiver, again: again(status, &document), reason, remedy })
}

pub(crate) fn again(status: u16, document: &Value) -> Again {
    let after = document["retry_after"].as_f64().filter(|seconds| *seconds > 0.0);
    let after = after.map(|seconds| Duration::from_secs_f64(seconds.min(LONGEST)));
    match status {
        408 | 425 | 429 | 500..600 => Again::Later(after),
        400 | 413 | 422 => Again::Never,
        _ => Again::Mended,
    }
}

/// What a person can do, by the status alone.
pub(crate) fn general(status: u16) -> &'static str {
    match status {
        300..400 => "the URL leads elsewhere, and redirects are not followed: put the final URL into the Secret",
        401 | 403 | 407 => "put a URL or token that is valid into the channel's Secret",
        404 | 405 | 410 => {
            "nothing takes messages at this URL: make the webhook anew and put its URL into the channel's Secret"
        }
        413 => "the receiver takes only shorter messages: give the channel a shorter template",
        408 | 425 | 429 => "it is sent again later: fewer kinds in the channel's filter make fewer messages",
        400..500 => "check that the channel's type is that of the receiver behind the URL",
        _ => "it is sent again later; when this lasts, look at the receiver's own status",
    }
}

/// The receiver's own words, in the shapes that Discord, Teams and many others use.
fn said(document: &Value) -> Option<String> {
    let error = &document["error"];
    let code = [&error["code"], &document["code"]].into_iter().find(|code| !code.is_null());
    let message = [&error["message"], &document["message"], error].into_iter().find_map(Value::as_str);
    let code = code.map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned));
    let parts: Vec<_> = code.into_iter().chain(message.map(str::to_owned)).collect();
    (!parts.is_empty()).then(|| clean::cut(&clean::line(&parts.join(": ")), QUOTED))
}

/// The beginning of a text; a web page says nothing.
pub(crate) fn quoted(body: &[u8]) -> String {
    let text = clean::line(&String::from_utf8_lossy(&body[..body.len().min(4 * QUOTED)]));
    if text.starts_with('<') { String::new() } else { clean::cut(&text, QUOTED) }
}

fn discord(_: u16, document: &Value) -> Option<&'static str> {
    match document["code"].as_u64()? {
        10_003 => {
            Some("its channel is gone: make a webhook in another channel and put its URL into the channel's Secret")
        }
        10_015 | 50_027 => {
            Some("the webhook is gone: make it anew in Discord and put its URL into the channel's Secret")
        }
        50_006 | 50_035 => Some("this is a fault of Sluice: please report it with this message"),
        220_001 | 220_003 => Some("its channel is a forum, where a webhook cannot write on: use a text channel"),
        _ => None,
    }
}

fn teams(status: u16, document: &Value) -> Option<&'static str> {
    match (document["error"]["code"].as_str(), status) {
        (Some("WorkflowTriggerIsNotEnabled"), _) => {
            Some("the workflow is switched off: turn it on in Teams, under Workflows")
        }
        (Some("WorkflowNotFound"), _) | (_, 404) => {
            Some("the workflow is gone: make it anew in Teams and put its URL into the channel's Secret")
        }
        (Some("DirectApiAuthorizationRequired" | "AuthorizationFailed"), _) | (_, 401 | 403) => {
            Some("put the whole URL of the workflow into the Secret, with `sig=` at its end, and let anyone trigger it")
        }
        (Some("TriggerInputSchemaMismatch"), _) => {
            Some("the workflow must begin with \"When a Teams webhook request is received\"")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(format: Format, status: u16, body: &str) -> Refusal {
        answer(format, status, body.as_bytes()).expect_err("a refusal")
    }

    #[test]
    fn every_success_counts_as_delivered_but_with_slack() {
        for (format, status) in [(Format::Teams, 202), (Format::Discord, 204), (Format::CloudEvents, 200)] {
            assert_eq!(answer(format, status, b""), Ok(None), "{format:?}");
        }
    }

    #[test]
    fn discord_says_how_long_to_wait() {
        let busy = refused(
            Format::Discord,
            429,
            r#"{"message":"You are being rate limited.","retry_after":0.5,"global":false}"#,
        );
        assert_eq!(busy.again, Again::Later(Some(Duration::from_millis(500))));
        let long = refused(Format::Discord, 429, r#"{"retry_after":1e300}"#);
        assert_eq!(long.again, Again::Later(Some(Duration::from_secs(3_600))));
        assert_eq!(refused(Format::Discord, 429, r#"{"retry_after":-1}"#).again, Again::Later(None));
    }

    #[test]
    fn a_webhook_that_is_gone_is_permanent_and_says_what_to_do() {
        let gone = refused(Format::Discord, 404, r#"{"message":"Unknown Webhook","code":10015}"#);
        assert!(gone.is_permanent());
        assert_eq!(
            gone.to_string(),
            "Discord refused the message: status 404, 10015: Unknown Webhook; the webhook is gone: make it anew in Discord and put its URL into the channel's Secret"
        );
    }

    #[test]
    fn a_workflow_that_is_off_or_gone_is_told_apart() {
        let off = r#"{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"Could not execute workflow"}}"#;
        assert!(refused(Format::Teams, 400, off).remedy.contains("turn it on"));
        let gone = r#"{"error":{"code":"WorkflowNotFound","message":"x"}}"#;
        assert!(refused(Format::Teams, 404, gone).remedy.contains("make it anew"));
        assert!(refused(Format::Teams, 401, "").remedy.contains("sig="));
    }

    #[test]
    fn a_receiver_in_trouble_is_asked_again_and_others_are_not() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(!refused(Format::CloudEvents, status, "").is_permanent(), "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 405, 410, 413, 415, 422] {
            let refusal = refused(Format::CloudEvents, status, "");
            assert!(refusal.is_permanent(), "{status}");
            assert!(!refusal.remedy.is_empty());
        }
    }

    #[test]
    fn a_web_page_is_not_quoted_and_a_text_only_as_far_as_it_helps() {
        assert_eq!(refused(Format::CloudEvents, 502, "<html>Bad gateway</html>").reason, "status 502");
        assert!(refused(Format::CloudEvents, 500, &"x".repeat(9_000)).reason.len() < 250);
        assert_eq!(refused(Format::CloudEvents, 500, "\u{1b}[1mno\n").reason, "status 500, no");
    }
}
