//! What of the traffic a step gives to the candidate beside a percentage: requests that match, and copies of requests.

use std::collections::BTreeMap;

/// Requests that are picked out; none of either by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picks {
    /// Requests that match one of these go to the candidate.
    pub matches: Vec<Match>,
    /// Requests that the candidate gets a copy of.
    pub mirror: Option<Mirror>,
}

/// What a request must have, all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// By the header's name, in lower case; at least one.
    pub headers: BTreeMap<String, Text>,
}

/// What a text must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// This.
    Exact(String),
    /// Anything that this regular expression (RE2) describes from its beginning to its end.
    Regex(String),
}

/// Copies of requests; nobody waits for what is answered to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// How many of them, 1 to 100.
    pub percent: u32,
    /// Those with these methods; at least one.
    pub methods: Vec<String>,
}

impl Picks {
    /// Whether nothing is picked out.
    pub fn is_none(&self) -> bool {
        self.matches.is_empty() && self.mirror.is_none()
    }

    /// Without copies: once the candidate has the traffic itself, they would double it.
    #[must_use]
    pub fn without_copies(&self) -> Self {
        Self { mirror: None, ..self.clone() }
    }

    /// Whether all that is picked out here is picked out there too.
    pub fn within(&self, other: &Self) -> bool {
        let matches = self.matches.is_empty() || self.matches == other.matches;
        matches && (self.mirror.is_none() || self.mirror == other.mirror)
    }
}

impl std::fmt::Display for Picks {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.matches.is_empty(), &self.mirror) {
            (true, None) => out.write_str("nothing"),
            (false, None) => out.write_str("the requests that match"),
            (true, Some(mirror)) => write!(out, "copies of {} % of the requests", mirror.percent),
            (false, Some(mirror)) => {
                write!(out, "the requests that match and copies of {} % of the others", mirror.percent)
            }
        }
    }
}
