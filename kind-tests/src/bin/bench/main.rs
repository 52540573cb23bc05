//! `make bench`: what Sluice does is measured on a real Kubernetes and printed beside what its peers were measured at
//! earlier, or with `PEERS=1` in the environment beside what they are measured at in the same run.
//!
//! `KUBECONFIG` names the cluster, which has Sluice and Prometheus, and `LOCALK8S_DIR` the folder with the API server's
//! audit log; `kind-tests/bench.sh` sees to both. Arguments are the parts to measure; all without any. What is not met
//! is printed as missed and is no error: the exit code is 0 when everything was measured.
#![forbid(unsafe_code)]

mod applied;
mod column;
mod figure;
mod fleet;
mod killed;
mod known;
mod laps;
mod live;
mod node;
mod peer;
mod people;
mod pods;
mod progress;
mod routes;
mod table;
mod trail;
mod verdicts;

use std::process::ExitCode;

use anyhow::Result;
use kind_tests::{
    cluster::connect,
    controller,
    namespace::{Namespace, with_namespace},
    program::SLUICE,
};

use crate::{
    column::{Cell, Column},
    figure::Figure,
    fleet::{Fleet, Keeper},
    node::FakeNode,
    peer::Peer,
};

/// What can be measured by itself, in this order.
const PARTS: [&str; 6] = ["live", "applied", "verdicts", "routes", "people", "fleet"];

#[tokio::main]
async fn main() -> ExitCode {
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        eprintln!("error: there is no part {unknown}; there are: {}", PARTS.join(", "));
        return ExitCode::FAILURE;
    }
    let parts: Vec<_> = PARTS.into_iter().filter(|p| wanted.is_empty() || wanted.iter().any(|w| w == p)).collect();
    let peers = if std::env::var_os("PEERS").is_some_and(|v| v == "1") { &Peer::ALL[..] } else { &[] };
    let mut columns = Columns::new(peers);
    let measured = tokio::select! {
        measured = measure(&parts, peers, &mut columns) => measured,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("\ninterrupted");
            return ExitCode::from(130);
        }
    };
    println!("\n{}", table::render(&columns.flagger, &columns.rollouts, &columns.sluice));
    println!("\n{}\n{NOTES}", if peers.is_empty() { known::SOURCE } else { MEASURED });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: not all was measured: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The columns of the table.
struct Columns {
    flagger: Column,
    rollouts: Column,
    sluice: Column,
}

impl Columns {
    /// Empty for those that are measured in this run.
    fn new(peers: &[Peer]) -> Self {
        let column = |peer: Peer, known: fn() -> Column| {
            if peers.contains(&peer) { Column::new(peer.title()) } else { known() }
        };
        Self {
            flagger: column(Peer::Flagger, known::flagger),
            rollouts: column(Peer::Rollouts, known::argo),
            sluice: Column::new("Sluice"),
        }
    }

    fn of(&mut self, peer: Peer) -> &mut Column {
        match peer {
            Peer::Flagger => &mut self.flagger,
            Peer::Rollouts => &mut self.rollouts,
        }
    }
}

/// Where the peers' figures come from, when they are of this run.
const MEASURED: &str = "\
Peers: measured in this run, with the same application and load: built from their Go modules, installed as they ship,
with one replica, which the kubelet or its Deployment starts again. Flagger: blue/green, 4 looks 10 s apart, with 10
requests a second on the candidate's Service, since without a mesh it has no canary. Argo Rollouts: setWeight 20, 40,
60, 80 with pauses of 10 s. Both need two failed looks. Flagger is not asked for 1,000 objects, which at its interval
of 10 s would want more than the 100 requests a second it allows itself.";

/// How to read the table.
const NOTES: &str = "\
Sluice: measured in this run. 100 requests a second, each on a connection of its own, to four pods that serve on for
3 s after SIGTERM, as podinfo does. Beyond the waits: from the change to the last answer of the old version, without
1 s of settle and 40 s of bakes. Acts: the first request about the release by the other replica. Idle: all replicas,
without watches. Policies at rest are settled, 200 in a namespace, with one pod each on a node object that runs
nothing. By routes: three releases each, from the arrival of the patch of a route from 0 to 80 % at the API server to
the first answer of the candidate, with 100 requests a second; the median. MB are 10^6 bytes of resident memory of the
replica that leads, after it took all of them over; (cgroup) is what its limit is compared with.";

/// Measures the parts; one that fails does not keep the others from being measured.
async fn measure(parts: &[&str], peers: &[Peer], columns: &mut Columns) -> Result<()> {
    let mut failed = Vec::new();
    for part in parts {
        for &peer in peers {
            let measured = of_peer(part, peer, columns.of(peer)).await;
            failed.extend(measured.err().map(|error| format!("{part} of {}: {error:#}", peer.title())));
        }
        let column = &mut columns.sluice;
        let measured = match *part {
            "live" => with_namespace("bench-live", async |ns| live(&ns, column).await).await,
            "applied" => with_namespace("bench-applied", async |ns| applied::run(&ns, column).await).await,
            "verdicts" => verdicts::run(column).await,
            "routes" => routes::run(column).await,
            "people" => with_namespace("bench-people", async |ns| people::run(&ns, column).await).await,
            _ => fleet(column).await,
        };
        failed.extend(measured.err().map(|error| format!("{part}: {error:#}")));
    }
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

async fn of_peer(part: &str, peer: Peer, column: &mut Column) -> Result<()> {
    let client = connect().await?;
    peer.running(&client, async || match part {
        "live" => with_namespace("bench-peer", async |ns| peer.live(&ns, column).await).await,
        "applied" => with_namespace("bench-peer", async |ns| peer.applied(&ns, column).await).await,
        // Their rules are simulated, in many more releases: docs/analysis.md.
        "verdicts" => Ok(()),
        // Peers are measured on plain Services.
        "routes" => Ok(()),
        // Their approvals and messages are of another kind: there is nothing to compare.
        "people" => Ok(()),
        _ => fleet_of(peer, column).await,
    })
    .await
}

async fn live(ns: &Namespace, column: &mut Column) -> Result<()> {
    let mut live = live::take_over(ns, column).await?;
    live::good(&mut live, column).await?;
    live::bad(&mut live, column).await?;
    killed::run(&mut live, column).await
}

async fn fleet_of(peer: Peer, column: &mut Column) -> Result<()> {
    let client = connect().await?;
    controller::prepare_to_kill(&client).await?;
    let _node = FakeNode::start(&client).await?;
    let mut fleet = Fleet::new(client.clone(), Keeper::Peer(peer));
    for (size, figure) in [(1, Figure::Memory1), (200, Figure::Memory200), (1_000, Figure::Memory1000)] {
        if size > 200 && peer == Peer::Flagger {
            continue;
        }
        fleet.grow(size).await?;
        fleet.memory_of_peer(peer.program(), figure, column).await?;
        if size == 200 {
            fleet.idle(peer.program(), column).await?;
        }
    }
    fleet.remove().await
}

async fn fleet(column: &mut Column) -> Result<()> {
    let client = connect().await?;
    controller::prepare_to_kill(&client).await?;
    let _node = FakeNode::start(&client).await?;
    let mut fleet = Fleet::new(client.clone(), Keeper::Sluice);
    fleet.grow(1).await?;
    fleet.start(column).await?;
    fleet.memory(20.0, Figure::Memory1, column).await?;
    fleet.grow(200).await?;
    fleet.memory(35.0, Figure::Memory200, column).await?;
    fleet.idle(&SLUICE, column).await?;
    fleet::image(&client, column).await?;
    if let Err(error) = fleet.grow(1_000).await {
        column.put(Figure::Memory1000, Cell::text("did not settle").met(false));
        return Err(error);
    }
    fleet.memory(60.0, Figure::Memory1000, column).await
}
