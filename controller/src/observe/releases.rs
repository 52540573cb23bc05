//! The releases of a policy: the active one, the last one, and what they say about stable and failed versions.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

pub use crds::names::SEQUENCE;
use crds::{Release, RolloutPolicy, RolloutPolicySpec};
use kube::{Resource, ResourceExt};
use planner::{
    Digest, Policy, World,
    journal::{Journal, Phase, Purpose, RevisionRef},
    world::{self, PastRelease},
};

use crate::{api::Error, context::Context, policy};

/// The releases of one policy, oldest first.
pub struct Releases {
    all: Vec<Release>,
}

/// The place of a release in the order of its policy's releases.
pub fn sequence(release: &Release) -> u64 {
    release.annotations().get(SEQUENCE).and_then(|s| s.parse().ok()).unwrap_or(0)
}

impl Releases {
    /// Those that belong to this very policy, not to one of the same name that is gone.
    pub fn new(mut all: Vec<Release>, policy: &RolloutPolicy) -> Self {
        let uid = policy.uid().unwrap_or_default();
        all.retain(|r| r.spec.policy.uid == uid);
        all.sort_by_key(|r| (sequence(r), r.creation_timestamp()));
        Self { all }
    }

    /// The one under way, as an object.
    pub fn active(&self) -> Option<&Release> {
        self.all.iter().rev().find(|r| !journal(r).finished())
    }

    /// All of them, oldest first.
    pub fn all(&self) -> &[Release] {
        &self.all
    }

    /// The number the next release gets.
    pub fn next_sequence(&self) -> u64 {
        self.all.last().map_or(0, sequence) + 1
    }

    /// The frozen spec of a release.
    pub fn plan(&self, release: &world::Release) -> Option<RolloutPolicySpec> {
        let object = self.all.iter().find(|r| r.name_any() == release.name)?;
        serde_json::from_str(&object.spec.plan).ok()
    }

    /// The spec under which the active release works; the live one when there is none.
    pub fn spec(&self, live: &RolloutPolicy) -> Result<RolloutPolicySpec, Error> {
        let Some(release) = self.active() else { return Ok(live.spec.clone()) };
        serde_json::from_str(&release.spec.plan).map_err(|e| {
            let name = release.name_any();
            Error::Invalid(format!("the plan of release {name} cannot be read: {e}; delete the release"))
        })
    }

    /// The policy that such a spec makes.
    pub async fn policy(
        &self,
        frozen: &RolloutPolicySpec,
        live: &RolloutPolicy,
        context: &Arc<Context>,
    ) -> Result<Policy, Error> {
        let name = live.name_any();
        let scrape = match &frozen.analysis {
            Some(analysis) if self.active().is_some() => {
                context.measure.scrape_interval(&live.namespace().unwrap_or_default(), &analysis.source).await
            }
            _ => Duration::from_secs(15),
        };
        let parse = |spec: &RolloutPolicySpec| {
            policy::parse((&live.namespace().unwrap_or_default(), &name), spec, &live.spec, scrape)
        };
        let read = parse(frozen).or_else(|unusable| {
            // What nobody can read must not keep the policy from being deleted, and a removal asks no gate.
            let going = live.meta().deletion_timestamp.is_some();
            if going { parse(&RolloutPolicySpec { gates: None, ..frozen.clone() }) } else { Err(unusable) }
        });
        read.map_err(|e| Error::Invalid(e.to_string()))
    }

    /// Fills in the planner's view of the releases of a policy that says this now.
    pub fn fill(&self, world: &mut World, live: &RolloutPolicySpec) {
        world.release = self.active().map(planner_release);
        world.plan_changed =
            world.release.as_ref().and_then(|r| self.plan(r)).is_some_and(|frozen| !policy::same_plan(&frozen, live));
        let mut finished: Vec<_> = self.all.iter().filter(|r| journal(r).finished()).collect();
        world.last = finished.pop().map(planner_release);
        world.history = finished
            .into_iter()
            .map(|r| {
                let passed = journal(r).phase == Phase::Succeeded && r.spec.purpose != Purpose::Remove;
                PastRelease {
                    name: r.name_any(),
                    to: r.spec.to.as_ref().map(|t| t.revision.clone()),
                    passed: r.spec.to.as_ref().filter(|_| passed).map(|t| t.digest.clone()),
                    taken_back: r.spec.from.as_ref().filter(|_| passed && r.spec.rollback).map(|f| f.revision.clone()),
                    attempt: u32::try_from(r.spec.attempt).unwrap_or(1),
                }
            })
            .collect();
    }

    /// What serves, as the journal tells it.
    pub fn stable(&self, policy: &RolloutPolicy) -> Option<RevisionRef> {
        for release in self.all.iter().rev() {
            let done = journal(release).phase == Phase::Succeeded && release.spec.purpose != Purpose::Remove;
            if done && release.spec.to.is_some() {
                return release.spec.to.clone();
            }
            if release.spec.from.is_some() {
                return release.spec.from.clone();
            }
        }
        policy.status.as_ref().and_then(|s| s.stable.clone())
    }

    /// Digests that failed and that nobody asked to try again.
    pub fn failed(&self, policy: &RolloutPolicy) -> BTreeSet<Digest> {
        let remembered = policy.status.iter().flat_map(|s| &s.failed).filter_map(|f| Digest::parse(&f.digest));
        let mut failed: BTreeSet<Digest> = remembered.collect();
        for release in &self.all {
            let (Some(to), journal) = (&release.spec.to, journal(release)) else { continue };
            if journal.finished() && journal.condemns() {
                failed.insert(to.digest.clone());
            } else if journal.phase == Phase::Succeeded || retried(journal) {
                failed.remove(&to.digest);
            }
        }
        failed
    }
}

/// Whether a person ordered another attempt for the revision of this release.
pub fn retried(journal: &Journal) -> bool {
    journal.outcome.as_ref().is_some_and(|o| o.reason == planner::journal::Cause::Retried)
}

/// The journal of a release; an empty one before its first pass.
pub fn journal(release: &Release) -> &Journal {
    static EMPTY: std::sync::LazyLock<Journal> = std::sync::LazyLock::new(Journal::default);
    release.status.as_ref().map_or(&EMPTY, |s| &s.journal)
}

fn planner_release(release: &Release) -> world::Release {
    world::Release {
        name: release.name_any(),
        purpose: release.spec.purpose,
        from: release.spec.from.clone(),
        to: release.spec.to.clone(),
        attempt: u32::try_from(release.spec.attempt).unwrap_or(1),
        fast: release.spec.fast,
        author: release.spec.author.clone(),
        rollback: release.spec.rollback,
        emergency: release.spec.emergency.clone(),
        deleting: release.meta().deletion_timestamp.is_some(),
        journal: journal(release).clone(),
    }
}

/// Why a policy is not settled on its own wish; `None` when it is.
pub fn unsettled(policy: Option<&RolloutPolicy>) -> Option<String> {
    let Some(policy) = policy else {
        return Some("there is no such policy: create it, or remove it from dependsOn".into());
    };
    let status = policy.status.clone().unwrap_or_default();
    let settled = status.phase.as_deref() == Some("Settled") && status.observed_generation == policy.meta().generation;
    if settled {
        return None;
    }
    let phase = status.phase.unwrap_or_else(|| "not seen yet".into());
    Some(status.waiting.map_or(phase.clone(), |w| format!("{phase}: {}", w.message)))
}
