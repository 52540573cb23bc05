//! How far channels were told, written down beside the releases, and how channels do.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use crds::{Delivery, DeliverySpec, NotificationChannel, NotificationChannelStatus, Release, delivery::Told};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{
    Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::queue::{Key, Progress};
use crate::api::{self, Error, Kube};

/// How far a channel was told of each release.
pub fn read(deliveries: &[Delivery], channel: &str) -> BTreeMap<Key, Told> {
    let of = |delivery: &Delivery| {
        let told = delivery.spec.channels.get(channel)?;
        let owner = delivery.owner_references().first()?;
        Some(((delivery.namespace()?, owner.uid.clone()), told.clone()))
    };
    deliveries.iter().filter_map(of).collect()
}

/// Writes down how far a channel was told of a release.
pub async fn write(kube: &Kube, channel: &str, progress: &Progress, now: DateTime<Utc>) -> Result<(), Error> {
    let (namespace, uid) = &progress.key;
    let told = Told { up_to: progress.up_to, at: now, thread: progress.thread.clone() };
    let (api, name) = (kube.of::<Delivery>(namespace), name(&progress.release, uid));
    let patch = json!({ "spec": { "channels": { channel: told } } });
    match api::merge(&api, &name, patch.clone()).await {
        Err(error) if error.is_missing() => {}
        other => return other,
    }
    // Another channel's courier may be making it at this moment.
    api::create(&api, &empty(progress, name.clone())).await?;
    api::merge(&api, &name, patch).await
}

/// A release that is made again under the same name has a record of its own.
fn name(release: &str, uid: &str) -> String {
    format!("{release}-{}", uid.get(..8).unwrap_or(uid))
}

fn empty(progress: &Progress, name: String) -> Delivery {
    let (namespace, uid) = progress.key.clone();
    let owner = OwnerReference {
        api_version: Release::api_version(&()).into_owned(),
        kind: Release::kind(&()).into_owned(),
        name: progress.release.clone(),
        uid,
        controller: Some(true),
        block_owner_deletion: None,
    };
    Delivery {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: DeliverySpec::default(),
    }
}

/// Writes a channel's status.
pub async fn tell(kube: &Kube, channel: &NotificationChannel, status: &NotificationChannelStatus) -> Result<(), Error> {
    let api = kube.of::<NotificationChannel>(&channel.namespace().unwrap_or_default());
    let patch = Patch::Merge(json!({ "status": status }));
    let (name, params) = (channel.name_any(), PatchParams::default());
    let what = || format!("writing the status of NotificationChannel {name}");
    api::repeat(what, || api.patch_status(&name, &params, &patch)).await.map(drop)
}
