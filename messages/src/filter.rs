//! Which notices a channel is told.

use std::collections::BTreeSet;

use crate::{Kind, Notice, Severity};

/// What a channel wishes to hear. By [`Default`], everything but what happens many times in each release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Only these kinds; without, all but `Step`, `GatePassed` and `Other`.
    pub kinds: Option<BTreeSet<Kind>>,
    /// Nothing less severe.
    pub least: Severity,
    /// Only these policies, by name; without, all.
    pub policies: Option<Vec<String>>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { kinds: None, least: Severity::Info, policies: None }
    }
}

impl Filter {
    /// Whether the channel is told.
    pub fn takes(&self, notice: &Notice) -> bool {
        let kind = match &self.kinds {
            Some(kinds) => kinds.contains(&notice.kind),
            None => !matches!(notice.kind, Kind::Step | Kind::GatePassed | Kind::Other),
        };
        let policy = self.policies.as_ref().is_none_or(|policies| policies.contains(&notice.policy));
        kind && policy && notice.severity >= self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples;

    const ALL: [Kind; 13] = [
        Kind::Started,
        Kind::Step,
        Kind::GatePassed,
        Kind::ApprovalNeeded,
        Kind::Decision,
        Kind::Promoted,
        Kind::Succeeded,
        Kind::Failed,
        Kind::RolledBack,
        Kind::Inconclusive,
        Kind::Superseded,
        Kind::Stalled,
        Kind::Other,
    ];

    fn taken(filter: &Filter) -> Vec<Kind> {
        let told = |kind: &Kind| filter.takes(&Notice { kind: *kind, ..examples::example() });
        ALL.into_iter().filter(told).collect()
    }

    #[test]
    fn without_a_list_everything_is_told_but_what_happens_many_times() {
        let left_out = [Kind::Step, Kind::GatePassed, Kind::Other];
        let expected: Vec<_> = ALL.into_iter().filter(|kind| !left_out.contains(kind)).collect();
        assert_eq!(taken(&Filter::default()), expected);
    }

    #[test]
    fn a_list_of_kinds_is_all_that_is_told() {
        let kinds = BTreeSet::from([Kind::Step, Kind::Failed]);
        assert_eq!(taken(&Filter { kinds: Some(kinds), ..Filter::default() }), [Kind::Step, Kind::Failed]);
        assert!(taken(&Filter { kinds: Some(BTreeSet::new()), ..Filter::default() }).is_empty());
    }

    #[test]
    fn what_is_less_severe_is_not_told() {
        let filter = Filter { least: Severity::Warning, ..Filter::default() };
        let takes = |severity| filter.takes(&Notice { severity, ..examples::example() });
        assert_eq!([Severity::Info, Severity::Warning, Severity::Error].map(takes), [false, true, true]);
    }

    #[test]
    fn other_policies_are_not_told() {
        let filter = |policy: &str| Filter { policies: Some(vec![policy.into()]), ..Filter::default() };
        assert!(filter("front").takes(&examples::example()));
        assert!(!filter("fron").takes(&examples::example()));
    }
}
