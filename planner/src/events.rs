//! What ends a release or turns it round: evidence, people, a newer wish, deletion. See the table in `docs/releases.md`.

use chrono::{DateTime, Utc};

use crate::{
    approvals, calendar, decisions,
    emergency::Emergency,
    gates,
    journal::{Cause, Journal, Outcome, Phase, Purpose, RevisionRef, cut},
    looks, ordered, pods,
    policy::Policy,
    world::{Release, Selects, Wish, World},
};

/// The journal after everything that happened since the last pass has been taken up.
pub(crate) fn take_up(policy: &Policy, world: &World, release: &Release, now: DateTime<Utc>) -> Journal {
    let mut journal = release.journal.clone();
    if journal.entered_at.is_none() {
        journal.entered_at = Some(now);
        journal.note(now, "ReleaseStarted", start_words(release));
        if let Some((reason, words)) = release.emergency.as_ref().map(Emergency::told) {
            journal.note(now, reason, words);
        }
    }
    if uninstalled(world) {
        abandon(&mut journal, release.purpose, now);
        return journal;
    }
    if journal.phase == Phase::RollingBack || release.purpose == Purpose::Remove || switching(world, release, &journal)
    {
        // These are finished whatever happens: half a switch is no place to stop.
        return journal;
    }
    // A Fail comes before anything that people decided without knowing it.
    if let Some((cause, message)) = evidence(policy, world, release, &mut journal, now) {
        end(policy, release, &mut journal, cause, message, now);
    }
    decisions::take_up(policy, world, release, &mut journal, now);
    if journal.phase < Phase::Promoting && !journal.finished() {
        approvals::late(policy, release, &mut journal, now);
    }
    if !turned_round(&journal) {
        outside(world, release, &mut journal, now);
    }
    if world.plan_changed && may_start_over(policy, release, &journal) {
        let words = "the policy was changed before live traffic: the release starts over under it";
        back(&mut journal, Outcome::new(Phase::Superseded, Cause::PolicyChanged, words), now);
    }
    journal
}

/// Whether the candidate can be taken away unnoticed and comes again by itself. What a person ordered would not: going back, or a pause.
fn may_start_over(policy: &Policy, release: &Release, journal: &Journal) -> bool {
    // Copies of the workload's own pods, in a take-over without gates, answer beside them.
    let unnoticed = release.purpose == Purpose::Update || policy.gate_first;
    let early =
        journal.phase == Phase::Pending || (unnoticed && matches!(journal.phase, Phase::Preparing | Phase::Gating));
    early && !release.rollback && !journal.orders.paused
}

fn start_words(release: &Release) -> String {
    let name = |r: &Option<RevisionRef>| r.as_ref().map_or("nothing".into(), |r| r.revision.to_string());
    format!("from {} to {}, attempt {}", name(&release.from), name(&release.to), release.attempt)
}

/// Whether the release is on its way back, or over.
pub(crate) fn turned_round(journal: &Journal) -> bool {
    journal.finished() || journal.phase == Phase::RollingBack
}

/// Nobody is left to be served: the namespace goes, or policy and workload do. Then nothing needs an order.
fn uninstalled(world: &World) -> bool {
    world.namespace_terminating || (world.deleting && world.workload.is_none())
}

fn abandon(journal: &mut Journal, purpose: Purpose, now: DateTime<Utc>) {
    if purpose == Purpose::Remove {
        return; // It has ways of its own for this.
    }
    let words = "the application is being uninstalled";
    journal.outcome = Some(Outcome::new(Phase::Superseded, Cause::PolicyDeleted, words));
    finish(journal, Phase::Superseded, now);
}

/// A take-over whose Service already selects the revision: it is finished first.
fn switching(world: &World, release: &Release, journal: &Journal) -> bool {
    let switched = world.apex.as_ref().is_some_and(|a| matches!(a.selects, Selects::Serving(_) | Selects::Only(_)));
    release.purpose == Purpose::Adopt
        && (journal.phase == Phase::Warm || (journal.phase == Phase::Promoting && switched))
}

/// Verdicts of gates, of metrics and of the pods themselves.
fn evidence(
    policy: &Policy,
    world: &World,
    release: &Release,
    journal: &mut Journal,
    now: DateTime<Utc>,
) -> Option<(Cause, String)> {
    if journal.phase == Phase::Held {
        return None;
    }
    let gate = gates::record(policy, world, journal, now);
    let metrics = looks::record(policy, world.look.as_ref(), journal, now);
    // Nights and holidays, over which a window is closed or everything frozen, may be silent; the time for an answer begins after them.
    if journal.step.is_some_and(|k| calendar::holds_after(policy, world, release, journal, k, now)) {
        journal.analysis.unknown_since = None;
    }
    let excused = journal.analysis.unknown_since.is_none() || passes_metrics(journal);
    let metrics = metrics.filter(|(cause, _)| *cause != Cause::NoEvidence || !excused);
    let pods = pods::record(policy, world, release, journal, now);
    let ordered = ordered::record(world, release, journal);
    let all: Vec<_> = [gate, metrics, pods, ordered].into_iter().flatten().collect();
    let worst = all.iter().find(|(cause, _)| cause.condemns()).or(all.first()).cloned();
    // A release that waits for a person because evidence ran out goes on waiting; only evidence against it moves it.
    worst.filter(|(cause, _)| journal.phase != Phase::Inconclusive || cause.condemns())
}

/// Whether a person has decided that the step ends without what its metrics say.
pub(crate) fn passes_metrics(journal: &Journal) -> bool {
    journal.orders.promote || (journal.step.is_some() && journal.orders.skipped == journal.step)
}

/// What happens around a release: the policy or the workload goes, something newer is wished for.
fn outside(world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) {
    let over = release.purpose == Purpose::Update && matches!(journal.phase, Phase::Promoting | Phase::Warm);
    let warm = over && journal.phase == Phase::Warm;
    let superseded = |cause, message: &str| Outcome::new(Phase::Superseded, cause, message);
    if release.deleting {
        let words = "the Release was deleted";
        return back(journal, superseded(Cause::Aborted, words), now);
    }
    if world.deleting {
        let words = "the policy was deleted";
        return if warm {
            drain_early(journal, now);
        } else {
            back(journal, superseded(Cause::PolicyDeleted, words), now);
        };
    }
    let Some(workload) = &world.workload else {
        if !over {
            let words = "the workload was deleted";
            back(journal, superseded(Cause::WorkloadGone, words), now);
        }
        return;
    };
    let (Some(wish), Some(to)) = (workload.wish.as_ref().filter(|w| w.settled), &release.to) else {
        return;
    };
    if wish.revision.digest == to.digest {
        return;
    }
    let withdrawn = release.from.as_ref().is_some_and(|f| f.digest == wish.revision.digest);
    if withdrawn && release.rollback {
        return; // That the workload wishes what is gone back from is why a person had to say so.
    }
    if withdrawn {
        let words = "the workload was set back to the stable version";
        back(journal, superseded(Cause::WishWithdrawn, words), now);
    } else if !over || (warm && looks::failing(journal)) {
        back(journal, superseded(Cause::NewerVersion, &newer(wish)), now);
    } else if warm {
        drain_early(journal, now);
    }
}

fn newer(wish: &Wish) -> String {
    format!("revision {} is wished for now", wish.revision.revision)
}

/// Ends the warm period: the old pods are drained now.
fn drain_early(journal: &mut Journal, now: DateTime<Utc>) {
    if !journal.drain_early {
        journal.drain_early = true;
        let words = "the old revision is drained early, since something newer waits";
        journal.note(now, "WarmEnded", words);
    }
}

/// Ends a release for a cause: taken back, held, or inconclusive, as the policy says.
pub(crate) fn end(
    policy: &Policy,
    release: &Release,
    journal: &mut Journal,
    cause: Cause,
    message: impl Into<String>,
    now: DateTime<Utc>,
) {
    journal.condemned |= cause.condemns();
    let phase = match cause {
        // A person has looked at it already.
        Cause::Rejected => Phase::RolledBack,
        c if c.condemns() && policy.hold_failed => Phase::Held,
        c if c.condemns() => Phase::RolledBack,
        Cause::NoEvidence if policy.analysis.as_ref().is_some_and(|a| a.rollback_unknown) => Phase::RolledBack,
        Cause::PodsNotStarted | Cause::GateTimeout | Cause::NoEvidence => Phase::Inconclusive,
        _ => Phase::Superseded,
    };
    let outcome = Outcome::new(phase, cause, message);
    if phase == Phase::Inconclusive && journal.phase == Phase::Warm {
        return; // Everything serves from the candidate and the way back is kept: it is said in `waiting`, nothing moves.
    }
    let moving = release.purpose == Purpose::Update && matches!(journal.phase, Phase::Shifting | Phase::Promoting);
    if phase == Phase::Inconclusive && moving && !policy.rollback_inconclusive {
        journal.held_in = Some(journal.phase);
        journal.note(now, "Inconclusive", &outcome.message);
        journal.outcome = Some(outcome);
        journal.phase = Phase::Inconclusive;
        return;
    }
    back(journal, outcome, now);
}

/// Turns round: from here on traffic goes back to the stable revision.
fn back(journal: &mut Journal, outcome: Outcome, now: DateTime<Utc>) {
    journal.note(now, &format!("{:?}", outcome.reason), &outcome.message);
    if journal.phase == Phase::Pending {
        let phase = match outcome.phase {
            Phase::Held => Phase::RolledBack,
            other => other,
        };
        journal.outcome = Some(outcome);
        finish(journal, phase, now);
        return;
    }
    journal.held_in = None;
    journal.outcome = Some(outcome);
    journal.refill = journal.phase == Phase::Warm && journal.draining;
    enter(journal, Phase::RollingBack, now);
}

/// Enters a phase.
pub(crate) fn enter(journal: &mut Journal, phase: Phase, now: DateTime<Utc>) {
    journal.phase = phase;
    journal.entered_at = Some(now);
    journal.applied_at = None;
    journal.draining = false;
    if phase != Phase::Shifting {
        journal.step = None;
    }
    if phase != Phase::RollingBack {
        journal.analysis.next_split();
    }
}

/// Ends the release well.
pub(crate) fn succeed(journal: &mut Journal, words: impl Into<String>, now: DateTime<Utc>) {
    end_in(journal, Phase::Succeeded, words.into(), now);
}

/// Ends the release in a phase, for what its outcome says.
pub(crate) fn finish(journal: &mut Journal, phase: Phase, now: DateTime<Utc>) {
    let message = journal.outcome.as_ref().map_or_else(String::new, |o| o.message.clone());
    end_in(journal, phase, message, now);
}

fn end_in(journal: &mut Journal, phase: Phase, message: String, now: DateTime<Utc>) {
    journal.phase = phase;
    journal.finished_at = Some(now);
    journal.waiting = None;
    journal.step = None;
    journal.draining = false;
    journal.note(now, &format!("{phase:?}"), message);
}

impl Outcome {
    /// An outcome; the message is cut at 1024 characters.
    pub fn new(phase: Phase, reason: Cause, message: impl Into<String>) -> Self {
        Self { phase, reason, message: cut(message, 1024) }
    }
}
