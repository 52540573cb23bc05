//! The kinds that are served, and what the API server treats differently among them.

use std::fmt;

/// One resource. Equality is identity of group and resource: one version each is enough.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub group: &'static str,
    pub resource: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    /// Lives in a namespace.
    pub namespaced: bool,
    /// Has a status subresource: the main endpoint ignores the status, and `/status` the rest.
    pub status: bool,
    /// Has a scale subresource.
    pub scale: bool,
    /// `metadata.generation` counts its changes of intent.
    pub generation: bool,
    /// A custom resource: a PUT needs a resourceVersion.
    pub custom: bool,
    /// Its `spec` never changes after creation.
    pub frozen: bool,
}

impl Kind {
    pub const fn new(group: &'static str, version: &'static str, resource: &'static str, kind: &'static str) -> Self {
        Self {
            group,
            resource,
            version,
            kind,
            namespaced: true,
            status: false,
            scale: false,
            generation: false,
            custom: false,
            frozen: false,
        }
    }

    pub const fn cluster_scoped(mut self) -> Self {
        self.namespaced = false;
        self
    }

    pub const fn with_status(mut self) -> Self {
        self.status = true;
        self
    }

    pub const fn with_scale(mut self) -> Self {
        self.scale = true;
        self
    }

    pub const fn with_generation(mut self) -> Self {
        self.generation = true;
        self
    }

    pub const fn custom(mut self) -> Self {
        self.custom = true;
        self.generation = true;
        self
    }

    pub const fn frozen(mut self) -> Self {
        self.frozen = true;
        self
    }

    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, as errors name it.
    pub fn full_name(&self) -> String {
        if self.group.is_empty() { self.resource.to_owned() } else { format!("{}.{}", self.resource, self.group) }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full_name())
    }
}

const SLUICE: &str = "sluice.dev";
const ALPHA: &str = "v1alpha1";
const ADMISSION: &str = "admissionregistration.k8s.io";
const GATEWAY: &str = "gateway.networking.k8s.io";
const ISTIO: &str = "networking.istio.io";
const LINKERD: &str = "policy.linkerd.io";

pub static NAMESPACES: Kind = Kind::new("", "v1", "namespaces", "Namespace").cluster_scoped().with_status();
pub static PODS: Kind = Kind::new("", "v1", "pods", "Pod").with_status();
pub static SERVICES: Kind = Kind::new("", "v1", "services", "Service").with_status();
pub static CONFIG_MAPS: Kind = Kind::new("", "v1", "configmaps", "ConfigMap");
pub static SECRETS: Kind = Kind::new("", "v1", "secrets", "Secret");
pub static DEPLOYMENTS: Kind =
    Kind::new("apps", "v1", "deployments", "Deployment").with_status().with_scale().with_generation();
pub static REPLICA_SETS: Kind =
    Kind::new("apps", "v1", "replicasets", "ReplicaSet").with_status().with_scale().with_generation();
pub static JOBS: Kind = Kind::new("batch", "v1", "jobs", "Job").with_status().with_generation();
pub static ENDPOINT_SLICES: Kind =
    Kind::new("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice").with_generation();
pub static HTTP_ROUTES: Kind = Kind::new(GATEWAY, "v1", "httproutes", "HTTPRoute").custom().with_status();
pub static GATEWAYS: Kind = Kind::new(GATEWAY, "v1", "gateways", "Gateway").custom().with_status();
pub static LINKERD_ROUTES: Kind = Kind::new(LINKERD, "v1beta3", "httproutes", "HTTPRoute").custom().with_status();
pub static RELEASES: Kind = Kind::new(SLUICE, ALPHA, "releases", "Release").custom().with_status().frozen();
pub static POLICIES: Kind =
    Kind::new(SLUICE, ALPHA, "rolloutpolicies", "RolloutPolicy").custom().with_status().with_scale();

static OTHERS: [Kind; 19] = [
    Kind::new("", "v1", "events", "Event"),
    Kind::new("", "v1", "serviceaccounts", "ServiceAccount"),
    Kind::new("apps", "v1", "controllerrevisions", "ControllerRevision"),
    Kind::new("coordination.k8s.io", "v1", "leases", "Lease"),
    Kind::new("events.k8s.io", "v1", "events", "Event"),
    Kind::new("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget").with_status().with_generation(),
    Kind::new("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler").with_status(),
    Kind::new(ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy")
        .cluster_scoped()
        .with_status()
        .with_generation(),
    Kind::new(ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding")
        .cluster_scoped(),
    Kind::new(SLUICE, ALPHA, "decisions", "Decision").custom().frozen(),
    Kind::new(SLUICE, ALPHA, "conformancesuites", "ConformanceSuite").custom(),
    Kind::new(SLUICE, ALPHA, "metricsources", "MetricSource").custom(),
    Kind::new(SLUICE, ALPHA, "metrictemplates", "MetricTemplate").custom(),
    Kind::new(SLUICE, ALPHA, "notificationchannels", "NotificationChannel").custom().with_status(),
    Kind::new(SLUICE, ALPHA, "deliveries", "Delivery").custom(),
    Kind::new(GATEWAY, "v1", "grpcroutes", "GRPCRoute").custom().with_status(),
    Kind::new(ISTIO, "v1", "virtualservices", "VirtualService").custom().with_status(),
    Kind::new(ISTIO, "v1", "destinationrules", "DestinationRule").custom().with_status(),
    Kind::new("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")
        .cluster_scoped()
        .with_status()
        .with_generation(),
];

/// Every kind that is served from the start.
pub fn all() -> Vec<&'static Kind> {
    let named = [
        &NAMESPACES,
        &PODS,
        &SERVICES,
        &CONFIG_MAPS,
        &SECRETS,
        &DEPLOYMENTS,
        &REPLICA_SETS,
        &JOBS,
        &ENDPOINT_SLICES,
        &HTTP_ROUTES,
        &LINKERD_ROUTES,
        &GATEWAYS,
        &RELEASES,
        &POLICIES,
    ];
    named.into_iter().chain(&OTHERS).collect()
}

/// Where an object is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub kind: &'static Kind,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn new(kind: &'static Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The smallest key of a kind, and of a namespace where one is given.
    pub fn first(kind: &'static Kind, namespace: &str) -> Self {
        Self::new(kind, namespace, "")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}
