//! Microsoft Teams: an Adaptive Card in the message that the webhook of a workflow takes.
//!
//! All text stands in text runs of RichTextBlocks, which know no Markdown: no mention, link or emphasis can come of what
//! others wrote.

use serde_json::{Value, json};

use crate::{
    Kind, Notice, Severity, Text,
    clean::{cut, length, tail},
    links::{self, Piece},
    text::{origin, sign},
};

/// Teams refuses messages of more than 28 KB, and does not say which characters it counts how: both ways are kept.
const SIZE: usize = 27 * 1024;
const TITLE: usize = 200;

/// How much of the parts without a bound of their own is shown.
struct Room {
    summary: usize,
    facts: usize,
    value: usize,
    log_lines: usize,
    log: usize,
    next: usize,
    words: usize,
}

/// From what reads well to what always fits.
const ROOMS: [Room; 3] = [
    Room { summary: 3_000, facts: 16, value: 500, log_lines: 30, log: 3_000, next: 5, words: 500 },
    Room { summary: 1_500, facts: 12, value: 200, log_lines: 12, log: 1_000, next: 5, words: 200 },
    Room { summary: 600, facts: 8, value: 100, log_lines: 5, log: 300, next: 3, words: 100 },
];

/// The body for a workflow "when a Teams webhook request is received".
pub fn message(notice: &Notice, text: &Text) -> Value {
    let [wide, rest @ ..] = &ROOMS;
    let mut body = wrapped(card(notice, text, wide));
    for room in rest {
        if size(&body) <= SIZE {
            break;
        }
        body = wrapped(card(notice, text, room));
    }
    body
}

/// In bytes, by whichever of UTF-8 and UTF-16 takes more.
fn size(body: &Value) -> usize {
    let text = body.to_string();
    text.len().max(2 * length(&text))
}

fn wrapped(card: Value) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

fn card(notice: &Notice, text: &Text, room: &Room) -> Value {
    let title = cut(&format!("{} {}", sign(notice), text.title), TITLE);
    let run = json!({ "type": "TextRun", "text": title, "weight": "Bolder", "size": "Medium" });
    let head = json!({ "type": "Container", "style": style(notice), "bleed": true, "items": [block(run)] });
    let mut body = vec![head];
    let summary = cut(&text.summary, room.summary);
    body.extend(summary.lines().filter(|line| !line.trim().is_empty()).map(|line| linked(line, &text.links)));
    body.extend(
        text.facts
            .iter()
            .take(room.facts)
            .enumerate()
            .map(|(at, fact)| row(at, &fact.name, &cut(&fact.value, room.value))),
    );
    if let Some(log) = &text.log {
        body.push(block(bold(&log.title)));
        body.push(code(&tail(&log.text, room.log_lines, room.log)));
    }
    for next in text.next.iter().take(room.next) {
        body.push(block(words(&cut(&next.words, room.words))));
        body.extend(next.command.as_deref().map(code));
    }
    for small in [text.note.as_deref(), Some(&origin(notice))].into_iter().flatten() {
        body.push(block(json!({ "type": "TextRun", "text": small, "size": "Small", "isSubtle": true })));
    }
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": title,
        "msteams": { "width": "Full" },
        "body": body,
    })
}

fn style(notice: &Notice) -> &'static str {
    match (notice.severity, notice.kind) {
        (Severity::Error, _) => "attention",
        (Severity::Warning, _) => "warning",
        (Severity::Info, Kind::Succeeded | Kind::Promoted) => "good",
        (Severity::Info, _) => "accent",
    }
}

fn block(run: Value) -> Value {
    json!({ "type": "RichTextBlock", "inlines": [run] })
}

/// A line of the summary, with what in it is a link.
fn linked(line: &str, links: &[String]) -> Value {
    let piece = |piece| match piece {
        Piece::Words(text) => words(text),
        Piece::Link(url) => {
            json!({
                "type": "TextRun", "text": url, "color": "Accent", "underline": true,
                "selectAction": { "type": "Action.OpenUrl", "url": url },
            })
        }
    };
    let inlines: Vec<_> = links::split(line, links).into_iter().map(piece).collect();
    json!({ "type": "RichTextBlock", "inlines": inlines })
}

fn words(text: &str) -> Value {
    json!({ "type": "TextRun", "text": text })
}

fn bold(text: &str) -> Value {
    json!({ "type": "TextRun", "text": text, "weight": "Bolder" })
}

/// A name and a value beside each other: a FactSet would read both as Markdown.
fn row(at: usize, name: &str, value: &str) -> Value {
    let column = |width: Value, run: Value| json!({ "type": "Column", "width": width, "items": [block(run)] });
    json!({
        "type": "ColumnSet",
        "spacing": if at == 0 { "Default" } else { "Small" },
        "columns": [column("110px".into(), bold(name)), column("stretch".into(), words(value))],
    })
}

/// Lines as they were printed: a card runs lines of one text together, and blanks at their beginning.
fn code(text: &str) -> Value {
    let line = |(at, line): (usize, &str)| {
        let rest = line.trim_start_matches(' ');
        let blanks = "\u{a0}".repeat(line.len() - rest.len());
        let shown = if line.is_empty() { "\u{a0}".into() } else { format!("{blanks}{rest}") };
        let run = json!({ "type": "TextRun", "text": shown, "fontType": "Monospace", "size": "Small" });
        let spacing = if at == 0 { "Default" } else { "None" };
        json!({ "type": "RichTextBlock", "spacing": spacing, "inlines": [run] })
    };
    let items: Vec<_> = text.lines().enumerate().map(line).collect();
    json!({ "type": "Container", "style": "emphasis", "spacing": "Small", "items": items })
}
