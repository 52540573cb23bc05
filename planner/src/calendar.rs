//! Windows, which are gates that ask the calendar and nobody else; and freezes, which hold whatever a policy says.
//!
//! Windows are the last that a place waits for. What goes on then goes on while all of them are open; one that closes later takes
//! nothing back.

use analysis::Verdict;
use chrono::{DateTime, Utc};

use crate::{
    gates::at,
    journal::{GateRecord, Journal, cut},
    plan::{FROZEN, WINDOW, Waiting},
    policy::{Gate, Place, Policy},
    window::{Stand, Window},
    world::{Freeze, Release, World},
};

/// What the record of a window says before it is asked.
pub(crate) const LAST: &str = "asked when everything else has passed";

/// A window of a place that the release has not passed yet.
struct Unpassed<'a> {
    gate: &'a Gate,
    window: &'a Window,
    /// Where its record is in the journal.
    record: usize,
}

fn unpassed<'a>(
    policy: &'a Policy,
    release: &Release,
    journal: &Journal,
    place: Place,
    step: Option<u32>,
) -> Vec<Unpassed<'a>> {
    let all = at(policy, release, place, step).filter_map(|(gate, step)| {
        let of = |r: &GateRecord| r.name == gate.name && r.at == gate.at && r.step == step;
        let (window, record) = (gate.window()?, journal.gates.iter().position(of)?);
        (journal.gates[record].verdict != Verdict::Pass).then_some(Unpassed { gate, window, record })
    });
    all.collect()
}

/// Whether the windows of a place are passed; when they have just been found open together, that is written down first.
pub(crate) fn open(
    policy: &Policy,
    release: &Release,
    journal: &mut Journal,
    place: Place,
    step: Option<u32>,
    now: DateTime<Utc>,
) -> Result<bool, Waiting> {
    let windows = unpassed(policy, release, journal, place, step);
    let waits: Vec<_> = windows.iter().filter_map(|w| closed(w, now)).collect();
    for (record, waiting) in &waits {
        journal.gates[*record].message = cut(waiting.message.as_str(), 512);
    }
    // One that never opens again comes first, then the one that opens last.
    let latest = waits.into_iter().map(|(_, waiting)| waiting).max_by_key(|w| (w.stalled, w.until));
    if let Some(waiting) = latest {
        return Err(waiting);
    }
    for Unpassed { gate, window, record } in &windows {
        let record = &mut journal.gates[*record];
        let waited = record.message != LAST;
        (record.verdict, record.until) = (Verdict::Pass, Some(now));
        record.message = format!("open: {window}");
        if waited {
            journal.note(now, "WindowOpen", format!("gate {} is open: {window}", gate.name));
        }
    }
    Ok(windows.is_empty())
}

fn closed(unpassed: &Unpassed<'_>, now: DateTime<Utc>) -> Option<(usize, Waiting)> {
    let Unpassed { gate, window, record } = unpassed;
    let Stand::Closed(opens) = window.at(now) else { return None };
    let waiting = match opens {
        Some(at) => {
            let words = format!("gate {} opens {}: {window}", gate.name, window.in_words(at));
            Waiting::until(WINDOW, words, at)
        }
        None => Waiting::for_person(WINDOW, format!("gate {} does not open again: {window}", gate.name)),
    };
    Some((*record, waiting))
}

/// Whether what follows step `k` waits for a window, or for the end of a freeze.
pub(crate) fn holds_after(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &Journal,
    k: u32,
    now: DateTime<Utc>,
) -> bool {
    frozen(world, release, now).is_some() || closed_after(policy, release, journal, k, now)
}

fn closed_after(policy: &Policy, release: &Release, journal: &Journal, k: u32, now: DateTime<Utc>) -> bool {
    let last = k as usize == policy.steps().len();
    let gates = at(policy, release, Place::Step, Some(k));
    let promotion = last.then(|| at(policy, release, Place::Promotion, None)).into_iter().flatten();
    let mut open = gates.chain(promotion).filter(|(gate, step)| {
        let record = journal.gate(&gate.name, gate.at, *step);
        record.is_none_or(|r| r.verdict != Verdict::Pass)
    });
    open.any(|(gate, _)| gate.window().is_some_and(|w| !w.is_open(now)))
}

/// The freeze that holds a release, where one does: of several the one that lasts longest.
pub(crate) fn frozen<'a>(world: &'a World, release: &Release, now: DateTime<Utc>) -> Option<&'a Freeze> {
    let hold = world.freezes.iter().filter(|f| !release.is_bound_to_no_calendar() && f.holds(now));
    hold.max_by_key(|f| (f.until.is_none(), f.until))
}

/// Holds what rises while it is frozen.
pub(crate) fn thawed(world: &World, release: &Release, now: DateTime<Utc>) -> Result<(), Waiting> {
    let Some(Freeze { until, reason, by, .. }) = frozen(world, release, now) else { return Ok(()) };
    Err(match until {
        Some(at) => {
            let words = format!("nothing rises until {}: {reason} ({by})", at.format("%Y-%m-%dT%H:%MZ"));
            Waiting::until(FROZEN, words, *at)
        }
        None => Waiting::for_person(FROZEN, format!("nothing rises until that is taken off: {reason} ({by})")),
    })
}
