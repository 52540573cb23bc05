//! What moves the traffic, as the custom resource names it: the routes with the provider that reads and writes them.

use crds::{
    names,
    traffic::{LinkerdRouteRef, RouteGroup, RouteKind, Traffic},
};
use kube::core::{ApiResource, GroupVersionKind};
use providers::{DestinationRules, GatewayApi, Istio, Linkerd, Marks, Names, Provider};

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
    if let Some(linkerd) = &traffic.linkerd {
        let all = linkerd.routes.iter().map(|r| (linkerd_route(r), r.name.clone())).collect();
        return Some(Routes { provider: Box::new(Linkerd::new(names)), all });
    }
    let istio = traffic.istio.as_ref()?;
    let all = istio.virtual_services.iter().map(|name| (virtual_service(), name.clone())).collect();
    Some(Routes { provider: Box::new(Istio(names)), all })
}

/// What may tell proxies how to treat Services: also in a mesh of Istio's whose routes are the Gateway API's. `uid` is the policy's.
pub fn rules(traffic: &Traffic, names: Names, uid: String) -> Option<DestinationRules> {
    let given = match traffic {
        Traffic { istio: Some(istio), .. } => istio.traffic_policy.clone(),
        Traffic { gateway_api: Some(_), .. } => None,
        _ => return None,
    };
    let marks = Marks { policy: names::POLICY, uid: (names::POLICY_UID, uid), revision: names::REVISION };
    Some(DestinationRules { names, marks, given })
}

/// Their kind.
pub fn destination_rule() -> ApiResource {
    let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "DestinationRule");
    ApiResource::from_gvk_with_plural(&kind, "destinationrules")
}

fn gateway_route(kind: RouteKind) -> ApiResource {
    let (kind, plural) = match kind {
        RouteKind::HTTPRoute => ("HTTPRoute", "httproutes"),
        RouteKind::GRPCRoute => ("GRPCRoute", "grpcroutes"),
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", kind), plural)
}

fn linkerd_route(route: &LinkerdRouteRef) -> ApiResource {
    match route.group {
        RouteGroup::GatewayApi => gateway_route(route.kind),
        RouteGroup::Linkerd => {
            let kind = GroupVersionKind::gvk("policy.linkerd.io", "v1beta3", "HTTPRoute");
            ApiResource::from_gvk_with_plural(&kind, "httproutes")
        }
    }
}

fn virtual_service() -> ApiResource {
    let kind = GroupVersionKind::gvk("networking.istio.io", "v1", "VirtualService");
    ApiResource::from_gvk_with_plural(&kind, "virtualservices")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn linkerds_routes_are_of_the_kind_that_is_named_and_get_more_than_its_ten_seconds() {
        let named = serde_json::json!({ "linkerd": { "routes": [
            { "name": "a" }, { "kind": "GRPCRoute", "name": "b" }, { "group": "policy.linkerd.io", "name": "c" },
        ] } });
        let traffic: Traffic = serde_json::from_value(named).unwrap();
        let names = Names { namespace: "shop".into(), apex: "shop".into(), policy: "shop".into() };
        let all = routes(&traffic, names).unwrap().all;
        let spelt: Vec<_> = all.iter().map(|(k, name)| format!("{} {} {name}", k.api_version, k.plural)).collect();
        let expected = [
            "gateway.networking.k8s.io/v1 httproutes a",
            "gateway.networking.k8s.io/v1 grpcroutes b",
            "policy.linkerd.io/v1beta3 httproutes c",
        ];
        assert_eq!(spelt, expected);
        let (propagation, _) = crds::parse::times(&traffic).unwrap();
        assert!(propagation > chrono::TimeDelta::seconds(10), "{propagation}");
    }
}
