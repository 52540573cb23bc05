//! Which revision gave an answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use apps::report::{Counts, Identity};
use crds::names;
use k8s_openapi::api::core::v1::Pod;
use kind_tests::revision::{Origin, origin};
use kube::{
    Api, ResourceExt,
    api::{AttachParams, ListParams},
};
use tokio::{io::AsyncReadExt, time::timeout};

use crate::shop::Shop;

/// The container of the services that speak Redis.
const REDIS: &str = "redis";

/// Answers over HTTP carry the pod's name, which tells the revision. Redis only tells an id of its own run, so its pods
/// are asked for theirs.
#[derive(Default)]
pub struct Identities {
    /// Revisions by the id of a run.
    runs: BTreeMap<String, String>,
    /// The containers that have told theirs.
    asked: BTreeSet<String>,
}

impl Identities {
    /// The short id of the revision, where it was one of ours and is known.
    pub fn revision(&self, service: &str, identity: &Identity) -> Option<String> {
        match origin(service, &identity.hostname) {
            Origin::Revision(id) => Some(id),
            Origin::Workload => None,
            Origin::Other(name) => self.runs.get(&name).cloned(),
        }
    }

    /// Answers on connections of their own, by this revision and by all.
    pub fn share(&self, service: &str, revision: &str, counts: &Counts) -> (u64, u64) {
        let all = counts.identities.iter().map(|i| i.fresh.all()).sum();
        let by = counts.identities.iter().filter(|i| self.revision(service, i).as_deref() == Some(revision));
        (by.map(|i| i.fresh.all()).sum(), all)
    }

    /// Finds out who gave the answers that cannot be attributed yet, as far as that can be found out now.
    pub async fn learn(&mut self, shop: &Shop, service: &str, counts: &Counts) {
        let unknown =
            |i: &Identity| matches!(origin(service, &i.hostname), Origin::Other(h) if !self.runs.contains_key(&h));
        if !counts.identities.iter().any(unknown) {
            return;
        }
        let pods: Api<Pod> = shop.ns.api();
        let ours = ListParams::default().labels(&format!("{}={service}", names::POLICY));
        for pod in pods.list(&ours).await.map(|list| list.items).unwrap_or_default() {
            let (Some(revision), Some(container)) = (pod.labels().get(names::REVISION), container(&pod)) else {
                continue;
            };
            if self.asked.contains(&container) {
                continue;
            }
            if let Ok(Some(run)) = timeout(Duration::from_secs(3), run_of(&pods, &pod.name_any())).await {
                self.runs.insert(run, revision.clone());
                self.asked.insert(container);
            }
        }
    }
}

/// The id of the container with the server, once it runs.
fn container(pod: &Pod) -> Option<String> {
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    containers.iter().find(|c| c.name == REDIS && c.ready)?.container_id.clone()
}

/// The id of a Redis server's run; `None` when the pod does not tell.
async fn run_of(pods: &Api<Pod>, pod: &str) -> Option<String> {
    let how = AttachParams::default().container(REDIS).stderr(false);
    let mut process = pods.exec(pod, ["redis-cli", "INFO", "server"], &how).await.ok()?;
    let mut said = String::new();
    process.stdout()?.read_to_string(&mut said).await.ok()?;
    apps::resp::info(&said, "run_id").map(str::to_owned)
}
