//! What is counted when a journal moves on.

use analysis::Verdict;
use chrono::TimeDelta;
use planner::{
    Journal,
    journal::{Cause, GateRecord, Phase},
    policy::Place,
};

/// Something that is counted or timed, once.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sign {
    /// The release entered a phase.
    Entered(Phase),
    /// It ended, as this, for this; without a cause it was delivered.
    Ended(Phase, Option<Cause>),
    /// A gate spoke: where it was asked, what it said, and how long that took.
    Gate(Place, Verdict, TimeDelta),
    /// A step was held for so long.
    Step(TimeDelta),
    /// What all metrics say together has changed to this.
    Judged(Verdict),
    /// A version with evidence against it had lost all of its traffic so long after that.
    Reacted(TimeDelta),
}

/// What became of a journal: each thing once, however often the same journal is written.
pub(super) fn signs(before: &Journal, next: &Journal) -> Vec<Sign> {
    let mut signs = Vec::new();
    if before.phase != next.phase {
        signs.push(Sign::Entered(next.phase));
    }
    signs.extend(next.gates.iter().filter_map(|gate| spoken(before, gate)));
    if before.step.is_some()
        && before.step != next.step
        && let (Some(since), Some(until)) = (before.applied_at, next.entered_at)
    {
        signs.push(Sign::Step(until - since));
    }
    if before.analysis.verdict != next.analysis.verdict && next.analysis.verdict != Verdict::Unknown {
        signs.push(Sign::Judged(next.analysis.verdict));
    }
    signs.extend(reacted(before, next).map(Sign::Reacted));
    if !before.finished() && next.finished() {
        signs.push(Sign::Ended(next.phase, next.outcome.as_ref().map(|o| o.reason)));
    }
    signs
}

fn spoken(before: &Journal, gate: &GateRecord) -> Option<Sign> {
    let until = gate.until?;
    let known = before.gate(&gate.name, gate.at, gate.step).is_some_and(|g| g.until.is_some());
    (!known).then(|| Sign::Gate(gate.at, gate.verdict, until - gate.since))
}

/// From the moment at which the evidence was taken up to the one at which no caller was left with the version.
fn reacted(before: &Journal, next: &Journal) -> Option<TimeDelta> {
    let back = next.phase == Phase::RollingBack && next.condemned && next.served;
    let seen = before.phase == Phase::RollingBack && before.applied_at.is_some();
    (back && !seen).then(|| Some(next.applied_at? - next.entered_at?))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use planner::journal::Outcome;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap_or_default()
    }

    #[test]
    fn a_bad_version_is_counted_once_with_how_long_its_callers_were_left_to_it() {
        let shifting = Journal {
            phase: Phase::Shifting,
            step: Some(2),
            entered_at: Some(at(90)),
            applied_at: Some(at(100)),
            served: true,
            ..Journal::default()
        };
        let mut back = shifting.clone();
        back.analysis.verdict = Verdict::Fail;
        back.condemned = true;
        (back.phase, back.step, back.entered_at, back.applied_at) = (Phase::RollingBack, None, Some(at(130)), None);
        back.outcome = Some(Outcome::new(Phase::RolledBack, Cause::AnalysisFailed, "too many errors"));
        let turned =
            [Sign::Entered(Phase::RollingBack), Sign::Step(TimeDelta::seconds(30)), Sign::Judged(Verdict::Fail)];
        assert_eq!(signs(&shifting, &back), turned);
        let gone = Journal { applied_at: Some(at(133)), ..back.clone() };
        assert_eq!(signs(&back, &gone), [Sign::Reacted(TimeDelta::seconds(3))]);
        assert_eq!(signs(&gone, &gone), []);
        let over = Journal { phase: Phase::RolledBack, finished_at: Some(at(140)), ..gone.clone() };
        let ended = Sign::Ended(Phase::RolledBack, Some(Cause::AnalysisFailed));
        assert_eq!(signs(&gone, &over), [Sign::Entered(Phase::RolledBack), ended]);
    }

    #[test]
    fn a_gate_is_counted_when_it_speaks_and_not_again() {
        let asked = GateRecord {
            name: "conformance".into(),
            at: Place::Traffic,
            step: None,
            verdict: Verdict::Unknown,
            attempt: 1,
            failures: 0,
            since: at(10),
            until: None,
            message: String::new(),
            evidence: None,
            approvals: Vec::new(),
        };
        let spoken = GateRecord { verdict: Verdict::Pass, until: Some(at(52)), ..asked.clone() };
        let with = |gate: &GateRecord| Journal { gates: vec![gate.clone()], ..Journal::default() };
        assert_eq!(signs(&Journal::default(), &with(&asked)), []);
        let said = Sign::Gate(Place::Traffic, Verdict::Pass, TimeDelta::seconds(42));
        assert_eq!(signs(&with(&asked), &with(&spoken)), [said]);
        assert_eq!(signs(&with(&spoken), &with(&spoken)), []);
    }

    #[test]
    fn a_version_that_never_served_leaves_no_time_of_reaction() {
        let back =
            Journal { phase: Phase::RollingBack, condemned: true, entered_at: Some(at(1)), ..Journal::default() };
        let gone = Journal { applied_at: Some(at(2)), ..back.clone() };
        assert_eq!(signs(&back, &gone), []);
    }
}
