//! The namespace of the demo and what a user does in it: apply manifests, and put load on the services.

use anyhow::{Context, Result, bail};
use apps::report::Report;
use http::Method;
use k8s_openapi::api::core::v1::{Namespace as Object, Pod};
use kind_tests::{
    cluster::connect,
    kubectl::kubectl,
    namespace::Namespace,
    wait::{Seen, secs, wait_for},
};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

use crate::{provider::Provider, screen::Screen};

/// Where all of it happens.
pub const NAMESPACE: &str = "shop";
/// The services, each after those that it depends on.
pub const SERVICES: [&str; 4] = ["database", "cache", "backend", "frontend"];
/// The one that users see, which gets the bad versions.
pub const FRONTEND: &str = "frontend";
/// Label of the namespace: it is the demo's, so the next demo may delete it.
const LABEL: &str = "kind-tests.sluice.dev/demo";
const DISTRIBUTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/distribution");
/// The pod that sends the load.
const LOAD: &str = "load";

/// The namespace of the demo.
#[derive(Clone)]
pub struct Shop {
    /// Where it is.
    pub ns: Namespace,
    provider: Provider,
}

impl Shop {
    /// An empty one. What an earlier demo left is deleted first; a namespace of somebody else is not touched.
    pub async fn fresh(provider: Provider, screen: &mut Screen) -> Result<Self> {
        let client = connect().await?;
        let api: Api<Object> = Api::all(client.clone());
        if let Some(old) = api.get_opt(NAMESPACE).await? {
            if old.metadata.labels.is_none_or(|labels| !labels.contains_key(LABEL)) {
                bail!("there is a namespace {NAMESPACE} that no demo made: delete it, or use another cluster");
            }
            screen.say("the last demo left one: it is deleted first");
            gone(&api).await?;
        }
        let labels = json!({ LABEL: "true", "pod-security.kubernetes.io/enforce": provider.pod_security() });
        let namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE, "labels": labels } }))?;
        api.create(&PostParams::default(), &namespace)
            .await
            .with_context(|| format!("creating namespace {NAMESPACE}"))?;
        Ok(Self { ns: Namespace { client, name: NAMESPACE.into() }, provider })
    }

    /// Applies a version of the distribution, as a user would.
    pub async fn apply(&self, version: &str) -> Result<()> {
        let path = format!("{DISTRIBUTION}/overlays/{}/{version}", self.provider.overlays());
        kubectl(&["apply", "--namespace", NAMESPACE, "--kustomize", &path], &[]).await.map(drop)
    }

    /// Starts the load.
    pub async fn start_load(&self) -> Result<()> {
        self.apply("load").await
    }

    /// What the load has counted so far.
    pub async fn report(&self) -> Result<Report> {
        self.ask_load(Method::GET, "stats").await
    }

    /// Ends the load and returns the final counts.
    pub async fn stop_load(&self) -> Result<Report> {
        let report = self.ask_load(Method::POST, "stop").await?;
        self.ns.api::<Pod>().delete(LOAD, &DeleteParams::background()).await?;
        Ok(report)
    }

    async fn ask_load(&self, method: Method, what: &str) -> Result<Report> {
        let text = self.ask_pod(method, LOAD, 8080, what).await?;
        serde_json::from_str(&text).with_context(|| format!("what the load answered to {what}: {text:.200}"))
    }

    /// Asks a pod over HTTP, through the API server.
    pub async fn ask_pod(&self, method: Method, pod: &str, port: i32, what: &str) -> Result<String> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:{port}/proxy/{what}");
        let request = http::Request::builder().method(method).uri(path).body(Vec::new())?;
        self.ns.client.request_text(request).await.with_context(|| format!("asking pod {pod} for {what}"))
    }
}

/// Deletes the namespace and waits until it is gone.
async fn gone(api: &Api<Object>) -> Result<()> {
    api.delete(NAMESPACE, &DeleteParams::background()).await?;
    wait_for(&format!("namespace {NAMESPACE} of the last demo to be gone"), secs(180), async || {
        let Some(left) = api.get_opt(NAMESPACE).await? else { return Ok(()) };
        let conditions = left.status.and_then(|s| s.conditions).unwrap_or_default();
        let why = conditions.iter().filter(|c| c.status == "True").filter_map(|c| c.message.clone());
        Err(Seen::yet(why.collect::<Vec<_>>().join("; ")))
    })
    .await
}
