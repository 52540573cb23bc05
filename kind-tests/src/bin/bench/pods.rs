//! The pods that were started in a namespace.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kind_tests::namespace::Namespace;
use kube::{
    ResourceExt,
    api::{ListParams, ObjectList},
};
use tokio::task::JoinHandle;

/// Follows the pods of a namespace until it is dropped; those of the load and of Jobs do not count.
pub struct Pods {
    seen: Arc<Mutex<BTreeMap<String, String>>>,
    task: JoinHandle<()>,
}

impl Pods {
    /// Begins to follow.
    pub fn follow(ns: &Namespace) -> Self {
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let task = tokio::spawn(watch(ns.clone(), seen.clone()));
        Self { seen, task }
    }

    /// Names of all so far, by UID.
    pub fn seen(&self) -> BTreeMap<String, String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(ns: Namespace, seen: Arc<Mutex<BTreeMap<String, String>>>) {
    let others = ListParams::default().labels("role!=load,!batch.kubernetes.io/job-name");
    loop {
        // The API server may be busy: what is missed is seen at the next look.
        if let Ok(list) = ns.api::<Pod>().list(&others).await {
            let list: ObjectList<Pod> = list;
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.extend(list.iter().filter_map(|pod| Some((pod.uid()?, pod.name_any()))));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
