//! An application in a peer's care.

use anyhow::{Result, bail};
use k8s_openapi::api::apps::v1::Deployment;
use kind_tests::{app::App, prelude::*};
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PropagationPolicy},
};
use serde_json::Value;

use super::{Peer, objects::create};

/// The longest that a release of 40 s of waiting may take, with a restart of the controller in it.
const RELEASE: Duration = secs(240);

/// What a peer's object says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is under way, and what is wished for is what serves.
    Rest,
    /// The last release was taken back.
    Failed,
    /// Something is under way.
    Busy {
        /// Steps that were begun, or looks that were taken.
        step: u64,
        /// In the peer's words.
        phase: String,
    },
}

/// The application, its namespace and the peer.
#[derive(Clone)]
pub struct Ward {
    /// Whose it is.
    pub peer: Peer,
    /// Its workload, as Sluice's tests handle one; there is no policy.
    pub app: Policy,
    /// The peer's own object for it.
    object: Value,
}

impl Ward {
    /// Puts a running application into the peer's care and waits until it has taken it over.
    ///
    /// # Errors
    ///
    /// When that does not end.
    pub async fn taken(peer: Peer, ns: &Namespace, app: &App, name: &str) -> Result<Self> {
        let [before @ .., object] = &peer.objects(name, i32::try_from(app.capacity())?)[..] else {
            bail!("no objects")
        };
        for before in before {
            create(ns, before).await?;
        }
        let ward = Self { peer, app: Policy { ns: ns.clone(), name: name.into() }, object: object.clone() };
        ward.take().await?;
        Ok(ward)
    }

    /// Puts it into the peer's care, for the first time or after its object was deleted, and waits until it is.
    ///
    /// # Errors
    ///
    /// When that does not end.
    pub async fn take(&self) -> Result<()> {
        create(&self.app.ns, &self.object).await?;
        wait_for("the peer to take the workload over", RELEASE, async || {
            let state = self.state().await?;
            let pods = self.pods_of_workload().await?;
            if state == State::Rest && pods == (0, 0) { Ok(()) } else { Err(Seen::yet(format!("{state:?}, {pods:?}"))) }
        })
        .await
    }

    /// Pods wanted and pods there, of the user's own Deployment.
    async fn pods_of_workload(&self) -> Result<(i32, i32)> {
        let workload = self.app.ns.api::<Deployment>().get(&self.app.name).await?;
        let there = workload.status.and_then(|s| s.replicas).unwrap_or(0);
        Ok((workload.spec.and_then(|s| s.replicas).unwrap_or(0), there))
    }

    fn api(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.app.ns.client.clone(), &self.app.ns.name, &resource(self.peer))
    }

    /// What its object says.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn state(&self) -> Result<State> {
        Ok(state_of(self.peer, &self.api().get(&self.app.name).await?.data))
    }

    /// Wishes for a version and waits until the peer has begun with it.
    ///
    /// # Errors
    ///
    /// When it does not begin.
    pub async fn update(&self, app: &App) -> Result<()> {
        self.app.wish(app).await?;
        self.began().await
    }

    /// Waits until a release is under way.
    ///
    /// # Errors
    ///
    /// When none is within a minute.
    pub async fn began(&self) -> Result<()> {
        self.reached(0).await
    }

    /// Waits until a release is under way that has come so far.
    ///
    /// # Errors
    ///
    /// When it has not within a minute.
    pub async fn reached(&self, wanted: u64) -> Result<()> {
        wait_for(&format!("step {wanted} of a release"), secs(60), async || match self.state().await? {
            State::Busy { step, .. } if step >= wanted => Ok(()),
            other => Err(Seen::yet(format!("{other:?}"))),
        })
        .await
    }

    /// Waits until the release ends this way.
    ///
    /// # Errors
    ///
    /// When it ends otherwise, or not in time.
    pub async fn ends_as(&self, wanted: State) -> Result<()> {
        let ended = self.ended().await?;
        ensure!(ended == wanted, "the release ended as {ended:?}, not as {wanted:?}");
        Ok(())
    }

    /// Waits until nothing is under way.
    ///
    /// # Errors
    ///
    /// When that does not come in time.
    pub async fn ended(&self) -> Result<State> {
        wait_for("the release to end", RELEASE, async || match self.state().await? {
            State::Busy { step, phase } => Err(Seen::yet(format!("{phase} in step {step}"))),
            ended => Ok(ended),
        })
        .await
    }

    /// Deletes its object.
    ///
    /// # Errors
    ///
    /// When it cannot be deleted.
    pub async fn deleted(&self) -> Result<()> {
        let how = DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
        self.api().delete(&self.app.name, &how).await?;
        Ok(())
    }
}

/// The kind of object that stands for an application.
pub fn resource(peer: Peer) -> ApiResource {
    let gvk = match peer {
        Peer::Flagger => GroupVersionKind::gvk("flagger.app", "v1beta1", "Canary"),
        Peer::Rollouts => GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout"),
    };
    ApiResource::from_gvk(&gvk)
}

/// What a peer's object says of itself.
pub fn state_of(peer: Peer, object: &Value) -> State {
    let status = &object["status"];
    let phase = status["phase"].as_str().unwrap_or_default();
    let (rest, failed, step): (&[_], _, _) = match peer {
        Peer::Flagger => (&["Initialized", "Succeeded"], "Failed", &status["iterations"]),
        Peer::Rollouts => (&["Healthy"], "Degraded", &status["currentStepIndex"]),
    };
    match phase {
        phase if rest.contains(&phase) => State::Rest,
        phase if phase == failed => State::Failed,
        phase => State::Busy { step: step.as_u64().unwrap_or(0), phase: phase.into() },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_peer_says_in_its_own_words_that_it_is_at_rest_failed_or_busy() {
        let said = |peer, phase: &str| state_of(peer, &json!({ "status": { "phase": phase, "iterations": 2 } }));
        assert_eq!(said(Peer::Flagger, "Initialized"), State::Rest);
        assert_eq!(said(Peer::Flagger, "Failed"), State::Failed);
        assert_eq!(said(Peer::Flagger, "Progressing"), State::Busy { step: 2, phase: "Progressing".into() });
        assert_eq!(said(Peer::Rollouts, "Healthy"), State::Rest);
        assert_eq!(said(Peer::Rollouts, "Degraded"), State::Failed);
        assert_eq!(state_of(Peer::Rollouts, &json!({})), State::Busy { step: 0, phase: String::new() });
    }
}
