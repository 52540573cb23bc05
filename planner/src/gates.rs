//! Gates: asking, recording verdicts, and what they say together.

use analysis::Verdict;
use chrono::{DateTime, Utc};

use crate::{
    approvals, calendar,
    journal::{Cause, GateRecord, Journal, cut},
    plan::{Action, Waiting},
    policy::{Asks, Gate, Place, Policy},
    world::{Release, Run, RunKey, World},
};

/// After this many runs a gate waits for its timeout instead of trying again.
const MOST_RUNS: u32 = 20;

/// What the gates of one place say together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// Records must be made first.
    NotYet,
    /// All passed, or there are none.
    Pass,
    /// Some have not spoken.
    Wait(Waiting),
}

/// The gates that count at a place, each with the step it is asked for. Going back to a revision that has passed before asks only
/// those that always run, and those of other places than `traffic` and `step`.
pub(crate) fn at<'a>(
    policy: &'a Policy,
    release: &Release,
    place: Place,
    step: Option<u32>,
) -> impl Iterator<Item = (&'a Gate, Option<u32>)> {
    let fast = release.fast && matches!(place, Place::Traffic | Place::Step);
    let free = release.is_bound_to_no_calendar();
    let here = policy.gates.iter().filter(move |g| g.at == place && g.covers(step) && (!fast || g.always));
    let left_out = (place == Place::Promotion).then(|| left_out(policy, release)).into_iter().flatten();
    here.map(move |g| (g, step)).chain(left_out).filter(move |(g, _)| !free || g.window().is_none())
}

/// Whoever may promote may not approve for that, nor open a window: those that would have been asked in steps that a Promote leaves
/// out are asked before promotion, once for each gate. In an emergency so are the tests: it goes past no test.
fn left_out<'a>(policy: &'a Policy, release: &Release) -> impl Iterator<Item = (&'a Gate, Option<u32>)> + use<'a> {
    let next = release.journal.step.unwrap_or(0) + 1;
    let all = policy.steps().len() as u32;
    let emergency = release.is_emergency();
    let asks = (release.journal.orders.promote || emergency) && !release.fast;
    let asked = move |g: &Gate| emergency || g.approval().is_some() || g.window().is_some();
    let gates = policy.gates.iter().filter(move |g| asks && g.at == Place::Step && asked(g));
    gates.filter_map(move |g| (next..=all).map(Some).find(|k| g.covers(*k)).map(|k| (g, k)))
}

/// What the gates of a place say, but for its windows, which are asked [last](calendar::open).
pub(crate) fn asked(policy: &Policy, release: &Release, place: Place, step: Option<u32>) -> Asked {
    let (mut test, mut people) = (None, None);
    for (gate, step) in at(policy, release, place, step) {
        let Some(record) = release.journal.gate(&gate.name, gate.at, step) else { return Asked::NotYet };
        if record.verdict == Verdict::Pass || gate.window().is_some() {
            continue;
        }
        if let Some(approval) = gate.approval() {
            people.get_or_insert_with(|| approvals::waiting(policy, release, gate, approval, record));
        } else {
            let message = format!("gate {} runs (attempt {}): {}", gate.name, record.attempt, record.message);
            test.get_or_insert(Waiting::until("Conformance", message, record.since + gate.timeout));
        }
    }
    // A test that fails makes an approval idle.
    test.or(people).map_or(Asked::Pass, Asked::Wait)
}

/// Makes the records of a place: from now on its gates are being asked.
pub(crate) fn ask(
    policy: &Policy,
    release: &Release,
    journal: &mut Journal,
    place: Place,
    step: Option<u32>,
    now: DateTime<Utc>,
) {
    for (gate, step) in at(policy, release, place, step) {
        if journal.gate(&gate.name, gate.at, step).is_some() {
            continue;
        }
        let mut record = GateRecord {
            name: gate.name.clone(),
            at: gate.at,
            step,
            verdict: Verdict::Unknown,
            attempt: 1,
            failures: 0,
            since: now,
            until: None,
            message: "it is being started".into(),
            evidence: None,
            approvals: Vec::new(),
        };
        if let Some(approval) = gate.approval() {
            approvals::begin(policy, release, approval, &mut record, journal, now);
        } else if gate.window().is_some() {
            record.message = calendar::LAST.into();
        }
        journal.gates.push(record);
    }
    bound(journal);
}

/// A journal stays below its size: the records of the earliest steps go first, never those of other places.
fn bound(journal: &mut Journal) {
    while journal.gates.len() > 64 {
        let Some(oldest) = journal.gates.iter().position(|g| g.at == Place::Step && g.verdict == Verdict::Pass) else {
            return;
        };
        journal.gates.remove(oldest);
    }
}

/// Runs that should exist and do not.
pub(crate) fn start(policy: &Policy, world: &World, journal: &Journal) -> Vec<Action> {
    let test = |r: &&GateRecord| policy.gate(r).is_none_or(|g| matches!(g.asks, Asks::Test { .. }));
    let open = journal.gates.iter().filter(|g| g.verdict == Verdict::Unknown).filter(test);
    open.map(key).filter(|k| !world.runs.contains_key(k)).map(Action::StartRun).collect()
}

fn key(record: &GateRecord) -> RunKey {
    RunKey { gate: record.name.clone(), at: record.at, step: record.step, attempt: record.attempt }
}

/// Takes up what became of the runs. Returns why the release must end, if one says so.
pub(crate) fn record(
    policy: &Policy,
    world: &World,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Option<(Cause, String)> {
    let (mut failed, mut late) = (None, None);
    let mut notes = Vec::new();
    for i in 0..journal.gates.len() {
        let record = &mut journal.gates[i];
        if record.verdict != Verdict::Unknown {
            continue;
        }
        let Some(gate) = policy.gate(record) else { continue };
        let Asks::Test { attempts } = gate.asks else { continue };
        take_up(record, attempts, world, now);
        match record.verdict {
            Verdict::Pass => notes.push(("ConformancePassed", format!("gate {}: {}", record.name, record.message))),
            Verdict::Fail => {
                let message = format!("gate {} failed: {}", record.name, with_log(record));
                failed.get_or_insert((Cause::ConformanceFailed, message));
            }
            Verdict::Unknown if now >= record.since + gate.timeout => {
                let message =
                    format!("gate {} gave no verdict within {}: {}", record.name, words(gate.timeout), record.message);
                late.get_or_insert((Cause::GateTimeout, message));
            }
            Verdict::Unknown => {}
        }
        if record.evidence.is_some() {
            keep_last_log(journal, i);
        }
    }
    for (reason, message) in notes {
        journal.note(now, reason, message);
    }
    // A test that failed says more than one that is late.
    failed.or(late)
}

fn take_up(record: &mut GateRecord, attempts: u32, world: &World, now: DateTime<Utc>) {
    match world.runs.get(&key(record)) {
        None => {}
        Some(Run::Going(message)) => record.message = cut(message.as_str(), 512),
        Some(Run::Passed(evidence)) => {
            record.verdict = Verdict::Pass;
            record.until = Some(now);
            let evidence = evidence.bounded();
            let summary = evidence.summary.clone();
            record.message = summary.unwrap_or_else(|| "the test ended with exit code 0".into());
            record.evidence = Some(evidence);
        }
        Some(Run::Failed(evidence)) => {
            record.failures += 1;
            let code = evidence.exit_code.map_or("without an exit code".into(), |c| format!("with exit code {c}"));
            let evidence = evidence.bounded();
            let summary = evidence.summary.clone();
            record.message = summary.unwrap_or_else(|| format!("the test ended {code}"));
            record.evidence = Some(evidence);
            if record.failures >= attempts {
                record.verdict = Verdict::Fail;
                record.until = Some(now);
            } else {
                record.attempt += 1;
            }
        }
        Some(Run::Broken(message)) => {
            record.message = cut(message.as_str(), 512);
            if record.attempt < MOST_RUNS {
                record.attempt += 1;
            }
        }
    }
}

/// The message of a failed gate with the last lines of its test.
fn with_log(record: &GateRecord) -> String {
    let log = record.evidence.as_ref().and_then(|e| e.log.as_deref()).unwrap_or("").trim_end();
    let lines: Vec<&str> = log.lines().rev().take(8).collect();
    let lines = lines.into_iter().rev().enumerate();
    // What the message ends with need not follow it.
    let new = lines.filter(|(i, line)| *i > 0 || !record.message.ends_with(*line)).map(|(_, line)| line);
    let tail = new.collect::<Vec<_>>().join("\n");
    let message = if tail.is_empty() { record.message.clone() } else { format!("{}\n{tail}", record.message) };
    message.chars().take(900).collect()
}

/// The log is kept for the last run of each gate only.
fn keep_last_log(journal: &mut Journal, latest: usize) {
    let name = journal.gates[latest].name.clone();
    for (i, record) in journal.gates.iter_mut().enumerate() {
        if i != latest
            && record.name == name
            && let Some(evidence) = &mut record.evidence
        {
            evidence.log = None;
        }
    }
}

/// A duration as people say it.
pub(crate) fn words(time: chrono::TimeDelta) -> String {
    match time.num_seconds() {
        s if s >= 3600 && s % 3600 == 0 => format!("{}h", s / 3600),
        s if s >= 60 && s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}
