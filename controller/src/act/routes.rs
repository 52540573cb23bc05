//! Writing shares into routes: one JSON patch each, for the version that was read, and nothing but the backends of their rules.

use std::sync::Arc;

use crds::names;
use kube::{Api, core::DynamicObject};
use planner::{journal::Phase, world::Share};
use providers::{Made, Provider, Unusable};
use serde_json::Value;

use crate::{
    api::{self, Error},
    context::{Contest, Context},
    observe::{Live, Observed, document},
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

/// Makes the route that the policy holds, or puts it right. What the API server has against it is remembered and told: a fault of the
/// policy must not keep a pass from anything else.
pub async fn make(context: &Arc<Context>, observed: &Observed) -> Result<(), Error> {
    let Some(live) = &observed.routes else { return Ok(()) };
    let Some(base) = live.held.as_ref().and_then(|held| held.base.as_ref()) else { return Ok(()) };
    match written(context, observed, live, base).await {
        Err(why) if why.is_refusal() => {
            context.was_refused(&observed.key(), base, api::chain(&why));
            Ok(())
        }
        other => other,
    }
}

async fn written(context: &Arc<Context>, observed: &Observed, live: &Live, base: &Value) -> Result<(), Error> {
    let Some((kind, name)) = live.routes.all.first() else { return Ok(()) };
    let api = Api::<DynamicObject>::namespaced_with(context.kube.client(), &observed.namespace(), kind);
    let Some((_, route)) = live.objects.first() else {
        return api::create_strictly(&context.kube.client(), &api, name, base).await.map(|_| ());
    };
    let provider = &*live.routes.provider;
    let patch = providers::restored(provider, route, base, &live.known).map_err(|e| Error::Invalid(e.to_string()))?;
    if patch.is_empty() {
        context.has_made(&observed.key(), Made::new(provider, base, route));
        return Ok(());
    }
    let share = observed.world.routes.as_ref().and_then(|routes| routes.share.as_ref());
    if let Some(manager) = contested(observed, route, share) {
        context.put_right(&observed.key(), Contest::Routes, &manager);
    }
    let now = document(&api::json_patch(&api, name, patch).await?, kind)?;
    context.has_made(&observed.key(), Made::new(provider, base, &now));
    Ok(())
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
