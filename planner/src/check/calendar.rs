//! 17: what the calendar holds, and what it never holds.

use analysis::Verdict;
use chrono::{DateTime, Utc};

use crate::{
    journal::{Journal, Phase, Purpose},
    plan::{FROZEN, Plan, WINDOW},
    policy::{Gate, Policy},
    world::Release,
};

/// 17: a window is passed while it is open.
pub(super) fn opened(policy: &Policy, before: &Journal, next: &Journal, now: DateTime<Utc>, broken: &mut Vec<String>) {
    for record in next.gates.iter().filter(|r| r.verdict == Verdict::Pass) {
        let Some(window) = policy.gate(record).and_then(Gate::window) else { continue };
        let known = before.gate(&record.name, record.at, record.step).is_some_and(|r| r.verdict == Verdict::Pass);
        if !known && !window.is_open(now) {
            broken.push(format!("17: gate {} lets pass while its window is closed", record.name));
        }
    }
}

/// 17: nothing rises while it is frozen, but the way back to what has passed.
pub(super) fn stood_still(release: &Release, next: &Journal, broken: &mut Vec<String>) {
    let before = &release.journal;
    let onward = next.phase > before.phase && next.phase <= Phase::Promoting;
    let rises = before.phase < Phase::Promoting && (onward || next.step > before.step);
    if rises && release.purpose != Purpose::Remove && !free(release) {
        let (from, to) = ((before.phase, before.step), (next.phase, next.step));
        broken.push(format!("17: from {from:?} to {to:?} in a freeze"));
    }
}

/// 17: the calendar never holds the way back.
pub(super) fn held_back(release: &Release, plan: &Plan, broken: &mut Vec<String>) {
    let back = plan.journal.as_ref().is_some_and(|j| j.phase >= Phase::Promoting) || free(release);
    if let Some(waiting) = plan.waiting.as_ref().filter(|w| back && [WINDOW, FROZEN].contains(&w.reason.as_str())) {
        broken.push(format!("17: the calendar holds what it must not: {}", waiting.message));
    }
}

/// What no calendar holds: the way back, and emergencies that were let through.
pub(super) fn free(release: &Release) -> bool {
    release.fast || release.rollback || release.emergency.as_ref().is_some_and(|e| e.refused.is_none())
}

/// No window holds the way back.
pub(super) fn past(release: &Release, gate: &Gate) -> bool {
    gate.window().is_some() && free(release)
}
