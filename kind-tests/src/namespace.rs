//! A namespace for each test.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, resume_unwind},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};
use apps::clock;
use futures::FutureExt;
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Namespace as Object};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::Resource,
};
use serde_json::{Value, json};

use crate::{cluster::connect, dump};

/// Label of every namespace made here.
pub const LABEL: &str = "kind-tests.sluice.dev/test";

/// A namespace of a test's own.
#[derive(Clone)]
pub struct Namespace {
    /// A client of the cluster, as whoever `KUBECONFIG` says.
    pub client: Client,
    /// The namespace's name.
    pub name: String,
}

impl Namespace {
    /// The objects of one kind in it.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Live requests that a pod of the test application has had, by its own count.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn live_requests(&self, pod: &str) -> Result<u64> {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}:9898/proxy/counters", self.name);
        let counters: Value = self.client.request(http::Request::get(path).body(Vec::new())?).await?;
        counters["total"].as_u64().with_context(|| counters.to_string())
    }

    /// Lets it have pods with a sidecar, which redirects its pod's traffic: that takes more than the restricted level allows.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be changed.
    pub async fn allows_sidecars(&self) -> Result<()> {
        let label = json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "privileged" } } });
        let api = Api::<Object>::all(self.client.clone());
        api.patch(&self.name, &PatchParams::default(), &Patch::Merge(label)).await?;
        Ok(())
    }

    /// Writes an annotation of the namespace itself, or takes it off.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be changed.
    pub async fn annotate(&self, annotation: &str, text: Option<&str>) -> Result<()> {
        annotate(&self.client, &self.name, annotation, text).await
    }

    async fn create(test: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let client = connect().await?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t-{test}-{:x}-{}-{number}", clock::unix_ms() / 1000 % 0xfff_ffff, process::id());
        let namespace = json!({ "metadata": { "name": name, "labels": {
            LABEL: test,
            // Whatever is put in it, by the test or by Sluice, has to live with that.
            "pod-security.kubernetes.io/enforce": "restricted",
        } } });
        let (api, namespace) = (Api::<Object>::all(client.clone()), serde_json::from_value(namespace)?);
        api.create(&PostParams::default(), &namespace).await.with_context(|| format!("creating namespace {name}"))?;
        Ok(Self { client, name })
    }

    async fn delete(&self) -> Result<()> {
        Api::<Object>::all(self.client.clone()).delete(&self.name, &DeleteParams::background()).await?;
        Ok(())
    }
}

/// Writes an annotation of any namespace, or takes it off.
///
/// # Errors
///
/// When the namespace cannot be changed.
pub async fn annotate(client: &Client, namespace: &str, annotation: &str, text: Option<&str>) -> Result<()> {
    let patch = json!({ "metadata": { "annotations": { annotation: text } } });
    let api = Api::<Object>::all(client.clone());
    api.patch(namespace, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// Runs a test in a namespace of its own, which is deleted afterwards. When it fails, everything that may explain it is
/// printed first; with `KEEP=1` in the environment the namespace of a failed test stays.
///
/// # Errors
///
/// Those of the test.
///
/// # Panics
///
/// As the test does.
pub async fn with_namespace<T>(test: &str, body: impl AsyncFnOnce(Namespace) -> Result<T>) -> Result<T> {
    let ns = Namespace::create(test).await?;
    let outcome = AssertUnwindSafe(body(ns.clone())).catch_unwind().await;
    let failed = !matches!(outcome, Ok(Ok(_)));
    if failed {
        eprintln!("\n{}", why(&outcome));
        dump::print(&ns).await;
    }
    if failed && std::env::var_os("KEEP").is_some() {
        eprintln!("namespace {} is kept", ns.name);
    } else if let Err(error) = ns.delete().await {
        eprintln!("deleting namespace {}: {error:#}", ns.name);
    }
    outcome.unwrap_or_else(|panic| resume_unwind(panic))
}

fn why<T>(outcome: &Result<Result<T>, Box<dyn Any + Send>>) -> String {
    match outcome {
        Ok(Ok(_)) => "passed".into(),
        Ok(Err(error)) => format!("FAILED: {error:#}"),
        Err(panic) => {
            let text =
                panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            format!("FAILED: {}", text.unwrap_or("a panic"))
        }
    }
}
