//! Names of revisions.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Short name of a revision: the first 8 hexadecimal digits of its digest.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub struct RevisionId(#[schemars(length(max = 16))] String);

impl RevisionId {
    /// From the value of a label; `None` unless it is 8 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        good.then(|| Self(text.into()))
    }

    /// An id that stands for no revision, of the same length as any other.
    pub fn nobody() -> Self {
        Self("00000000".into())
    }

    /// As it stands in labels and names.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Full SHA-256 of a revision, `sha256:` and 64 hexadecimal digits. Every decision compares these, never the short ids.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub struct Digest(#[schemars(length(max = 71))] String);

impl Digest {
    /// From text; `None` unless it has the form of a digest.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let good = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        good.then(|| Self(text.into()))
    }

    /// As it stands in annotations.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The short id of the revision.
    pub fn id(&self) -> RevisionId {
        RevisionId(self.0["sha256:".len()..].chars().take(8).collect())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_names_its_revision_by_the_first_eight_digits() {
        let digest = Digest::parse(&format!("sha256:3f9c01d2{}", "0".repeat(56))).unwrap();
        assert_eq!(digest.id().as_str(), "3f9c01d2");
        assert_eq!(RevisionId::parse("3f9c01d2"), Some(digest.id()));
    }

    #[test]
    fn other_text_is_no_name() {
        for text in ["", "3f9c01d", "3F9C01D2", "zzzzzzzz", "3f9c01d2a"] {
            assert_eq!(RevisionId::parse(text), None, "{text}");
        }
        assert_eq!(Digest::parse("sha256:3f9c01d2"), None);
        assert_eq!(Digest::parse(&"0".repeat(71)), None);
    }
}
