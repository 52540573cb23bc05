//! `make demo`: a distribution of four services is delivered on a real Kubernetes, in good versions and bad ones, under
//! load that counts every request.
//!
//! `KUBECONFIG` names the cluster, which has Sluice and Prometheus, and the data plane of `PROVIDER` (service, gateway-api
//! or istio). What is told is what was seen: no figure is known beforehand. The exit code is 0 when every promise held, 1
//! when one did not, 130 when it was interrupted.
#![forbid(unsafe_code)]

mod counters;
mod identity;
mod ledger;
mod messages;
mod provider;
mod row;
mod screen;
mod shares;
mod shop;
mod sight;
mod stage;
mod story;
mod words;

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
};

use kind_tests::{cluster::connect, dump, namespace::Namespace};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = tokio::select! {
        ended = story::tell() => ended,
        // The story is dropped at once; what it made in the cluster goes when the next one begins.
        _ = tokio::signal::ctrl_c() => {
            eprintln!("\ninterrupted");
            return ExitCode::from(130);
        }
    };
    match ended {
        Ok(broken) if broken.is_empty() => ExitCode::SUCCESS,
        Ok(broken) => {
            for promise in broken {
                eprintln!("error: a promise did not hold: {promise}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            explain().await;
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Everything in the cluster that may tell why, for a log; who sits at a terminal can ask the cluster.
async fn explain() {
    if !stdout().is_terminal()
        && let Ok(client) = connect().await
    {
        dump::print(&Namespace { client, name: shop::NAMESPACE.into() }).await;
    }
}
