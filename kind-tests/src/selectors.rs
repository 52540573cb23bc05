//! Every selector that a Service had, in order: the API server tells each change.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::Service;
use kube::api::{WatchEvent, WatchParams};
use tokio::task::JoinHandle;

use crate::namespace::Namespace;

type Selector = BTreeMap<String, String>;

/// Follows a Service until it is dropped.
pub struct Selectors {
    seen: Arc<Mutex<Vec<Selector>>>,
    task: JoinHandle<()>,
}

impl Selectors {
    /// Begins to follow, with the selector it has now.
    ///
    /// # Errors
    ///
    /// When there is no such Service.
    pub async fn of(ns: &Namespace, service: &str) -> Result<Self> {
        let now = ns.api::<Service>().get(service).await?;
        let seen = Arc::new(Mutex::new(vec![selector(&now)]));
        let version = now.metadata.resource_version.unwrap_or_default();
        let task = tokio::spawn(follow(ns.clone(), service.to_owned(), version, seen.clone()));
        Ok(Self { seen, task })
    }

    /// The distinct selectors since the beginning, in order.
    pub fn seen(&self) -> Vec<Selector> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Selectors {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(ns: Namespace, service: String, mut version: String, seen: Arc<Mutex<Vec<Selector>>>) {
    loop {
        let params = WatchParams::default().fields(&format!("metadata.name={service}")).timeout(60);
        let Ok(events) = ns.api::<Service>().watch(&params, &version).await else { return };
        pin_mut!(events);
        while let Some(Ok(event)) = events.next().await {
            let (WatchEvent::Added(now) | WatchEvent::Modified(now)) = event else { continue };
            version = now.metadata.resource_version.clone().unwrap_or_default();
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.last() != Some(&selector(&now)) {
                seen.push(selector(&now));
            }
        }
    }
}

fn selector(service: &Service) -> Selector {
    service.spec.as_ref().and_then(|s| s.selector.clone()).unwrap_or_default()
}
