//! Making a decision: who asks, and the object.

use crds::{Decision, DecisionSpec};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::{Api, api::PostParams};

use crate::{
    app::App,
    facts::Facts,
    failure::{Failure, refused},
};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// As the API server knows them.
    pub name: String,
    /// Their groups.
    pub groups: Vec<String>,
}

/// The most groups that a decision can name.
const MOST_GROUPS: usize = 64;

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
pub(super) async fn create(app: &App, facts: &Facts, decided: DecisionSpec) -> Result<String, Failure> {
    let attempt = format!("deciding {:?} about release {}", decided.action, decided.release);
    let mut decision = Decision::new("", decided);
    decision.metadata.name = None;
    decision.metadata.generate_name = Some(format!("{}-", facts.name()));
    let api = Api::<Decision>::namespaced(app.client.clone(), &app.namespace);
    let made = api.create(&PostParams::default(), &decision).await.map_err(|e| denied(&attempt, &e))?;
    Ok(made.metadata.uid.unwrap_or_default())
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
