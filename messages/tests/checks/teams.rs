//! What the webhook of a workflow in Teams takes: a message with Adaptive Cards, valid by the published schema, and not too long.

use std::{env, fs, path::PathBuf, process::Command, sync::LazyLock};

use serde_json::Value;

use super::Faults;

/// The schema that Microsoft publishes, which is fetched when it is not there yet.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let cache = env::var_os("SLUICE_CACHE").map(PathBuf::from);
    let cache =
        cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache/sluice"))).expect("$HOME is set");
    let schema = cache.join("schemas/adaptive-card.json");
    if !schema.exists() {
        let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/../kind-tests/cluster/setup.sh");
        let status = Command::new(setup).arg("adaptive-card").env("SLUICE_CACHE", &cache).status().expect(setup);
        assert!(status.success(), "kind-tests/cluster/setup.sh adaptive-card could not fetch the schema: {status}");
    }
    let text = fs::read_to_string(&schema).unwrap_or_else(|error| panic!("{}: {error}", schema.display()));
    jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a schema")
});

pub fn faults(body: &Value) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    let f = &mut faults;
    let size = body.to_string();
    let size = size.len().max(2 * size.encode_utf16().count());
    f.unless(size <= 28 * 1024, "message", format!("{size} bytes, at most 28 KiB"));
    f.keys(body, "message", &["type", "attachments"], &[]);
    f.unless(body["type"] == "message", "type", "not a message");
    for attachment in f.list(&body["attachments"], "attachments", 1) {
        f.keys(attachment, "attachment", &["contentType", "contentUrl", "content"], &[]);
        let adaptive = attachment["contentType"] == "application/vnd.microsoft.card.adaptive";
        f.unless(adaptive, "contentType", "not an Adaptive Card");
        f.unless(attachment["contentUrl"].is_null(), "contentUrl", "not null");
        card(f, attachment["content"].clone());
    }
    faults.0
}

fn card(f: &mut Faults, mut card: Value) {
    // An extension of Teams, which the schema does not know.
    let extension = card.as_object_mut().and_then(|card| card.remove("msteams"));
    f.unless(extension == Some(serde_json::json!({ "width": "Full" })), "msteams", "more than the width");
    f.unless(card["version"] == "1.4", "version", "Teams shows 1.4 everywhere");
    f.0.extend(SCHEMA.iter_errors(&card).map(|error| format!("{}: {error}", error.instance_path())));
    elements(f, &card["body"]);
}

/// No element reads its text as Markdown, and none uses what came after version 1.4.
fn elements(f: &mut Faults, value: &Value) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| elements(f, item)),
        Value::Object(object) => {
            if let Some(kind) = object.get("type").and_then(Value::as_str) {
                if kind == "Action.OpenUrl" {
                    f.unless(object["url"].as_str().is_some_and(super::is_wiki), "body", "a link elsewhere");
                    return;
                }
                let known = ["Container", "ColumnSet", "Column", "RichTextBlock", "TextRun"].contains(&kind);
                f.unless(known, "body", format!("an element {kind}"));
                if kind == "TextRun" {
                    f.text(&object["text"], "TextRun", 3_000);
                    f.unless(
                        !object["text"].as_str().unwrap_or_default().contains('\n'),
                        "TextRun",
                        "more than a line, which run together",
                    );
                }
            }
            object.values().for_each(|item| elements(f, item));
        }
        _ => {}
    }
}
