//! What Slack and Teams were told, as it reads there.

use std::fmt::Write;

use anyhow::{Context, Result};
use apps::receiver::Message;
use http::Method;
use serde_json::Value;

use crate::{shop::Shop, words::one_line};

/// As wide as a message is drawn.
const WIDTH: usize = 96;
/// The pod that stands for Slack and Teams.
const RECEIVER: &str = "receiver";

/// The messages that were taken at a path, in their order.
pub async fn taken(shop: &Shop, path: &str) -> Result<Vec<Value>> {
    let text = shop.ask_pod(Method::GET, RECEIVER, 8080, &format!("taken{path}")).await?;
    let messages: Vec<Message> = serde_json::from_str(&text).context("what the receiver took")?;
    let parse = |m: &Message| serde_json::from_str(&m.body).context("a message that is JSON");
    messages.iter().map(parse).collect()
}

/// The first lines of Slack's messages, which is what a phone shows.
pub fn titles(messages: &[Value]) -> String {
    let first = |m: &Value| m["text"].as_str().and_then(|t| t.lines().next()).unwrap_or("(no text)").to_owned();
    messages.iter().fold(String::new(), |mut text, message| {
        let _ = write!(text, "\n  {}", one_line(&first(message), WIDTH));
        text
    })
}

/// A message of Slack or Teams in a box, drawn from what was sent.
pub fn drawn(title: &str, message: &Value) -> String {
    let mut lines = Vec::new();
    let parts = message.get("blocks").or_else(|| message.pointer("/attachments/0/content/body"));
    collect(parts.unwrap_or(&Value::Null), &mut lines);
    let rule = |n: usize| "─".repeat(n);
    let mut text = format!("┌ {title} {}┐", rule(WIDTH.saturating_sub(title.chars().count() + 1)));
    for line in lines.iter().flat_map(|line| wrapped(line)) {
        let blank = " ".repeat(WIDTH.saturating_sub(line.chars().count()));
        let _ = write!(text, "\n│ {line}{blank} │");
    }
    let _ = write!(text, "\n└{}┘", rule(WIDTH + 2));
    text
}

/// The lines of text in blocks, in the order in which they are read. What stands beside each other is one line.
fn collect(part: &Value, lines: &mut Vec<String>) {
    let inline = ["rich_text_section", "rich_text_preformatted", "RichTextBlock", "ColumnSet", "context"];
    match part {
        Value::Array(list) => list.iter().for_each(|p| collect(p, lines)),
        Value::Object(map) => {
            let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
            if inline.contains(&kind) {
                let words = words(part).join(if kind == "ColumnSet" { ": " } else { "" });
                lines.extend(words.lines().map(str::to_owned));
            } else if let Some(text) = map.get("text").filter(|_| kind != "TextRun") {
                lines.extend(words(text).concat().lines().map(str::to_owned));
            } else {
                ["elements", "items", "columns", "inlines"]
                    .iter()
                    .filter_map(|k| map.get(*k))
                    .for_each(|p| collect(p, lines));
            }
        }
        _ => {}
    }
}

/// All text in a part.
fn words(part: &Value) -> Vec<String> {
    match part {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().flat_map(words).collect(),
        Value::Object(map) => ["text", "elements", "items", "columns", "inlines"]
            .iter()
            .filter_map(|k| map.get(*k))
            .flat_map(words)
            .collect(),
        _ => Vec::new(),
    }
}

/// A line in pieces that fit.
fn wrapped(line: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in line.split(' ') {
        let last = pieces.last().map_or(0, |l| l.chars().count());
        if last > 0 && last + 1 + word.chars().count() > WIDTH {
            pieces.push(String::from("  "));
        } else if last > 0 {
            pieces.last_mut().into_iter().for_each(|l| l.push(' '));
        }
        let room = WIDTH - 2;
        pieces.last_mut().into_iter().for_each(|l| l.extend(word.chars().take(room)));
    }
    pieces
}
