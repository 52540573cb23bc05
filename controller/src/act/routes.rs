//! Writing shares into routes: one JSON patch each, for the version that was read, and nothing but the backends of their rules.

use std::sync::Arc;

use crds::names;
use kube::{Api, core::DynamicObject};
use planner::{journal::Phase, world::Share};
use providers::{Provider, Unusable};
use serde_json::Value;

use crate::{
    api::{self, Error},
    context::{Contest, Context},
    observe::Observed,
};

/// Writes the share into every route that does not have it.
pub async fn set(context: &Arc<Context>, observed: &Observed, share: Option<&Share>) -> Result<(), Error> {
    patch(context, observed, share, |provider, route| provider.write(route, share)).await
}

/// Lays down what the share takes in every route that does not have it.
pub async fn lay(context: &Arc<Context>, observed: &Observed, share: &Share) -> Result<(), Error> {
    patch(context, observed, Some(share), |provider, route| provider.lay(route, share)).await
}

/// Takes what sleeps out of every route.
pub async fn tidy(context: &Arc<Context>, observed: &Observed) -> Result<(), Error> {
    patch(context, observed, None, |provider, route| Ok(provider.tidy(route))).await
}

/// Changes every route that is not so yet, on the way to a share.
async fn patch(
    context: &Arc<Context>,
    observed: &Observed,
    share: Option<&Share>,
    change: impl Fn(&dyn Provider, &Value) -> Result<Vec<Value>, Unusable>,
) -> Result<(), Error> {
    let Some(live) = &observed.routes else { return Ok(()) };
    for (kind, route) in &live.objects {
        let name = route.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let patch = change(&*live.routes.provider, route).map_err(|e| Error::Invalid(e.to_string()))?;
        if !patch.is_empty() {
            if let Some(manager) = contested(observed, route, share) {
                context.put_right(&observed.key(), Contest::Routes, &manager);
            }
            let api = Api::<DynamicObject>::namespaced_with(context.kube.client(), &observed.namespace(), kind);
            api::json_patch(&api, name, patch).await?;
        }
    }
    Ok(())
}

/// Who has written the route since we did, where a share that was in force is put back into it.
fn contested(observed: &Observed, route: &Value, share: Option<&Share>) -> Option<String> {
    share?;
    let journal = &observed.world.release.as_ref()?.journal;
    journal.applied_at.filter(|_| journal.phase == Phase::Shifting)?;
    let fields = |e: &&Value| {
        ["rules", "http", "tls", "tcp"].iter().any(|f| !e["fieldsV1"]["f:spec"][format!("f:{f}")].is_null())
    };
    let writers: Vec<_> = route.pointer("/metadata/managedFields")?.as_array()?.iter().filter(fields).collect();
    let by = |e: &&Value| e["manager"].as_str().unwrap_or("somebody").to_owned();
    if writers.iter().any(|e| by(e) == names::FIELD_MANAGER) {
        return None;
    }
    writers.iter().max_by_key(|e| e["time"].as_str()).map(by)
}
