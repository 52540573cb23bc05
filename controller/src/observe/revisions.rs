//! The revisions that have objects, and what serves as the cluster itself shows it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use crds::names;
use k8s_openapi::api::{
    apps::v1::{ControllerRevision, Deployment},
    core::v1::{Pod, Service},
};
use kube::{Resource, ResourceExt};
use planner::{
    RevisionId, World,
    journal::RevisionRef,
    world::{Revision, Selects},
};

use super::pods;
use crate::digest;

/// The objects of every revision of the policy.
pub(super) fn revisions(
    policy: &str,
    deployments: &[Deployment],
    services: &[Service],
    records: &[ControllerRevision],
    pods: &[Pod],
    now: DateTime<Utc>,
) -> BTreeMap<RevisionId, Revision> {
    let mut found: BTreeMap<RevisionId, Revision> = BTreeMap::new();
    let id = |labels: &BTreeMap<String, String>| labels.get(names::REVISION).and_then(|r| RevisionId::parse(r));
    let digest = |o: &kube::api::ObjectMeta| {
        o.annotations.as_ref().and_then(|a| a.get(names::DIGEST)).and_then(|d| planner::Digest::parse(d))
    };
    let ours = |labels: &BTreeMap<String, String>| labels.get(names::POLICY).is_some_and(|p| p == policy);
    for (meta, recorded) in
        records.iter().map(|r| (r.meta(), true)).chain(deployments.iter().map(|d| (d.meta(), false)))
    {
        let (Some(labels), Some(digest)) = (&meta.labels, digest(meta)) else { continue };
        let Some(id) = id(labels) else { continue };
        let revision = found.entry(id).or_insert(blank(digest));
        revision.recorded |= recorded && meta.deletion_timestamp.is_none();
    }
    let mut least: BTreeMap<RevisionId, TimeDelta> = BTreeMap::new();
    for deployment in deployments.iter().filter(|d| d.meta().deletion_timestamp.is_none()) {
        let seconds = deployment.spec.as_ref().and_then(|s| s.min_ready_seconds).unwrap_or(0);
        least.extend(id(deployment.labels()).map(|id| (id, TimeDelta::seconds(seconds.into()))));
        if let Some(revision) = id(deployment.labels()).and_then(|id| found.get_mut(&id)) {
            revision.replicas = deployment.spec.as_ref().map(|s| u32::try_from(s.replicas.unwrap_or(1)).unwrap_or(0));
            revision.left_serving = deployment.labels().contains_key(names::LEFT_SERVING);
        }
    }
    for service in services.iter().filter(|s| ours(s.labels()) && s.meta().deletion_timestamp.is_none()) {
        if let Some(revision) = id(service.labels()).and_then(|id| found.get_mut(&id)) {
            revision.complete = revision.recorded;
        }
    }
    for pod in pods {
        let Some(id) = id(pod.labels()) else { continue };
        // Pods outlive the objects of a revision that is deleted: they are counted until they are gone.
        let Some(digest) = planner::Digest::parse(&format!("sha256:{id}{}", "0".repeat(56))) else { continue };
        let least = least.get(&id).copied().unwrap_or_default();
        let revision = found.entry(id).or_insert(blank(digest));
        revision.pods.insert(pod.name_any(), pods::pod(pod, least, now));
    }
    found
}

/// A revision of which nothing is known yet.
fn blank(digest: planner::Digest) -> Revision {
    Revision { digest, replicas: None, complete: false, recorded: false, pods: BTreeMap::new(), left_serving: false }
}

/// What serves as the cluster itself shows it, when no release and no status tells: a restored backup, a policy made anew.
pub(super) fn stable_in_cluster(world: &World, deployments: &[Deployment]) -> Option<RevisionRef> {
    let selected = match world.apex.as_ref().map(|a| &a.selects) {
        Some(Selects::Serving(id) | Selects::Only(id)) => world.revisions.get(id),
        _ => None,
    };
    let left = || world.revisions.values().find(|r| r.left_serving);
    selected
        .filter(|r| r.recorded || r.replicas.is_some())
        .or_else(left)
        .map(|r| RevisionRef::new(r.digest.clone(), images(deployments, &r.digest)))
}

/// The images that a revision's Deployment runs.
fn images(deployments: &[Deployment], digest: &planner::Digest) -> Vec<String> {
    let its = |d: &&Deployment| d.annotations().get(names::DIGEST).is_some_and(|its| its == digest.as_str());
    let template = deployments.iter().find(its).and_then(|d| d.spec.as_ref()).map(|s| &s.template);
    let template = template.and_then(|t| serde_json::to_value(t).ok()).unwrap_or_default();
    digest::images(&template)
}
