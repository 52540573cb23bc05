//! Delivery: how far each channel has been told of a release, so that nothing is told twice and nothing is left out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// How far each channel has been told of the Release of the same name. Made by the controller only, and deleted with the Release.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "Delivery",
    plural = "deliveries",
    shortname = "dlv",
    namespaced,
    derive = "PartialEq",
    doc = "How far each NotificationChannel has been told of a Release. Made by the controller.",
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date")
)]
#[serde(rename_all = "camelCase")]
pub struct DeliverySpec {
    /// By channel, as `namespace/name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "told")]
    pub channels: BTreeMap<String, Told>,
}

/// How far a channel has been told.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// The number of the last notice that it took; notices are numbered from 1 as the entries of the release's timeline are.
    pub up_to: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// What the first message of the release is known by, where the others follow it in a thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub thread: Option<String>,
}

/// A map of at most 64 channels.
fn told(generator: &mut SchemaGenerator) -> Schema {
    let of = generator.subschema_for::<Told>();
    json_schema!({ "type": "object", "maxProperties": 64, "additionalProperties": of })
}
