//! MetricSource and MetricTemplate: where numbers come from and how they are asked for.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    duration::GoDuration,
    endpoint::{SecretKey, SecretName},
};

/// Where Prometheus, or anything that speaks its query API, is.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "MetricSource",
    plural = "metricsources",
    shortname = "ms",
    namespaced,
    derive = "PartialEq",
    doc = "Where metrics are: Prometheus, Thanos, Mimir, VictoriaMetrics.",
    printcolumn(json_path = ".spec.prometheus.url", name = "URL", type_ = "string"),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date")
)]
#[serde(rename_all = "camelCase")]
pub struct MetricSourceSpec {
    /// A server with the query API of Prometheus.
    pub prometheus: Prometheus,
}

/// A Prometheus server.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("!(has(self.bearerToken) && has(self.basicAuth))", "give bearerToken or basicAuth, not both"))]
pub struct Prometheus {
    /// Its address, up to but without `/api/v1`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = ("isURL(self) && url(self).getScheme() in ['http', 'https']", "url must be an http or https address, such as http://prometheus.monitoring:9090"))]
    pub url: String,
    /// How often it scrapes; a query looks back over at least four scrapes.
    #[serde(default = "fifteen_seconds")]
    pub scrape_interval: GoDuration,
    /// How long after a scrape its samples can be read. What is counted ends this long before a look: raise it where samples
    /// are written remotely or held back, such as to 30s for VictoriaMetrics.
    #[serde(default = "one_second")]
    pub delay: GoDuration,
    /// How long a query may take.
    #[serde(default = "ten_seconds")]
    pub timeout: GoDuration,
    /// A bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<SecretKey>,
    /// A user and a password: the keys `username` and `password` of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<SecretName>,
    /// Certificates of the authorities that may sign the server's certificate, PEM; the system's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<SecretKey>,
    /// Headers sent with every query, such as `X-Scope-OrgID: shop` for a tenant.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::bounded::texts")]
    pub headers: BTreeMap<String, String>,
}

/// A query with typed variables. `{{ namespace }}`, `{{ policy }}`, `{{ workload }}`, `{{ service }}`, `{{ revision }}` and
/// `{{ window }}` are always given; `{{ revision }}` is the revision being measured.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "MetricTemplate",
    plural = "metrictemplates",
    shortname = "mt",
    namespaced,
    derive = "PartialEq",
    doc = "A reusable query with typed variables.",
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date")
)]
#[serde(rename_all = "camelCase")]
pub struct MetricTemplateSpec {
    /// PromQL that gives one number. Variables stand in double braces and are always inserted as a whole value.
    #[schemars(length(min = 1, max = 8192))]
    pub query: String,
    /// The variables it takes besides those that are always given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = ("self.all(v, self.exists_one(w, w.name == v.name))", "the names of the variables must be unique"))]
    pub variables: Vec<Variable>,
}

/// A variable of a query.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("!(self.name in ['namespace', 'policy', 'workload', 'service', 'revision', 'window'])", "that name is always given by the controller: choose another"))]
pub struct Variable {
    /// Its name.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = ("self.matches('^[a-z][a-zA-Z0-9_]*$')", "a variable's name begins with a lower-case letter and has letters, digits and underscores"))]
    pub name: String,
    /// What its values may be.
    #[serde(rename = "type", default)]
    pub kind: VariableType,
    /// Its value when a policy gives none; without it, a policy must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub default: Option<String>,
}

/// What a variable's value may be.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum VariableType {
    /// A label value: inserted escaped, for use between double quotes.
    #[default]
    LabelValue,
    /// A number.
    Number,
    /// A duration such as 30s.
    Duration,
}

fn fifteen_seconds() -> GoDuration {
    GoDuration::seconds(15)
}

fn one_second() -> GoDuration {
    GoDuration::seconds(1)
}

fn ten_seconds() -> GoDuration {
    GoDuration::seconds(10)
}
