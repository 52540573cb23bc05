//! What a Namespace says: that it is going, that nothing rises in it, and that no emergency is let through.

use std::sync::Arc;

use crds::{freeze, names};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Resource, ResourceExt};
use planner::{
    journal::{Phase, Purpose},
    world::{Freeze, Release},
};

use crate::{
    api::{self, Error},
    context::Context,
};

/// Whether nothing can be created in a namespace any more.
pub async fn terminating(context: &Arc<Context>, namespace: &str) -> Result<bool, Error> {
    Ok(get(context, namespace).await?.is_none_or(|n| n.meta().deletion_timestamp.is_some()))
}

/// The freezes of a namespace, and those of all namespaces, which the controller's own has; none where they would not hold the release.
pub async fn freezes(context: &Arc<Context>, namespace: &str, release: &Release) -> Result<Vec<Freeze>, Error> {
    // What is inconclusive rises again when a person promotes it.
    let rises = release.journal.phase < Phase::Promoting || release.journal.phase == Phase::Inconclusive;
    if !rises || release.purpose == Purpose::Remove || release.is_bound_to_no_calendar() {
        return Ok(Vec::new());
    }
    let (here, everywhere) = futures::try_join!(
        freeze_in(context, namespace, names::FREEZE),
        freeze_in(context, &context.home, names::FREEZE_ALL),
    )?;
    Ok(here.into_iter().chain(everywhere).collect())
}

async fn freeze_in(context: &Arc<Context>, namespace: &str, annotation: &str) -> Result<Option<Freeze>, Error> {
    match get(context, namespace).await {
        Ok(found) => Ok(found.and_then(|n| written(&n, annotation))),
        // The way back needs nothing of this, so that a right that is missing must not end the pass.
        Err(error) if error.is_forbidden() => Ok(Some(Freeze {
            from: None,
            until: None,
            reason: unread(namespace),
            by: "a right that is missing".into(),
        })),
        Err(error) => Err(error),
    }
}

fn written(namespace: &Namespace, annotation: &str) -> Option<Freeze> {
    let text = namespace.annotations().get(annotation)?;
    Some(freeze::read(text, format!("annotation {annotation} of Namespace {}", namespace.name_any())))
}

/// Why no version may take the emergency way in a namespace, if none may. Whatever is written there but `Allowed` forbids it.
pub async fn no_emergency(context: &Arc<Context>, namespace: &str) -> Result<Option<String>, Error> {
    let annotation = names::EMERGENCY;
    match get(context, namespace).await {
        Ok(found) => {
            let said = found.and_then(|n| n.annotations().get(annotation).cloned()).filter(|said| said != "Allowed");
            Ok(said.map(|_| format!("Namespace {namespace} forbids emergencies (annotation {annotation})")))
        }
        Err(error) if error.is_forbidden() => Ok(Some(unread(namespace))),
        Err(error) => Err(error),
    }
}

fn unread(namespace: &str) -> String {
    format!(
        "the controller may not read Namespace {namespace}, whose annotations may forbid it: install the chart's roles, or give its ServiceAccount get, list and watch on namespaces"
    )
}

async fn get(context: &Arc<Context>, name: &str) -> Result<Option<Namespace>, Error> {
    api::get(&kube::Api::all(context.kube.client()), name).await
}
