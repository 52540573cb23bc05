//! Slack: Block Kit, for incoming webhooks and for `chat.postMessage`.
//!
//! What others wrote stands in `plain_text` and `rich_text` only, which Slack does not parse: no mention, link or emoji can
//! come of it. `text`, which notifications show, is escaped as Slack asks for.

use serde_json::{Value, json};

use crate::{
    Kind, Notice, Text,
    clean::{cut, cut_escaped, length, tail},
    links::{self, Piece},
    text::{Fact, origin, sign},
};

// What Slack takes at most, in characters.
const HEADER: usize = 150;
const SECTION: usize = 3_000;
/// Slack says nothing of rich text but that all blocks together may be too long; these keep them below 13,000.
const PREFORMATTED: usize = 2_500;
const FACTS: usize = 3_000;
const WORDS: usize = 150;
const CONTEXT: usize = 500;
/// Of the fallback text, which is cut at 4,000.
const FALLBACK: usize = 3_000;

/// The body for an incoming webhook; for `chat.postMessage` see [`thread`].
pub fn message(notice: &Notice, text: &Text) -> Value {
    let title = format!("{} {}", sign(notice), text.title);
    let mut blocks = vec![json!({ "type": "header", "text": plain(&title, HEADER) })];
    if !text.summary.is_empty() {
        blocks.push(summary(text));
    }
    blocks.extend(facts(&text.facts));
    if let Some(log) = &text.log {
        let lines = tail(&log.text, usize::MAX, PREFORMATTED);
        blocks.push(rich(vec![section(vec![bold(&log.title)]), preformatted(&lines)]));
    }
    blocks.extend(next(text));
    let last = [text.note.as_deref(), Some(&origin(notice))].into_iter().flatten().map(|t| plain(t, CONTEXT)).collect();
    blocks.push(json!({ "type": "context", "elements": Value::Array(last) }));
    json!({
        "text": fallback(&title, &text.summary),
        "mrkdwn": false,
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// A message for `chat.postMessage`: into this channel, and below the release's first message where `thread_ts` names that.
/// What people must see is shown in the channel besides.
pub fn thread(mut body: Value, notice: &Notice, channel: &str, thread_ts: Option<&str>) -> Value {
    body["channel"] = channel.into();
    if let Some(ts) = thread_ts {
        body["thread_ts"] = ts.into();
        let urgent = matches!(notice.kind, Kind::Failed | Kind::RolledBack | Kind::ApprovalNeeded | Kind::Stalled);
        body["reply_broadcast"] = urgent.into();
    }
    body
}

/// Only rich text has links.
fn summary(text: &Text) -> Value {
    if text.links.is_empty() {
        return json!({ "type": "section", "text": plain(&text.summary, SECTION) });
    }
    let shown = cut(&text.summary, SECTION);
    let piece = |piece| match piece {
        Piece::Words(text) => words(text),
        Piece::Link(url) => json!({ "type": "link", "url": url }),
    };
    rich(vec![section(links::split(&shown, &text.links).into_iter().map(piece).collect())])
}

fn facts(facts: &[Fact]) -> Option<Value> {
    let mut left = FACTS;
    let fits = |fact: &&Fact| {
        let rest = left.checked_sub(length(&fact.name) + length(&fact.value) + 2);
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let say = |fact: &Fact| section(vec![bold(&format!("{}: ", fact.name)), words(&fact.value)]);
    let told: Vec<_> = facts.iter().take_while(fits).map(say).collect();
    (!told.is_empty()).then(|| rich(told))
}

fn next(text: &Text) -> Option<Value> {
    let say = |next: &crate::Todo| {
        let command = next.command.as_ref().map(|command| preformatted(command));
        [Some(section(vec![words(&cut(&next.words, WORDS))])), command].into_iter().flatten().collect::<Vec<_>>()
    };
    (!text.next.is_empty()).then(|| rich(text.next.iter().flat_map(say).collect()))
}

fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": cut(text, most), "emoji": false })
}

fn rich(elements: Vec<Value>) -> Value {
    json!({ "type": "rich_text", "elements": elements })
}

fn section(elements: Vec<Value>) -> Value {
    json!({ "type": "rich_text_section", "elements": elements })
}

fn preformatted(text: &str) -> Value {
    json!({ "type": "rich_text_preformatted", "elements": [words(text)] })
}

fn words(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn bold(text: &str) -> Value {
    json!({ "type": "text", "text": text, "style": { "bold": true } })
}

/// What notifications and screen readers get, where the three signs that begin a mention or a link are escaped.
fn fallback(title: &str, summary: &str) -> String {
    let text = if summary.is_empty() { title.to_owned() } else { format!("{title}\n{summary}") };
    cut_escaped(&text, FALLBACK, |c, out| match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    })
}
