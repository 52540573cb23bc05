//! Looks at the metrics: when, and what they say.
//!
//! The journal keeps the counts of every look since live traffic began, so that a controller started anew replays them to the
//! same verdict. To keep a release of a day within [`MOST_BYTES`], looks become rarer by a rule that is fixed before the release
//! begins and depends on no data: as many for every doubling of the time as there is room for. What a look does not count, the
//! next one does.

use analysis::{Batch, Look, Sample, Verdict, ingest::UnixMillis};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    effect,
    journal::{Cause, Journal, LOOKS, Measured, Phase},
    plan::Waiting,
    policy::{Analysis, Policy},
};

/// What the looks of a release of a day may take in its object.
pub const MOST_BYTES: usize = 64 * 1024;
/// A look's own size at most, and that of each metric that is counted.
const LOOK_BYTES: usize = 140;
const METRIC_BYTES: usize = 60;
/// A day of one look per second doubles so often after the looks that are not thinned, and those are two doublings' worth.
const DOUBLINGS: usize = 13;
/// With any number of metrics there are so many looks for each doubling.
const FEWEST: usize = 4;

/// Since when what is measured was wholly in force; `None` while nothing is to be measured.
fn in_force_since(policy: &Policy, journal: &Journal) -> Option<DateTime<Utc>> {
    let phase = if journal.phase == Phase::Inconclusive { journal.held_in? } else { journal.phase };
    match phase {
        Phase::Shifting => journal.applied_at.map(|at| at + policy.propagation),
        Phase::Warm => journal.entered_at,
        _ => None,
    }
}

/// The step, counted from 1; the time after promotion is the one after the last.
fn step_now(policy: &Policy, journal: &Journal) -> u32 {
    journal.step.unwrap_or_else(|| u32::try_from(policy.steps().len()).unwrap_or(u32::MAX).saturating_add(1))
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
    let looks = &journal.analysis.looks;
    let next = looks.last().map_or(first, |last| last.at + gap(analysis, looks));
    Some(next.max(first))
}

/// The time between two looks: the interval, and twice as much each time that a doubling's worth of looks is counted.
fn gap(analysis: &Analysis, looks: &[Batch]) -> TimeDelta {
    let Some(sequential) = &analysis.plan.sequential else { return analysis.interval };
    let size = LOOK_BYTES + METRIC_BYTES * sequential.plan.metrics().count();
    let each = (MOST_BYTES / size / DOUBLINGS).max(FEWEST);
    let counted = looks.iter().filter(|look| look.is_counted()).count();
    let doublings = (counted / each).saturating_sub(1).min(20);
    analysis.interval * (1 << doublings)
}

/// After what time the next look counts: where the last one ended, or since the split was in force. `None` while nothing is to
/// be measured.
pub fn counted_after(policy: &Policy, journal: &Journal) -> Option<UnixMillis> {
    let since = in_force_since(policy, journal)?.into();
    let step = step_now(policy, journal);
    let counted = journal.analysis.looks.iter().rev().filter(|look| look.step == step && look.is_counted());
    let last = counted.filter_map(|look| look.window).map(|window| window.until).next();
    Some(last.unwrap_or(since).max(since))
}

/// Whether anything has been counted, so that the tests are fixed.
pub fn has_begun(journal: &Journal) -> bool {
    journal.analysis.looks.iter().any(Batch::is_counted)
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
        take_up(policy, analysis, batch, journal);
    }
    let measured = &journal.analysis;
    if measured.verdict == Verdict::Fail {
        let failed = measured.metrics.iter().filter(|m| m.verdict == Verdict::Fail);
        let words: Vec<_> = failed.map(|m| format!("{}: {}", m.name, m.message)).collect();
        return Some((Cause::AnalysisFailed, words.join("; ")));
    }
    let silent = measured.unknown_since.is_some_and(|since| now >= since + analysis.hold_unknown);
    (silent && journal.phase == Phase::Shifting).then(|| (Cause::NoEvidence, without_evidence(policy, journal)))
}

fn take_up(policy: &Policy, analysis: &Analysis, batch: &Batch, journal: &mut Journal) {
    let mut batch = Batch { step: step_now(policy, journal), ..batch.clone() };
    if batch.window.map(|window| window.after) != counted_after(policy, journal) {
        // It was begun before something that changes what is counted: its counts would be of the wrong time.
        batch.samples.retain(|_, sample| sample.counts.is_none());
        batch.window = None;
    }
    if has_begun(journal) {
        batch.past = None;
    }
    let baked = baked(policy, journal).is_some_and(|end| batch.at >= end);
    let last = is_last(policy, journal);
    let measured = &mut journal.analysis;
    make_room(&mut measured.looks);
    measured.looks.push(batch);
    let batch = &measured.looks[measured.looks.len() - 1];
    let judged = analysis::judge(&analysis.plan, &measured.looks, Look { at: batch.at });
    // A metric that the look does not speak of is as silent as one without a number.
    let spoken = |m: &analysis::Metric| batch.samples.get(&m.name).is_some_and(Sample::is_known);
    let numbers = analysis.plan.metrics.iter().all(spoken);
    let at = batch.at;
    (measured.verdict, measured.steady, measured.metrics) = (judged.verdict, judged.steady, judged.metrics);
    let undecided = analysis.plan.sequential.is_some() && baked && !measured.lets_go_on(last);
    measured.unknown_since = if numbers && !undecided { None } else { measured.unknown_since.or(Some(at)) };
}

/// Before another look: only the last look's words are ever read, and of numbers those of the last [`LOOKS`].
fn make_room(looks: &mut Vec<Batch>) {
    let old = (looks.len() + 1).saturating_sub(LOOKS);
    for (i, look) in looks.iter_mut().enumerate() {
        look.samples.retain(|_, sample| sample.counts.is_some() || (sample.value.is_some() && i >= old));
    }
    looks.retain(|look| !look.samples.is_empty());
}

/// When a step's bake is over.
fn baked(policy: &Policy, journal: &Journal) -> Option<DateTime<Utc>> {
    let step = policy.steps().get((journal.step? as usize).checked_sub(1)?)?;
    Some(journal.applied_at? + policy.propagation + step.bake)
}

fn is_last(policy: &Policy, journal: &Journal) -> bool {
    journal.step.is_some_and(|k| k as usize >= policy.steps().len())
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
    let asked = policy.warm_for() >= analysis.window || !measured.metrics.is_empty();
    // Without steps, nothing has been decided before.
    if asked && !measured.lets_go_on(policy.steps().is_empty()) {
        return Err(Waiting::for_it("NoEvidence", words("the metrics say nothing")));
    }
    Ok(())
}

/// Why there was no evidence in time: that the candidate never got its requests comes before what is missing for it.
fn without_evidence(policy: &Policy, journal: &Journal) -> String {
    let lacks = lacks(&journal.analysis);
    effect::ineffective(policy, journal).map_or(lacks.clone(), |route| format!("{route}; {lacks}"))
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
    if journal.analysis.lets_go_on(is_last(policy, journal)) {
        return Ok(());
    }
    let message = format!("metrics do not speak for the candidate yet: {}", lacks(&journal.analysis));
    Err(match journal.analysis.unknown_since {
        Some(since) => Waiting::until("NoEvidence", message, since + analysis.hold_unknown),
        None => Waiting::for_it("Analysis", message),
    })
}
