//! What people are told: a notice for each entry of a release's timeline, made from the release as it stands. Pure.

use std::time::Duration;

use analysis::{MetricJudgement, Verdict};
use crds::{Release, RolloutPolicySpec, words};
use kube::ResourceExt;
use messages::{Failure, Kind, Next, Notice, Severity, Step, Version};
use planner::{
    Journal,
    journal::{Entry, GateRecord, Phase, Purpose, RevisionRef},
};

/// A notice, and whether it is the last one of its release.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What is said.
    pub notice: Notice,
    /// Nothing follows it.
    pub last: bool,
}

/// A notice for each entry of the journal's timeline after the first `known`, oldest first.
pub fn notices(cluster: Option<&str>, release: &Release, journal: &Journal, known: u64) -> Vec<Told> {
    if journal.noted() <= known {
        return Vec::new();
    }
    let base = base(cluster, release, journal);
    let of = |(number, entry): (u64, &Entry)| {
        let last = journal.finished() && number == journal.noted();
        Told { notice: about(&base, release, journal, number, entry), last }
    };
    journal.entries_after(known).map(of).collect()
}

/// What all notices of a release have in common.
fn base(cluster: Option<&str>, release: &Release, journal: &Journal) -> Notice {
    let spec = plan(release);
    let uid = release.uid().unwrap_or_default();
    let entry = journal.timeline.last();
    Notice {
        id: String::new(),
        number: 0,
        at: entry.map_or(chrono::DateTime::UNIX_EPOCH, |e| e.at),
        kind: Kind::Other,
        severity: Severity::Info,
        reason: String::new(),
        message: String::new(),
        cluster: cluster.map(str::to_owned),
        namespace: release.namespace().unwrap_or_default(),
        policy: release.spec.policy.name.clone(),
        workload: spec.as_ref().map_or_else(|| release.spec.policy.name.clone(), |s| s.workload.name.clone()),
        release: release.name_any(),
        release_uid: uid,
        attempt: u32::try_from(release.spec.attempt).unwrap_or(1),
        purpose: format!("{:?}", release.spec.purpose),
        old: release.spec.from.as_ref().map(version),
        new: release.spec.to.as_ref().map(version),
        source: release.spec.source.clone(),
        author: release.spec.author.clone(),
        emergency: release.spec.emergency.as_ref().filter(|e| e.refused.is_none()).map(|e| e.reason.clone()),
        phase: format!("{:?}", journal.phase),
        step: spec.as_ref().and_then(|s| step(release, s, journal)),
        failures: failures(journal, spec.as_ref()),
        next: Vec::new(),
    }
}

fn about(base: &Notice, release: &Release, journal: &Journal, number: u64, entry: &Entry) -> Notice {
    let (kind, severity) = sort(&entry.reason, &entry.message);
    let newest = number == journal.noted();
    Notice {
        id: format!("{}-{number}", base.release_uid),
        number,
        at: entry.at,
        kind,
        severity,
        reason: entry.reason.clone(),
        message: message(entry, journal),
        failures: if severity == Severity::Info { Vec::new() } else { base.failures.clone() },
        // What can be done now is no advice on what was over before.
        next: if newest || severity > Severity::Info { next(kind, release, journal) } else { Vec::new() },
        ..base.clone()
    }
}

/// The sentence of the timeline; where that was cut, the longer one of the outcome.
fn message(entry: &Entry, journal: &Journal) -> String {
    let longer = journal.outcome.as_ref().map(|o| o.message.as_str());
    longer.filter(|m| !entry.message.is_empty() && m.starts_with(&entry.message)).unwrap_or(&entry.message).into()
}

/// What sort of thing an entry is, and how bad.
pub fn sort(reason: &str, message: &str) -> (Kind, Severity) {
    use Severity::{Error, Info, Warning};
    match reason {
        "ReleaseStarted" => (Kind::Started, Info),
        // That it begins is known when it is done, a moment later.
        "StepStarted" | "StepApplied" | "Promoting" => (Kind::Step, Info),
        "ConformancePassed" | "GatesPassed" | "GateApproved" => (Kind::GatePassed, Info),
        "ApprovalNeeded" => (Kind::ApprovalNeeded, Info),
        "DecisionHeeded" => (Kind::Decision, Info),
        "DecisionWithoutEffect" => (Kind::Decision, Warning),
        "Switched" => (Kind::Promoted, Info),
        "Succeeded" => (Kind::Succeeded, Info),
        "ConformanceFailed" | "AnalysisFailed" | "PodsFailed" | "RollbackOrdered" | "Rejected" => (Kind::Failed, Error),
        "RolledBack" => (Kind::RolledBack, Error),
        "PodsNotStarted" | "GateTimeout" | "NoEvidence" | "Inconclusive" => (Kind::Inconclusive, Warning),
        "Stalled" => (Kind::Stalled, Warning),
        "Emergency" | "EmergencyRefused" => (Kind::Started, Warning),
        // A release that a person ended, or that something newer ended, tells of it when it is over.
        "Superseded" if message.starts_with("aborted by") => (Kind::Superseded, Warning),
        "Superseded" => (Kind::Superseded, Info),
        _ => (Kind::Other, Info),
    }
}

fn version(of: &RevisionRef) -> Version {
    Version { revision: of.revision.to_string(), digest: of.digest.to_string(), images: of.images.clone() }
}

fn plan(release: &Release) -> Option<RolloutPolicySpec> {
    serde_json::from_str(&release.spec.plan).ok()
}

/// The step that the journal is in.
fn step(release: &Release, spec: &RolloutPolicySpec, journal: &Journal) -> Option<Step> {
    let (number, policy) = (journal.step?, policy(release, spec)?);
    let weight = policy.steps().get((number as usize).checked_sub(1)?)?.weight.percent();
    Some(Step { number, of: u32::try_from(policy.steps().len()).ok()?, weight })
}

fn policy(release: &Release, spec: &RolloutPolicySpec) -> Option<planner::Policy> {
    let names = (release.namespace()?, &release.spec.policy.name);
    crds::parse::parse((&names.0, names.1), spec, spec, Duration::from_secs(15)).ok()
}

/// What speaks against the version: gates that failed and metrics that missed their objectives; of a release that ended without
/// evidence, what gave none.
fn failures(journal: &Journal, spec: Option<&RolloutPolicySpec>) -> Vec<Failure> {
    let gates = journal.gates.iter().filter(|g| g.verdict == Verdict::Fail).map(of_gate);
    let metrics = journal.analysis.metrics.iter().filter(|m| m.verdict == Verdict::Fail).map(|m| of_metric(m, spec));
    gates.chain(metrics).collect()
}

fn of_gate(gate: &GateRecord) -> Failure {
    let log = gate.evidence.as_ref().and_then(|e| e.log.as_deref()).map(str::trim_end);
    let detail = match log.filter(|log| !log.is_empty()) {
        Some(log) => format!("{}\n{log}", gate.message),
        None => gate.message.clone(),
    };
    Failure { what: format!("gate {}", gate.name), value: None, bound: None, samples: None, detail: Some(detail) }
}

fn of_metric(metric: &MetricJudgement, spec: Option<&RolloutPolicySpec>) -> Failure {
    let written = spec.and_then(|s| s.analysis.as_ref()?.metrics.iter().find(|m| m.name == metric.name));
    Failure {
        what: metric.name.clone(),
        value: metric.value.map(|v| words::value(&metric.name, v)),
        bound: written.map(|m| words::objective(&m.objective)).filter(|b| !b.is_empty()),
        samples: metric.tested.as_ref().map(|t| t.candidate.requests),
        detail: metric.message.lines().next().filter(|l| !l.is_empty()).map(str::to_owned),
    }
}

/// What the reader can do about it.
fn next(kind: Kind, release: &Release, journal: &Journal) -> Vec<Next> {
    let namespace = release.namespace().unwrap_or_default();
    let policy = &release.spec.policy.name;
    let command = |verb: &str, rest: &str, words: &str| Next {
        words: words.into(),
        command: Some(format!("kubectl sluice {verb} {}{rest} -n {namespace}", release.name_any())),
    };
    let status = || Next {
        words: "shows it all".into(),
        command: Some(format!("kubectl sluice status {policy} -n {namespace}")),
    };
    match kind {
        Kind::ApprovalNeeded => asked(release, journal)
            .flat_map(|gate| {
                let rest = format!(" --gate {gate}");
                [command("approve", &rest, "agrees"), command("reject", &rest, "refuses; the version is taken back")]
            })
            .collect(),
        Kind::Inconclusive if journal.phase == Phase::Inconclusive && !journal.finished() => vec![
            command("retry", "", "tries it once more"),
            command("promote", "", "goes on without the evidence"),
            command("abort", "", "takes it out"),
        ],
        Kind::Failed if journal.phase == Phase::Held => {
            vec![command("retry", "", "tries it once more"), command("abort", "", "takes it out for good")]
        }
        Kind::RolledBack if release.spec.purpose == Purpose::Update => {
            vec![command("retry", "", "tries the same version once more, once the cause is mended"), status()]
        }
        Kind::Failed | Kind::Stalled | Kind::Inconclusive => vec![status()],
        _ => Vec::new(),
    }
}

/// The gates that wait for people.
fn asked<'a>(release: &Release, journal: &'a Journal) -> impl Iterator<Item = &'a str> + use<'a> {
    let policy = plan(release).and_then(|spec| policy(release, &spec));
    let people =
        move |name: &str| policy.iter().flat_map(|p| &p.gates).any(|g| g.name == name && g.approval().is_some());
    let open = journal.gates.iter().filter(|g| g.verdict == Verdict::Unknown);
    open.map(|g| g.name.as_str()).filter(move |name| people(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_an_error_what_lacks_is_a_warning_and_what_goes_well_is_neither() {
        for (reason, message, expected) in [
            ("ReleaseStarted", "from 1 to 2", (Kind::Started, Severity::Info)),
            ("StepApplied", "", (Kind::Step, Severity::Info)),
            ("Promoting", "", (Kind::Step, Severity::Info)),
            ("Switched", "", (Kind::Promoted, Severity::Info)),
            ("ApprovalNeeded", "", (Kind::ApprovalNeeded, Severity::Info)),
            ("DecisionWithoutEffect", "", (Kind::Decision, Severity::Warning)),
            ("AnalysisFailed", "", (Kind::Failed, Severity::Error)),
            ("RollbackOrdered", "", (Kind::Failed, Severity::Error)),
            ("RolledBack", "", (Kind::RolledBack, Severity::Error)),
            ("NoEvidence", "", (Kind::Inconclusive, Severity::Warning)),
            ("Stalled", "RouteContested: flux writes", (Kind::Stalled, Severity::Warning)),
            ("Superseded", "aborted by ann", (Kind::Superseded, Severity::Warning)),
            ("Superseded", "revision 2 is wished for now", (Kind::Superseded, Severity::Info)),
            ("Emergency", "CVE-2026-1234: without steps", (Kind::Started, Severity::Warning)),
            ("EmergencyRefused", "forbidden", (Kind::Started, Severity::Warning)),
            ("SomethingOfTomorrow", "", (Kind::Other, Severity::Info)),
        ] {
            assert_eq!(sort(reason, message), expected, "{reason}: {message}");
        }
    }

    #[test]
    fn a_sentence_that_the_timeline_has_cut_is_told_in_full() {
        let full = "gate conformance failed: ".to_owned() + &"x".repeat(700);
        let mut journal = Journal::default();
        journal.outcome =
            Some(planner::journal::Outcome::new(Phase::RolledBack, planner::journal::Cause::ConformanceFailed, &full));
        journal.note(chrono::DateTime::UNIX_EPOCH, "ConformanceFailed", &full);
        journal.note(chrono::DateTime::UNIX_EPOCH, "WeightZero", "no new connection reaches the candidate");
        let told: Vec<_> = journal.timeline.iter().map(|entry| message(entry, &journal)).collect();
        assert_eq!(told, [full.as_str(), "no new connection reaches the candidate"]);
    }
}
