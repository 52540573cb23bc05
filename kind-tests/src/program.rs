//! A controller that runs in the cluster: ours, or one that is measured beside it.

use anyhow::{Context, Result};
use apps::clock;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{AttachParams, ListParams},
};
use tokio::io::AsyncReadExt;

use crate::process::Process;

/// The pod that sees every process; see [`crate::controller::prepare_to_kill`].
pub(crate) const KILLER: &str = "kind-tests-killer";

/// A program whose pods and processes can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// As the API server knows it.
    pub user: &'static str,
    /// Where its pods are.
    pub namespace: &'static str,
    /// Selects its pods.
    pub selector: &'static str,
    /// How its command line begins.
    pub command: &'static str,
}

/// Our own controller, as the chart installs it.
pub const SLUICE: Program = Program {
    user: "system:serviceaccount:sluice-system:sluice",
    namespace: "sluice-system",
    selector: "app.kubernetes.io/name=sluice",
    command: "/sluice-controller",
};

impl Program {
    /// Its pods that are not ending.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    pub async fn pods(&self, client: &Client) -> Result<Vec<Pod>> {
        let api: Api<Pod> = Api::namespaced(client.clone(), self.namespace);
        let mut pods = api.list(&ListParams::default().labels(self.selector)).await?.items;
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        Ok(pods)
    }

    /// Ends its process in a pod as `kill -9` does; whether there was one.
    ///
    /// # Errors
    ///
    /// When the node cannot be asked.
    pub async fn kill(&self, client: &Client, pod: &Pod) -> Result<bool> {
        Ok(on_node(client, &self.for_each(pod, "kill -9 ${p#/proc/} && echo killed")).await?.contains("killed"))
    }

    /// Its process in a pod; needs [`crate::controller::prepare_to_kill`].
    ///
    /// # Errors
    ///
    /// When the pod has none.
    pub async fn process(&self, client: &Client, pod: &Pod) -> Result<Process> {
        let tell =
            "grep VmRSS $p/status; echo start $(cut -d ' ' -f 22 $p/stat); echo up $(cut -d ' ' -f 1 /proc/uptime)";
        let before = clock::unix_ms();
        let said = on_node(client, &self.for_each(pod, tell)).await?;
        let now = u64::midpoint(before, clock::unix_ms());
        let name = pod.name_any();
        Process::read(&said, now).with_context(|| format!("the process of pod {name}: the node told {said:?}"))
    }

    /// A shell script that does something for each of its processes in a pod; `$p` is the process's folder in `/proc`.
    fn for_each(&self, pod: &Pod, what: &str) -> String {
        // A control group's name may have other dashes than the UID.
        let uid = pod.uid().unwrap_or_default().replace('-', "[-_]");
        let command = self.command;
        format!(
            "for p in /proc/[0-9]*; do grep -qs {uid} $p/cgroup && grep -qs ^{command} $p/cmdline && {{ {what}; }}; done; true"
        )
    }
}

/// What a shell script prints that sees every process of the node.
async fn on_node(client: &Client, script: &str) -> Result<String> {
    let killers: Api<Pod> = Api::namespaced(client.clone(), "kube-system");
    let how = AttachParams::default().stderr(true);
    let mut process = killers.exec(KILLER, ["sh", "-c", script], &how).await?;
    let mut said = String::new();
    if let Some(mut out) = process.stdout() {
        out.read_to_string(&mut said).await?;
    }
    Ok(said)
}
