//! What ends a release or turns it round: evidence, people, a newer wish, deletion. See the table in `docs/releases.md`.

use chrono::{DateTime, Utc};

use crate::{
    gates,
    journal::{Cause, Journal, Outcome, Phase, Purpose},
    looks,
    policy::Policy,
    world::{Order, Release, World},
};

/// The journal after everything that happened since the last pass has been taken up.
pub(crate) fn take_up(policy: &Policy, world: &World, release: &Release, now: DateTime<Utc>) -> Journal {
    let mut journal = release.journal.clone();
    if journal.finished() {
        return journal;
    }
    if journal.entered_at.is_none() {
        journal.entered_at = Some(now);
        journal.note(now, "ReleaseStarted", start_words(release));
    }
    let switching = release.purpose == Purpose::Adopt && matches!(journal.phase, Phase::Promoting | Phase::Warm);
    if journal.phase == Phase::RollingBack || release.purpose == Purpose::Remove || switching {
        // These are finished whatever happens: half a switch is no place to stop.
        return journal;
    }
    let evidence = evidence(policy, world, release, &mut journal, now);
    decisions(policy, world, release, &mut journal, now);
    if let Some((cause, message)) = evidence {
        end(policy, &mut journal, cause, message, now);
    }
    if journal.outcome.is_none() || matches!(journal.phase, Phase::Held | Phase::Inconclusive) {
        outside(world, release, &mut journal, now);
    }
    journal
}

fn start_words(release: &Release) -> String {
    let name = |r: &Option<crate::journal::RevisionRef>| r.as_ref().map_or("nothing".into(), |r| r.revision.to_string());
    format!("from {} to {}, attempt {}", name(&release.from), name(&release.to), release.attempt)
}

/// Verdicts of gates, of metrics and of the pods themselves.
fn evidence(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Option<(Cause, String)> {
    if journal.phase == Phase::Held {
        return None;
    }
    let gate = gates::record(policy, world, journal, now);
    let metrics = looks::record(policy, world.look.as_ref(), journal, now);
    let pods = pods(policy, world, release, journal, now);
    let all: Vec<_> = [gate, metrics, pods].into_iter().flatten().collect();
    let worst = all.iter().find(|(cause, _)| cause.condemns()).or(all.first()).cloned();
    // A release that waits for a person because evidence ran out goes on waiting; only evidence against it moves it.
    worst.filter(|(cause, _)| journal.phase != Phase::Inconclusive || cause.condemns())
}

/// Pods that crash or do not become ready: a fail after the progress deadline, at once where all traffic would meet nothing.
fn pods(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) -> Option<(Cause, String)> {
    let to = release.to.as_ref()?;
    if matches!(journal.phase, Phase::Pending) {
        return None;
    }
    let live = world.revisions.get(&to.revision)?;
    let need = live.replicas.unwrap_or(0).max(1);
    let ready = live.ready().len() as u32;
    if ready >= need {
        journal.short_since = None;
        return None;
    }
    let since = *journal.short_since.get_or_insert(now);
    let (cause, why) = match live.trouble() {
        Some((cause, why)) => (cause, why.to_owned()),
        None if live.pods.is_empty() => (Cause::PodsNotStarted, "no pod was created: look at quotas and at the events of its ReplicaSet".into()),
        None => (Cause::PodsFailed, "its pods run and do not become ready".into()),
    };
    let way_back = release.from.as_ref().and_then(|f| world.revisions.get(&f.revision)).is_some_and(|f| !f.ready().is_empty());
    let outage = journal.phase == Phase::Warm && ready == 0 && way_back;
    if !outage && now < since + policy.progress {
        return None;
    }
    let trusted = release.purpose == Purpose::Adopt && !policy.gate_first;
    let cause = match (outage, trusted) {
        (true, _) => Cause::PodsFailed,
        // The same version runs in the workload: its second copy says nothing against it.
        (_, true) => Cause::PodsNotStarted,
        _ => cause,
    };
    Some((cause, format!("{ready} of {need} pods of revision {} are ready: {why}", to.revision)))
}

/// What people decided.
fn decisions(policy: &Policy, world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) {
    let Some(to) = &release.to else { return };
    for decision in &world.decisions {
        if decision.release != release.name || decision.digest != to.digest || journal.orders.heeded.contains(&decision.uid) {
            continue;
        }
        if journal.orders.heeded.len() >= 64 {
            journal.orders.heeded.remove(0);
        }
        journal.orders.heeded.push(decision.uid.clone());
        let reason = heed(policy, journal, decision.action, &decision.by, now);
        journal.note(now, reason, format!("{:?} by {}", decision.action, decision.by));
    }
}

fn heed(policy: &Policy, journal: &mut Journal, order: Order, by: &str, now: DateTime<Utc>) -> &'static str {
    let waits = matches!(journal.phase, Phase::Held | Phase::Inconclusive);
    match order {
        Order::Pause => journal.orders.paused = true,
        Order::Resume => {
            journal.orders.paused = false;
            journal.orders.resumed = journal.step;
        }
        Order::SkipStep if journal.phase == Phase::Shifting => journal.orders.skipped = journal.step,
        Order::Promote if journal.phase < Phase::Promoting => journal.orders.promote = true,
        Order::Promote if journal.phase == Phase::Inconclusive => {
            journal.outcome = None;
            journal.orders.promote = true;
            let back_to = journal.held_in.take().unwrap_or(Phase::Shifting);
            enter(journal, back_to, now);
        }
        Order::Abort => end(policy, journal, Cause::Aborted, format!("aborted by {by}"), now),
        Order::Retry if waits => end(policy, journal, Cause::Retried, format!("another attempt was ordered by {by}"), now),
        Order::SkipStep | Order::Promote | Order::Retry => return "DecisionWithoutEffect",
    }
    "DecisionHeeded"
}

/// What happens around a release: the policy or the workload goes, something newer is wished for.
fn outside(world: &World, release: &Release, journal: &mut Journal, now: DateTime<Utc>) {
    let over = matches!(journal.phase, Phase::Promoting | Phase::Warm);
    let warm = journal.phase == Phase::Warm;
    if world.deleting || release.deleting {
        if warm && !release.deleting {
            drain_early(journal, now);
        } else {
            back(journal, Outcome::new(Phase::Superseded, Cause::PolicyDeleted, "the policy was deleted"), now);
        }
        return;
    }
    let Some(workload) = &world.workload else {
        if !over {
            back(journal, Outcome::new(Phase::Superseded, Cause::WorkloadGone, "the workload was deleted"), now);
        }
        return;
    };
    let Some(wish) = workload.wish.as_ref().filter(|w| w.settled) else { return };
    let (Some(to), wished) = (&release.to, &wish.revision.digest) else { return };
    if *wished == to.digest {
        return;
    }
    if release.from.as_ref().is_some_and(|f| f.digest == *wished) {
        back(journal, Outcome::new(Phase::Superseded, Cause::WishWithdrawn, "the workload was set back to the stable version"), now);
    } else if warm {
        if journal.analysis.metrics.iter().any(|m| m.failures > 0) {
            back(journal, Outcome::new(Phase::Superseded, Cause::NewerVersion, newer(wish)), now);
        } else {
            drain_early(journal, now);
        }
    } else if !over {
        back(journal, Outcome::new(Phase::Superseded, Cause::NewerVersion, newer(wish)), now);
    }
}

fn newer(wish: &crate::world::Wish) -> String {
    format!("revision {} is wished for now", wish.revision.revision)
}

/// Ends the warm period: the old pods are drained now.
fn drain_early(journal: &mut Journal, now: DateTime<Utc>) {
    if !journal.drain_early {
        journal.drain_early = true;
        journal.note(now, "WarmEnded", "the old revision is drained early, since something newer waits");
    }
}

/// Ends a release for a cause: taken back, held, or inconclusive, as the policy says.
pub(crate) fn end(policy: &Policy, journal: &mut Journal, cause: Cause, message: impl Into<String>, now: DateTime<Utc>) {
    let message: String = message.into().chars().take(1024).collect();
    let shifting = matches!(journal.phase, Phase::Shifting | Phase::Promoting);
    let phase = match cause {
        Cause::ConformanceFailed | Cause::AnalysisFailed | Cause::PodsFailed => {
            if policy.hold_failed { Phase::Held } else { Phase::RolledBack }
        }
        Cause::NoEvidence if policy.analysis.as_ref().is_some_and(|a| a.rollback_unknown) => Phase::RolledBack,
        Cause::PodsNotStarted | Cause::GateTimeout | Cause::NoEvidence => Phase::Inconclusive,
        _ => Phase::Superseded,
    };
    let outcome = Outcome { phase, reason: cause, message };
    if phase == Phase::Inconclusive && journal.phase == Phase::Warm {
        return; // Everything serves from the candidate and the way back is kept: it is said in `waiting`, nothing moves.
    }
    if phase == Phase::Inconclusive && shifting && !policy.rollback_inconclusive {
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
    let nothing_made = journal.phase == Phase::Pending;
    if nothing_made {
        let phase = if outcome.phase == Phase::Held { Phase::RolledBack } else { outcome.phase };
        journal.outcome = Some(outcome);
        finish(journal, phase, now);
        return;
    }
    journal.held_in = None;
    journal.outcome = Some(outcome);
    enter(journal, Phase::RollingBack, now);
}

/// Enters a phase.
pub(crate) fn enter(journal: &mut Journal, phase: Phase, now: DateTime<Utc>) {
    journal.phase = phase;
    journal.entered_at = Some(now);
    journal.applied_at = None;
    journal.draining = None;
    if phase != Phase::Shifting {
        journal.step = None;
    }
    if phase != Phase::RollingBack {
        // Evidence belongs to the split it was measured under.
        journal.analysis = Default::default();
    }
}

/// Ends the release in a phase.
pub(crate) fn finish(journal: &mut Journal, phase: Phase, now: DateTime<Utc>) {
    journal.phase = phase;
    journal.finished_at = Some(now);
    journal.waiting = None;
    journal.step = None;
    journal.draining = None;
    let message = journal.outcome.as_ref().map_or_else(String::new, |o| o.message.clone());
    journal.note(now, &format!("{phase:?}"), message);
}

impl Outcome {
    /// An outcome.
    pub fn new(phase: Phase, reason: Cause, message: impl Into<String>) -> Self {
        Self { phase, reason, message: message.into() }
    }
}
