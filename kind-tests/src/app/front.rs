//! Routes in front of the application's Service, and the name under which callers come.

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::{App, set};

/// What callers come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// An HTTPRoute at the shared Gateway of Envoy Gateway.
    Gateway,
    /// A VirtualService; the callers have a sidecar of Istio's.
    Mesh,
    /// An HTTPRoute with the Service as its parent; the callers have a sidecar of Istio's.
    MeshRoute,
}

impl Front {
    /// The kind of its route.
    pub fn kind(self) -> ApiResource {
        let (group, kind, plural) = match self {
            Self::Gateway | Self::MeshRoute => ("gateway.networking.k8s.io", "HTTPRoute", "httproutes"),
            Self::Mesh => ("networking.istio.io", "VirtualService", "virtualservices"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural)
    }

    /// Whether callers have a sidecar.
    pub fn is_meshed(self) -> bool {
        matches!(self, Self::Mesh | Self::MeshRoute)
    }
}

impl App {
    /// Callers come through a route of the application's name, and shares are its weights.
    pub fn behind(mut self, front: Front) -> Self {
        self.front = Some(front);
        let times = |mut traffic: Value| {
            traffic["propagation"] = "2s".into();
            traffic["drain"] = "2s".into();
            traffic
        };
        let name = self.name.clone();
        let traffic = match front {
            Front::Gateway | Front::MeshRoute => {
                json!({ "gatewayAPI": times(json!({ "routes": [{ "name": name }] })) })
            }
            Front::Mesh => json!({ "istio": times(json!({ "virtualServices": [name] })) }),
        };
        self.policy("/traffic", traffic)
    }

    /// The policy holds the route, in as few words as it takes, and nobody else makes one.
    pub fn holding_its_route(mut self, namespace: &str) -> Self {
        let Some(mut route) = self.route(namespace) else { return self };
        self.holds = true;
        match self.front {
            Some(Front::Mesh) => {
                set(&mut route, "/spec/http/0/route", Value::Null);
                self.policy("/traffic/istio/virtualServices", Value::Null)
                    .policy("/traffic/istio/virtualService", route["spec"].take())
            }
            _ => {
                set(&mut route, "/spec/rules/0/backendRefs", Value::Null);
                self.policy("/traffic/gatewayAPI/routes", Value::Null)
                    .policy("/traffic/gatewayAPI/route", route["spec"].take())
            }
        }
    }

    /// What callers come through.
    pub fn front(&self) -> Option<Front> {
        self.front
    }

    /// The host that callers ask for. With a gateway it leads there, and no other namespace has it.
    pub fn host(&self, namespace: &str) -> String {
        match self.front {
            Some(Front::Gateway) => format!("entry.{namespace}"),
            Some(Front::Mesh | Front::MeshRoute) | None => self.name.clone(),
        }
    }

    /// The route as its owner writes it; none where the policy holds it.
    pub fn route(&self, namespace: &str) -> Option<Value> {
        if self.holds {
            return None;
        }
        let metadata = json!({ "name": self.name });
        Some(match self.front? {
            Front::Gateway => json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata,
                "spec": {
                    "parentRefs": [{ "name": "public", "namespace": "gateways" }],
                    "hostnames": [self.host(namespace)],
                    "rules": [{ "backendRefs": [{ "name": self.name, "port": 80 }], "timeouts": { "request": "10s" } }],
                },
            }),
            Front::MeshRoute => json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata,
                "spec": {
                    "parentRefs": [{ "group": "", "kind": "Service", "name": self.name, "port": 80 }],
                    "rules": [{ "backendRefs": [{ "name": self.name, "port": 80 }], "timeouts": { "request": "10s" } }],
                },
            }),
            Front::Mesh => json!({
                "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata,
                "spec": {
                    "hosts": [self.name],
                    "http": [{ "route": [{ "destination": { "host": self.name } }], "timeout": "10s" }],
                },
            }),
        })
    }

    /// What makes the host lead to the gateway.
    pub fn entry(&self) -> Option<Value> {
        (self.front? == Front::Gateway).then(|| {
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": { "name": "entry" },
                "spec": { "type": "ExternalName", "externalName": "public.envoy-gateway-system.svc.cluster.local" },
            })
        })
    }
}
