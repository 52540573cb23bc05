//! The rules of Block Kit for the blocks of messages: https://docs.slack.dev/reference/block-kit/blocks, and of the text of
//! a message: https://docs.slack.dev/messaging/formatting-message-text.

use serde_json::Value;

use super::Faults;

pub fn faults(body: &Value) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    let f = &mut faults;
    let allowed = ["mrkdwn", "unfurl_links", "unfurl_media", "channel", "thread_ts", "reply_broadcast"];
    f.keys(body, "message", &["text", "blocks"], &allowed);
    f.text(&body["text"], "text", 4_000);
    escaped(f, body["text"].as_str().unwrap_or_default());
    for (at, block) in f.list(&body["blocks"], "blocks", 50).iter().enumerate() {
        self::block(f, block, &format!("blocks[{at}]"));
    }
    let total = shown(&body["blocks"]);
    f.unless(total <= 13_000, "blocks", format!("{total} characters together"));
    faults.0
}

/// All that is shown. What Slack calls `msg_blocks_too_long` is not documented; people met it above 13,200.
fn shown(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(shown).sum(),
        Value::Object(object) => match object.get("text").and_then(Value::as_str) {
            Some(text) => text.encode_utf16().count(),
            None => object.values().map(shown).sum(),
        },
        _ => 0,
    }
}

/// Only the three escapes may follow `&`, and nothing may begin a mention or link.
fn escaped(f: &mut Faults, text: &str) {
    f.unless(!text.contains(['<', '>']), "text", "a sign that begins or ends a mention");
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;"].iter().any(|escape| text[at..].starts_with(escape));
        f.unless(known, "text", "an & that is not escaped");
    }
}

fn block(f: &mut Faults, block: &Value, at: &str) {
    match block["type"].as_str() {
        Some("header") => {
            f.keys(block, at, &["type", "text"], &["block_id"]);
            text_object(f, &block["text"], at, 150, &["plain_text"]);
        }
        Some("section") => {
            f.keys(block, at, &["type"], &["text", "fields", "block_id", "expand"]);
            f.unless(block.get("text").is_some() || block.get("fields").is_some(), at, "neither text nor fields");
            if let Some(text) = block.get("text") {
                text_object(f, text, at, 3_000, &["plain_text", "mrkdwn"]);
            }
            if let Some(fields) = block.get("fields") {
                for field in f.list(fields, at, 10) {
                    text_object(f, field, at, 2_000, &["plain_text", "mrkdwn"]);
                }
            }
        }
        Some("context") => {
            f.keys(block, at, &["type", "elements"], &["block_id"]);
            for element in f.list(&block["elements"], at, 10) {
                text_object(f, element, at, 3_000, &["plain_text", "mrkdwn"]);
            }
        }
        Some("rich_text") => {
            f.keys(block, at, &["type", "elements"], &["block_id"]);
            for element in f.list(&block["elements"], at, usize::MAX) {
                rich(f, element, at);
            }
        }
        Some("divider") => f.keys(block, at, &["type"], &["block_id"]),
        _ => f.unless(false, at, format!("an unknown block: {}", block["type"])),
    }
}

/// `mrkdwn` is text that is read as markup; what others wrote must not stand there, and Sluice writes nothing of its own there.
fn text_object(f: &mut Faults, text: &Value, at: &str, most: usize, kinds: &[&str]) {
    let kind = text["type"].as_str().unwrap_or_default();
    f.keys(text, at, &["type", "text"], if kind == "mrkdwn" { &["verbatim"] } else { &["emoji"] });
    f.unless(kinds.contains(&kind), at, format!("a text of the type {kind}"));
    f.unless(kind != "mrkdwn", at, "markup");
    f.unless(text["emoji"] != true, at, "emoji by name");
    f.text(&text["text"], at, most);
}

fn rich(f: &mut Faults, element: &Value, at: &str) {
    let kind = element["type"].as_str().unwrap_or_default();
    let allowed: &[&str] = if kind == "rich_text_preformatted" { &["border"] } else { &[] };
    f.keys(element, at, &["type", "elements"], allowed);
    f.unless(["rich_text_section", "rich_text_preformatted"].contains(&kind), at, format!("an element {kind}"));
    for part in f.list(&element["elements"], at, usize::MAX) {
        if part["type"] == "link" && kind == "rich_text_section" {
            f.keys(part, at, &["type", "url"], &[]);
            f.unless(part["url"].as_str().is_some_and(super::is_wiki), at, format!("a link to {}", part["url"]));
            continue;
        }
        f.keys(part, at, &["type", "text"], &["style"]);
        f.unless(part["type"] == "text", at, format!("a part {}", part["type"]));
        f.text(&part["text"], at, 3_000);
        if let Some(style) = part.get("style") {
            f.keys(style, at, &[], &["bold", "italic", "strike", "code"]);
            f.unless(kind == "rich_text_section", at, "a style in preformatted text");
        }
    }
}
