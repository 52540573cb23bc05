//! What stands around a route and decides what becomes of it: the Service that callers use, and other objects.

use serde_json::Value;

/// Objects beside the routes, as they were read.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// The Service that callers use, where it is there.
    pub apex: Option<Value>,
    /// What was asked for and is there.
    pub neighbours: Vec<Value>,
}

/// An object that has to be read to know what becomes of a route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Neighbour {
    /// A Gateway of the Gateway API.
    Gateway {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// All routes of a kind in a namespace: another may take the place of the one that is looked at.
    Routes {
        /// The kind.
        of: RouteKind,
        /// The namespace.
        namespace: String,
    },
    /// All classes of Gateways: which one it is stands in the Gateway.
    GatewayClasses,
    /// All of Istio's DestinationRules of a namespace.
    DestinationRules {
        /// The namespace.
        namespace: String,
    },
    /// All of Linkerd's ServiceProfiles of a namespace: their names end with the cluster's domain, which nobody tells.
    ServiceProfiles {
        /// The namespace.
        namespace: String,
    },
}

/// A kind of route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteKind {
    /// HTTPRoute of the Gateway API.
    Http,
    /// GRPCRoute of the Gateway API.
    Grpc,
    /// HTTPRoute of Linkerd's.
    LinkerdHttp,
    /// VirtualService of Istio's.
    VirtualService,
}

impl Around {
    /// The neighbour of that kind and name; without a namespace, one of the cluster.
    pub(crate) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        let is = |path, value| move |o: &Value| o.pointer(path).and_then(Value::as_str) == Some(value);
        let of_name = |o: &&Value| {
            (namespace.is_empty() || is("/metadata/namespace", namespace)(o)) && is("/metadata/name", name)(o)
        };
        self.neighbours.iter().filter(|o| o["kind"] == kind).find(of_name)
    }

    /// Ports of the Service that callers use; `None` while it is not there.
    pub(crate) fn ports(&self) -> Option<Vec<i64>> {
        let ports = self.apex.as_ref()?.pointer("/spec/ports").and_then(Value::as_array);
        Some(ports.into_iter().flatten().filter_map(|p| p["port"].as_i64()).collect())
    }
}
