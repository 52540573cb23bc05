//! Routes that a policy holds as a whole. What is in their rules is passed on as it is: fields that come to the kind later work
//! without a newer Sluice.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::traffic::RouteKind;

/// An entry of a route's spec, as the kind has it.
pub type Entry = Map<String, Value>;

/// A route of the Gateway API that Sluice makes and keeps as it is written here. It has the name of the Service that callers use.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OwnRoute {
    /// Its kind, of gateway.networking.k8s.io/v1.
    #[serde(default)]
    pub kind: RouteKind,
    /// What it is attached to: `parentRefs` as in the route itself.
    #[schemars(schema_with = "parents")]
    pub parent_refs: Vec<Entry>,
    /// The hosts that it is for; every one of its parents' where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 253)))]
    pub hostnames: Option<Vec<String>>,
    /// `rules` as in the route itself; one for every request where there are none. A rule without `backendRefs` sends to the Service
    /// that callers use; where that has several ports, every rule needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "sixteen")]
    pub rules: Option<Vec<Entry>>,
    /// What it carries.
    #[serde(flatten)]
    pub marks: Marks,
}

/// A VirtualService that Sluice makes and keeps as it is written here. It has the name of the Service that callers use. Without hosts
/// it is one that yours delegates to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("!has(self.gateways) || has(self.hosts)", "a VirtualService without hosts is one that others delegate to, and has no gateways: give hosts, or remove gateways"))]
pub struct OwnVirtualService {
    /// The hosts that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 253)))]
    pub hosts: Option<Vec<String>>,
    /// The gateways at which it is, `mesh` for sidecars; those alone where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 253)))]
    pub gateways: Option<Vec<String>>,
    /// `http` as in the VirtualService itself; one route for every request where there is none. One without `route` sends to the
    /// Service that callers use; where that has several ports, every one needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "many")]
    pub http: Option<Vec<Entry>>,
    /// What it carries.
    #[serde(flatten)]
    pub marks: Marks,
}

/// Labels and annotations of a route that Sluice makes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
pub struct Marks {
    /// Labels that it has; others are left alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::bounded::texts")]
    pub labels: BTreeMap<String, String>,
    /// Annotations that it has; others are left alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::bounded::texts")]
    pub annotations: BTreeMap<String, String>,
}

/// Entries of which nothing but their number is looked at.
fn entries(most: u32) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "maxItems": most,
        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    })
}

/// As many as a route may have parents.
fn parents(_: &mut SchemaGenerator) -> Schema {
    entries(32)
}

/// As many as a route may have rules.
fn sixteen(_: &mut SchemaGenerator) -> Schema {
    entries(16)
}

/// A VirtualService has no such bound; a policy must not become too large to be kept with its releases.
fn many(_: &mut SchemaGenerator) -> Schema {
    entries(64)
}
