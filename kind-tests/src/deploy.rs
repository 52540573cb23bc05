//! What a user puts into a namespace.

use anyhow::{Context, Result};
use crds::RolloutPolicy;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Service},
    },
};
use kube::{
    Api, ResourceExt,
    api::PostParams,
    core::{DynamicObject, Resource},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    app::{App, Front, manifests::metric_source},
    namespace::Namespace,
    policy::Policy,
    wait::{Seen, secs, wait_for},
};

impl Namespace {
    /// Creates an object.
    ///
    /// # Errors
    ///
    /// When it is refused, with what the API server says.
    pub async fn create_object<K>(&self, object: Value) -> Result<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Serialize
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let object: K = serde_json::from_value(object).with_context(|| format!("a {}", K::kind(&())))?;
        let what = format!("creating {} {}", K::kind(&()), object.name_any());
        self.api::<K>().create(&PostParams::default(), &object).await.context(what)
    }

    /// Runs an application as a user would who does not know Sluice, and waits until all its pods are ready.
    ///
    /// # Errors
    ///
    /// When they do not become ready.
    pub async fn deployed(&self, app: &App) -> Result<()> {
        if let Some(config) = app.config() {
            self.create_object::<ConfigMap>(config).await?;
        }
        self.create_object::<Service>(app.service()).await?;
        self.create_object::<Deployment>(app.deployment()).await?;
        if let Some(entry) = app.entry() {
            self.create_object::<Service>(entry).await?;
        }
        if let (Some(front), Some(route)) = (app.front(), app.route(&self.name)) {
            let what = format!("creating the route of {}", app.name);
            self.routes(front).create(&PostParams::default(), &serde_json::from_value(route)?).await.context(what)?;
        }
        self.rolled_out(app).await
    }

    /// The routes that callers come through.
    pub fn routes(&self, front: Front) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.name, &front.kind())
    }

    /// Waits until all its pods are ready.
    ///
    /// # Errors
    ///
    /// When they do not become ready.
    pub async fn rolled_out(&self, app: &App) -> Result<()> {
        wait_for(&format!("Deployment {} to be rolled out", app.name), secs(60), async || {
            let status = self.api::<Deployment>().get(&app.name).await?.status.unwrap_or_default();
            let available = usize::try_from(status.available_replicas.unwrap_or(0)).unwrap_or_default();
            if available == app.capacity() {
                Ok(())
            } else {
                Err(Seen::yet(format!("{available} of {} pods available", app.capacity())))
            }
        })
        .await
    }

    /// Puts the application's policy, conformance test and metric source in place.
    ///
    /// # Errors
    ///
    /// When one is refused.
    pub async fn policy_for(&self, app: &App) -> Result<Policy> {
        let sources = self.api::<crds::MetricSource>();
        if sources.get_opt("default").await?.is_none() {
            self.create_object::<crds::MetricSource>(metric_source()).await?;
        }
        self.create_object::<crds::ConformanceSuite>(app.conformance_suite()).await?;
        self.create_object::<RolloutPolicy>(app.rollout_policy()).await?;
        Ok(Policy { ns: self.clone(), name: app.name.clone() })
    }

    /// Runs an application and has Sluice take it over.
    ///
    /// # Errors
    ///
    /// When that does not end.
    pub async fn taken_over(&self, app: &App) -> Result<Policy> {
        self.deployed(app).await?;
        let policy = self.policy_for(app).await?;
        policy.settled_on(app.tag()).await?;
        Ok(policy)
    }
}
