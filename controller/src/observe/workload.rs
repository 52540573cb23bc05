//! The user's Deployment: how it stands, and what it wishes.

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;
use crds::{RolloutPolicy, names, policy::ConfigMode};
use k8s_openapi::api::{
    apps::v1::ControllerRevision,
    core::v1::{ConfigMap, Pod},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::{ResourceExt, api::PostParams, core::DynamicObject};
use planner::{
    journal::RevisionRef,
    world::{Blocker, Workload},
};
use serde_json::{Value, json};

use super::deployments;
use crate::{
    api::{self, Error},
    context::Context,
    digest,
};

/// What a revision is made of: the template as the API server returned it, and the configuration it uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// Its identity.
    pub revision: RevisionRef,
    /// The pod template.
    pub template: Value,
    /// By name: the content of each tracked ConfigMap.
    pub configs: BTreeMap<String, Value>,
}

/// How the Deployment stands.
pub fn facts(live: &DynamicObject) -> Workload {
    let number = |path: &str| live.data.pointer(path).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let replicas = number("/spec/replicas").unwrap_or(1);
    let status = |field: &str| number(&format!("/status/{field}")).unwrap_or(0);
    let seen = live.data.pointer("/status/observedGeneration").and_then(Value::as_i64) >= live.metadata.generation;
    let (pods, updated, ready) = (status("replicas"), status("updatedReplicas"), status("readyReplicas"));
    let terminating = status("terminatingReplicas");
    Workload {
        replicas,
        pods: pods + terminating,
        ready: ready.min(updated),
        rolled_out: seen && pods == replicas && updated == replicas && ready >= replicas,
        hash: None,
        wish: None,
    }
}

/// Who changed it.
pub fn author(live: &DynamicObject) -> Option<String> {
    said(live, names::AUTHOR)
}

/// The commit, tag or artefact that it was applied from.
pub fn source(live: &DynamicObject) -> Option<String> {
    said(live, names::SOURCE)
}

/// What its pod template says, which is a part of the version, or else the Deployment itself.
fn said(live: &DynamicObject, annotation: &str) -> Option<String> {
    let annotations = live.data.pointer("/spec/template/metadata/annotations");
    let in_template = annotations.and_then(|a| a.get(annotation)).and_then(Value::as_str).map(str::to_owned);
    let said = in_template.or_else(|| live.annotations().get(annotation).cloned());
    said.filter(|text| (1..=253).contains(&text.chars().count()))
}

/// Why the version is to take the emergency way, as its pod template says.
pub fn emergency(live: &DynamicObject) -> Option<String> {
    let annotations = live.data.pointer("/spec/template/metadata/annotations");
    annotations.and_then(|a| a.get(names::EMERGENCY)).and_then(Value::as_str).map(str::to_owned)
}

/// Who last wrote `spec.replicas`, as its field manager calls itself.
pub fn replicas_manager(live: &DynamicObject) -> String {
    let writes = |e: &&ManagedFieldsEntry| {
        let ours = e.manager.as_deref() == Some(names::FIELD_MANAGER);
        !ours && e.fields_v1.as_ref().is_some_and(|f| f.0.pointer("/f:spec/f:replicas").is_some())
    };
    let last = live.metadata.managed_fields.iter().flatten().filter(writes).max_by_key(|e| e.time.clone());
    last.and_then(|e| e.manager.clone()).unwrap_or_else(|| "somebody".into())
}

/// Pods of the Deployment itself, those that are about to end too, which its status does not count.
pub async fn pods(context: &Arc<Context>, live: &DynamicObject) -> Result<u32, Error> {
    let labels: BTreeMap<String, String> = live
        .data
        .pointer("/spec/selector/matchLabels")
        .and_then(|l| serde_json::from_value(l.clone()).ok())
        .unwrap_or_default();
    if labels.is_empty() {
        return Ok(0);
    }
    let selector: Vec<_> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    // Pods of revisions carry the user's labels too, and one of ours.
    let selector = format!("{},!{}", selector.join(","), names::REVISION);
    let pods = api::list(&context.kube.of::<Pod>(&live.namespace().unwrap_or_default()), &selector).await?;
    Ok(u32::try_from(pods.len()).unwrap_or(u32::MAX))
}

/// How long a wish must rest.
pub fn settle(policy: &RolloutPolicy) -> TimeDelta {
    TimeDelta::from_std(policy.spec.settle.0).unwrap_or_default()
}

/// Reads what the Deployment wishes, with the configuration it uses. What is missing comes back as blockers.
pub async fn cut(
    context: &Arc<Context>,
    policy: &RolloutPolicy,
    live: &DynamicObject,
) -> Result<(Option<Cut>, Vec<Blocker>), Error> {
    let namespace = policy.namespace().unwrap_or_default();
    let Some(template) = live.data.pointer("/spec/template").map(digest::delivered) else {
        return Err(Error::Invalid(format!("Deployment {} has no pod template", live.name_any())));
    };
    let mut configs = BTreeMap::new();
    let mut missing = Vec::new();
    if policy.spec.configs.config_maps == ConfigMode::Track {
        let maps = context.kube.of::<ConfigMap>(&namespace);
        for reference in digest::references(&template) {
            match api::get(&maps, &reference.name).await? {
                Some(map) => {
                    configs.insert(reference.name, digest::content(&map));
                }
                None if reference.optional => {}
                None => missing.push(Blocker {
                    reason: "ConfigMissing".into(),
                    message: format!(
                        "ConfigMap {} is named by Deployment {} and does not exist: create it",
                        reference.name,
                        live.name_any()
                    ),
                }),
            }
        }
    }
    if !missing.is_empty() {
        return Ok((None, missing));
    }
    let revision = RevisionRef::new(digest::revision(&template, &configs), digest::images(&template));
    Ok((Some(Cut { revision, template, configs }), missing))
}

/// A controller or cluster upgrade that adds a defaulted field is no new version: where the wish differs from stable, the template that
/// was recorded for stable is sent through a dry run and compared again.
pub async fn recognise(
    context: &Arc<Context>,
    policy: &RolloutPolicy,
    stable: Option<&RevisionRef>,
    cut: &mut Cut,
) -> Result<(), Error> {
    let Some(stable) = stable.filter(|s| s.digest != cut.revision.digest) else { return Ok(()) };
    let namespace = policy.namespace().unwrap_or_default();
    let name = format!("{}-{}", policy.name_any(), stable.revision);
    let Some(record) = api::get(&context.kube.of::<ControllerRevision>(&namespace), &name).await? else {
        return Ok(());
    };
    let Some(data) = record.data.map(|d| d.0) else { return Ok(()) };
    let recorded = data.get("template").cloned().unwrap_or_default();
    let configs: BTreeMap<String, String> =
        data.get("configDigests").and_then(|c| serde_json::from_value(c.clone()).ok()).unwrap_or_default();
    let now: BTreeMap<String, String> = cut.configs.iter().map(|(k, v)| (k.clone(), digest::hash(v))).collect();
    if configs != now || digest::images(&recorded) != cut.revision.images {
        return Ok(());
    }
    let dry = dry_run(context, &namespace, &recorded).await?;
    if digest::hash(&dry) == digest::hash(&cut.template) {
        cut.revision = stable.clone();
    }
    Ok(())
}

/// The template as the API server would return it today.
async fn dry_run(context: &Arc<Context>, namespace: &str, template: &Value) -> Result<Value, Error> {
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or(json!({}));
    let mut object = DynamicObject::new("sluice-dry-run", &deployments());
    object.metadata.namespace = Some(namespace.to_owned());
    object.data = json!({ "spec": { "replicas": 0, "selector": { "matchLabels": labels }, "template": template } });
    let params = PostParams { dry_run: true, field_manager: Some(names::FIELD_MANAGER.into()) };
    let api = kube::Api::<DynamicObject>::namespaced_with(context.kube.client(), namespace, &deployments());
    let answer =
        api::repeat(|| "comparing the recorded template by a dry run".into(), || api.create(&params, &object)).await?;
    Ok(answer.data.pointer("/spec/template").cloned().unwrap_or_default())
}
