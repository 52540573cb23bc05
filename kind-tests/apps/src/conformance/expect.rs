//! What an answer must be like.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::json::{lookup, text};

/// The longest part of a body that is shown.
const SHOWN: usize = 500;

/// An exact status (`200`) or a class of them (`2xx`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Exactly this.
    Exactly(u16),
    /// Any of this hundred.
    Class(u16),
}

/// What else is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// `json:/pointer=value`: the body is JSON and has that value there, compared as text.
    Json {
        /// An RFC 6901 pointer, which may go on below a string that is JSON itself.
        pointer: String,
        /// The value: a string's content, or compact JSON.
        value: String,
    },
    /// `contains:text`: the body has that text.
    Contains(String),
    /// `not-contains:text`: the body does not have that text.
    NotContains(String),
}

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// What was expected.
    pub expected: String,
    /// What came instead.
    pub got: String,
}

impl Status {
    /// Compares.
    pub fn judge(self, status: u16, body: &str) -> Option<Unmet> {
        let met = match self {
            Status::Exactly(want) => want == status,
            Status::Class(hundred) => hundred == status / 100,
        };
        let got = || format!("status {status}, body {}", shown(body));
        (!met).then(|| Unmet { expected: format!("status {self}"), got: got() })
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || format!("{text:?} as the status, neither 200 nor 2xx");
        if let Some(class) = text.strip_suffix("xx") {
            let class = class.parse().ok().filter(|class| (1..=5).contains(class));
            return class.map(Status::Class).ok_or_else(refused);
        }
        let status = text.parse().ok().filter(|status| (100..=599).contains(status));
        status.map(Status::Exactly).ok_or_else(refused)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Exactly(status) => write!(f, "{status}"),
            Status::Class(hundred) => write!(f, "{hundred}xx"),
        }
    }
}

impl Expectation {
    /// Parses one word.
    ///
    /// # Errors
    ///
    /// When it is none of the three.
    pub fn parse(word: &str) -> Result<Expectation, String> {
        let refused = || format!("{word:?} is no json:/pointer=value, contains:text or not-contains:text");
        match word.split_once(':') {
            Some(("json", rest)) => {
                let (pointer, value) = rest.split_once('=').ok_or_else(refused)?;
                if !pointer.is_empty() && !pointer.starts_with('/') {
                    return Err(refused());
                }
                Ok(Expectation::Json { pointer: pointer.to_owned(), value: value.to_owned() })
            }
            Some(("contains", text)) if !text.is_empty() => Ok(Expectation::Contains(text.to_owned())),
            Some(("not-contains", text)) if !text.is_empty() => Ok(Expectation::NotContains(text.to_owned())),
            _ => Err(refused()),
        }
    }

    /// Looks at a body.
    pub fn judge(&self, body: &str) -> Option<Unmet> {
        let (met, expected, got) = match self {
            Expectation::Json { pointer, value } => {
                let found = serde_json::from_str::<Value>(body).map(|body| lookup(&body, pointer));
                let got = match found {
                    Ok(Some(found)) => text(&found),
                    Ok(None) => format!("nothing there in {}", shown(body)),
                    Err(error) => format!("no JSON ({error}): {}", shown(body)),
                };
                (got == *value, format!("{value} at {pointer}"), got)
            }
            Expectation::Contains(text) => {
                (body.contains(text.as_str()), format!("a body that contains {text:?}"), shown(body))
            }
            Expectation::NotContains(text) => {
                (!body.contains(text.as_str()), format!("a body without {text:?}"), shown(body))
            }
        };
        (!met).then_some(Unmet { expected, got })
    }
}

fn shown(body: &str) -> String {
    match body.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &body[..end]),
        None if body.is_empty() => "(empty)".to_owned(),
        None => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmet(word: &str, body: &str) -> Option<Unmet> {
        Expectation::parse(word).unwrap().judge(body)
    }

    #[test]
    fn a_status_is_exact_or_a_class() {
        let judge = |want: &str, got| want.parse::<Status>().unwrap().judge(got, "");
        assert!(judge("200", 200).is_none() && judge("2xx", 202).is_none());
        assert_eq!(judge("2xx", 503).unwrap().got, "status 503, body (empty)");
        assert!("20x".parse::<Status>().is_err() && "9xx".parse::<Status>().is_err());
    }

    #[test]
    fn json_values_are_compared_as_text() {
        let body = r#"{"version": "6.9.1", "n": 3, "ok": true, "list": [1, 2]}"#;
        for word in ["json:/version=6.9.1", "json:/n=3", "json:/ok=true", "json:/list=[1,2]"] {
            assert_eq!(unmet(word, body), None, "{word}");
        }
        let unmet = unmet("json:/version=6.9.2", body).unwrap();
        assert_eq!((unmet.expected.as_str(), unmet.got.as_str()), ("6.9.2 at /version", "6.9.1"));
    }

    #[test]
    fn a_missing_value_and_a_body_that_is_no_json_are_told_apart() {
        assert!(unmet("json:/a=1", "{}").unwrap().got.starts_with("nothing there"));
        assert!(unmet("json:/a=1", "oops").unwrap().got.starts_with("no JSON"));
    }

    #[test]
    fn a_chain_is_checked_inside_the_backends_answer() {
        let body = r#"["{\"version\":\"6.9.1\"}", "backend http://b/ call failed timeout"]"#;
        assert_eq!(unmet("json:/0/version=6.9.1", body), None);
        assert!(unmet("not-contains:call failed", body).is_some());
        assert_eq!(unmet("contains:timeout", body), None);
    }

    #[test]
    fn long_bodies_are_cut() {
        let got = unmet("contains:x", &"é".repeat(5_000)).unwrap().got;
        assert_eq!(got.chars().count(), SHOWN + 3);
    }
}
