//! Looks at the metrics: when, and what they say.

use analysis::{Batch, Look, Verdict};
use chrono::{DateTime, Utc};

use crate::{
    journal::{Cause, Journal, LOOKS, Measured, Phase},
    plan::Waiting,
    policy::{Analysis, Policy},
};

/// Since when what is measured was wholly in force; `None` while nothing is to be measured.
fn in_force_since(policy: &Policy, journal: &Journal) -> Option<DateTime<Utc>> {
    let phase = if journal.phase == Phase::Inconclusive { journal.held_in? } else { journal.phase };
    match phase {
        Phase::Shifting => journal.applied_at.map(|at| at + policy.propagation),
        Phase::Warm => journal.entered_at,
        _ => None,
    }
}

/// When the next look at the metrics is due; `None` while nothing is to be measured.
///
/// A look reaches back over one window, which lies wholly after the split was in force.
pub fn next_look(policy: &Policy, journal: &Journal) -> Option<DateTime<Utc>> {
    let analysis = policy.analysis.as_ref()?;
    if journal.finished() {
        return None;
    }
    let first = in_force_since(policy, journal)? + analysis.window;
    let next = journal.analysis.looks.last().map_or(first, |last| last.at + analysis.interval);
    Some(next.max(first))
}

/// Takes a look into the journal and judges. Returns why the release must end, if the metrics say so.
pub(crate) fn record(
    policy: &Policy,
    look: Option<&Batch>,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Option<(Cause, String)> {
    let analysis = policy.analysis.as_ref()?;
    let since = in_force_since(policy, journal)?;
    if let Some(batch) = look
        && batch.at >= since + analysis.window
        && journal.analysis.looks.last().is_none_or(|last| last.at < batch.at)
    {
        take_up(analysis, batch, &mut journal.analysis);
    }
    let measured = &journal.analysis;
    if measured.verdict == Verdict::Fail {
        let failed = measured.metrics.iter().filter(|m| m.verdict == Verdict::Fail);
        let words: Vec<_> = failed.map(|m| format!("{}: {}", m.name, m.message)).collect();
        return Some((Cause::AnalysisFailed, words.join("; ")));
    }
    let silent = measured.unknown_since.is_some_and(|since| now >= since + analysis.hold_unknown);
    (silent && journal.phase == Phase::Shifting).then(|| (Cause::NoEvidence, lacks(measured)))
}

fn take_up(analysis: &Analysis, batch: &Batch, measured: &mut Measured) {
    // Only the last look's words are ever read; numbers of all of them are.
    for old in measured.looks.iter_mut().flat_map(|b| b.samples.values_mut()) {
        if let Some(unknown) = &mut old.unknown {
            unknown.detail.clear();
        }
    }
    measured.looks.push(batch.clone());
    if measured.looks.len() > LOOKS {
        measured.looks.remove(0);
    }
    let judged = analysis::judge(&analysis.plan, &measured.looks, Look { at: batch.at });
    measured.verdict = judged.verdict;
    measured.metrics = judged.metrics;
    // A metric that the look does not speak of is as silent as one without a number.
    let spoken = |m: &analysis::Metric| batch.samples.get(&m.name).is_some_and(|s| s.value.is_some());
    let numbers = analysis.plan.metrics.iter().all(spoken);
    measured.unknown_since = if numbers { None } else { measured.unknown_since.or(Some(batch.at)) };
}

/// Whether a metric's last numbers speak against the candidate, though not often enough yet.
pub(crate) fn failing(journal: &Journal) -> bool {
    journal.analysis.metrics.iter().any(|m| m.failures > 0)
}

/// Whether the metrics let the way back be given up.
pub(crate) fn let_go(policy: &Policy, journal: &Journal) -> Result<(), Waiting> {
    let Some(analysis) = &policy.analysis else { return Ok(()) };
    let measured = &journal.analysis;
    let words = |what: &str| format!("promoted; {what}, so the way back is kept: {}", lacks(measured));
    if failing(journal) {
        return Err(Waiting::for_it("Analysis", words("a metric has failed looks")));
    }
    // A warm period shorter than a look's window asks for none.
    let asked = policy.warm_for() >= analysis.window || !measured.looks.is_empty();
    if asked && measured.verdict != Verdict::Pass {
        return Err(Waiting::for_it("NoEvidence", words("the metrics say nothing")));
    }
    Ok(())
}

/// What the metrics lack, in words.
fn lacks(measured: &Measured) -> String {
    let unknown = measured.metrics.iter().filter(|m| m.verdict == Verdict::Unknown);
    let words: Vec<_> = unknown.map(|m| format!("{}: {}", m.name, m.message)).collect();
    if words.is_empty() { "no look at the metrics has been taken yet".into() } else { words.join("; ") }
}

/// Whether the metrics let a step end; without an analysis they do.
pub(crate) fn open(policy: &Policy, journal: &Journal) -> Result<(), Waiting> {
    let Some(analysis) = &policy.analysis else {
        return Ok(());
    };
    if journal.analysis.verdict == Verdict::Pass {
        return Ok(());
    }
    let message = format!("metrics do not speak for the candidate yet: {}", lacks(&journal.analysis));
    Err(match journal.analysis.unknown_since {
        Some(since) => Waiting::until("NoEvidence", message, since + analysis.hold_unknown),
        None => Waiting::for_it("Analysis", message),
    })
}
