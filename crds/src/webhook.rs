//! Webhooks: receivers that are asked about a release.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{duration::GoDuration, endpoint::Endpoint};

/// A receiver that is asked about a release, by a POST of JSON that receivers of Flagger's webhooks understand.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Where it is.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// Sent with every request, such as `cmd` for Flagger's load tester.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::bounded::texts")]
    pub metadata: BTreeMap<String, String>,
}

/// A receiver that can order a version back: any 2xx means at once.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RollbackWebhook {
    /// Unique in the policy; a lower-case DNS label.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = ("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')", "a webhook's name is made of lower-case letters, digits and dashes"))]
    pub name: String,
    /// Where it is, and what it is sent.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// How long after an answer it is asked again, 5s at least.
    #[serde(default = "ten_seconds")]
    #[x_kube(validation = ("!self.matches('^([0-9]{1,6}(ms|s|m|h))+$') || duration(self) >= duration('5s')", "a rollback webhook's interval must be at least 5s"))]
    pub interval: GoDuration,
}

fn ten_seconds() -> GoDuration {
    GoDuration::seconds(10)
}
