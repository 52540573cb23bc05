//! Many policies at rest: requests of the idle controller, its memory, its start and its image.

use anyhow::Result;
use crds::RolloutPolicy;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{self as core, ContainerState, Node, Pod, Service},
};
use kind_tests::{
    controller,
    prelude::*,
    process::{charged, of_controller},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    column::{Cell, Column},
    figure::Figure,
    live::millis,
    node,
    progress::say,
    trail::{Trail, kinds},
};

/// What their namespaces' names begin with.
const FLEET: &str = "bench-fleet-";
/// Policies in one namespace.
const TOGETHER: usize = 200;
/// Objects that are created at the same time.
const AT_ONCE: usize = 8;
/// After all is settled, before it is taken to be at rest.
const REST: Duration = Duration::from_secs(20);
/// How long requests at rest are counted.
const SPAN: Duration = Duration::from_secs(60);
const MB: f64 = 1_000_000.0;
const MIB: f64 = 1_048_576.0;

/// Policies, each with a Deployment, a Service and one pod on a node that runs nothing.
pub struct Fleet {
    client: Client,
    size: usize,
}

impl Fleet {
    /// None yet.
    pub fn new(client: Client) -> Self {
        Self { client, size: 0 }
    }

    /// Adds policies until there are so many, and waits until all are settled.
    ///
    /// # Errors
    ///
    /// When one does not settle.
    pub async fn grow(&mut self, size: usize) -> Result<()> {
        say(&format!("policies until there are {size}, their pods on a node that runs nothing"));
        for number in self.size.div_ceil(TOGETHER)..size.div_ceil(TOGETHER) {
            self.add_namespace(number).await?;
        }
        let all = stream::iter(self.size..size).map(|number| self.add(number));
        all.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        self.size = size;
        say(&format!("  {size} made; waiting until all are settled"));
        let mut told = 0;
        wait_for("all policies to be settled", secs(600), async || {
            sleep(Duration::from_secs(2)).await;
            if out_of_memory(&self.client).await? {
                return Err(Seen::never("the controller was killed: it needs more memory than its limit"));
            }
            let policies = Api::<RolloutPolicy>::all(self.client.clone()).list(&ListParams::default()).await?;
            let (settled, other): (Vec<_>, Vec<_>) = policies.iter().partition(|p| is_settled(p));
            if settled.len() == size {
                return Ok(());
            }
            if settled.len() >= told + 100 {
                told = settled.len();
                say(&format!("  {told} settled"));
            }
            let example = other.first().and_then(|p| p.status.as_ref()).and_then(|s| s.waiting.as_ref());
            let why = example.map(|w| format!("; one waits, {}: {}", w.reason, w.message)).unwrap_or_default();
            Err(Seen::yet(format!("{} of {size}{why}", settled.len())))
        })
        .await
    }

    async fn add_namespace(&self, number: usize) -> Result<()> {
        let namespace = json!({ "metadata": { "name": self.namespace(number).name } });
        let api = Api::<core::Namespace>::all(self.client.clone());
        api.create(&PostParams::default(), &serde_json::from_value(namespace)?).await.context("adding a namespace")?;
        Ok(())
    }

    fn namespace(&self, number: usize) -> Namespace {
        Namespace { client: self.client.clone(), name: format!("{FLEET}{number}") }
    }

    async fn add(&self, number: usize) -> Result<()> {
        let (name, ns) = (format!("app-{number}"), self.namespace(number / TOGETHER));
        let app = App::testapp(&name).replicas(0).no_gates().canary([50]).bake("1s").progress("30m");
        let app = app.policy("/firstRevision", "Gate".into()).policy("/replicas", 1.into());
        let mut deployment = app.deployment();
        let template = &mut deployment["spec"]["template"];
        // There is nothing to scrape.
        template["metadata"]["annotations"] = Value::Null;
        template["spec"]["nodeName"] = node::NAME.into();
        template["spec"]["terminationGracePeriodSeconds"] = 0.into();
        ns.create_object::<Service>(app.service()).await?;
        ns.create_object::<Deployment>(deployment).await?;
        ns.create_object::<RolloutPolicy>(app.rollout_policy()).await?;
        Ok(())
    }

    /// The memory of the replica that leads, after all it has done, and of the next one after a restart.
    ///
    /// # Errors
    ///
    /// When the node does not tell, or nobody leads any more.
    pub async fn memory(&self, goal: f64, figure: Figure, column: &mut Column) -> Result<()> {
        sleep(REST).await;
        let client = &self.client;
        let leader = controller::leader(client).await?;
        let rss = of_controller(client, &leader).await?.rss as f64 / MB;
        let charged = charged(client, &leader).await? as f64 / MB;
        let pods: Api<Pod> = Api::namespaced(client.clone(), controller::NAMESPACE);
        pods.delete(&leader.name_any(), &DeleteParams::default()).await?;
        let next = controller::leader(client).await?;
        sleep(REST).await;
        let fresh = of_controller(client, &next).await?.rss as f64 / MB;
        let note = format!("(cgroup {charged:.1}; {fresh:.1} after a restart)");
        say(&format!("  {} settled and at rest: {rss:.1} MB resident {note}", self.size));
        column.put(figure, Cell::decimal(rss).note(&note).met(rss <= goal));
        Ok(())
    }

    /// The requests of all replicas at rest.
    ///
    /// # Errors
    ///
    /// When the audit log cannot be read.
    pub async fn idle(&self, column: &mut Column) -> Result<()> {
        say(&format!("  counting the requests of {} s at rest", SPAN.as_secs()));
        let trail = Trail::begin()?;
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
        let trail = Trail::begin()?;
        scale(client, 2).await?;
        let leader = controller::leader(client).await?;
        let name = leader.name_any();
        let first = wait_for("the first pass", secs(60), async || {
            let requests = trail.requests()?;
            let of_pass = requests.iter().filter(|r| r.pod == name && r.namespace.starts_with(FLEET) && !r.is_watch());
            of_pass.map(|r| r.at).min().ok_or_else(|| Seen::yet(format!("{} requests", requests.len())))
        })
        .await?;
        let process = of_controller(client, &leader).await?;
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

fn is_settled(policy: &RolloutPolicy) -> bool {
    let Some(status) = &policy.status else { return false };
    status.stable.is_some() && status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// Whether a controller was killed because it took more memory than its limit.
async fn out_of_memory(client: &Client) -> Result<bool> {
    let pods = controller::pods(client).await?;
    let mut containers = pods.iter().filter_map(|p| p.status.as_ref()?.container_statuses.as_ref()).flatten();
    let ended = |state: &Option<ContainerState>| state.as_ref().and_then(|s| s.terminated.clone()?.reason);
    let killed = |reason: Option<String>| reason.is_some_and(|r| r == "OOMKilled");
    Ok(containers.any(|c| killed(ended(&c.state)) || killed(ended(&c.last_state))))
}

/// So many replicas of the controller, ready.
async fn scale(client: &Client, replicas: i32) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), controller::NAMESPACE);
    let to = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    api.patch("sluice", &PatchParams::default(), &to).await.context("scaling the controller")?;
    wait_for(&format!("{replicas} replicas of the controller"), secs(60), async || {
        let status = api.get("sluice").await?.status.unwrap_or_default();
        let ready = status.ready_replicas.unwrap_or(0);
        let pods = controller::pods(client).await?.len();
        if ready == replicas && i32::try_from(pods) == Ok(replicas) {
            Ok(())
        } else {
            Err(Seen::yet(format!("{ready} ready of {pods}")))
        }
    })
    .await
}
