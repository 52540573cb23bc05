//! Writing shares into routes: one JSON patch each, for the version that was read, and nothing but the backends of their rules.

use std::sync::Arc;

use kube::{Api, core::DynamicObject};
use planner::world::Share;
use serde_json::Value;

use crate::{
    api::{self, Error},
    context::Context,
    observe::Observed,
};

/// Writes the share into every route that does not have it.
pub async fn set(context: &Arc<Context>, observed: &Observed, share: Option<&Share>) -> Result<(), Error> {
    let Some(live) = &observed.routes else { return Ok(()) };
    for (kind, route) in &live.objects {
        let name = route.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let patch = live.routes.provider.write(route, share).map_err(|e| Error::Invalid(e.to_string()))?;
        if !patch.is_empty() {
            let api = Api::<DynamicObject>::namespaced_with(context.kube.client(), &observed.namespace(), kind);
            api::json_patch(&api, name, patch).await?;
        }
    }
    Ok(())
}
