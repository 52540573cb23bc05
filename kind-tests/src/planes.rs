//! What the data planes say of themselves, for tests whose callers come through one.

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, LogParams},
};

/// Where the control planes and the gateways' proxies run.
const NAMESPACES: [&str; 3] = ["envoy-gateway-system", "istio-system", "gateways"];
/// Lines of each log.
const LINES: i64 = 25;

/// Each of their pods, how often it was begun again, and the last that it wrote; nothing where there is no data plane.
///
/// # Errors
///
/// When the pods cannot be listed.
pub async fn lines(client: &Client) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for namespace in NAMESPACES {
        let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
        for pod in api.list(&ListParams::default()).await? {
            lines.extend(of_pod(&api, &pod).await);
        }
    }
    Ok(lines)
}

async fn of_pod(api: &Api<Pod>, pod: &Pod) -> Vec<String> {
    let name = pod.name_any();
    let mut lines = Vec::new();
    let status = pod.status.clone().unwrap_or_default();
    for container in status.container_statuses.into_iter().flatten() {
        let last = container.last_state.and_then(|s| s.terminated);
        let ended = last.map(|t| format!(", before that ended with {}", t.exit_code)).unwrap_or_default();
        let (ready, restarts) = (container.ready, container.restart_count);
        lines.push(format!("{name}/{} ready {ready} restarts {restarts}{ended}", container.name));
        let of = |previous| LogParams {
            container: Some(container.name.clone()),
            tail_lines: Some(LINES),
            previous,
            ..LogParams::default()
        };
        for previous in [true, false].into_iter().filter(|previous| !previous || restarts > 0) {
            let log = api.logs(&name, &of(previous)).await.unwrap_or_else(|e| format!("cannot be read: {e}"));
            lines.extend(log.lines().map(|line| format!("{name}: {line}")));
        }
    }
    lines
}
