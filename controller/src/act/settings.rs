//! Writing how proxies treat requests to a Service: DestinationRules of Istio's.

use std::sync::Arc;

use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Api, ResourceExt, core::DynamicObject};
use planner::RevisionId;
use providers::Change;
use serde_json::{Value, json};

use super::revision_name;
use crate::{
    api::{self, Error},
    context::Context,
    observe::Observed,
    traffic,
};

/// For the Service that callers use, or for a revision's own, with which the rules for it go away.
pub async fn ensure(context: &Arc<Context>, observed: &Observed, of: Option<&RevisionId>) -> Result<(), Error> {
    let Some(live) = &observed.routes else { return Ok(()) };
    let Some(rules) = &live.rules else { return Ok(()) };
    let (changes, owner) = match of {
        None => (rules.for_apex(&live.around), None),
        Some(id) => (rules.for_revision(&live.around, id), Some(owner(context, observed, id).await?)),
    };
    let kind = traffic::destination_rule();
    let api = Api::<DynamicObject>::namespaced_with(context.kube.client(), &observed.namespace(), &kind);
    for change in changes {
        match change {
            Change::Create(rule) => create(context, &api, rule, owner.as_ref()).await?,
            Change::Patch { name, patch } => drop(api::json_patch(&api, &name, patch).await?),
            Change::Delete { name, uid } => api::delete(&api, &name, uid).await?,
        }
    }
    Ok(())
}

async fn owner(context: &Arc<Context>, observed: &Observed, id: &RevisionId) -> Result<OwnerReference, Error> {
    let name = revision_name(&observed.object.name_any(), id);
    let service = api::get(&context.kube.of::<Service>(&observed.namespace()), &name).await?;
    let uid = service.and_then(|s| s.uid()).ok_or_else(|| Error::Changed(format!("Service {name} is gone")))?;
    Ok(OwnerReference { api_version: "v1".into(), kind: "Service".into(), name, uid, ..OwnerReference::default() })
}

async fn create(
    context: &Arc<Context>,
    api: &Api<DynamicObject>,
    mut rule: Value,
    owner: Option<&OwnerReference>,
) -> Result<(), Error> {
    if let Some(owner) = owner {
        rule["metadata"]["ownerReferences"] = json!([owner]);
    }
    let name = rule["metadata"]["name"].as_str().unwrap_or_default();
    if api::create_strictly(&context.kube.client(), api, name, &rule).await? {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "creating DestinationRule {name}: there is one of this name that is not Sluice's: give that one another name"
    )))
}
