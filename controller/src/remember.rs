//! Writing down: at most one status per pass, and only when it changed.

use std::sync::Arc;

use chrono::TimeDelta;
use crds::{Release, ReleaseStatus, RolloutPolicy, RolloutPolicyStatus};
use kube::{Resource, ResourceExt};
use planner::{Journal, Plan, Waiting, journal::Phase};

use crate::{
    api::{self, Error},
    context::{Contest, Context},
    events,
    observe::{Observed, journal},
    sensitivity::Sight,
    status,
};

/// A wait shorter than this is not worth a write.
const WORTH_TELLING: TimeDelta = TimeDelta::milliseconds(1500);

/// How often a status says in other words what is waited for, at most.
const WORDS: TimeDelta = TimeDelta::seconds(10);

/// What was written, if anything.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// The release's journal; the policy's status follows in the next pass.
    Journal,
    /// The policy's status.
    Status,
    /// Nothing had changed.
    Nothing,
}

/// Writes the journal if it moved, else the policy's status if that changed.
pub async fn remember(
    context: &Arc<Context>,
    observed: &Observed,
    plan: &Plan,
    sight: &Sight,
) -> Result<Written, Error> {
    if plan.actions.contains(&planner::Action::ReleaseFinalizers) {
        // It is gone, and nothing looks at it again.
        context.forget(&observed.key());
        return Ok(Written::Nothing);
    }
    let mut waited = None;
    if let (Some(release), Some(next)) = (observed.releases.active(), &plan.journal) {
        let reason = next.waiting.as_ref().map_or("", |w| &w.reason);
        let so_long = context.waited(&key_of(release), reason);
        let next = without_moments(context, release, next);
        if worth_writing(context, release, &next, so_long) {
            write_journal(context, observed, release, &next).await?;
            return Ok(Written::Journal);
        }
        waited = Some(so_long);
    }
    let contests = [Contest::Replicas, Contest::Routes].map(|what| (what, context.contested_by(&observed.key(), what)));
    let mut next = status::status(observed, plan, &contests, context.now());
    sight.tell(&mut next.conditions);
    let key = observed.key();
    let wanted = plan.journal.as_ref().and_then(|j| j.split).map(|s| s.wanted);
    context.telemetry.saw(&key, &next, wanted);
    let known = observed.object.status.as_ref() == Some(&next);
    if known {
        sight.told(context, &key);
    }
    if known || !plan.actions.is_empty() {
        return Ok(Written::Nothing);
    }
    let short = waited.is_some_and(|waited| waited < WORTH_TELLING);
    if only_words(observed, &next) && (short || same_reason(observed, &next) && context.told_within(&key, WORDS)) {
        return Ok(Written::Nothing);
    }
    let api = context.kube.of::<RolloutPolicy>(&observed.namespace());
    let mut object = observed.object.clone();
    object.metadata.managed_fields = None;
    object.status = Some(next);
    api::replace_status(&api, &object.name_any(), &object).await?;
    context.told(&key);
    sight.told(context, &key);
    Ok(Written::Status)
}

/// Whether a status under a release differs from what is written by nothing but what is waited for. The release itself has that at
/// once, and a later pass writes it here too.
fn only_words(observed: &Observed, next: &RolloutPolicyStatus) -> bool {
    let bare = |status: &RolloutPolicyStatus| {
        let mut bare = status.clone();
        bare.waiting = None;
        for condition in &mut bare.conditions {
            (condition.reason, condition.message) = Default::default();
        }
        bare
    };
    let soon = observed.world.release.is_some() && next.waiting.as_ref().is_none_or(|w| !w.stalled);
    soon && observed.object.status.as_ref().is_some_and(|old| bare(old) == bare(next))
}

/// Whether it is the same kind of wait, in other words at most.
fn same_reason(observed: &Observed, next: &RolloutPolicyStatus) -> bool {
    let reason = |status: &RolloutPolicyStatus| status.waiting.as_ref().map(|w| w.reason.clone());
    observed.object.status.as_ref().is_some_and(|old| reason(old) == reason(next))
}

/// Says in the policy's status why its passes fail; that this fails too is for the log only.
pub async fn tell_failure(context: &Arc<Context>, policy: &RolloutPolicy, error: &Error) {
    if let Err(why) = write_failure(context, policy, error).await {
        tracing::warn!(policy = %policy.name_any(), error = &why as &dyn std::error::Error, "the failure could not be told in the status");
    }
}

async fn write_failure(context: &Arc<Context>, policy: &RolloutPolicy, error: &Error) -> Result<(), Error> {
    let api = context.kube.of::<RolloutPolicy>(&policy.namespace().unwrap_or_default());
    let Some(mut object) = api::get(&api, &policy.name_any()).await? else { return Ok(()) };
    let mut status = object.status.take().unwrap_or_default();
    if status.waiting.as_ref().is_some_and(|w| w.reason == status::PASS_FAILED) {
        return Ok(()); // Errors carry times and versions: one telling is enough until a pass goes well.
    }
    let waiting = Waiting::for_it(status::PASS_FAILED, format!("{}; it is tried again and again", api::chain(error)));
    let generation = object.meta().generation.unwrap_or_default();
    let phase = status.phase.clone().unwrap_or_else(|| status::PASS_FAILED.into());
    for new in status::conditions(&phase, Some(&waiting), true, generation, context.now()) {
        crds::condition::set(&mut status.conditions, new);
    }
    status.waiting = Some(waiting);
    object.status = Some(status);
    object.metadata.managed_fields = None;
    api::replace_status(&api, &policy.name_any(), &object).await
}

/// The journal without a lack of pods that has only just begun: those that were just made are not ready yet, and that they
/// are late begins to count when it lasts.
fn without_moments(context: &Arc<Context>, release: &Release, next: &Journal) -> Journal {
    let (before, mut next) = (journal(release), next.clone());
    let lasts = context.short_for(&key_of(release), next.short_since.is_some());
    if before.short_since.is_none() && lasts < WORTH_TELLING * 2 {
        (next.short_since, next.unready_since) = (None, before.unready_since);
    }
    next
}

/// Whether the journal differs by more than the words of a short wait.
///
/// `waited` is how long its reason to wait has been the same.
fn worth_writing(context: &Arc<Context>, release: &Release, next: &Journal, waited: TimeDelta) -> bool {
    let before = journal(release);
    if before == next {
        return false;
    }
    let mut same_but_waiting = next.clone();
    same_but_waiting.waiting.clone_from(&before.waiting);
    if same_but_waiting != *before {
        return true;
    }
    let Some(waiting) = &next.waiting else { return before.waiting.as_ref().is_some_and(|w| w.stalled) };
    let known = before.waiting.as_ref().is_some_and(|w| w.reason == waiting.reason);
    // The same kind of wait in other words is told now and then only.
    waiting.stalled || if known { !context.told_within(&key_of(release), WORDS) } else { waited >= WORTH_TELLING }
}

fn key_of(release: &Release) -> String {
    format!("{}/{}", release.namespace().unwrap_or_default(), release.name_any())
}

async fn write_journal(
    context: &Arc<Context>,
    observed: &Observed,
    release: &Release,
    next: &Journal,
) -> Result<(), Error> {
    let generation = release.meta().generation.unwrap_or_default();
    let mut object = release.clone();
    object.metadata.managed_fields = None;
    let phase = format!("{:?}", next.phase);
    let mut conditions = release.status.as_ref().map(|s| s.conditions.clone()).unwrap_or_default();
    let named = if next.phase == Phase::Succeeded { "Settled" } else { &phase };
    let ended = status::ended(next);
    let waiting = ended.as_ref().or(next.waiting.as_ref());
    for new in status::conditions(named, waiting, !next.finished(), generation, context.now()) {
        crds::condition::set(&mut conditions, new);
    }
    object.status = Some(ReleaseStatus { observed_generation: Some(generation), journal: next.clone(), conditions });
    let api = context.kube.of::<Release>(&observed.namespace());
    api::replace_status(&api, &object.name_any(), &object).await?;
    let before = journal(release);
    context.telemetry.moved(release.spec.purpose, before, next);
    if next.finished() {
        context.forget_release(&key_of(release));
    } else {
        context.told(&key_of(release));
    }
    events::publish(context, observed, release, before, next);
    context.notifier.tell(release, before, next);
    context.traces.moved(release, before, next);
    Ok(())
}
