//! What moves the traffic, as the custom resource names it: the routes with the provider that reads and writes them.

use std::collections::BTreeMap;

use crds::{
    names,
    route::{OwnRoute, OwnVirtualService},
    traffic::{LinkerdRouteRef, RouteGroup, RouteKind, Traffic},
};
use kube::core::{ApiResource, GroupVersionKind};
use providers::{DestinationRules, GatewayApi, Istio, Linkerd, Marks, Names, Own, Provider};
use serde_json::{Value, json};

/// The routes of a policy, and how they are spelt.
pub struct Routes {
    /// Reads and writes them.
    pub provider: Box<dyn Provider + Send + Sync>,
    /// Their kinds and names.
    pub all: Vec<(ApiResource, String)>,
    /// The one route that they are, where the policy holds it itself.
    pub own: Option<Own>,
}

/// The routes that a policy names, or holds itself; `None` where shares are numbers of pods.
pub fn routes(traffic: &Traffic, names: Names) -> Option<Routes> {
    let all = named(traffic).or_else(|| Some(vec![(held(traffic)?, names.apex.clone())]))?;
    let own = own(traffic, &names.policy);
    let provider: Box<dyn Provider + Send + Sync> = match traffic {
        Traffic { gateway_api: Some(_), .. } => Box::new(GatewayApi(names)),
        Traffic { linkerd: Some(_), .. } => Box::new(Linkerd::new(names)),
        _ => Box::new(Istio(names)),
    };
    Some(Routes { provider, all, own })
}

/// Kinds and names of the user's own routes.
fn named(traffic: &Traffic) -> Option<Vec<(ApiResource, String)>> {
    if let Some(gateway) = &traffic.gateway_api {
        let all = gateway.routes.as_ref()?;
        return Some(all.iter().map(|r| (gateway_route(r.kind), r.name.clone())).collect());
    }
    if let Some(linkerd) = &traffic.linkerd {
        return Some(linkerd.routes.iter().map(|r| (linkerd_route(r), r.name.clone())).collect());
    }
    let all = traffic.istio.as_ref()?.virtual_services.as_ref()?;
    Some(all.iter().map(|name| (virtual_service(), name.clone())).collect())
}

/// The kind of the route that a policy holds itself.
pub fn held(traffic: &Traffic) -> Option<ApiResource> {
    let of_gateway = traffic.gateway_api.as_ref().and_then(|gateway| gateway.route.as_ref());
    let of_istio = || traffic.istio.as_ref().and_then(|istio| istio.virtual_service.as_ref());
    of_gateway.map(|route| gateway_route(route.kind)).or_else(|| of_istio().map(|_| virtual_service()))
}

/// The route that a policy of this name holds itself.
pub fn own(traffic: &Traffic, policy: &str) -> Option<Own> {
    let kind = held(traffic)?;
    let of_gateway = traffic.gateway_api.as_ref().and_then(|gateway| gateway.route.as_ref());
    let of_istio = || traffic.istio.as_ref().and_then(|istio| istio.virtual_service.as_ref());
    let (spec, marks) = match of_gateway {
        Some(route) => (route_spec(route), &route.marks),
        None => of_istio().map(|service| (service_spec(service), &service.marks))?,
    };
    let mark = BTreeMap::from([(names::POLICY.to_owned(), policy.to_owned())]);
    let labels = marks.labels.clone().into_iter().chain(mark).collect();
    Some(Own { api_version: kind.api_version, kind: kind.kind, labels, annotations: marks.annotations.clone(), spec })
}

fn route_spec(route: &OwnRoute) -> Value {
    let everything = vec![serde_json::Map::new()];
    let mut spec = json!({ "parentRefs": route.parent_refs, "rules": route.rules.as_ref().unwrap_or(&everything) });
    if let Some(hostnames) = &route.hostnames {
        spec["hostnames"] = json!(hostnames);
    }
    spec
}

fn service_spec(service: &OwnVirtualService) -> Value {
    let everything = vec![serde_json::Map::new()];
    let mut spec = json!({ "http": service.http.as_ref().unwrap_or(&everything) });
    for (field, given) in [("hosts", &service.hosts), ("gateways", &service.gateways)] {
        if let Some(given) = given {
            spec[field] = json!(given);
        }
    }
    spec
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

    fn routes_of(traffic: Value) -> (Traffic, Routes) {
        let traffic: Traffic = serde_json::from_value(traffic).unwrap();
        let names = Names { namespace: "shop".into(), apex: "shop".into(), policy: "web".into() };
        let routes = routes(&traffic, names).unwrap();
        (traffic, routes)
    }

    #[test]
    fn linkerds_routes_are_of_the_kind_that_is_named_and_get_more_than_its_ten_seconds() {
        let (traffic, routes) = routes_of(json!({ "linkerd": { "routes": [
            { "name": "a" }, { "kind": "GRPCRoute", "name": "b" }, { "group": "policy.linkerd.io", "name": "c" },
        ] } }));
        let spelt: Vec<_> =
            routes.all.iter().map(|(k, name)| format!("{} {} {name}", k.api_version, k.plural)).collect();
        let expected = [
            "gateway.networking.k8s.io/v1 httproutes a",
            "gateway.networking.k8s.io/v1 grpcroutes b",
            "policy.linkerd.io/v1beta3 httproutes c",
        ];
        assert_eq!(spelt, expected);
        let (propagation, _) = crds::parse::times(&traffic).unwrap();
        assert!(propagation > chrono::TimeDelta::seconds(10), "{propagation}");
    }

    #[test]
    fn a_route_that_the_policy_holds_has_the_name_of_the_service_and_the_label_of_the_policy() {
        let route = json!({ "kind": "GRPCRoute", "parentRefs": [{ "name": "public" }], "labels": { "team": "a", names::POLICY: "mine" } });
        let (_, routes) = routes_of(json!({ "gatewayAPI": { "route": route } }));
        assert_eq!((routes.all[0].0.kind.as_str(), routes.all[0].1.as_str()), ("GRPCRoute", "shop"));
        let own = routes.own.unwrap();
        assert_eq!(json!(own.labels), json!({ "team": "a", names::POLICY: "web" }));
        assert_eq!(own.spec, json!({ "parentRefs": [{ "name": "public" }], "rules": [{}] }));
    }

    #[test]
    fn a_virtual_service_without_hosts_has_neither_hosts_nor_gateways() {
        let (_, routes) = routes_of(json!({ "istio": { "virtualService": {} } }));
        assert_eq!(routes.all[0].0.kind, "VirtualService");
        assert_eq!(routes.own.unwrap().spec, json!({ "http": [{}] }));
        let (_, routes) =
            routes_of(json!({ "istio": { "virtualService": { "hosts": ["shop"], "gateways": ["mesh"] } } }));
        assert_eq!(routes.own.unwrap().spec, json!({ "hosts": ["shop"], "gateways": ["mesh"], "http": [{}] }));
    }
}
