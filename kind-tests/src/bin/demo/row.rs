//! What is shown of one service.

use chrono::{DateTime, Utc};
use crds::{
    Release,
    journal::{GateRecord, Journal, RevisionRef},
};

use crate::{
    sight::Service,
    words::{alone, one_line, percent, tag},
};

/// Shown of a policy that has no status yet.
const NO_PHASE: &str = "-";
/// The longest note.
const NOTE: usize = 150;

/// One line of the table and the note below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The service.
    pub service: String,
    /// The version that serves, and the one that is delivered.
    pub versions: String,
    /// Where it stands.
    pub phase: String,
    /// Which step of how many.
    pub step: String,
    /// The share that is wanted for the candidate.
    pub weight: String,
    /// The share that it had of the new connections of the last seconds.
    pub measured: String,
    /// What the gates say.
    pub gates: String,
    /// How long the release has taken.
    pub seconds: String,
    /// What the metrics say, and what is waited for.
    pub note: String,
    /// The word for what is waited for.
    pub reason: String,
    /// Other than before when there is something new to tell, besides figures and what is waited for.
    pub key: String,
}

impl Row {
    /// Of a service, given the candidate's share of the new connections of late.
    pub fn new(service: &Service, measured: Option<(u64, u64)>, now: DateTime<Utc>) -> Self {
        match &service.release {
            Some(release) => Self::releasing(service, release, measured, now),
            None => Self::resting(service, now),
        }
    }

    fn resting(service: &Service, now: DateTime<Utc>) -> Self {
        let status = service.status();
        let serves = status.stable.map(|s| s.images).unwrap_or_default();
        let phase = status.phase.unwrap_or_else(|| NO_PHASE.into());
        let reason = status.waiting.as_ref().map(|w| w.reason.clone()).unwrap_or_default();
        Self {
            service: service.name.clone(),
            versions: serves
                .first()
                .or(service.wished().first())
                .map(|image| tag(image).to_owned())
                .unwrap_or_default(),
            key: phase.clone(),
            reason,
            phase,
            note: status.waiting.map(|w| words(&w.reason, &w.message, w.until, now)).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// The release itself is always newer than what its policy says of it.
    fn releasing(service: &Service, release: &Release, measured: Option<(u64, u64)>, now: DateTime<Utc>) -> Self {
        let journal = release.status.clone().unwrap_or_default().journal;
        let share = measured.filter(|_| journal.split.is_some()).and_then(|(of, all)| percent(of, all));
        let end = journal.finished_at.unwrap_or(now);
        let began = release.metadata.creation_timestamp.as_ref().map(|t| t.0.as_second());
        let outcome = journal.outcome.as_ref().filter(|_| journal.finished()).and_then(|o| o.message.lines().next());
        let (reason, waits) = waits(service, &journal, now).unzip();
        let notes = [metrics(&journal), waits, outcome.map(|line| one_line(line, NOTE))];
        Self {
            service: service.name.clone(),
            versions: release.spec.to.as_ref().map(|to| versions(release.spec.from.as_ref(), to)).unwrap_or_default(),
            phase: format!("{:?}", journal.phase),
            step: journal.step.map(|k| format!("{k}/{}", steps(service))).unwrap_or_default(),
            weight: journal.split.map(|s| format!("{} %", s.wanted)).unwrap_or_default(),
            measured: share.map(|share| format!("{share:.0} %")).unwrap_or_default(),
            gates: journal.gates.iter().map(verdict).collect::<Vec<_>>().join(","),
            seconds: began.map(|began| format!("{} s", (end.timestamp() - began).max(0))).unwrap_or_default(),
            note: notes.into_iter().flatten().collect::<Vec<_>>().join("; "),
            reason: reason.unwrap_or_default(),
            key: key(&journal),
        }
    }

    /// Whether nothing is being done and nothing is wished for, or nothing is known yet.
    pub fn rests(&self) -> bool {
        matches!(self.phase.as_str(), "Settled" | NO_PHASE)
    }

    /// Whether it is a good end, a bad one, or neither.
    pub fn end(&self) -> Option<bool> {
        match self.phase.as_str() {
            "Settled" | "Succeeded" => Some(true),
            "RollingBack" | "RolledBack" | "Held" | "Inconclusive" => Some(false),
            _ => None,
        }
    }
}

/// Why nothing is happening: the word for programs, and the sentence. The journal does without the words of a short wait,
/// and the policy's may still be those of the step before.
fn waits(service: &Service, journal: &Journal, now: DateTime<Utc>) -> Option<(String, String)> {
    let status = service.status();
    let of_policy = status.waiting.filter(|_| status.phase == Some(format!("{:?}", journal.phase)));
    let waiting = of_policy.or(journal.waiting.clone()).filter(|_| !journal.finished())?;
    let over = waiting.until.is_some_and(|until| until < now);
    (!over).then(|| (waiting.reason.clone(), words(&waiting.reason, &waiting.message, waiting.until, now)))
}

/// What is waited for, and how long it may take.
fn words(reason: &str, message: &str, until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    let message = alone(reason, message);
    let left = until.map(|until| (until - now).num_seconds()).filter(|left| *left > 0);
    format!("{}{}", one_line(message, NOTE), left.map_or(String::new(), |left| format!(" ({left} s left)")))
}

/// What is worth a new line: figures are not.
fn key(journal: &Journal) -> String {
    let failed: u32 = journal.analysis.metrics.iter().map(|m| m.failures).sum();
    let looked = !journal.analysis.looks.is_empty();
    let gates: Vec<_> = journal.gates.iter().map(verdict).collect();
    let weight = journal.split.map(|s| s.wanted);
    format!("{:?} {:?} {weight:?} {gates:?} {looked} {failed}", journal.phase, journal.step)
}

/// From this to that: the tags of the first image that differs.
fn versions(from: Option<&RevisionRef>, to: &RevisionRef) -> String {
    let old = from.map_or(&[][..], |f| &f.images);
    let pairs = to.images.iter().enumerate().map(|(i, new)| (old.get(i), new));
    let differing = pairs.clone().find(|(old, new)| *old != Some(*new));
    match differing.or_else(|| pairs.clone().next()) {
        Some((Some(old), new)) if old != new => format!("{} -> {}", tag(old), tag(new)),
        Some((_, new)) => tag(new).to_owned(),
        None => to.revision.to_string(),
    }
}

fn steps(service: &Service) -> usize {
    let canary = service.policy.as_ref().and_then(|p| p.spec.strategy.canary.as_ref());
    canary.and_then(|c| c.steps.as_ref()).map_or(0, Vec::len)
}

fn verdict(gate: &GateRecord) -> String {
    match gate.until {
        Some(_) => format!("{:?}", gate.verdict).to_lowercase(),
        None => "runs".into(),
    }
}

/// What the last look at the metrics said; of a finished release the outcome says it.
fn metrics(journal: &Journal) -> Option<String> {
    if journal.finished() {
        return None;
    }
    let bad = journal.analysis.metrics.iter().any(|m| m.failures > 0);
    let shown = journal.analysis.metrics.iter().filter(|m| !bad || m.failures > 0);
    let metrics = shown.map(|metric| match metric.value {
        _ if bad => format!("{} {}", metric.name, metric.message),
        None => format!("{}: {}", metric.name, metric.message),
        Some(value) if metric.tested.is_some() => format!("{} {value:.1} %", metric.name),
        Some(value) if metric.name.contains("latency") => format!("{} {:.0} ms", metric.name, value * 1000.0),
        Some(value) if metric.name.contains("rate") => format!("{} {value:.1} %", metric.name),
        Some(value) => format!("{} {value:.2}", metric.name),
    });
    let words = metrics.collect::<Vec<_>>().join(", ");
    (!words.is_empty()).then(|| one_line(&words, NOTE))
}

#[cfg(test)]
mod tests {
    use crds::journal::Split;
    use serde_json::json;

    use super::*;

    fn revision(id: char, image: &str) -> serde_json::Value {
        let digest = format!("sha256:{}", id.to_string().repeat(64));
        json!({ "revision": id.to_string().repeat(8), "digest": digest, "images": [image] })
    }

    fn service() -> Service {
        let release = json!({
            "metadata": { "name": "backend-2", "creationTimestamp": "2026-07-01T10:00:00Z" },
            "spec": {
                "purpose": "Update",
                "policy": { "name": "backend", "uid": "1" },
                "from": revision('a', "podinfo:6.9.0"),
                "to": revision('b', "podinfo:6.9.1"),
                "attempt": 1,
                "plan": "{}",
            },
            "status": { "phase": "Shifting", "step": 2, "split": { "wanted": 50, "effective": 50, "members": 1, "stablePods": 1 } },
        });
        Service {
            name: "backend".into(),
            policy: None,
            workload: None,
            release: Some(serde_json::from_value(release).unwrap()),
        }
    }

    #[test]
    fn a_release_is_shown_with_what_was_measured_of_it() {
        let now = DateTime::parse_from_rfc3339("2026-07-01T10:00:42Z").unwrap().to_utc();
        let row = Row::new(&service(), Some((12, 25)), now);
        assert_eq!(
            [&row.versions, &row.weight, &row.measured, &row.seconds],
            ["6.9.0 -> 6.9.1", "50 %", "48 %", "42 s"],
            "{row:?}"
        );
    }

    #[test]
    fn a_new_share_is_no_news_and_a_new_step_is() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let before = Row::new(&service(), Some((1, 25)), now);
        assert_eq!(before.key, Row::new(&service(), Some((12, 25)), now).key);
        let mut other = service();
        let journal = &mut other.release.as_mut().unwrap().status.as_mut().unwrap().journal;
        (journal.step, journal.split) = (Some(1), Some(Split::default()));
        assert_ne!(before.key, Row::new(&other, Some((1, 25)), now).key);
    }
}
