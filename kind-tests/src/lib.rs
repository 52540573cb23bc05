//! What the tests on a real Kubernetes are written with.
//!
//! `KUBECONFIG` names the cluster. A test takes a namespace of its own, puts an application and a policy in it, sends
//! load from a pod, does one thing, waits for what must come of it and counts the requests:
//!
//! ```no_run
//! # use kind_tests::prelude::*;
//! # async fn test() -> anyhow::Result<()> {
//! with_namespace("good", async |ns| {
//!     let app = App::testapp("shop").version("1.0.0").replicas(4).canary([20, 50]).bake("3s");
//!     let shop = ns.taken_over(&app).await?;
//!     let load = Load::on(&ns, &app).rate(40).start().await?;
//!     let release = shop.update(&app.clone().version("1.1.0")).await?;
//!     release.ends_as(Phase::Succeeded).await?;
//!     load.stop().await?.no_request_failed()
//! })
//! .await
//! # }
//! ```
//!
//! Nothing sleeps to give something time: [`wait::wait_for`] asks until it has come, with a deadline, and says what it
//! saw when it does not come.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod audit;
pub mod binomial;
pub mod cli;
pub mod cluster;
pub mod controller;
pub mod decision;
pub mod deploy;
pub mod dump;
pub mod kubectl;
pub mod load;
pub mod namespace;
pub mod planes;
pub mod policy;
pub mod process;
pub mod program;
pub mod prometheus;
pub mod raw;
pub mod receiver;
pub mod recorder;
pub mod release;
pub mod revision;
pub mod selectors;
pub mod traffic;
pub mod verdict;
pub mod wait;
pub mod words;

/// What nearly every test needs.
pub mod prelude {
    pub use std::time::Duration;

    pub use anyhow::{Context as _, ensure};
    pub use crds::{DecisionAction, journal::Phase};

    pub use crate::{
        app::{App, Front},
        cluster::connect,
        load::Load,
        namespace::{Namespace, with_namespace},
        policy::Policy,
        recorder::Recorder,
        release::Release,
        selectors::Selectors,
        traffic::{Traffic, routed_share_is, share_is},
        wait::{Seen, secs, wait_for},
    };
}
