//! Flagger and Argo Rollouts: built from their Go modules, installed as they ship, measured with the same application,
//! the same load and the same counts as Sluice.

mod applied;
mod live;
mod objects;
mod ward;

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::Deployment;
use kind_tests::{namespace::Namespace, prelude::*, program::Program};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{column::Column, progress::say};

pub use objects::create;
pub use ward::{State, resource, state_of};

/// Another controller of progressive delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Blue/green: it has no canary without a mesh.
    Flagger,
    /// Canary by numbers of pods.
    Rollouts,
}

/// How long it may take until it runs, or is gone.
const SWITCHED: Duration = secs(90);

impl Peer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Flagger, Self::Rollouts];

    /// Its name and version, for the head of a column; `kind-tests/cluster/lib/binaries.sh` pins the version.
    pub fn title(self) -> &'static str {
        match self {
            Self::Flagger => "Flagger 1.41.0",
            Self::Rollouts => "Argo Rollouts 1.10.1",
        }
    }

    /// How its pods and processes are found.
    pub fn program(self) -> &'static Program {
        match self {
            Self::Flagger => &Program {
                user: "system:serviceaccount:flagger-system:flagger",
                namespace: "flagger-system",
                selector: "app=flagger",
                command: "./flagger",
            },
            Self::Rollouts => &Program {
                user: "system:serviceaccount:argo-rollouts:argo-rollouts",
                namespace: "argo-rollouts",
                selector: "app.kubernetes.io/name=argo-rollouts",
                command: "/bin/rollouts-controller",
            },
        }
    }

    /// The name of its Deployment.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flagger => "flagger",
            Self::Rollouts => "argo-rollouts",
        }
    }

    /// Runs something while it runs, and nothing else of it afterwards.
    ///
    /// # Errors
    ///
    /// When it does not start or does not end, and those of what is run.
    pub async fn running(self, client: &Client, what: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
        let started = self.scale(client, 1).await;
        let outcome = if started.is_ok() { what().await } else { started };
        self.scale(client, 0).await?;
        outcome
    }

    async fn scale(self, client: &Client, replicas: i32) -> Result<()> {
        let program = self.program();
        let api: Api<Deployment> = Api::namespaced(client.clone(), program.namespace);
        let to = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        let name = self.name();
        api.patch(name, &PatchParams::default(), &to)
            .await
            .with_context(|| format!("scaling {name}; kind-tests/cluster/peers.sh installs it"))?;
        wait_for(&format!("{replicas} replicas of {name}"), SWITCHED, async || {
            let status = api.get(name).await?.status.unwrap_or_default();
            let (ready, there) = (status.ready_replicas.unwrap_or(0), status.replicas.unwrap_or(0));
            if ready == replicas && there == replicas {
                Ok(())
            } else {
                Err(Seen::yet(format!("{ready} ready of {there}")))
            }
        })
        .await
    }

    /// Releases under load, the controller killed.
    ///
    /// # Errors
    ///
    /// When a release does not end.
    pub async fn live(self, ns: &Namespace, column: &mut Column) -> Result<()> {
        say(&format!("{}: releases under load", self.title()));
        live::run(self, ns, column).await
    }

    /// Manifests applied again, its object deleted.
    ///
    /// # Errors
    ///
    /// When something does not come to rest.
    pub async fn applied(self, ns: &Namespace, column: &mut Column) -> Result<()> {
        say(&format!("{}: manifests applied again, its object deleted", self.title()));
        applied::run(self, ns, column).await
    }
}
