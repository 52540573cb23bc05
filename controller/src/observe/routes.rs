//! The routes in front of the Service that callers use.

use std::sync::Arc;

use crds::{RolloutPolicy, traffic::Traffic};
use kube::{
    Api, ResourceExt,
    core::{ApiResource, DynamicObject},
};
use planner::world::{Blocker, Routes};
use providers::{Names, Reading};
use serde_json::Value;

use crate::{
    api::{self, Error},
    context::Context,
    traffic,
};

/// Routes as they are, with what reads and writes them.
pub struct Live {
    /// The kinds and names that the policy gives, and how they are written.
    pub routes: traffic::Routes,
    /// The objects, in the same order; one that is gone is absent here.
    pub objects: Vec<(ApiResource, Value)>,
}

/// Whose routes they are.
fn names(policy: &RolloutPolicy) -> Names {
    Names {
        namespace: policy.namespace().unwrap_or_default(),
        apex: policy.spec.service.name.clone(),
        policy: policy.name_any(),
    }
}

/// Reads the routes of a policy; nothing where shares are numbers of pods.
pub async fn read(context: &Arc<Context>, policy: &RolloutPolicy, traffic: &Traffic) -> Result<Option<Live>, Error> {
    let Some(routes) = traffic::routes(traffic, names(policy)) else { return Ok(None) };
    let namespace = policy.namespace().unwrap_or_default();
    let mut objects = Vec::new();
    for (kind, name) in &routes.all {
        let api = Api::<DynamicObject>::namespaced_with(context.kube.client(), &namespace, kind);
        if let Some(found) = api::get(&api, name).await?.filter(|o| o.metadata.deletion_timestamp.is_none()) {
            let mut document = serde_json::to_value(&found).map_err(|e| Error::Invalid(e.to_string()))?;
            document["kind"] = kind.kind.clone().into();
            objects.push((kind.clone(), document));
        }
    }
    Ok(Some(Live { routes, objects }))
}

/// What they say together.
pub fn facts(live: &Live) -> Routes {
    let provider = &live.routes.provider;
    let read: Vec<Reading> = live.objects.iter().map(|(_, o)| provider.read(o)).collect();
    let Reading { share, uneven, trouble } = Reading::together(&read);
    let unusable = trouble.map(|u| Blocker { reason: u.reason.into(), message: u.message });
    Routes {
        share,
        uneven,
        pending: live.objects.iter().find_map(|(_, o)| provider.pending(o)),
        trouble: missing(live).or(unusable),
    }
}

fn missing(live: &Live) -> Option<Blocker> {
    let there = |kind: &ApiResource, name: &str| {
        live.objects.iter().any(|(k, o)| k == kind && o.pointer("/metadata/name").and_then(Value::as_str) == Some(name))
    };
    let (kind, name) = live.routes.all.iter().find(|(kind, name)| !there(kind, name))?;
    let message = format!(
        "there is no {} {name} ({}): create it, or correct spec.traffic; a cluster that does not know the kind needs its custom resource definitions first",
        kind.kind, kind.api_version
    );
    Some(Blocker { reason: "RouteMissing".into(), message })
}
