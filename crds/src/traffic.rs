//! What moves the traffic: the provider and its times.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    duration::GoDuration,
    route::{OwnRoute, OwnVirtualService},
};

/// What moves the traffic. Exactly one key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("[has(self.service), has(self.gatewayAPI), has(self.istio), has(self.linkerd)].filter(x, x).size() == 1", "name what moves the traffic, one of: service: {} for plain Services, gatewayAPI, istio, linkerd"))]
pub struct Traffic {
    /// No mesh and no gateway: a share of the traffic is a number of pods behind the plain Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceTraffic>,
    /// Routes of the Gateway API, at a Gateway or in a mesh: a share of the traffic is a weight, exact to the percent.
    #[serde(rename = "gatewayAPI", default, skip_serializing_if = "Option::is_none")]
    pub gateway_api: Option<GatewayApiTraffic>,
    /// Istio's VirtualServices: a share of the traffic is a weight, exact to the percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub istio: Option<IstioTraffic>,
    /// Routes in a mesh of Linkerd's: a share of the traffic is a weight, exact to the percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linkerd: Option<LinkerdTraffic>,
}

/// Settings of the plain Service.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTraffic {
    /// How long a change of endpoints may take to reach every node.
    #[serde(default = "fifteen_seconds")]
    pub propagation: GoDuration,
    /// How long a pod that has served is kept after its share went to zero, for open connections to end.
    #[serde(default = "thirty_seconds")]
    pub drain: GoDuration,
    /// Refuse a step whose share the number of pods misses by more than this many percentage points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_weight_error: Option<i32>,
}

/// Routes that send to the Service that callers use: your own, or one that Sluice makes. For a release, a candidate's share of that
/// goes to the candidate; before and after it they are as you wrote them.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.routes) != has(self.route)", "give either routes, the names of your own, or route, one that Sluice makes"))]
pub struct GatewayApiTraffic {
    /// The routes, of the policy's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = ("self.all(r, self.exists_one(q, q.name == r.name && q.kind == r.kind))", "a route is named twice: remove one of the two"))]
    pub routes: Option<Vec<RouteRef>>,
    /// A route of that Service's name that Sluice makes, and keeps as it is written here. One that it has not made is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<OwnRoute>,
    /// How long a change may take to reach every proxy, once the route's status says that it was accepted.
    #[serde(default = "fifteen_seconds")]
    pub propagation: GoDuration,
    /// How long a pod that has served is kept after its share went to zero, for open requests to end.
    #[serde(default = "thirty_seconds")]
    pub drain: GoDuration,
}

/// A route.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RouteRef {
    /// Its kind, of gateway.networking.k8s.io/v1.
    #[serde(default)]
    pub kind: RouteKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Kinds of routes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RouteKind {
    /// HTTPRoute.
    #[default]
    HTTPRoute,
    /// GRPCRoute.
    GRPCRoute,
}

/// VirtualServices that send to the Service that callers use: your own, or one that Sluice makes. For a release, a candidate's share
/// of that goes to the candidate; before and after it they are as you wrote them.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.virtualServices) != has(self.virtualService)", "give either virtualServices, the names of your own, or virtualService, one that Sluice makes"))]
pub struct IstioTraffic {
    /// Names of VirtualServices of the policy's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 253)))]
    #[x_kube(validation = ("self.all(r, self.exists_one(q, q == r))", "a VirtualService is named twice: remove one of the two"))]
    pub virtual_services: Option<Vec<String>>,
    /// A VirtualService of that Service's name that Sluice makes, and keeps as it is written here. One that it has not made is left
    /// alone. Without hosts it is one that yours delegates to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_service: Option<OwnVirtualService>,
    /// What proxies do with requests to the Service beside sending them: the field of that name of a DestinationRule, of which Sluice
    /// makes one for the Service and one for each candidate. Without it, candidates get a copy of your own DestinationRule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub traffic_policy: Option<serde_json::Value>,
    /// How long a change may take to reach every proxy; Istio tells nobody when it has.
    #[serde(default = "fifteen_seconds")]
    pub propagation: GoDuration,
    /// How long a pod that has served is kept after its share went to zero, for open requests to end.
    #[serde(default = "thirty_seconds")]
    pub drain: GoDuration,
}

/// Your own routes with the Service that callers use as their parent, carried out by Linkerd. For a release, a candidate's share goes
/// to the candidate; before and after it they are as you wrote them.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct LinkerdTraffic {
    /// The routes, of the policy's namespace.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = ("self.all(r, self.exists_one(q, q.name == r.name && q.kind == r.kind && q.group == r.group))", "a route is named twice: remove one of the two"))]
    pub routes: Vec<LinkerdRouteRef>,
    /// How long a change may take to reach every proxy. Linkerd does not say which version of a route it has accepted, and looks at
    /// each again every 10s, so less than that is too little.
    #[serde(default = "fifteen_seconds")]
    pub propagation: GoDuration,
    /// How long a pod that has served is kept after its share went to zero, for open requests to end.
    #[serde(default = "thirty_seconds")]
    pub drain: GoDuration,
}

/// A route that Linkerd carries out.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.group != 'policy.linkerd.io' || self.kind == 'HTTPRoute'", "policy.linkerd.io has no kind but HTTPRoute: remove group, or set kind: HTTPRoute"))]
pub struct LinkerdRouteRef {
    /// The API group of its kind.
    #[serde(default)]
    pub group: RouteGroup,
    /// Its kind.
    #[serde(default)]
    pub kind: RouteKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// API groups of routes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RouteGroup {
    /// The Gateway API, v1.
    #[default]
    #[serde(rename = "gateway.networking.k8s.io")]
    GatewayApi,
    /// Linkerd's own HTTPRoute, v1beta3.
    #[serde(rename = "policy.linkerd.io")]
    Linkerd,
}

impl Default for ServiceTraffic {
    fn default() -> Self {
        Self { propagation: fifteen_seconds(), drain: thirty_seconds(), max_weight_error: None }
    }
}

/// An object whose fields are another API's.
fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

fn fifteen_seconds() -> GoDuration {
    GoDuration::seconds(15)
}

fn thirty_seconds() -> GoDuration {
    GoDuration::seconds(30)
}
