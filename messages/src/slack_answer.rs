//! Slack's answers: words of an incoming webhook, documents of the Web API.

use serde_json::Value;

use crate::{
    Again, Refusal,
    answer::{again, general, quoted},
};

/// Reads an answer of an incoming webhook (`ok`, or a word) or of `chat.postMessage` (200 with `ok: true` or `false`), whose
/// time stamp is returned: the name of the message for those in its thread.
///
/// # Errors
///
/// The refusal.
pub fn answer(status: u16, body: &[u8]) -> Result<Option<String>, Refusal> {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let success = (200..300).contains(&status);
    if success && document["ok"] == true {
        return Ok(document["ts"].as_str().map(str::to_owned));
    }
    let word = document["error"].as_str().map_or_else(|| quoted(body), |error| quoted(error.as_bytes()));
    if success && word == "ok" {
        return Ok(None);
    }
    let refusal = |again, remedy: &str, reason| Refusal { receiver: "Slack", again, reason, remedy: remedy.to_owned() };
    let reason = match (word.is_empty(), success) {
        (true, _) => format!("status {status}"),
        (false, true) => word.clone(),
        (false, false) => format!("status {status}, {word}"),
    };
    Err(match (known(&word), success) {
        (Some((again, remedy)), _) => refusal(again, remedy, reason),
        // A code that is not in the list says no more than that Slack does not want it.
        (None, true) if document["ok"] == false => {
            refusal(Again::Mended, "look the code up in Slack's documentation of chat.postMessage", reason)
        }
        (None, true) => {
            refusal(Again::Later(None), "this is no answer of Slack: check the URL, and what stands between", reason)
        }
        (None, false) => refusal(again(status, &document), general(status), reason),
    })
}

/// What a code means for the sender, and for a person.
fn known(word: &str) -> Option<(Again, &'static str)> {
    let never = |remedy| Some((Again::Never, remedy));
    let mended = |remedy| Some((Again::Mended, remedy));
    let later = |remedy| Some((Again::Later(None), remedy));
    match word {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            later("it is sent again later: fewer kinds in the channel's filter make fewer messages")
        }
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "rollup_error"
        | "team_added_to_org" => later("it is sent again later; when this lasts, look at Slack's own status"),
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" | "invalid_token" => {
            mended("put a valid token or webhook URL into the channel's Secret")
        }
        "no_service" | "no_service_id" | "no_team" | "team_disabled" | "no_active_hooks" => {
            mended("the webhook is gone: make it anew in Slack and put its URL into the channel's Secret")
        }
        "channel_not_found" => {
            mended("name the channel by its id, such as C0123456789, and invite the app where the channel is private")
        }
        "not_in_channel" => mended("invite the app into the channel: /invite @NAME"),
        "is_archived" | "channel_is_archived" => mended("the channel is archived: name another, or bring it back"),
        "missing_scope" | "no_permission" | "not_allowed_token_type" => {
            mended("give the app the scope chat:write and install it anew")
        }
        "restricted_action"
        | "action_prohibited"
        | "posting_to_general_channel_denied"
        | "ekm_access_denied"
        | "access_denied"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "org_login_required"
        | "accesslimited" => mended("the workspace forbids it: ask its administrators, or name another channel"),
        "invalid_blocks"
        | "invalid_blocks_format"
        | "invalid_attachments"
        | "invalid_payload"
        | "no_text"
        | "msg_too_long"
        | "msg_blocks_too_long"
        | "too_many_attachments"
        | "invalid_json"
        | "missing_text_or_fallback_or_attachments" => {
            never("this is a fault of Sluice: please report it with this message")
        }
        "invalid_thread_ts" | "thread_not_found" | "cannot_reply_to_message" | "message_not_found" => {
            never("the first message of the release is gone from the channel, so nothing can be written below it")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Refusal {
        answer(status, body.as_bytes()).expect_err("a refusal")
    }

    #[test]
    fn a_message_of_the_bot_has_a_time_stamp_and_one_of_a_webhook_has_none() {
        let posted = br#"{"ok":true,"channel":"C1","ts":"1795345200.000100","warning":"x"}"#;
        assert_eq!(answer(200, posted), Ok(Some("1795345200.000100".into())));
        assert_eq!(answer(200, b"ok"), Ok(None));
    }

    #[test]
    fn a_refusal_with_status_200_is_a_refusal() {
        let refusal = refused(200, r#"{"ok":false,"error":"not_in_channel"}"#);
        assert!(refusal.is_permanent());
        let words = "Slack refused the message: not_in_channel; invite the app into the channel: /invite @NAME";
        assert_eq!(refusal.to_string(), words);
        assert!(refused(200, r#"{"ok":false,"error":"of_tomorrow"}"#).is_permanent());
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for (status, body) in [
            (200, r#"{"ok":false,"error":"ratelimited"}"#),
            (429, r#"{"ok":false,"error":"ratelimited"}"#),
            (429, ""),
            (200, r#"{"ok":false,"error":"internal_error"}"#),
            (500, "rollup_error"),
            (503, "<html>"),
            (200, "<html>sign in to the proxy</html>"),
        ] {
            assert!(!refused(status, body).is_permanent(), "{status} {body}");
        }
        for (status, body, again) in [
            (404, "no_service", Again::Mended),
            (404, "channel_not_found", Again::Mended),
            (400, "invalid_payload", Again::Never),
            (403, "action_prohibited", Again::Mended),
            (403, "invalid_token", Again::Mended),
            (410, "channel_is_archived", Again::Mended),
            (400, "what is this", Again::Never),
            (302, "", Again::Mended),
        ] {
            let refusal = refused(status, body);
            assert_eq!(refusal.again, again, "{status} {body}");
            assert!(!refusal.remedy.is_empty());
        }
    }
}
