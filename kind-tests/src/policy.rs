//! A policy on the cluster, and what a user does to the application under it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use crds::{Release as Object, RolloutPolicy, RolloutPolicyStatus, journal::Purpose};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy},
};
use serde_json::{Value, json};

use crate::{
    app::App,
    namespace::Namespace,
    release::Release,
    wait::{Seen, secs, wait_for},
};

/// A policy; its workload and its Service have the same name.
#[derive(Clone)]
pub struct Policy {
    /// Where it is.
    pub ns: Namespace,
    /// Its name.
    pub name: String,
}

impl Policy {
    /// The object.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn get(&self) -> Result<RolloutPolicy> {
        Ok(self.ns.api::<RolloutPolicy>().get(&self.name).await?)
    }

    /// What it says about itself.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn status(&self) -> Result<RolloutPolicyStatus> {
        Ok(self.get().await?.status.unwrap_or_default())
    }

    /// Waits until it is settled on the workload's newest wish.
    ///
    /// # Errors
    ///
    /// When that does not come within two minutes.
    pub async fn settled(&self) -> Result<RolloutPolicyStatus> {
        wait_for(&format!("policy {} to be settled", self.name), secs(120), async || {
            let generation = self.ns.api::<Deployment>().get(&self.name).await?.metadata.generation;
            let status = self.status().await?;
            let ready = status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
            let newest = status.workload.as_ref().map(|w| w.observed_generation) == generation;
            if ready && newest { Ok(status) } else { Err(Seen::yet(told(&status))) }
        })
        .await
    }

    /// Waits until it is settled with this image tag as stable.
    ///
    /// # Errors
    ///
    /// When it does not settle, or on something else.
    pub async fn settled_on(&self, tag: &str) -> Result<RolloutPolicyStatus> {
        let status = self.settled().await?;
        let images = status.stable.clone().map(|s| s.images).unwrap_or_default();
        anyhow::ensure!(images.iter().any(|i| i.ends_with(&format!(":{tag}"))), "settled on {images:?}, not on {tag}");
        Ok(status)
    }

    /// Waits until it says, as its phase, as what it waits for or in a condition, this word for programs. Returns the
    /// sentence for people.
    ///
    /// # Errors
    ///
    /// When it does not say so within a minute.
    pub async fn says(&self, reason: &str) -> Result<String> {
        wait_for(&format!("policy {} to say {reason}", self.name), secs(60), async || {
            let status = self.status().await?;
            if let Some(waiting) = status.waiting.iter().find(|w| w.reason == reason) {
                return Ok(waiting.message.clone());
            }
            let condition = status.conditions.iter().find(|c| c.reason == reason);
            condition.map(|c| c.message.clone()).ok_or_else(|| Seen::yet(told(&status)))
        })
        .await
    }

    /// Short id of the revision that serves.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn stable(&self) -> Result<String> {
        Ok(self.status().await?.stable.context("a stable revision")?.revision.to_string())
    }

    /// Its releases, oldest first.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    pub async fn releases(&self) -> Result<Vec<Object>> {
        let mut list = self.ns.api::<Object>().list(&ListParams::default()).await?.items;
        list.retain(|r| r.spec.policy.name == self.name);
        list.sort_by_key(|r| (r.creation_timestamp(), r.name_any()));
        Ok(list)
    }

    /// The release under way for this purpose, as soon as there is one.
    ///
    /// # Errors
    ///
    /// When there is none within 30 s.
    pub async fn release_for(&self, purpose: Purpose) -> Result<Release> {
        self.release_but(purpose, &BTreeSet::new()).await
    }

    async fn release_but(&self, purpose: Purpose, known: &BTreeSet<String>) -> Result<Release> {
        wait_for(&format!("a release of {} to {purpose:?}", self.name), secs(30), async || {
            let releases = self.releases().await?;
            let new = releases.iter().rev().find(|r| r.spec.purpose == purpose && !known.contains(&r.name_any()));
            let Some(new) = new else {
                return Err(Seen::yet(format!("{} releases; {}", releases.len(), told(&self.status().await?))));
            };
            Ok(Release { ns: self.ns.clone(), name: new.name_any(), policy: self.name.clone() })
        })
        .await
    }

    /// Names of the releases there are.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    pub async fn release_names(&self) -> Result<BTreeSet<String>> {
        Ok(self.releases().await?.iter().map(ResourceExt::name_any).collect())
    }

    /// Wishes for another version and returns the release that comes of it.
    ///
    /// # Errors
    ///
    /// When none comes.
    pub async fn update(&self, app: &App) -> Result<Release> {
        let known = self.release_names().await?;
        self.wish(app).await?;
        self.release_but(Purpose::Update, &known).await
    }

    /// The next release after those known.
    ///
    /// # Errors
    ///
    /// When none comes.
    pub async fn next_release(&self, known: &BTreeSet<String>) -> Result<Release> {
        self.release_but(Purpose::Update, known).await
    }

    /// Wishes for another version, by changing the ConfigMap and the Deployment's template and nothing else.
    ///
    /// # Errors
    ///
    /// When a change is refused.
    pub async fn wish(&self, app: &App) -> Result<()> {
        if let Some(config) = app.config() {
            let name = config["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            self.ns.api::<ConfigMap>().patch(&name, &PatchParams::default(), &Patch::Merge(config)).await?;
        }
        self.patch_workload(&json!({ "spec": { "template": app.template() } })).await
    }

    /// Changes the user's Deployment.
    ///
    /// # Errors
    ///
    /// When the change is refused.
    pub async fn patch_workload(&self, patch: &Value) -> Result<()> {
        self.ns.api::<Deployment>().patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Changes the policy.
    ///
    /// # Errors
    ///
    /// When the change is refused.
    pub async fn patch(&self, patch: &Value) -> Result<()> {
        self.ns.api::<RolloutPolicy>().patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Deletes the policy and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When it is not gone in two minutes.
    pub async fn deleted(&self, how: PropagationPolicy) -> Result<()> {
        let delete = DeleteParams { propagation_policy: Some(how), ..DeleteParams::default() };
        self.ns.api::<RolloutPolicy>().delete(&self.name, &delete).await?;
        wait_for(&format!("policy {} to be gone", self.name), secs(120), async || {
            match self.ns.api::<RolloutPolicy>().get_opt(&self.name).await? {
                None => Ok(()),
                Some(policy) => Err(Seen::yet(told(&policy.status.unwrap_or_default()))),
            }
        })
        .await
    }

    /// The pods of one revision that are not ending.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    pub async fn pods_of(&self, revision: &str) -> Result<Vec<Pod>> {
        let labels = format!("sluice.dev/policy={},sluice.dev/revision={revision}", self.name);
        let mut pods = self.ns.api::<Pod>().list(&ListParams::default().labels(&labels)).await?.items;
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        Ok(pods)
    }
}

fn told(status: &RolloutPolicyStatus) -> String {
    let conditions: Vec<_> =
        status.conditions.iter().map(|c| format!("{}={} {}", c.type_, c.status, c.reason)).collect();
    let waiting = status.waiting.as_ref().map(|w| format!("{}: {}", w.reason, w.message));
    let phase = status.phase.as_deref().unwrap_or("-");
    format!("phase {phase}, waiting {}, [{}]", waiting.as_deref().unwrap_or("-"), conditions.join(", "))
}
