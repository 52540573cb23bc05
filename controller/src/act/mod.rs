//! Carrying out a plan: thin, in order, up to the first error. No choice is made here that the plan has not made.

mod apex;
mod release;
mod revision;
mod routes;
mod run;
mod settings;

use std::sync::Arc;

use crds::{RolloutPolicy, names};
use k8s_openapi::api::core::v1::Pod;
use kube::{Resource, ResourceExt, core::DynamicObject};
use planner::{Action, RevisionId, journal::Purpose};
use serde_json::json;
use tracing::{Instrument as _, info_span};

use crate::{
    api::{self, Error},
    context::{Contest, Context},
    observe::{self, Observed, deployments},
};

pub use release::housekeeping;

/// Name of a revision's objects.
pub fn revision_name(policy: &str, revision: &RevisionId) -> String {
    format!("{policy}-{revision}")
}

/// Performs the actions in order; stops at the first that fails.
pub async fn act(context: &Arc<Context>, observed: &Observed, actions: &[Action]) -> Result<(), Error> {
    for action in actions {
        let kind = name(action);
        let performing = async {
            tracing::info!(?action, "acting");
            perform(context, observed, action).await
        };
        performing.instrument(info_span!("act", otel.name = kind)).await?;
        context.telemetry.acted(kind);
    }
    Ok(())
}

fn name(action: &Action) -> &'static str {
    match action {
        Action::AddFinalizer => "AddFinalizer",
        Action::FillReplicas(_) => "FillReplicas",
        Action::CreateRelease(_) => "CreateRelease",
        Action::EnsureRevision { .. } => "EnsureRevision",
        Action::ScaleRevision { .. } => "ScaleRevision",
        Action::SetMembers { .. } => "SetMembers",
        Action::SetApex { .. } => "SetApex",
        Action::MakeRoute => "MakeRoute",
        Action::SetRoutes(_) => "SetRoutes",
        Action::LayRoutes(_) => "LayRoutes",
        Action::TidyRoutes => "TidyRoutes",
        Action::EnsureSettings(_) => "EnsureSettings",
        Action::ScaleWorkload(_) => "ScaleWorkload",
        Action::StartRun(_) => "StartRun",
        Action::DeleteRevision(_) => "DeleteRevision",
        Action::LeaveServing(_) => "LeaveServing",
        Action::DeleteRelease(_) => "DeleteRelease",
        Action::ReleaseFinalizers => "ReleaseFinalizers",
    }
}

async fn perform(context: &Arc<Context>, observed: &Observed, action: &Action) -> Result<(), Error> {
    match action {
        Action::AddFinalizer => add_finalizer(context, &observed.object).await,
        Action::FillReplicas(replicas) => fill_replicas(context, &observed.object, *replicas).await,
        Action::CreateRelease(new) => release::create(context, observed, new).await,
        Action::EnsureRevision { revision, replicas } => revision::ensure(context, observed, revision, *replicas).await,
        Action::ScaleRevision { revision, replicas } => {
            scale(context, observed, &revision_name(&observed.object.name_any(), revision), *replicas).await
        }
        Action::SetMembers { stable, candidate, pods } => members(context, observed, stable, candidate, pods).await,
        Action::SetApex { selects, capacity } => apex::set(context, observed, selects, *capacity).await,
        Action::MakeRoute => routes::make(context, observed).await,
        Action::SetRoutes(share) => routes::set(context, observed, share.as_ref()).await,
        Action::LayRoutes(share) => routes::lay(context, observed, share).await,
        Action::TidyRoutes => routes::tidy(context, observed).await,
        Action::EnsureSettings(of) => settings::ensure(context, observed, of.as_ref()).await,
        Action::ScaleWorkload(replicas) => {
            scale(context, observed, &observed.object.spec.workload.name, *replicas).await?;
            // Taking it over is no contest.
            if *replicas == 0 && observed.world.release.as_ref().is_none_or(|r| r.purpose != Purpose::Adopt) {
                let manager = observed.workload.as_ref().map_or_else(String::new, observe::replicas_manager);
                context.put_right(&observed.key(), Contest::Replicas, &manager);
            }
            Ok(())
        }
        Action::StartRun(key) => run::start(context, observed, key).await,
        Action::DeleteRevision(id) => revision::delete(context, observed, id).await,
        Action::LeaveServing(id) => revision::leave_serving(context, observed, id).await,
        Action::DeleteRelease(name) => release::delete(context, observed, name).await,
        Action::ReleaseFinalizers => release::release_finalizers(context, observed).await,
    }
}

async fn add_finalizer(context: &Arc<Context>, policy: &RolloutPolicy) -> Result<(), Error> {
    let mut finalizers = policy.finalizers().to_vec();
    finalizers.push(names::FINALIZER.into());
    patch_policy(context, policy, json!({ "metadata": { "finalizers": finalizers } })).await
}

async fn fill_replicas(context: &Arc<Context>, policy: &RolloutPolicy, replicas: u32) -> Result<(), Error> {
    patch_policy(context, policy, json!({ "spec": { "replicas": replicas } })).await
}

async fn patch_policy(context: &Arc<Context>, policy: &RolloutPolicy, patch: serde_json::Value) -> Result<(), Error> {
    let api = context.kube.of::<RolloutPolicy>(&policy.namespace().unwrap_or_default());
    api::merge(&api, &policy.name_any(), patch).await
}

async fn scale(context: &Arc<Context>, observed: &Observed, deployment: &str, replicas: u32) -> Result<(), Error> {
    let api = kube::Api::<DynamicObject>::namespaced_with(context.kube.client(), &observed.namespace(), &deployments());
    api::merge(&api, deployment, json!({ "spec": { "replicas": replicas } })).await
}

/// Exactly the named pods of the candidate answer for the stable revision. Labels are taken off before any is put on.
async fn members(
    context: &Arc<Context>,
    observed: &Observed,
    stable: &RevisionId,
    candidate: &RevisionId,
    wanted: &std::collections::BTreeSet<String>,
) -> Result<(), Error> {
    let key = names::serving_key(stable.as_str());
    let api = context.kube.of::<Pod>(&observed.namespace());
    let pods =
        observed.pods.values().filter(|p| p.labels().get(names::REVISION).is_some_and(|r| r == candidate.as_str()));
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for pod in pods.filter(|p| p.meta().deletion_timestamp.is_none()) {
        match (pod.labels().contains_key(&key), wanted.contains(&pod.name_any())) {
            (true, false) => off.push((pod, serde_json::Value::Null)),
            (false, true) => on.push((pod, json!(""))),
            _ => {}
        }
    }
    for (pod, value) in off.into_iter().chain(on) {
        let done = api::merge(
            &api,
            &pod.name_any(),
            json!({ "metadata": { "uid": pod.uid(), "labels": { key.as_str(): value } } }),
        )
        .await;
        match done {
            // A pod that is gone needs no label.
            Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.code == 404) => {}
            other => other?,
        }
    }
    Ok(())
}
