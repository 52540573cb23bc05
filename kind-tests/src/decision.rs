//! What a person decides.

use anyhow::{Context, Result};
use crds::{Decision, DecisionAction};
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use kube::{Api, Client, api::PostParams};
use serde_json::json;

use crate::release::Release;

/// The name by which the API server knows whoever `KUBECONFIG` says.
///
/// # Errors
///
/// When it does not tell.
pub async fn whoami(client: &Client) -> Result<String> {
    myself(client).await?.username.context("a user name")
}

async fn myself(client: &Client) -> Result<UserInfo> {
    let api = Api::<SelfSubjectReview>::all(client.clone());
    let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    review.status.and_then(|s| s.user_info).context("who I am")
}

impl Release {
    /// Decides about it, as oneself.
    ///
    /// # Errors
    ///
    /// When the decision is refused.
    pub async fn decide(&self, action: DecisionAction) -> Result<Decision> {
        let me = myself(&self.ns.client).await?;
        let digest = self.get().await?.spec.to.context("a revision to decide about")?.digest;
        let decision = json!({
            "metadata": { "generateName": format!("{}-", self.policy) },
            "spec": {
                "release": self.name,
                "digest": digest,
                "action": action,
                "by": me.username.context("a user name")?,
                "groups": me.groups.unwrap_or_default(),
                "comment": "a test",
            },
        });
        self.ns.create_object(decision).await
    }
}
