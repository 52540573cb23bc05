//! ConformanceSuite: a reusable test, run as a Kubernetes Job.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A conformance test. The controller owns everything of the pod that is not named here: no service
/// account token, the restricted security profile, a deadline, no access to the host.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "ConformanceSuite",
    plural = "conformancesuites",
    shortname = "cs",
    namespaced,
    derive = "PartialEq",
    doc = "A reusable conformance test, run as a Job against a candidate before it gets live traffic.",
    printcolumn(json_path = ".spec.image", name = "Image", type_ = "string"),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date")
)]
#[serde(rename_all = "camelCase")]
pub struct SuiteSpec {
    /// Image of the test. Exit 0 passes; TAP or JUnit XML on standard output is summarised.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// Replaces the image's entry point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub command: Option<Vec<String>>,
    /// Arguments. `$(SLUICE_CANDIDATE_URL)` and the other given variables are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub args: Option<Vec<String>>,
    /// More environment. The names `SLUICE_*` are set by the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub env: Option<Vec<SuiteEnv>>,
    /// ConfigMaps to mount as read-only files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub files: Option<Vec<SuiteFiles>>,
    /// CPU and memory of the test; 50m and 64Mi are asked for when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<SuiteResources>,
}

/// One environment variable: a value, or a key of a ConfigMap.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.value) != has(self.configMap)", "give the variable either value or configMap"),
    validation = ("!self.name.startsWith('SLUICE_')", "names that begin with SLUICE_ are set by the controller: choose another")
)]
pub struct SuiteEnv {
    /// The variable's name.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub value: Option<String>,
    /// Where its value is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapKey>,
}

/// A key of a ConfigMap in the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKey {
    /// The ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A ConfigMap mounted as files.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SuiteFiles {
    /// The ConfigMap, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub config_map: String,
    /// The folder in which its keys appear.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = ("self.startsWith('/') && self != '/'", "mountPath must be an absolute path, such as /tests"))]
    pub mount_path: String,
}

/// Requests and limits, as in a container.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SuiteResources {
    /// What is asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::bounded::quantities")]
    pub requests: BTreeMap<String, Quantity>,
    /// What is allowed at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::bounded::quantities")]
    pub limits: BTreeMap<String, Quantity>,
}

impl From<SuiteResources> for ResourceRequirements {
    fn from(r: SuiteResources) -> Self {
        Self { requests: Some(r.requests), limits: Some(r.limits), claims: None }
    }
}
