//! A receiver of messages in the test's namespace, and channels that lead to it.

use anyhow::{Context, Result};
use apps::receiver::Message;
use http::Method;
use k8s_openapi::api::core::v1::{Pod, Service};
use serde_json::{Value, json};

use crate::{
    namespace::Namespace,
    raw,
    release::Release,
    wait::{Seen, secs, wait_for},
};

const NAME: &str = "receiver";

/// A receiver that runs.
#[derive(Clone)]
pub struct Receiver {
    ns: Namespace,
}

impl Receiver {
    /// Starts one, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start(ns: &Namespace) -> Result<Self> {
        ns.create_object::<Pod>(pod()).await?;
        ns.create_object::<Service>(json!({
            "metadata": { "name": NAME },
            "spec": { "selector": { "app": NAME }, "ports": [{ "port": 80, "targetPort": 8080 }] },
        }))
        .await?;
        let receiver = Self { ns: ns.clone() };
        wait_for("the receiver of messages to answer", secs(60), async || {
            receiver.taken("/hook/none").await.map_err(|e| Seen::yet(format!("{e:#}")))
        })
        .await?;
        Ok(receiver)
    }

    /// The address of a path of it, as the controller reaches it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{NAME}.{}.svc{path}", self.ns.name)
    }

    /// What was taken at a path, in its order.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn taken(&self, path: &str) -> Result<Vec<Message>> {
        let of = format!("/api/v1/namespaces/{}/pods/{NAME}:8080/proxy/taken{path}", self.ns.name);
        let request = http::Request::get(of).body(Vec::new())?;
        Ok(self.ns.client.request(request).await?)
    }

    /// The bodies of that.
    ///
    /// # Errors
    ///
    /// When it does not answer, or one is no JSON.
    pub async fn bodies(&self, path: &str) -> Result<Vec<Value>> {
        let taken = self.taken(path).await?;
        taken.iter().map(|m| serde_json::from_str(&m.body).with_context(|| m.body.clone())).collect()
    }
}

/// Makes a NotificationChannel.
///
/// # Errors
///
/// When it is refused.
pub async fn channel(ns: &Namespace, name: &str, spec: Value) -> Result<()> {
    let channel = json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "NotificationChannel", "metadata": { "name": name }, "spec": spec,
    });
    raw::send(&ns.client, Method::POST, &raw::sluice(&ns.name, "notificationchannels"), &channel).await??;
    Ok(())
}

/// Every kind of notice.
pub fn everything() -> Value {
    json!([
        "Started",
        "Step",
        "GatePassed",
        "ApprovalNeeded",
        "Decision",
        "Promoted",
        "Succeeded",
        "Failed",
        "RolledBack",
        "Inconclusive",
        "Superseded",
        "Stalled",
        "Other",
    ])
}

/// The reasons in the timeline of a release.
///
/// # Errors
///
/// When it cannot be read.
pub async fn happened(release: &Release) -> Result<Vec<String>> {
    Ok(release.journal().await?.timeline.into_iter().map(|e| e.reason).collect())
}

/// The reasons that were told of a release by CloudEvents at a path, once there are as many as have happened.
///
/// # Errors
///
/// When they do not come.
pub async fn told(receiver: &Receiver, path: &str, release: &Release) -> Result<Vec<String>> {
    let all = happened(release).await?;
    wait_for("everything to be told", secs(60), async || {
        let events = receiver.bodies(path).await?;
        let of = events.iter().filter(|e| e["data"]["release"] == release.name.as_str());
        let told: Vec<_> = of.map(|e| e["data"]["reason"].as_str().unwrap_or_default().to_owned()).collect();
        if told.len() >= all.len() { Ok(told) } else { Err(Seen::yet(format!("{told:?} of {all:?}"))) }
    })
    .await
}

fn pod() -> Value {
    json!({
        "metadata": { "name": NAME, "labels": { "app": NAME } },
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": NAME,
                "image": "ghcr.io/sluice-dev/receiver:1.0.0",
                "imagePullPolicy": "IfNotPresent",
                "ports": [{ "name": "http", "containerPort": 8080 }],
                "readinessProbe": { "httpGet": { "path": "/readyz", "port": "http" }, "periodSeconds": 1 },
                "resources": { "requests": { "cpu": "10m", "memory": "16Mi" } },
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
                },
            }],
        },
    })
}
