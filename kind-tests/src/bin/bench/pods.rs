//! The pods that were started in a namespace.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kind_tests::namespace::Namespace;
use kube::{
    ResourceExt,
    api::{ListParams, ObjectList},
};
use tokio::task::JoinHandle;

/// Follows the pods of a namespace until it is dropped; those of the load and of Jobs do not count.
pub struct Pods {
    seen: Seen,
    known: usize,
    task: JoinHandle<()>,
}

/// UIDs of pods.
type Seen = Arc<Mutex<BTreeSet<String>>>;

impl Pods {
    /// Begins to follow, with those there are.
    ///
    /// # Errors
    ///
    /// When the pods cannot be listed.
    pub async fn follow(ns: &Namespace) -> Result<Self> {
        let seen = Seen::default();
        look(ns, &seen).await?;
        let known = count(&seen);
        let task = tokio::spawn(watch(ns.clone(), seen.clone()));
        Ok(Self { seen, known, task })
    }

    /// How many came since.
    pub fn more(&self) -> u64 {
        (count(&self.seen) - self.known) as u64
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(ns: Namespace, seen: Seen) {
    loop {
        // The API server may be busy: what is missed is seen at the next look.
        let _ = look(&ns, &seen).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn look(ns: &Namespace, seen: &Seen) -> Result<()> {
    let others = ListParams::default().labels("role!=load,!batch.kubernetes.io/job-name");
    let list: ObjectList<Pod> = ns.api().list(&others).await.context("listing pods")?;
    seen.lock().unwrap_or_else(PoisonError::into_inner).extend(list.iter().filter_map(ResourceExt::uid));
    Ok(())
}

fn count(seen: &Seen) -> usize {
    seen.lock().unwrap_or_else(PoisonError::into_inner).len()
}
