//! What a controller with many objects at rest costs: requests, memory; and how quickly ours starts, how large it is.

use anyhow::Result;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Node, Pod},
};
use kind_tests::{
    controller,
    prelude::*,
    process::charged,
    program::{Program, SLUICE},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;
use tokio::time::sleep;

use super::Fleet;
use crate::{
    column::{Cell, Column},
    figure::Figure,
    live::millis,
    progress::say,
    trail::{Trail, kinds},
};

/// After all is settled, before it is taken to be at rest.
const REST: Duration = Duration::from_secs(20);
/// How long requests at rest are counted.
const SPAN: Duration = Duration::from_secs(60);
const MB: f64 = 1_000_000.0;
const MIB: f64 = 1_048_576.0;

impl Fleet {
    /// The memory of the replica that leads, after all it has done, and of the next one after a restart.
    ///
    /// # Errors
    ///
    /// When the node does not tell, or nobody leads any more.
    pub async fn memory(&self, goal: f64, figure: Figure, column: &mut Column) -> Result<()> {
        sleep(REST).await;
        let client = &self.client;
        let leader = controller::leader(client).await?;
        let rss = SLUICE.process(client, &leader).await?.rss as f64 / MB;
        let charged = charged(client, &leader).await? as f64 / MB;
        let pods: Api<Pod> = Api::namespaced(client.clone(), controller::NAMESPACE);
        pods.delete(&leader.name_any(), &DeleteParams::default()).await?;
        let next = controller::leader(client).await?;
        sleep(REST).await;
        let fresh = SLUICE.process(client, &next).await?.rss as f64 / MB;
        let note = format!("(cgroup {charged:.1}; {fresh:.1} after a restart)");
        say(&format!("  {} settled and at rest: {rss:.1} MB resident {note}", self.size));
        column.put(figure, Cell::decimal(rss).note(&note).met(rss <= goal));
        Ok(())
    }

    /// The memory of a peer's one replica.
    ///
    /// # Errors
    ///
    /// When it has none, or the node does not tell.
    pub async fn memory_of_peer(&self, program: &Program, figure: Figure, column: &mut Column) -> Result<()> {
        sleep(REST).await;
        let pods = program.pods(&self.client).await?;
        let pod = pods.first().context("finding the controller's pod")?;
        let rss = program.process(&self.client, pod).await?.rss as f64 / MB;
        say(&format!("  {} at rest: {rss:.1} MB resident", self.size));
        column.put(figure, Cell::decimal(rss));
        Ok(())
    }

    /// The requests of all replicas at rest.
    ///
    /// # Errors
    ///
    /// When the audit log cannot be read.
    pub async fn idle(&self, program: &Program, column: &mut Column) -> Result<()> {
        say(&format!("  counting the requests of {} s at rest", SPAN.as_secs()));
        let trail = Trail::of(program)?;
        sleep(SPAN).await;
        let requests = trail.requests()?;
        let (watches, others): (Vec<_>, Vec<_>) = requests.iter().partition(|r| r.is_watch());
        let writes = others.iter().filter(|r| r.is_write() && !r.is_of_lease()).count() as u64;
        let per_minute = others.len() as u64 * 60 / SPAN.as_secs();
        say(&format!("  at rest: {}", kinds(requests.iter())));
        let note = format!("(and {} watches begun anew)", watches.len());
        column.put(Figure::Idle, Cell::count(per_minute).note(&note).met(per_minute < 30));
        column.put(Figure::IdleWrites, Cell::count(writes).met(writes == 0));
        Ok(())
    }

    /// From the start of a process, with nobody else there, to its first pass over a policy.
    ///
    /// # Errors
    ///
    /// When the controller does not start.
    pub async fn start(&self, column: &mut Column) -> Result<()> {
        say("the controller is stopped and started");
        let client = &self.client;
        scale(client, 0).await?;
        let trail = Trail::of(&SLUICE)?;
        scale(client, 2).await?;
        let leader = controller::leader(client).await?;
        let name = leader.name_any();
        let first = wait_for("the first pass", secs(60), async || {
            let requests = trail.requests()?;
            let of_pass = requests
                .iter()
                .filter(|r| r.pod == name && r.namespace.starts_with(self.keeper.prefix()) && !r.is_watch());
            of_pass.map(|r| r.at).min().ok_or_else(|| Seen::yet(format!("{} requests", requests.len())))
        })
        .await?;
        let process = SLUICE.process(client, &leader).await?;
        let after = (millis(first) - process.started_ms as f64) / 1000.0;
        column.put(Figure::Start, Cell::decimal(after).met(after < 2.0));
        Ok(())
    }
}

/// The size of the controller's image, as the node keeps it.
///
/// # Errors
///
/// When no node tells.
pub async fn image(client: &Client, column: &mut Column) -> Result<()> {
    let pod = controller::leader(client).await?;
    let image = pod.spec.as_ref().and_then(|s| s.containers.first()).and_then(|c| c.image.clone());
    let (image, nodes) =
        (image.context("finding the image of the controller's pod")?, Api::<Node>::all(client.clone()));
    // A node tells of a new image now and then.
    let size = wait_for("a node to tell of the controller's image", secs(330), async || {
        let nodes = nodes.list(&ListParams::default()).await?;
        let images = nodes.iter().filter_map(|n| n.status.as_ref()?.images.as_ref()).flatten();
        let ours = images.filter(|i| i.names.iter().flatten().any(|n| *n == image)).find_map(|i| i.size_bytes);
        ours.ok_or_else(|| Seen::yet(format!("none tells of {image}")))
    })
    .await?;
    let packed = size as f64 / MIB;
    column.put(Figure::Image, Cell::decimal(packed).note("(as pulled)").met(packed < 25.0));
    Ok(())
}

/// So many replicas of the controller, ready.
async fn scale(client: &Client, replicas: i32) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), controller::NAMESPACE);
    let to = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    api.patch("sluice", &PatchParams::default(), &to).await.context("scaling the controller")?;
    wait_for(&format!("{replicas} replicas of the controller"), secs(60), async || {
        let status = api.get("sluice").await?.status.unwrap_or_default();
        let ready = status.ready_replicas.unwrap_or(0);
        let pods = SLUICE.pods(client).await?.len();
        if ready == replicas && i32::try_from(pods) == Ok(replicas) {
            Ok(())
        } else {
            Err(Seen::yet(format!("{ready} ready of {pods}")))
        }
    })
    .await
}
