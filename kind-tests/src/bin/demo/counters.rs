//! What the pods of a revision have counted themselves, as a second witness beside the load.

use std::collections::BTreeMap;

use anyhow::Result;
use apps::testapp::route::Route;
use crds::names;
use http::Method;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, api::ListParams};
use serde::Deserialize;

use crate::shop::Shop;

/// The path that the load asks the frontend for, and nobody else does.
const LIVE: &str = "/";

/// Live requests by the path's label, as `GET /counters` of the test application answers.
#[derive(Deserialize, Default)]
struct Own {
    total: u64,
    paths: BTreeMap<String, u64>,
}

/// The counters of each pod when it was last asked.
#[derive(Default)]
pub struct Counters(BTreeMap<String, Own>);

impl Counters {
    /// Asks every pod of a revision that can be asked now.
    pub async fn read(&mut self, shop: &Shop, service: &str, revision: &str) -> Result<()> {
        let labels = format!("{}={service},{}={revision}", names::POLICY, names::REVISION);
        for pod in shop.ns.api::<Pod>().list(&ListParams::default().labels(&labels)).await? {
            let containers = pod.spec.iter().flat_map(|s| &s.containers);
            let Some(port) = containers.flat_map(|c| c.ports.iter().flatten()).map(|p| p.container_port).next() else {
                continue;
            };
            // One that does not run yet or any more is no witness.
            if let Ok(text) = shop.ask_pod(Method::GET, &pod.name_any(), port, "counters").await
                && let Ok(own) = serde_json::from_str(&text)
            {
                self.0.insert(pod.name_any(), own);
            }
        }
        Ok(())
    }

    /// How many pods have told.
    pub fn pods(&self) -> usize {
        self.0.len()
    }

    /// Requests that the load sent.
    pub fn live(&self) -> u64 {
        let label = Route::of(LIVE).label(LIVE);
        self.0.values().filter_map(|own| own.paths.get(label)).sum()
    }

    /// All requests that were no probe and no scrape: those of the load and those of the conformance test.
    pub fn total(&self) -> u64 {
        self.0.values().map(|own| own.total).sum()
    }
}
