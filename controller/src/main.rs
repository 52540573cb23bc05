//! The controller: wiring only.
#![forbid(unsafe_code)]

use std::{
    net::SocketAddr,
    pin::pin,
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser;
use controller::{
    api::Kube,
    context::Context,
    lease, log,
    metrics::PrometheusMeasure,
    notify::{self, Notifier, Office},
    outbound::{Egress, Outbound, Proxies, ProxyArguments},
    server,
    telemetry::Telemetry,
    traces::{Exporter, Process, Settings, Traces},
    watch,
};
use futures::StreamExt;
use k8s_controller::LeaderElection;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, Config, client::ClientBuilder};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _};

/// It gives back what many passes at the same time took; with the C library's, 200 policies at rest keep 40 MB instead of 24.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Progressive delivery and conformance gates for Kubernetes.
#[derive(Parser)]
#[command(name = "sluice-controller", version)]
struct Arguments {
    /// Address of /metrics, /healthz and /readyz.
    #[arg(long, env = "SLUICE_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// The controller's own namespace: of the lease, of the default MetricSource, and of what freezes every namespace.
    #[arg(long, env = "POD_NAMESPACE", default_value = "sluice-system")]
    namespace: String,
    /// Name of this replica; must be unique among the replicas.
    #[arg(long, env = "POD_NAME")]
    identity: Option<String>,
    /// Name of the Lease by which replicas elect a leader.
    #[arg(long, env = "SLUICE_LEASE", default_value = "sluice")]
    lease: String,
    /// Name of this cluster, for messages.
    #[arg(long, env = "SLUICE_CLUSTER_NAME")]
    cluster_name: Option<String>,
    /// Metrics servers, and receivers of webhooks and messages, may be on the loopback address; for trying things out on one machine.
    #[arg(long, env = "SLUICE_ALLOW_LOOPBACK")]
    allow_loopback: bool,
    /// Proxies for requests to receivers.
    #[command(flatten)]
    proxies: ProxyArguments,
}

impl Arguments {
    fn process(&self) -> Process {
        Process {
            identity: self.identity.clone().unwrap_or_else(|| format!("sluice-{}", std::process::id())),
            namespace: self.namespace.clone(),
            cluster: self.cluster_name.clone().filter(|name| !name.is_empty()),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (telemetry, process) = (Telemetry::default(), arguments.process());
    let traces = traces(&telemetry, &process);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let open = traces.as_ref().cloned().unwrap_or_default();
    registry().with(open.layer()).with(log::lines(filter, std::io::stdout)).init();
    let ended = match traces {
        Ok(traces) => run(arguments, process, telemetry, traces).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &ended {
        tracing::error!(error = format!("{error:#}"), "the controller ends");
    }
    open.end().await;
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Where spans go, if the environment names a place.
fn traces(telemetry: &Telemetry, process: &Process) -> anyhow::Result<Traces> {
    let Some(settings) = Settings::read(|name| std::env::var(name).ok()).context("setting up traces")? else {
        return Ok(Traces::default());
    };
    Ok(Traces::to(Exporter::new(&settings, telemetry.clone())?, process))
}

async fn run(arguments: Arguments, process: Process, telemetry: Telemetry, traces: Traces) -> anyhow::Result<()> {
    let config = Config::infer().await.context("finding the API server: run in a pod, or set KUBECONFIG")?;
    let proxies = Proxies::parse(&arguments.proxies, config.cluster_url.host()).map_err(anyhow::Error::msg)?;
    let client = |timeout| client(&config, timeout, &telemetry);
    let requests = client(Duration::from_secs(10))?;
    let watches = client(Duration::from_secs(70))?;
    let election = client(Duration::from_secs(4))?;
    let ready = server::Readiness::default();
    let mut serving = tokio::spawn(server::serve(arguments.listen, telemetry.clone(), ready.clone()));
    let version = requests.apiserver_version().await.context("reaching the API server")?;
    ready.reached();
    let Process { identity, cluster, .. } = process;
    tracing::info!(kubernetes = version.git_version, identity, ?traces, "ready; waiting for the lease");

    let (wake, woken) = futures::channel::mpsc::unbounded();
    let mut measure = PrometheusMeasure::new(requests.clone(), &arguments.namespace);
    if arguments.allow_loopback {
        measure = measure.allow_loopback();
    }
    let clock = Arc::new(controller::clock::now);
    let outbound = Outbound::new(requests.clone(), Egress { loopback: arguments.allow_loopback });
    let post = Arc::new(outbound.through(proxies));
    let (notifier, happenings) = Notifier::new(cluster.clone());
    let office = Arc::new(Office {
        kube: Kube::new(requests.clone()),
        post: post.clone(),
        clock: clock.clone(),
        telemetry: telemetry.clone(),
        namespace: arguments.namespace.clone(),
        cluster,
    });
    let context =
        Context::new(Kube::new(requests), clock, Arc::new(measure), wake, telemetry.clone(), Some(identity.clone()));
    let context = Arc::new(context.in_namespace(&arguments.namespace).with_post(post).telling(notifier).traced(traces));
    let leases = Api::<Lease>::namespaced(client(Duration::from_secs(70))?, &arguments.namespace);
    // Every six seconds keeps an idle installation of two replicas below thirty requests a minute, and leaves time for a second try.
    let election = LeaderElection::new(election, &arguments.namespace, &arguments.lease, &identity)
        .with_lease_duration(lease::LASTS)
        .with_retry_period(Duration::from_secs(6))
        .with_renew_deadline(Duration::from_secs(13));
    let (leading, heard) = (AtomicBool::new(false), Mutex::new(Some((woken, happenings))));
    let mut ended = pin!(terminated());
    loop {
        let work = async {
            leading.store(true, Ordering::Relaxed);
            telemetry.leads(true);
            tracing::info!("leading");
            let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some((woken, happenings)) = heard else { return };
            let delivering = watch::run(watches.clone(), context.clone(), woken).for_each(|()| std::future::ready(()));
            let telling = notify::run(office.clone(), watches.clone(), happenings);
            tokio::select! {
                () = delivering => {}
                () = telling => {}
            }
        };
        tokio::select! {
            biased;
            () = &mut ended => break,
            lost = election.with_lease(work) => {
                // Whatever still runs must not outlive the lease: the process ends, and Kubernetes starts it again.
                anyhow::bail!(if lost.is_none() { "the lease was lost" } else { "a watch ended" });
            }
            served = &mut serving => {
                return served.context("serving metrics")?.with_context(|| format!("listening on {}", arguments.listen));
            }
            // The election itself looks only every few seconds; begun anew, it looks at once.
            free = lease::free(&leases, &arguments.lease, || !leading.load(Ordering::Relaxed)) => {
                tracing::info!(?free, "the lease is free");
            }
        }
    }
    tracing::info!("asked to end: giving the lease back");
    election.release().await;
    Ok(())
}

/// A client whose own retries are off: one create would be sent a dozen times.
fn client(config: &Config, read_timeout: Duration, telemetry: &Telemetry) -> anyhow::Result<Client> {
    let mut config = config.clone();
    config.default_retry = false;
    config.read_timeout = Some(read_timeout);
    // Else a connection that was idle for this long fails the next request.
    config.reset_reader_on_write = true;
    config.connect_timeout = Some(Duration::from_secs(5));
    let builder = ClientBuilder::try_from(config).context("making a client of the API server")?;
    Ok(builder.with_layer(&telemetry.requests()).build())
}

async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
