//! `make bench`: what Sluice does is measured on a real Kubernetes and printed beside what its peers were measured at.
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
mod pods;
mod progress;
mod table;
mod trail;

use std::process::ExitCode;

use anyhow::Result;
use kind_tests::{
    cluster::connect,
    controller,
    namespace::{Namespace, with_namespace},
};

use crate::{
    column::{Cell, Column},
    figure::Figure,
    fleet::Fleet,
    node::FakeNode,
};

/// What can be measured by itself, in this order.
const PARTS: [&str; 3] = ["live", "applied", "fleet"];

#[tokio::main]
async fn main() -> ExitCode {
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        eprintln!("error: there is no part {unknown}; there are: {}", PARTS.join(", "));
        return ExitCode::FAILURE;
    }
    let parts: Vec<_> = PARTS.into_iter().filter(|p| wanted.is_empty() || wanted.iter().any(|w| w == p)).collect();
    let mut column = Column::new("Sluice");
    let measured = tokio::select! {
        measured = measure(&parts, &mut column) => measured,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("\ninterrupted");
            return ExitCode::from(130);
        }
    };
    println!("\n{}", table::render(&known::flagger(), &known::argo(), &column));
    println!("\n{}\n{NOTES}", known::SOURCE);
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: not all was measured: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How to read the table.
const NOTES: &str = "\
Sluice: measured in this run. 100 requests a second, each on a connection of its own, to four pods that serve on for
3 s after SIGTERM, as podinfo does. Beyond the waits: from the change to the last answer of the old version, without
1 s of settle and 40 s of bakes. Acts: the first request about the release by the other replica. Idle: all replicas,
without watches. Policies at rest are settled, 200 in a namespace, with one pod each on a node object that runs
nothing. MB are 10^6 bytes of resident memory of the replica that leads, after it took all of them over; (cgroup) is
what its limit is compared with.";

/// Measures the parts; one that fails does not keep the others from being measured.
async fn measure(parts: &[&str], column: &mut Column) -> Result<()> {
    let mut failed = Vec::new();
    for part in parts {
        let measured = match *part {
            "live" => with_namespace("bench-live", async |ns| live(&ns, column).await).await,
            "applied" => with_namespace("bench-applied", async |ns| applied::run(&ns, column).await).await,
            _ => fleet(column).await,
        };
        failed.extend(measured.err().map(|error| format!("{part}: {error:#}")));
    }
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

async fn live(ns: &Namespace, column: &mut Column) -> Result<()> {
    let mut live = live::take_over(ns, column).await?;
    live::good(&mut live, column).await?;
    live::bad(&mut live, column).await?;
    killed::run(&mut live, column).await
}

async fn fleet(column: &mut Column) -> Result<()> {
    let client = connect().await?;
    controller::prepare_to_kill(&client).await?;
    let _node = FakeNode::start(&client).await?;
    let mut fleet = Fleet::new(client.clone());
    fleet.grow(1).await?;
    fleet.start(column).await?;
    fleet.memory(20.0, Figure::Memory1, column).await?;
    fleet.grow(200).await?;
    fleet.memory(35.0, Figure::Memory200, column).await?;
    fleet.idle(column).await?;
    fleet::image(&client, column).await?;
    if let Err(error) = fleet.grow(1_000).await {
        column.put(Figure::Memory1000, Cell::text("did not settle").met(false));
        return Err(error);
    }
    fleet.memory(60.0, Figure::Memory1000, column).await
}
