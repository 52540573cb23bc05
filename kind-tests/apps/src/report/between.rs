//! The counts between two times.

use super::{Answers, Counts, Identity, Mark, Report, Tally};

impl Report {
    /// The first mark of that name.
    pub fn mark(&self, name: &str) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.name == name)
    }

    /// The counts of a target since a mark.
    pub fn since(&self, mark: &str, target: &str) -> Option<Counts> {
        let then = self.mark(mark)?.counts.get(target)?;
        Some(self.targets.get(target)?.counts.since(then))
    }
}

impl Counts {
    /// The counts after `earlier`. An identity's times stay those of its whole life; one that gave no answer
    /// in between is left out.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let before = |now: &Identity| {
            let same = |then: &&Identity| then.hostname == now.hostname && then.version == now.version;
            earlier.identities.iter().find(same).cloned().unwrap_or_default()
        };
        let identities = self.identities.iter().map(|now| {
            let then = before(now);
            Identity { fresh: now.fresh.minus(then.fresh), kept: now.kept.minus(then.kept), ..now.clone() }
        });
        Counts {
            total: self.total.minus(earlier.total),
            fresh: self.fresh.minus(earlier.fresh),
            kept: self.kept.minus(earlier.kept),
            identities: identities.filter(|i| i.answers().all() > 0).collect(),
        }
    }

    /// Answers on fresh connections by a version, and by all: the parts of an observed share.
    pub fn fresh_share_of(&self, version: &str) -> (u64, u64) {
        let of = self.identities.iter().filter(|i| i.version == version);
        let all = self.identities.iter().map(|i| i.fresh.all()).sum();
        (of.map(|i| i.fresh.all()).sum(), all)
    }
}

impl Tally {
    /// Fresh and kept together.
    pub fn plus(self, other: Tally) -> Tally {
        Tally {
            sent: self.sent + other.sent,
            answered: self.answered + other.answered,
            ok: self.ok + other.ok,
            errors: self.errors + other.errors,
            failed: self.failed + other.failed,
            retried: self.retried + other.retried,
            renewed: self.renewed + other.renewed,
        }
    }

    fn minus(self, earlier: Tally) -> Tally {
        Tally {
            sent: self.sent.saturating_sub(earlier.sent),
            answered: self.answered.saturating_sub(earlier.answered),
            ok: self.ok.saturating_sub(earlier.ok),
            errors: self.errors.saturating_sub(earlier.errors),
            failed: self.failed.saturating_sub(earlier.failed),
            retried: self.retried.saturating_sub(earlier.retried),
            renewed: self.renewed.saturating_sub(earlier.renewed),
        }
    }
}

impl Identity {
    /// Fresh and kept together.
    pub fn answers(&self) -> Answers {
        Answers { ok: self.fresh.ok + self.kept.ok, errors: self.fresh.errors + self.kept.errors }
    }
}

impl Answers {
    /// Good and bad together.
    pub fn all(self) -> u64 {
        self.ok + self.errors
    }

    fn minus(self, earlier: Answers) -> Answers {
        Answers { ok: self.ok.saturating_sub(earlier.ok), errors: self.errors.saturating_sub(earlier.errors) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Target;
    use super::*;

    fn identity(version: &str, fresh: u64, errors: u64) -> Identity {
        Identity {
            hostname: format!("pod-{version}"),
            version: version.into(),
            fresh: Answers { ok: fresh, errors },
            ..Identity::default()
        }
    }

    fn counts(sent: u64, identities: Vec<Identity>) -> Counts {
        let total = Tally { sent, ..Tally::default() };
        Counts { total, identities, ..Counts::default() }
    }

    #[test]
    fn counts_since_a_mark_leave_out_who_gave_no_answer_since() {
        let then = counts(10, vec![identity("1", 10, 0)]);
        let now = counts(40, vec![identity("1", 10, 0), identity("2", 25, 5)]);
        let mark = Mark { name: "promoted".into(), at_ms: 1, counts: BTreeMap::from([("web".into(), then)]) };
        let target = Target { counts: now, ..Target::default() };
        let report =
            Report { targets: BTreeMap::from([("web".into(), target)]), marks: vec![mark], ..Report::default() };
        let since = report.since("promoted", "web").unwrap();
        assert_eq!(since.total.sent, 30);
        assert_eq!(since.identities, [identity("2", 25, 5)]);
        assert_eq!(since.fresh_share_of("2"), (30, 30));
        assert_eq!(report.since("never", "web"), None);
    }

    #[test]
    fn a_report_survives_its_own_json() {
        let target = Target { counts: counts(3, vec![identity("1", 2, 1)]), ..Target::default() };
        let report = Report { targets: BTreeMap::from([("web".into(), target)]), ..Report::default() };
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }
}
