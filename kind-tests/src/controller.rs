//! The controller's own pods: who leads, and how to end it with no warning.

use anyhow::{Result, bail};
use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    program::{KILLER, SLUICE},
    wait::{Seen, secs, wait_for},
};

/// Where the chart is installed.
pub const NAMESPACE: &str = SLUICE.namespace;
/// Selects its pods.
pub const SELECTOR: &str = SLUICE.selector;

/// The last lines of a pod's log.
///
/// # Errors
///
/// When it cannot be read.
pub async fn log(client: &Client, pod: &str, lines: i64) -> Result<String> {
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    Ok(api.logs(pod, &LogParams { tail_lines: Some(lines), ..LogParams::default() }).await?)
}

/// The pod that leads: the one whose name begins the holder of a lease that has not ended.
///
/// # Errors
///
/// When nobody leads within 30 s.
pub async fn leader(client: &Client) -> Result<Pod> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    wait_for("a controller that leads", secs(30), async || {
        let pods = SLUICE.pods(client).await?;
        let leases = leases.list(&ListParams::default()).await?;
        let holders: Vec<_> = leases.iter().filter_map(holder).collect();
        let led = pods.iter().find(|pod| holders.iter().any(|holder| holder.starts_with(&pod.name_any())));
        led.cloned().ok_or_else(|| Seen::yet(format!("{} pods, leases held by {holders:?}", pods.len())))
    })
    .await
}

fn holder(lease: &Lease) -> Option<String> {
    let spec = lease.spec.as_ref()?;
    let end = spec.renew_time.as_ref()?.0.as_second() + i64::from(spec.lease_duration_seconds?);
    let holder = spec.holder_identity.clone().filter(|h| !h.is_empty())?;
    (end > unix_seconds()).then_some(holder)
}

/// Ends the leader's process as `kill -9` does: it can finish nothing and gives nothing back. Then its pod is replaced,
/// since the kubelet waits longer and longer before it starts a container again that was killed often. Returns the
/// pod's name.
///
/// Deleting the pod, even with a grace period of 0, is not the same: the kubelet sends SIGTERM first and waits 2 s. And
/// a signal from within the container does not reach its first process. So a pod that shares the node's process
/// namespace, and has no other privilege, looks for the program in the control group of the leader's pod. That works on
/// any cluster of one node that allows `hostPID` in `kube-system`.
///
/// # Errors
///
/// When nobody leads, or the leader has no process within 10 s.
pub async fn kill(client: &Client) -> Result<String> {
    let name = wait_for("a process of the leader to kill", secs(10), async || {
        let pod = leader(client).await?;
        let name = pod.name_any();
        if SLUICE.kill(client, &pod).await? { Ok(name) } else { Err(Seen::yet(format!("pod {name} has none"))) }
    })
    .await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    pods.delete(&name, &DeleteParams::default().grace_period(0)).await?;
    Ok(name)
}

/// Makes [`kill`] possible, and quick.
///
/// # Errors
///
/// When the killing pod does not start.
pub async fn prepare_to_kill(client: &Client) -> Result<()> {
    let api: Api<Pod> = Api::namespaced(client.clone(), "kube-system");
    let pod = json!({
        "metadata": { "name": KILLER },
        "spec": {
            "hostPID": true,
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "killer",
                "image": "ghcr.io/sluice-dev/conformance:1.0.0",
                "command": ["/bin/sleep", "86400"],
                "securityContext": { "runAsUser": 0 },
            }],
        },
    });
    match api.create(&PostParams::default(), &serde_json::from_value(pod)?).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        other => drop(other?),
    }
    wait_for("the pod that kills", secs(30), async || {
        let phase = api.get(KILLER).await?.status.and_then(|s| s.phase).unwrap_or_default();
        if phase == "Running" { Ok(()) } else { Err(Seen::yet(phase)) }
    })
    .await
}

/// Replaces every pod of the controller, as an upgrade of the chart does, and waits until the new ones are ready.
///
/// # Errors
///
/// When they do not become ready.
pub async fn upgrade(client: &Client) -> Result<()> {
    let stamp = unix_seconds().to_string();
    let template = json!({ "metadata": { "annotations": { "kind-tests/restarted-at": stamp } } });
    replace(client, template).await
}

/// The same with these variables in the environment, and none but the chart's where there are none.
///
/// # Errors
///
/// When they do not become ready.
pub async fn upgrade_with(client: &Client, variables: &[(&str, String)]) -> Result<()> {
    let variables: Vec<_> = variables.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let container = json!({ "name": "controller", "env": variables });
    replace(client, json!({ "spec": { "containers": [container] } })).await
}

/// Applies parts of the pod template, in place of those that were applied before.
async fn replace(client: &Client, template: Value) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let list = api.list(&ListParams::default().labels(SELECTOR)).await?;
    let [deployment] = list.items.as_slice() else {
        bail!("{} Deployments with {SELECTOR} in {NAMESPACE}, not one", list.items.len());
    };
    let name = deployment.name_any();
    let patch = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "spec": { "template": template } });
    let patched = api.patch(&name, &PatchParams::apply("kind-tests").force(), &Patch::Apply(patch)).await?;
    wait_for("the controller's new pods", secs(60), async || {
        let now = api.get(&name).await?;
        let status = now.status.unwrap_or_default();
        let (wanted, seen) =
            (now.spec.and_then(|s| s.replicas), status.observed_generation >= patched.metadata.generation);
        if seen && status.updated_replicas == wanted && status.available_replicas == wanted && status.replicas == wanted
        {
            Ok(())
        } else {
            Err(Seen::yet(format!(
                "{:?} updated, {:?} available of {wanted:?}",
                status.updated_replicas, status.available_replicas
            )))
        }
    })
    .await
}

fn unix_seconds() -> i64 {
    i64::try_from(apps::clock::unix_ms() / 1000).unwrap_or(i64::MAX)
}
