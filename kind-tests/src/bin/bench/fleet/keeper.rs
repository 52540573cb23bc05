//! Whose the applications of a fleet are.

use crds::RolloutPolicy;
use k8s_openapi::api::core::v1::ContainerState;
use kind_tests::{app::App, program::SLUICE, wait::Seen};
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams},
};
use serde_json::Value;

use crate::peer::{Peer, State, resource, state_of};

/// A controller that takes care of many applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Ours.
    Sluice,
    /// Another.
    Peer(Peer),
}

impl Keeper {
    /// What the names of its namespaces begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Sluice => "bench-fleet-",
            Self::Peer(Peer::Flagger) => "bench-flagger-",
            Self::Peer(Peer::Rollouts) => "bench-rollouts-",
        }
    }

    /// What its objects are called.
    pub fn things(self) -> &'static str {
        match self {
            Self::Sluice => "policies",
            Self::Peer(Peer::Flagger) => "canaries of Flagger",
            Self::Peer(Peer::Rollouts) => "rollouts of Argo",
        }
    }

    /// An application of this name, with one pod once it is in this one's care.
    pub fn app(self, name: &str) -> App {
        let app = App::testapp(name).no_gates().canary([50]).bake("1s").progress("30m");
        match self {
            // Its revisions have the pods that the policy says.
            Self::Sluice => app.replicas(0).policy("/firstRevision", "Gate".into()).policy("/replicas", 1.into()),
            Self::Peer(_) => app.replicas(1),
        }
    }

    /// The objects that put an application into its care.
    pub fn objects(self, app: &App, name: &str) -> Vec<Value> {
        match self {
            Self::Sluice => vec![app.rollout_policy()],
            Self::Peer(peer) => peer.objects(name, 1),
        }
    }

    /// How many of its objects are settled, and what is known of one that is not.
    ///
    /// # Errors
    ///
    /// When they cannot be listed, or never will be.
    pub async fn settled(self, client: &Client) -> Result<(usize, String), Seen> {
        match self {
            Self::Sluice => policies(client).await,
            Self::Peer(peer) => of_peer(peer, client).await,
        }
    }
}

async fn policies(client: &Client) -> Result<(usize, String), Seen> {
    if out_of_memory(client).await? {
        return Err(Seen::never("the controller was killed: it needs more memory than its limit"));
    }
    let policies = Api::<RolloutPolicy>::all(client.clone()).list(&ListParams::default()).await?;
    let (settled, other): (Vec<_>, Vec<_>) = policies.iter().partition(|p| is_settled(p));
    let example = other.first().and_then(|p| p.status.as_ref()).and_then(|s| s.waiting.as_ref());
    let why = example.map(|w| format!("; one waits, {}: {}", w.reason, w.message)).unwrap_or_default();
    Ok((settled.len(), why))
}

async fn of_peer(peer: Peer, client: &Client) -> Result<(usize, String), Seen> {
    let all: Api<DynamicObject> = Api::all_with(client.clone(), &resource(peer));
    let objects = all.list(&ListParams::default()).await?;
    let (settled, other): (Vec<_>, Vec<_>) =
        objects.iter().map(|o| state_of(peer, &o.data)).partition(|state| *state == State::Rest);
    let why = other.first().map(|state| format!("; one is {state:?}")).unwrap_or_default();
    Ok((settled.len(), why))
}

fn is_settled(policy: &RolloutPolicy) -> bool {
    let Some(status) = &policy.status else { return false };
    status.stable.is_some() && status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// Whether a controller was killed because it took more memory than its limit.
async fn out_of_memory(client: &Client) -> anyhow::Result<bool> {
    let pods = SLUICE.pods(client).await?;
    let mut containers = pods.iter().filter_map(|p| p.status.as_ref()?.container_statuses.as_ref()).flatten();
    let ended = |state: &Option<ContainerState>| state.as_ref().and_then(|s| s.terminated.clone()?.reason);
    let killed = |reason: Option<String>| reason.is_some_and(|r| r == "OOMKilled");
    Ok(containers.any(|c| killed(ended(&c.state)) || killed(ended(&c.last_state))))
}
