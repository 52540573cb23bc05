//! A node that runs nothing: whatever is put on it is told to be ready. So a thousand policies have real pods to look at
//! that cost no process each.

use std::time::Duration;

use anyhow::{Context, Result};
use apps::clock;
use chrono::{DateTime, SecondsFormat};
use futures::{StreamExt, future::ready};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::json;
use tokio::task::JoinHandle;

/// Its name, for `spec.nodeName`.
pub const NAME: &str = "nothing";
/// A node that is silent for longer than 50 s loses its pods.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Pods that are made ready at the same time.
const AT_ONCE: usize = 8;

/// The node, as long as this is not dropped.
pub struct FakeNode(Vec<JoinHandle<()>>);

impl FakeNode {
    /// Adds it to the cluster.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn start(client: &Client) -> Result<Self> {
        let nodes: Api<Node> = Api::all(client.clone());
        let taint = json!([{ "key": "bench", "value": "nothing-runs", "effect": "NoSchedule" }]);
        let node = json!({ "metadata": { "name": NAME }, "spec": { "taints": taint } });
        match nodes.create(&PostParams::default(), &serde_json::from_value(node)?).await {
            // Of a fleet that was measured before.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            other => drop(other.context("adding a node that runs nothing")?),
        }
        let pods: Api<Pod> = Api::all(client.clone());
        Ok(Self(vec![tokio::spawn(alive(nodes)), tokio::spawn(run(pods, client.clone()))]))
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn alive(nodes: Api<Node>) {
    loop {
        let condition = json!({ "type": "Ready", "status": "True", "reason": "Fake", "lastHeartbeatTime": now() });
        let capacity = json!({ "cpu": "1000", "memory": "1Ti", "pods": "10000" });
        let status = json!({ "status": { "conditions": [condition], "capacity": capacity, "allocatable": capacity } });
        // One that is missed is made up for by the next.
        let _ = nodes.patch_status(NAME, &PatchParams::default(), &Patch::Strategic(status)).await;
        tokio::time::sleep(HEARTBEAT).await;
    }
}

/// Watches the node's pods and makes each ready. A watch from version 0 begins with all there are.
async fn run(pods: Api<Pod>, client: Client) {
    let mut number = 0;
    loop {
        let params = WatchParams::default().fields(&format!("spec.nodeName={NAME}")).timeout(280);
        let Ok(events) = pods.watch(&params, "0").await else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let new = events.filter_map(|event| {
            ready(match event {
                Ok(WatchEvent::Added(pod) | WatchEvent::Modified(pod)) => Some(pod),
                _ => None,
            })
        });
        let numbered = new.map(|pod| {
            number += 1;
            (number, pod)
        });
        numbered.for_each_concurrent(AT_ONCE, |(number, pod)| attend(client.clone(), pod, number)).await;
    }
}

/// What a kubelet would do. A pod that is missed is seen again with the next watch.
async fn attend(client: Client, pod: Pod, number: u32) {
    let pods: Api<Pod> = Api::namespaced(client, &pod.namespace().unwrap_or_default());
    if pod.metadata.deletion_timestamp.is_some() {
        let _ = pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await;
    } else if pod.status.as_ref().is_none_or(|s| s.phase.as_deref() != Some("Running")) {
        let status = json!({ "status": running(&pod, number) });
        let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(status)).await;
    }
}

fn running(pod: &Pod, number: u32) -> serde_json::Value {
    let now = now();
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
        .map(|kind| json!({ "type": kind, "status": "True", "lastTransitionTime": now }));
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| {
        json!({
            "name": container.name,
            "image": container.image,
            "imageID": container.image,
            "containerID": format!("fake://{}", pod.uid().unwrap_or_default()),
            "ready": true,
            "started": true,
            "restartCount": 0,
            "state": { "running": { "startedAt": now } },
        })
    });
    let address = format!("10.250.{}.{}", number / 250 % 250, number % 250 + 1);
    json!({
        "phase": "Running",
        "conditions": conditions,
        "containerStatuses": containers.collect::<Vec<_>>(),
        "startTime": now,
        "podIP": address,
        "podIPs": [{ "ip": address }],
    })
}

fn now() -> String {
    let now = i64::try_from(clock::unix_ms()).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
    now.to_rfc3339_opts(SecondsFormat::Secs, true)
}
