//! What of the traffic a step gives to the candidate beside a percentage: requests that match, callers who stay, and copies of
//! requests.

use std::collections::BTreeMap;

/// Requests that are picked out; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picks {
    /// Requests that match one of these go to the candidate.
    pub matches: Vec<Match>,
    /// Requests that the candidate gets a copy of.
    pub mirror: Option<Mirror>,
    /// Callers whom the percentage has sent to the candidate stay with it.
    pub sticky: Option<Sticky>,
}

/// A cookie by which callers are known again. Its value is the candidate's id, so that no other version has its callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Its name: letters, digits, underscores and hyphens.
    pub cookie: String,
    /// How long callers keep it, in seconds; at least 1.
    pub max_age: u64,
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
        self.matches.is_empty() && self.mirror.is_none() && self.sticky.is_none()
    }

    /// Without copies: once the candidate has the traffic itself, they would double it.
    #[must_use]
    pub fn without_copies(&self) -> Self {
        Self { mirror: None, ..self.clone() }
    }

    /// Whether all that is picked out here is picked out there too.
    pub fn within(&self, other: &Self) -> bool {
        let matches = self.matches.is_empty() || self.matches == other.matches;
        let sticky = self.sticky.is_none() || self.sticky == other.sticky;
        matches && sticky && (self.mirror.is_none() || self.mirror == other.mirror)
    }
}

impl std::fmt::Display for Picks {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let matches = (!self.matches.is_empty()).then(|| "the requests that match".to_owned());
        let sticky = self.sticky.as_ref().map(|_| "the callers who stay".to_owned());
        let of = if matches.is_none() && sticky.is_none() { "the requests" } else { "the others" };
        let copies = self.mirror.as_ref().map(|mirror| format!("copies of {} % of {of}", mirror.percent));
        let all: Vec<_> = [matches, sticky, copies].into_iter().flatten().collect();
        out.write_str(if all.is_empty() { "nothing".into() } else { all.join(" and ") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Picks {
        let mirror = Some(Mirror { percent: 5, methods: vec!["GET".into()] });
        let sticky = Some(Sticky { cookie: "sluice".into(), max_age: 60 });
        Picks { matches: vec![Match::default()], mirror, sticky }
    }

    #[test]
    fn what_is_picked_out_is_told_in_the_order_in_which_it_counts() {
        let none = Picks::default();
        let told = [
            (none.clone(), "nothing"),
            (Picks { matches: all().matches, ..none.clone() }, "the requests that match"),
            (Picks { mirror: all().mirror, ..none.clone() }, "copies of 5 % of the requests"),
            (Picks { sticky: all().sticky, ..none }, "the callers who stay"),
            (Picks { sticky: None, ..all() }, "the requests that match and copies of 5 % of the others"),
            (all().without_copies(), "the requests that match and the callers who stay"),
        ];
        for (picks, words) in told {
            assert_eq!((picks.to_string().as_str(), picks.is_none()), (words, words == "nothing"));
        }
    }

    #[test]
    fn less_is_within_more_and_other_callers_are_not() {
        let (none, stay) = (Picks::default(), Picks { sticky: all().sticky, ..Picks::default() });
        assert!(none.within(&stay) && stay.within(&all()) && stay.within(&stay));
        let longer = Picks { sticky: Some(Sticky { cookie: "sluice".into(), max_age: 61 }), ..Picks::default() };
        assert!(!stay.within(&none) && !longer.within(&stay));
    }
}
