//! What receivers document of the messages that they take, as functions that list what is wrong with one.

#![allow(dead_code)] // Each test takes what it needs.

pub mod discord;
pub mod notices;
pub mod slack;
pub mod teams;

use messages::Format;
use serde_json::Value;

/// What the receiver would refuse, or would read as something that nobody wrote.
pub fn faults(format: Format, body: &Value) -> Vec<String> {
    match format {
        Format::Slack => slack::faults(body),
        Format::Teams => teams::faults(body),
        Format::Discord => discord::faults(body),
        Format::CloudEvents => match serde_json::from_value::<cloudevents::Event>(body.clone()) {
            Ok(_) => Vec::new(),
            Err(error) => vec![error.to_string()],
        },
    }
}

/// Whether it is an address of the only host that tests let a message lead to.
pub fn is_wiki(url: &str) -> bool {
    url.starts_with("https://wiki.example/")
}

/// Faults with the place in the document.
pub struct Faults(pub Vec<String>);

impl Faults {
    pub fn unless(&mut self, holds: bool, at: &str, what: impl Into<String>) {
        if !holds {
            self.0.push(format!("{at}: {}", what.into()));
        }
    }

    /// An object that has all of these keys, and none but these and those that may be there.
    pub fn keys(&mut self, value: &Value, at: &str, needed: &[&str], allowed: &[&str]) {
        let Some(object) = value.as_object() else {
            self.0.push(format!("{at}: not an object: {value}"));
            return;
        };
        for key in needed {
            self.unless(object.contains_key(*key), at, format!("{key} is missing"));
        }
        for key in object.keys() {
            let known = needed.contains(&key.as_str()) || allowed.contains(&key.as_str());
            self.unless(known, at, format!("{key} is unknown"));
        }
    }

    /// A text with at least one character and at most so many.
    pub fn text(&mut self, value: &Value, at: &str, most: usize) {
        match value.as_str() {
            Some(text) => {
                let length = text.encode_utf16().count();
                self.unless((1..=most).contains(&length), at, format!("{length} characters, at most {most}"));
            }
            None => self.0.push(format!("{at}: not a text: {value}")),
        }
    }

    /// The items of a list with at least one and at most so many.
    pub fn list<'a>(&mut self, value: &'a Value, at: &str, most: usize) -> &'a [Value] {
        match value.as_array() {
            Some(list) => {
                self.unless((1..=most).contains(&list.len()), at, format!("{} items, at most {most}", list.len()));
                list
            }
            None => {
                self.0.push(format!("{at}: not a list: {value}"));
                &[]
            }
        }
    }
}
