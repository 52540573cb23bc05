//! What a policy says about itself: pure, and derived from the releases and the world alone.

use chrono::{DateTime, Utc};
use crds::{
    RolloutPolicyStatus,
    condition::{self, DECISIONS_UNPROTECTED, READY, RECONCILING, REPLICAS_CONTESTED, ROUTE_CONTESTED, STALLED},
    names,
    policy_status::{FailedDigest, WorkloadStatus},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{Resource, ResourceExt};
use planner::{
    Plan, Waiting,
    journal::{Journal, Phase, Purpose},
    plan::STABLE_NOT_READY,
    policy::{Strategy, Weight},
    world::{Release, Selects},
};

use crate::{
    context::Contest,
    observe::{Observed, journal, retried},
};

/// Passes over the policy end with an error.
pub const PASS_FAILED: &str = "PassFailed";

/// The status of the policy after a pass.
///
/// `contests` says who writes what again and again.
pub fn status(
    observed: &Observed,
    plan: &Plan,
    contests: &[(Contest, Option<String>)],
    now: DateTime<Utc>,
) -> RolloutPolicyStatus {
    let world = &observed.world;
    let old = observed.object.status.clone().unwrap_or_default();
    let release = world.release.as_ref();
    let journal = plan.journal.as_ref().filter(|_| release.is_some());
    let waiting = match release {
        Some(_) => journal.and_then(|j| j.waiting.clone()),
        None => plan.waiting.clone(),
    };
    let phase = phase(observed, journal, waiting.as_ref());
    let candidate = release.filter(|r| r.purpose == Purpose::Update).and_then(|r| r.to.clone());
    let generation = observed.object.meta().generation.unwrap_or_default();
    let mut next = RolloutPolicyStatus {
        observed_generation: Some(generation),
        workload: workload(observed),
        strategy: Some(match &observed.policy.strategy {
            Strategy::Canary(steps)
                if steps.iter().all(|s| s.weight == Weight::NONE && !s.picks.matches.is_empty()) =>
            {
                "ab".into()
            }
            Strategy::Canary(_) => "canary".into(),
            Strategy::BlueGreen { .. } => "blueGreen".into(),
        }),
        weight: weight(release, journal),
        stable: world.stable.clone(),
        candidate,
        release: release.or(world.last.as_ref()).map(|r| r.name.clone()),
        replicas: serving(observed),
        selector: selector(observed),
        failed: failed(observed),
        conditions: old.conditions.clone(),
        phase: Some(phase.clone()),
        waiting: waiting.clone(),
    };
    for new in conditions(&phase, waiting.as_ref(), release.is_some(), generation, now) {
        condition::set(&mut next.conditions, new);
    }
    for (what, by) in contests {
        let (kind, reason, message) = contested(observed, *what, by.as_deref());
        if by.is_some() || next.conditions.iter().any(|c| c.type_ == kind) {
            let new = condition::condition(kind, Some(by.is_some()), reason, &message, generation, time(now));
            condition::set(&mut next.conditions, new);
        }
    }
    let ignored = observed.unprotected.as_ref();
    if ignored.is_some() || next.conditions.iter().any(|c| c.type_ == DECISIONS_UNPROTECTED) {
        let reason = if ignored.is_some() { "DecisionsIgnored" } else { "NoneIgnored" };
        let message = ignored.map_or("no decision is ignored", String::as_str);
        let new = condition::condition(
            DECISIONS_UNPROTECTED,
            Some(ignored.is_some()),
            reason,
            message,
            generation,
            time(now),
        );
        condition::set(&mut next.conditions, new);
    }
    next
}

/// What is said of somebody who writes again and again what was put right.
fn contested(observed: &Observed, what: Contest, by: Option<&str>) -> (&'static str, &'static str, String) {
    let workload = &observed.object.spec.workload.name;
    match (what, by) {
        (Contest::Replicas, Some(by)) => (
            REPLICAS_CONTESTED,
            "ScaledUpAgain",
            format!(
                "{by} scales Deployment {workload} up again and again, and its pods come and go without a caller: drop replicas from its manifest, or have your GitOps tool leave the field alone; how many pods serve is said in spec.replicas of the policy"
            ),
        ),
        (Contest::Replicas, None) => {
            (REPLICAS_CONTESTED, "LeftAlone", format!("nobody scales Deployment {workload} up"))
        }
        (Contest::Routes, Some(by)) => (
            ROUTE_CONTESTED,
            "WrittenAgain",
            format!(
                "{by} writes the routes again in the middle of a step, and the candidate loses its share for some seconds each time: have your GitOps tool leave their backends alone, see docs/routes.md"
            ),
        ),
        (Contest::Routes, None) => (ROUTE_CONTESTED, "LeftAlone", "nobody else writes the routes".into()),
    }
}

fn time(now: DateTime<Utc>) -> Time {
    Time(k8s_openapi::jiff::Timestamp::from_second(now.timestamp()).unwrap_or_default())
}

/// One word for what is going on.
fn phase(observed: &Observed, journal: Option<&Journal>, waiting: Option<&Waiting>) -> String {
    let world = &observed.world;
    if let (Some(release), Some(journal)) = (&world.release, journal) {
        return match release.purpose {
            Purpose::Adopt if journal.phase == Phase::Pending && waiting.is_some_and(|w| w.stalled) => {
                waiting.map_or_else(String::new, |w| w.reason.clone())
            }
            Purpose::Adopt if !journal.finished() => {
                format!("Adopting{}", if journal.phase == Phase::RollingBack { "Back" } else { "" })
            }
            Purpose::Remove => "Removing".into(),
            _ => format!("{:?}", journal.phase),
        };
    }
    if world.deleting {
        return "Removing".into();
    }
    let wish = world.workload.as_ref().and_then(|w| w.wish.as_ref());
    let settled =
        world.stable.is_some() && wish.map(|w| &w.revision.digest) == world.stable.as_ref().map(|s| &s.digest);
    match waiting {
        Some(waiting) => waiting.reason.clone(),
        None if settled => "Settled".into(),
        None => "Pending".into(),
    }
}

fn weight(release: Option<&Release>, journal: Option<&Journal>) -> Option<i32> {
    let (release, journal) = (release?, journal?);
    (release.purpose == Purpose::Update).then(|| journal.split.map_or(0, |s| i32::try_from(s.wanted).unwrap_or(0)))
}

fn workload(observed: &Observed) -> Option<WorkloadStatus> {
    let live = observed.workload.as_ref()?;
    Some(WorkloadStatus {
        observed_generation: live.metadata.generation.unwrap_or_default(),
        digest: observed.cut.as_ref().map(|c| c.revision.digest.to_string()),
        config_maps: observed.cut.as_ref().map(|c| c.configs.keys().take(64).cloned().collect()).unwrap_or_default(),
    })
}

/// Pods that serve, by the revision the apex selects.
fn serving(observed: &Observed) -> i32 {
    let world = &observed.world;
    let count = world.revisions.values().flat_map(|r| r.pods.iter());
    let answering =
        count.filter(|(name, p)| p.ready && world.apex.as_ref().is_some_and(|a| a.endpoints.contains(*name)));
    i32::try_from(answering.count()).unwrap_or(i32::MAX)
}

/// The pods an autoscaler should look at: those of the revisions with weight.
fn selector(observed: &Observed) -> Option<String> {
    let world = &observed.world;
    let mut serving: Vec<_> = match world.apex.as_ref().map(|a| &a.selects) {
        Some(Selects::Serving(id) | Selects::Only(id)) => vec![id.to_string()],
        _ => world.stable.iter().map(|s| s.revision.to_string()).collect(),
    };
    if let Some(release) = &world.release
        && release.journal.phase == Phase::Shifting
    {
        serving.extend(release.to.iter().map(|t| t.revision.to_string()));
    }
    let own = format!("{}={}", names::POLICY, observed.object.name_any());
    (!serving.is_empty()).then(|| format!("{own},{} in ({})", names::REVISION, serving.join(",")))
}

/// Digests that failed, oldest first, bounded.
fn failed(observed: &Observed) -> Vec<FailedDigest> {
    let mut failed = observed.object.status.as_ref().map(|s| s.failed.clone()).unwrap_or_default();
    for release in observed.releases.all() {
        let (Some(to), journal) = (&release.spec.to, journal(release)) else { continue };
        let digest = to.digest.to_string();
        if journal.phase == Phase::Succeeded || retried(journal) {
            failed.retain(|f| f.digest != digest);
        }
        let condemned = journal.condemns();
        if let (Some(at), true, false) = (journal.finished_at, condemned, failed.iter().any(|f| f.digest == digest)) {
            failed.push(FailedDigest { digest, release: release.name_any(), at });
        }
    }
    let surplus = failed.len().saturating_sub(20);
    failed.drain(..surplus);
    failed
}

/// What a release that ended otherwise than well says for good.
pub fn ended(journal: &Journal) -> Option<Waiting> {
    let outcome = journal.outcome.as_ref().filter(|_| journal.finished() && journal.phase != Phase::Succeeded)?;
    Some(Waiting::for_person(&format!("{:?}", outcome.reason), &outcome.message))
}

/// `Ready`, `Reconciling` and `Stalled` with the meaning that kstatus gives them.
pub fn conditions(
    phase: &str,
    waiting: Option<&Waiting>,
    active: bool,
    generation: i64,
    now: DateTime<Utc>,
) -> Vec<Condition> {
    let time = time(now);
    let stalled = waiting.is_some_and(|w| w.stalled);
    let settled = phase == "Settled" && !active;
    let reason = waiting.map_or_else(|| phase.to_owned(), |w| w.reason.clone());
    let message = match waiting {
        Some(waiting) => waiting.message.clone(),
        None if settled => "what is wished for serves".into(),
        None => format!("the release is in phase {phase}"),
    };
    // Nobody answers callers: that is no matter of waiting for a better answer.
    let down = waiting.is_some_and(|w| w.reason == STABLE_NOT_READY);
    let ready = match (settled, stalled || down) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    let make = |kind, status| condition::condition(kind, status, &reason, &message, generation, time.clone());
    vec![make(READY, ready), make(RECONCILING, Some(!settled && !stalled)), make(STALLED, Some(stalled))]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use planner::journal::{Cause, Outcome};

    use super::*;

    fn states(phase: &str, waiting: Option<&Waiting>, active: bool) -> Vec<String> {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        conditions(phase, waiting, active, 1, now).into_iter().map(|c| c.status).collect()
    }

    #[test]
    fn conditions_mean_what_kstatus_means() {
        assert_eq!(states("Settled", None, false), ["True", "False", "False"]);
        let bake = Waiting::for_it("Bake", "step 1 holds");
        assert_eq!(states("Shifting", Some(&bake), true), ["Unknown", "True", "False"]);
        let held = Waiting::for_person("Held", "decide");
        assert_eq!(states("Held", Some(&held), true), ["False", "False", "True"]);
        let failed = Waiting::for_person("RolledBack", "deploy another version");
        assert_eq!(states("RolledBack", Some(&failed), false), ["False", "False", "True"]);
        let down = Waiting::for_it(STABLE_NOT_READY, "0 of 1 pods are ready");
        assert_eq!(states(STABLE_NOT_READY, Some(&down), false), ["False", "True", "False"]);
    }

    #[test]
    fn a_release_that_ended_badly_says_so_for_good_and_a_good_one_says_nothing() {
        let mut journal = Journal { phase: Phase::RolledBack, ..Journal::default() };
        let words = "gate smoke failed";
        journal.outcome = Some(Outcome::new(Phase::RolledBack, Cause::ConformanceFailed, words));
        assert_eq!(ended(&journal), None, "it is still on its way back");
        journal.finished_at = DateTime::from_timestamp(1_700_000_000, 0);
        let said = ended(&journal).unwrap();
        assert_eq!((said.reason.as_str(), said.stalled), ("ConformanceFailed", true));
        journal.phase = Phase::Succeeded;
        assert_eq!(ended(&journal), None);
    }
}
