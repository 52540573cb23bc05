//! What moves the traffic, as the custom resource names it: the times, and the routes with the provider that reads and writes them.

use chrono::TimeDelta;
use crds::traffic::{RouteKind, Traffic};
use kube::core::{ApiResource, GroupVersionKind};
use providers::{GatewayApi, Istio, Names, Provider};

/// The routes of a policy, and how they are spelt.
pub struct Routes {
    /// Reads and writes them.
    pub provider: Box<dyn Provider + Send + Sync>,
    /// Their kinds and names.
    pub all: Vec<(ApiResource, String)>,
}

/// The routes that a policy names; `None` where shares are numbers of pods.
pub fn routes(traffic: &Traffic, names: Names) -> Option<Routes> {
    if let Some(gateway) = &traffic.gateway_api {
        let all = gateway.routes.iter().map(|r| (gateway_route(r.kind), r.name.clone())).collect();
        return Some(Routes { provider: Box::new(GatewayApi(names)), all });
    }
    let istio = traffic.istio.as_ref()?;
    let all = istio.virtual_services.iter().map(|name| (virtual_service(), name.clone())).collect();
    Some(Routes { provider: Box::new(Istio(names)), all })
}

/// How long a change takes to be known, and how long open connections get.
pub fn times(traffic: &Traffic) -> Option<(TimeDelta, TimeDelta)> {
    let (propagation, drain) = match traffic {
        Traffic { service: Some(t), .. } => (t.propagation, t.drain),
        Traffic { gateway_api: Some(t), .. } => (t.propagation, t.drain),
        Traffic { istio: Some(t), .. } => (t.propagation, t.drain),
        _ => return None,
    };
    Some((crate::policy::time(propagation), crate::policy::time(drain)))
}

fn gateway_route(kind: RouteKind) -> ApiResource {
    let (kind, plural) = match kind {
        RouteKind::HTTPRoute => ("HTTPRoute", "httproutes"),
        RouteKind::GRPCRoute => ("GRPCRoute", "grpcroutes"),
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", kind), plural)
}

fn virtual_service() -> ApiResource {
    let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "VirtualService");
    ApiResource::from_gvk_with_plural(&kind, "virtualservices")
}
