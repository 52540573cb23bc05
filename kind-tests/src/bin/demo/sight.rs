//! One look at everything: policies, releases, workloads and what the load counted.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use apps::report::Report;
use crds::{Release, RolloutPolicy, RolloutPolicyStatus, condition::READY, journal::Purpose};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{ResourceExt, api::ListParams};

use crate::{
    shop::{SERVICES, Shop},
    words::alone,
};

/// What was seen.
pub struct Sight {
    /// In the order in which they depend on each other.
    pub services: Vec<Service>,
    /// What the load counted, once it is there.
    pub report: Option<Report>,
}

/// What was seen of one service.
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its policy.
    pub policy: Option<RolloutPolicy>,
    /// What the user's Deployment wishes for.
    pub workload: Option<Deployment>,
    /// The newest release to another version that was not known before.
    pub release: Option<Release>,
}

impl Sight {
    /// Reads all of it. The load comes first: what it counted was so before the rest was.
    pub async fn read(shop: &Shop, loaded: bool, known: &BTreeSet<String>) -> Result<Self> {
        let report = if loaded { Some(shop.report().await?) } else { None };
        let all = ListParams::default();
        let policies = shop.ns.api::<RolloutPolicy>().list(&all).await?.items;
        let releases = shop.ns.api::<Release>().list(&all).await?.items;
        let workloads = shop.ns.api::<Deployment>().list(&all).await?.items;
        let mut newest: BTreeMap<String, Release> = BTreeMap::new();
        for release in releases {
            let new = release.spec.purpose == Purpose::Update && !known.contains(&release.name_any());
            let key = |r: &Release| (r.creation_timestamp(), r.name_any());
            if new && newest.get(&release.spec.policy.name).is_none_or(|other| key(other) < key(&release)) {
                newest.insert(release.spec.policy.name.clone(), release);
            }
        }
        let services = SERVICES.map(|name| Service {
            name: name.into(),
            policy: policies.iter().find(|p| p.name_any() == name).cloned(),
            workload: workloads.iter().find(|d| d.name_any() == name).cloned(),
            release: newest.remove(name),
        });
        Ok(Self { services: services.into(), report })
    }

    /// One service.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.name == name)
    }

    /// Those that do not serve what is wished for, each with what it says.
    pub fn unsettled(&self) -> Vec<String> {
        let unsettled = self.services.iter().filter(|s| !s.settled());
        unsettled.map(|s| format!("{}: {}", s.name, s.told())).collect()
    }
}

impl Service {
    /// What the policy says about itself.
    pub fn status(&self) -> RolloutPolicyStatus {
        self.policy.as_ref().and_then(|p| p.status.clone()).unwrap_or_default()
    }

    /// Whether routes move its traffic.
    pub fn routed(&self) -> bool {
        self.policy.as_ref().is_some_and(|p| p.spec.traffic.service.is_none())
    }

    /// Whether what the workload wishes for now serves, and serves alone.
    pub fn settled(&self) -> bool {
        let (Some(policy), Some(workload)) = (&self.policy, &self.workload) else { return false };
        let status = self.status();
        let ready = status.conditions.iter().any(|c| c.type_ == READY && c.status == "True");
        let Some((seen, stable)) = status.workload.zip(status.stable) else { return false };
        let newest = status.observed_generation == policy.metadata.generation
            && Some(seen.observed_generation) == workload.metadata.generation;
        let same = seen.digest.is_some_and(|digest| digest == stable.digest.to_string());
        ready && newest && same && self.wished().iter().all(|image| stable.images.contains(image))
    }

    /// The images that the user's manifests name.
    pub fn wished(&self) -> Vec<String> {
        let template = self.workload.as_ref().and_then(|d| d.spec.as_ref()).and_then(|s| s.template.spec.as_ref());
        template.into_iter().flat_map(|t| &t.containers).filter_map(|c| c.image.clone()).collect()
    }

    /// What it says in a few words.
    pub fn told(&self) -> String {
        let status = self.status();
        let waiting = status.waiting.map(|w| format!(", {}: {}", w.reason, alone(&w.reason, &w.message)));
        format!("{}{}", status.phase.as_deref().unwrap_or("no status yet"), waiting.unwrap_or_default())
    }
}
