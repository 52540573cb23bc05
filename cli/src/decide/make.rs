//! Making a decision: who asks, and the object.

use std::fmt;

use crds::{Decision, Release};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::{
    Api, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, PostParams},
};
use serde_json::json;

use crate::{
    app::App,
    facts::Facts,
    failure::{Failure, refused},
};

/// What a person can decide, as the API spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Give an approval.
    Approve,
    /// Refuse one.
    Reject,
    /// Hold.
    Pause,
    /// Go on.
    Resume,
    /// End this step.
    SkipStep,
    /// Go to promotion.
    Promote,
    /// Take back.
    Abort,
    /// Try again.
    Retry,
    /// Bring the version before back.
    Rollback,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// As the API server knows them.
    pub name: String,
    /// Their groups.
    pub groups: Vec<String>,
}

/// The most groups that a decision can name.
const MOST_GROUPS: usize = 16;

/// The groups that a decision names, since a right may come by any of them: all, or of many first those that are asked for, then
/// those that are not the system's own, then the others that not everybody has.
pub fn groups_that_matter(all: &[String], wanted: &[String]) -> Vec<String> {
    let fits = |group: &&String| (1..=253).contains(&group.len());
    if all.len() <= MOST_GROUPS {
        return all.iter().filter(fits).cloned().collect();
    }
    let asked = all.iter().filter(|g| wanted.contains(g));
    let others = || all.iter().filter(|g| !wanted.contains(g) && *g != "system:authenticated");
    // Whoever is among these may do everything, by no other group.
    let masters = others().filter(|g| *g == "system:masters");
    let own = others().filter(|g| !g.starts_with("system:"));
    let systems = others().filter(|g| g.starts_with("system:") && *g != "system:masters");
    asked.chain(masters).chain(own).chain(systems).filter(fits).take(MOST_GROUPS).cloned().collect()
}

/// Asks the API server who asks.
///
/// # Errors
/// When it does not say.
pub(super) async fn whoami(app: &App) -> Result<Me, Failure> {
    let attempt = "asking who you are (SelfSubjectReview)";
    let api = Api::<SelfSubjectReview>::all(app.client.clone());
    let review =
        api.create(&PostParams::default(), &SelfSubjectReview::default()).await.map_err(|e| refused(attempt, &e))?;
    let user = review.status.and_then(|s| s.user_info).unwrap_or_default();
    let name = user.username.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Failure::error(format!("{attempt}: the API server names nobody; log in first")))?;
    Ok(Me { name, groups: user.groups.unwrap_or_default() })
}

/// Creates the decision and returns its UID.
#[allow(clippy::too_many_arguments)]
pub(super) async fn create(
    app: &App,
    facts: &Facts,
    release: &Release,
    action: Action,
    gate: Option<&str>,
    comment: Option<&str>,
    me: &Me,
    wanted: &[String],
) -> Result<String, Failure> {
    let name = release.name_any();
    let kind = ApiResource::erase::<Decision>(&());
    let mut object = DynamicObject::new("", &kind);
    object.metadata.name = None;
    object.metadata.generate_name = Some(format!("{}-", facts.name()));
    let mut spec = json!({
        "release": name,
        "digest": release.spec.to.as_ref().map(|to| to.digest.clone()),
        "action": action.to_string(),
        "by": me.name,
    });
    let groups = groups_that_matter(&me.groups, wanted);
    for (key, value) in [("gate", json!(gate)), ("comment", json!(comment)), ("groups", json!(groups))] {
        if value != json!(null) && value != json!([]) {
            spec[key] = value;
        }
    }
    object.data = json!({ "spec": spec });
    let api = Api::<DynamicObject>::namespaced_with(app.client.clone(), &app.namespace, &kind);
    let attempt = format!("deciding {action} about release {name}");
    let made = api.create(&PostParams::default(), &object).await.map_err(|e| denied(&attempt, &e))?;
    Ok(made.meta().uid.clone().unwrap_or_default())
}

fn denied(attempt: &str, error: &kube::Error) -> Failure {
    let mut failure = refused(attempt, error);
    if let kube::Error::Api(status) = error
        && status.code == 422
        && status.message.contains("spec.action")
    {
        failure.message.push_str("; the Sluice of this cluster does not know this decision: upgrade it");
    }
    failure
}
