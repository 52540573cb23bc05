//! That nothing will happen until somebody acts is worth an entry in the timeline, which is what people are told from.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    journal::Journal,
    plan::{Plan, Waiting},
};

/// Waits that an entry of their own has told of, or that a person has ordered.
const KNOWN: [&str; 6] = ["Approval", "Held", "Inconclusive", "Paused", "Suspended", "Frozen"];

/// What comes and goes is not told again within this time.
const AGAIN: TimeDelta = TimeDelta::hours(1);

/// Notes a wait for a person when it begins.
pub(crate) fn note(before: &Journal, plan: &mut Plan, now: DateTime<Utc>) {
    let (Some(waiting), Some(journal)) = (&plan.waiting, &mut plan.journal) else { return };
    let same = before.waiting.as_ref().is_some_and(|w| w.reason == waiting.reason);
    if !waiting.stalled || same || KNOWN.contains(&waiting.reason.as_str()) || told(journal, waiting, now) {
        return;
    }
    journal.note(now, "Stalled", format!("{}: {}", waiting.reason, waiting.message));
}

fn told(journal: &Journal, waiting: &Waiting, now: DateTime<Utc>) -> bool {
    let of_it = |message: &str| message.strip_prefix(waiting.reason.as_str()).is_some_and(|m| m.starts_with(": "));
    journal.timeline.iter().any(|e| e.reason == "Stalled" && of_it(&e.message) && now - e.at < AGAIN)
}
