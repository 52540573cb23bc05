//! The objects of a revision. They are made once and never changed afterwards, but for the number of pods.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crds::names;
use k8s_openapi::{
    api::{
        apps::v1::{ControllerRevision, Deployment},
        core::v1::{ConfigMap, Service},
    },
    apimachinery::pkg::runtime::RawExtension,
};
use kube::{ResourceExt, api::ObjectMeta, core::DynamicObject};
use planner::{Digest, RevisionId, journal::RevisionRef};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::revision_name;
use crate::{
    api::{self, Error},
    context::Context,
    digest,
    observe::{self, Cut, Observed, deployments},
};

/// What a ControllerRevision remembers of a revision.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// The pod template as the API server returned it.
    template: Value,
    /// By ConfigMap: its content's digest.
    config_digests: BTreeMap<String, String>,
    /// By ConfigMap: its immutable copy.
    copies: BTreeMap<String, String>,
}

/// Creates what is missing of a revision. The Deployment comes last: where it exists, everything it needs does.
pub async fn ensure(
    context: &Arc<Context>,
    observed: &Observed,
    revision: &RevisionRef,
    replicas: u32,
) -> Result<(), Error> {
    let namespace = observed.namespace();
    let policy = observed.object.name_any();
    let name = revision_name(&policy, &revision.revision);
    let records = context.kube.of::<ControllerRevision>(&namespace);
    let record = match api::get(&records, &name).await? {
        Some(found) => read(&found, &revision.digest)?,
        None => {
            let cut = current_cut(context, observed, &revision.digest).await?;
            let record = Record {
                config_digests: cut.configs.iter().map(|(k, v)| (k.clone(), digest::hash(v))).collect(),
                copies: copies(context, observed, &cut).await?,
                template: cut.template,
            };
            api::create(&records, &controller_revision(observed, &name, revision, &record)?).await?;
            record
        }
    };
    let services = context.kube.of::<Service>(&namespace);
    api::create(&services, &service(observed, &name, revision)?).await?;
    let api = kube::Api::<DynamicObject>::namespaced_with(context.kube.client(), &namespace, &deployments());
    api::create(&api, &deployment(observed, &name, revision, &record, replicas)).await?;
    if observed.world.revisions.get(&revision.revision).is_some_and(|r| r.left_serving) {
        api::merge(&api, &name, json!({ "metadata": { "labels": { names::LEFT_SERVING: null } } })).await?;
    }
    Ok(())
}

fn read(found: &ControllerRevision, digest: &Digest) -> Result<Record, Error> {
    let name = found.name_any();
    if found.annotations().get(names::DIGEST).map(String::as_str) != Some(digest.as_str()) {
        return Err(Error::Invalid(format!(
            "ControllerRevision {name} records another digest than {digest}: delete it if it is not yours"
        )));
    }
    let data = found.data.as_ref().map(|d| d.0.clone()).unwrap_or_default();
    serde_json::from_value(data).map_err(|e| Error::Invalid(format!("ControllerRevision {name} cannot be read: {e}")))
}

/// What the workload wishes right now; it must still be the revision that is wanted.
async fn current_cut(context: &Arc<Context>, observed: &Observed, digest: &Digest) -> Result<Cut, Error> {
    let gone = || Error::Changed(format!("the workload no longer wishes revision {}", digest.id()));
    let live = observed.workload.as_ref().ok_or_else(gone)?;
    let (cut, _) = observe::cut(context, &observed.object, live).await?;
    cut.filter(|c| c.revision.digest == *digest).ok_or_else(gone)
}

fn labels(observed: &Observed, revision: &RevisionId) -> BTreeMap<String, String> {
    [
        (names::POLICY, observed.object.name_any()),
        (names::POLICY_UID, observed.object.uid().unwrap_or_default()),
        (names::REVISION, revision.to_string()),
        ("app.kubernetes.io/managed-by", "sluice".into()),
    ]
    .map(|(k, v)| (k.to_owned(), v))
    .into()
}

fn meta(observed: &Observed, name: &str, revision: &RevisionRef) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(observed.namespace()),
        labels: Some(labels(observed, &revision.revision)),
        annotations: Some(BTreeMap::from([(names::DIGEST.to_owned(), revision.digest.to_string())])),
        ..ObjectMeta::default()
    }
}

fn controller_revision(
    observed: &Observed,
    name: &str,
    revision: &RevisionRef,
    record: &Record,
) -> Result<ControllerRevision, Error> {
    let data = serde_json::to_value(record)
        .map_err(|e| Error::Invalid(format!("the record of {name} cannot be written: {e}")))?;
    Ok(ControllerRevision { metadata: meta(observed, name, revision), revision: 1, data: Some(RawExtension(data)) })
}

/// Immutable copies of the tracked ConfigMaps, named by content, so that revisions with equal content share them.
async fn copies(context: &Arc<Context>, observed: &Observed, cut: &Cut) -> Result<BTreeMap<String, String>, Error> {
    let api = context.kube.of::<ConfigMap>(&observed.namespace());
    let policy = observed.object.name_any();
    let mut names_of = BTreeMap::new();
    for (name, content) in &cut.configs {
        let hash = digest::hash(content);
        let stem: String = name.chars().take(200).collect();
        let copy = format!("{policy}-{stem}-{}", &hash[..10]);
        let mut map: ConfigMap = serde_json::from_value(content.clone())
            .map_err(|e| Error::Invalid(format!("ConfigMap {name} cannot be copied: {e}")))?;
        map.immutable = Some(true);
        map.metadata = ObjectMeta {
            name: Some(copy.clone()),
            namespace: Some(observed.namespace()),
            labels: Some(
                labels(observed, &cut.revision.revision).into_iter().filter(|(k, _)| k != names::REVISION).collect(),
            ),
            annotations: Some(BTreeMap::from([("sluice.dev/copy-of".to_owned(), name.clone())])),
            ..ObjectMeta::default()
        };
        api::create(&api, &map).await?;
        names_of.insert(name.clone(), copy);
    }
    Ok(names_of)
}

/// The revision's own Service, which never points at another revision.
fn service(observed: &Observed, name: &str, revision: &RevisionRef) -> Result<Service, Error> {
    let apex = observed.apex.as_ref().ok_or_else(|| Error::Changed("the Service that callers use is gone".into()))?;
    let ports = apex.spec.iter().flat_map(|s| s.ports.iter().flatten()).map(|p| {
        json!({ "name": p.name, "port": p.port, "targetPort": p.target_port, "protocol": p.protocol, "appProtocol": p.app_protocol })
    });
    let spec = json!({ "selector": selector(observed, &revision.revision), "ports": ports.collect::<Vec<_>>() });
    let spec = serde_json::from_value(spec)
        .map_err(|e| Error::Invalid(format!("the ports of Service {} cannot be copied: {e}", apex.name_any())))?;
    Ok(Service { metadata: meta(observed, name, revision), spec: Some(spec), status: None })
}

fn selector(observed: &Observed, revision: &RevisionId) -> Value {
    json!({ names::POLICY: observed.object.name_any(), names::REVISION: revision.as_str() })
}

/// The revision's Deployment: the user's template with our labels and the copies' names. Labels of GitOps tools and Helm on the
/// workload itself are not copied, or those tools would take this Deployment for theirs and prune it.
fn deployment(
    observed: &Observed,
    name: &str,
    revision: &RevisionRef,
    record: &Record,
    replicas: u32,
) -> DynamicObject {
    let mut template = digest::renamed(&record.template, &record.copies);
    let mut labels = template.pointer("/metadata/labels").cloned().unwrap_or(json!({}));
    labels[names::POLICY] = json!(observed.object.name_any());
    labels[names::REVISION] = json!(revision.revision.as_str());
    labels[names::serving_key(revision.revision.as_str())] = json!("");
    template["metadata"]["labels"] = labels;
    let from =
        |field: &str| observed.workload.as_ref().and_then(|w| w.data.pointer(&format!("/spec/{field}"))).cloned();
    let mut object = DynamicObject::new(name, &deployments());
    object.metadata = meta(observed, name, revision);
    object.data = json!({ "spec": {
        "replicas": replicas,
        "selector": { "matchLabels": selector(observed, &revision.revision) },
        "template": template,
        "minReadySeconds": from("minReadySeconds").unwrap_or(json!(0)),
        "revisionHistoryLimit": 0,
    } });
    object
}

/// Deletes every object of a revision; copies of configuration that another revision uses stay.
pub async fn delete(context: &Arc<Context>, observed: &Observed, id: &RevisionId) -> Result<(), Error> {
    let name = revision_name(&observed.object.name_any(), id);
    let namespace = observed.namespace();
    api::delete(&context.kube.of::<Deployment>(&namespace), &name, None).await?;
    delete_rest(context, observed, id).await
}

/// Deletes the Service, unused copies and the record: the record last, since it tells which copies there are.
async fn delete_rest(context: &Arc<Context>, observed: &Observed, id: &RevisionId) -> Result<(), Error> {
    let policy = observed.object.name_any();
    let name = revision_name(&policy, id);
    let namespace = observed.namespace();
    api::delete(&context.kube.of::<Service>(&namespace), &name, None).await?;
    let records = context.kube.of::<ControllerRevision>(&namespace);
    let all = api::list(&records, &format!("{}={policy}", names::POLICY)).await?;
    let used = |own: bool| -> BTreeSet<String> {
        let of = all.iter().filter(|r| (r.name_any() == name) == own).filter_map(|r| r.data.as_ref());
        of.filter_map(|d| serde_json::from_value::<Record>(d.0.clone()).ok())
            .flat_map(|r| r.copies.into_values())
            .collect()
    };
    for copy in used(true).difference(&used(false)) {
        api::delete(&context.kube.of::<ConfigMap>(&namespace), copy, None).await?;
    }
    api::delete(&records, &name, None).await
}

/// What serves stays without us: its Deployment, its configuration and its record, marked as left behind.
pub async fn leave_serving(context: &Arc<Context>, observed: &Observed, id: &RevisionId) -> Result<(), Error> {
    let name = revision_name(&observed.object.name_any(), id);
    let api = kube::Api::<DynamicObject>::namespaced_with(context.kube.client(), &observed.namespace(), &deployments());
    api::merge(&api, &name, json!({ "metadata": { "labels": { names::LEFT_SERVING: "true" } } })).await
}
