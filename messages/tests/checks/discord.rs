//! The rules of Discord for what a webhook sends: https://docs.discord.com/developers/resources/webhook#execute-webhook and
//! https://docs.discord.com/developers/resources/message#embed-object-embed-limits.

use serde_json::Value;

use super::Faults;

pub fn faults(body: &Value) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    let f = &mut faults;
    f.keys(body, "message", &["allowed_mentions"], &["content", "embeds", "username", "avatar_url", "tts", "flags"]);
    f.unless(
        body["allowed_mentions"] == serde_json::json!({ "parse": [] }),
        "allowed_mentions",
        "somebody is mentioned",
    );
    f.text(&body["content"], "content", 2_000);
    let content = body["content"].as_str().unwrap_or_default();
    match content.strip_prefix("**").and_then(|rest| rest.strip_suffix("**")) {
        Some(title) => literal(f, "content", title),
        None => f.unless(false, "content", "not bold as a whole"),
    }
    let mut total = 0;
    for embed in f.list(&body["embeds"], "embeds", 10) {
        total += self::embed(f, embed);
    }
    f.unless(total <= 6_000, "embeds", format!("{total} characters, at most 6000"));
    faults.0
}

fn embed(f: &mut Faults, embed: &Value) -> usize {
    f.keys(embed, "embed", &[], &["title", "description", "url", "timestamp", "color", "footer", "fields"]);
    f.unless(embed["color"].as_u64().is_some_and(|color| color <= 0xff_ff_ff), "color", "no color");
    let mut total = 0;
    let mut count = |text: &Value| total += text.as_str().unwrap_or_default().encode_utf16().count();
    if let Some(description) = embed.get("description") {
        f.text(description, "description", 4_096);
        described(f, description.as_str().unwrap_or_default());
    }
    count(&embed["description"]);
    f.keys(&embed["footer"], "footer", &["text"], &["icon_url"]);
    f.text(&embed["footer"]["text"], "footer", 2_048);
    count(&embed["footer"]["text"]);
    let fields = embed["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    f.unless(fields.len() <= 25, "fields", format!("{}, at most 25", fields.len()));
    for field in fields {
        f.keys(field, "field", &["name", "value"], &["inline"]);
        f.text(&field["name"], "field name", 256);
        f.text(&field["value"], "field value", 1_024);
        for part in ["name", "value"] {
            literal(f, part, field[part].as_str().unwrap_or_default());
            count(&field[part]);
        }
    }
    total
}

/// Blocks of code are closed, and around them is no markup but whole bold lines.
fn described(f: &mut Faults, text: &str) {
    let parts: Vec<_> = text.split("```").collect();
    f.unless(parts.len() % 2 == 1, "description", "a block of code is not closed");
    for line in parts.iter().step_by(2).flat_map(|part| part.lines()) {
        let bold = line.strip_prefix("**").and_then(|rest| rest.strip_suffix("**"));
        let rest: String = line.split(' ').filter(|word| !super::is_wiki(word)).collect::<Vec<_>>().join(" ");
        literal(f, "description", bold.unwrap_or(&rest));
    }
}

/// Every sign that Markdown reads is escaped.
fn literal(f: &mut Faults, at: &str, text: &str) {
    for line in text.lines() {
        let mut chars = line.chars();
        let mut beginning = true;
        while let Some(c) = chars.next() {
            if c == '\\' {
                f.unless(
                    chars.next().is_some_and(|c| c.is_ascii_punctuation()),
                    at,
                    format!("nothing is escaped: {line}"),
                );
                beginning = false;
                continue;
            }
            let read = "*_~`|[]<>@:".contains(c) || (beginning && "#-+".contains(c));
            f.unless(!read, at, format!("markup: {line}"));
            beginning &= c.is_whitespace();
        }
    }
}
