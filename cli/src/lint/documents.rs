//! The documents of a YAML or JSON file.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use serde_json::Value;

/// A document of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Counted from 1, empty ones too.
    pub number: usize,
    /// What it says.
    pub value: Value,
}

/// The documents of a file, or of standard input for `-`; empty ones are left out, and lists taken apart.
///
/// # Errors
/// In a sentence: what was read, and what is wrong with it.
pub fn read(path: &Path) -> Result<Vec<Document>, String> {
    let failed = |e: io::Error| format!("reading {}: {e}", path.display());
    let text =
        if path.as_os_str() == "-" { stdin().map_err(failed)? } else { fs::read_to_string(path).map_err(failed)? };
    parse(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// Standard input can be read once, and may be asked for twice.
fn stdin() -> io::Result<String> {
    static READ: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    if let Some(text) = READ.get() {
        return Ok(text.clone());
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(READ.get_or_init(|| text).clone())
}

/// The documents of a text.
///
/// # Errors
/// Where it is no YAML.
pub fn parse(text: &str) -> Result<Vec<Document>, String> {
    let template = || {
        if text.contains("{{") {
            "; it looks like a template: render it first, such as `helm template ... | sluice lint -f -`"
        } else {
            ""
        }
    };
    let mut found = Vec::new();
    for (i, part) in split(text).into_iter().enumerate() {
        let number = i + 1;
        let value: Value = serde_saphyr::from_str::<Option<Value>>(&part)
            .map_err(|e| format!("document {number} is no YAML: {}{}", first(&e.to_string()), template()))?
            .unwrap_or_default();
        match value["kind"].as_str().filter(|kind| *kind == "List").and(value["items"].as_array()) {
            Some(items) => found.extend(items.iter().map(|value| Document { number, value: value.clone() })),
            None if value.is_null() => {}
            None => found.push(Document { number, value }),
        }
    }
    Ok(found)
}

/// What a parser says in its first line.
fn first(said: &str) -> &str {
    said.lines().next().unwrap_or_default().trim_start_matches("error: ")
}

/// The texts between lines that begin a document; what stands before the first only if it says something.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        if line == "---" || line.starts_with("--- ") {
            parts.push(line.strip_prefix("---").unwrap_or_default().to_owned());
        } else if let Some(last) = parts.last_mut() {
            last.push_str(line);
        }
        if let Some(last) = parts.last_mut() {
            last.push('\n');
        }
    }
    let says = |part: &str| part.lines().any(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
    if parts.len() > 1 && !says(&parts[0]) {
        parts.remove(0);
    }
    parts
}
