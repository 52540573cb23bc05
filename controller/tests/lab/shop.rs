//! The application of every scenario: a Deployment `shop`, its Service, perhaps a route to it, a conformance suite, and a policy.

use serde_json::{Value, json};

use super::{Lab, NS};
use crate::cluster::gateway::CLASS;

/// The user's Deployment.
pub fn deployment(image: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "shop", "namespace": NS },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "shop" } },
            "template": {
                "metadata": { "labels": { "app": "shop" } },
                "spec": { "containers": [{ "name": "app", "image": image, "ports": [{ "name": "http", "containerPort": 8080 }] }] },
            },
        },
    })
}

/// The Service that callers use.
pub fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "shop", "namespace": NS },
        "spec": { "selector": { "app": "shop" }, "ports": [{ "name": "http", "port": 80, "targetPort": "http" }] },
    })
}

/// The route that callers come through, with the API's defaults written out.
pub fn route() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": { "name": "shop", "namespace": NS },
        "spec": {
            "parentRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "gateways" }],
            "hostnames": ["shop.example.com"],
            "rules": [{
                "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
                "backendRefs": [{ "group": "", "kind": "Service", "name": "shop", "port": 80, "weight": 3 }],
                "timeouts": { "request": "10s" },
            }],
        },
    })
}

/// The Gateway of that route.
pub fn gateway() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": { "name": "public", "namespace": "gateways" },
        "spec": { "gatewayClassName": CLASS, "listeners": [{ "name": "http", "port": 80, "protocol": "HTTP" }] },
    })
}

/// A policy with a conformance gate and a success rate, in seconds.
pub fn policy(strategy: Value) -> Value {
    json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "RolloutPolicy", "metadata": { "name": "shop", "namespace": NS },
        "spec": {
            "workload": { "kind": "Deployment", "name": "shop" }, "service": { "name": "shop" },
            "firstRevision": "Trust", "settle": "2s", "warmFor": "20s", "history": 5,
            "traffic": { "service": { "propagation": "2s", "drain": "5s" } },
            "strategy": strategy,
            "gates": [{ "name": "conformance", "at": "traffic", "suite": { "name": "shop" }, "timeout": "2m", "attempts": 1 }],
            "analysis": {
                "source": "default", "interval": "5s", "mode": { "threshold": { "failures": 2 } },
                "metrics": [{ "name": "success-rate", "objective": { "min": 99.0 } }],
            },
            "deadlines": { "progress": "1m" },
        },
    })
}

/// The same with its metrics counted and tested over the whole release.
pub fn tested(strategy: Value) -> Value {
    let mut policy = policy(strategy);
    let analysis = &mut policy["spec"]["analysis"];
    analysis.as_object_mut().unwrap().remove("mode");
    analysis["minRequests"] = json!(50);
    analysis["onUnknown"] = json!({ "hold": "2m" });
    policy
}

/// The same with shares that are weights of the route.
pub fn by_routes(strategy: Value) -> Value {
    let mut policy = policy(strategy);
    let routes = json!([{ "kind": "HTTPRoute", "name": "shop" }]);
    policy["spec"]["traffic"] = json!({ "gatewayAPI": { "routes": routes, "propagation": "2s", "drain": "5s" } });
    policy
}

/// The same with a route of the policy's own, in so many words as it takes.
pub fn by_own_route(strategy: Value) -> Value {
    let mut policy = policy(strategy);
    let route = json!({
        "parentRefs": [{ "name": "public", "namespace": "gateways" }],
        "hostnames": ["shop.example.com"], "rules": [{ "timeouts": { "request": "10s" } }],
    });
    policy["spec"]["traffic"] = json!({ "gatewayAPI": { "route": route, "propagation": "2s", "drain": "5s" } });
    policy
}

/// 20 %, then 80 %, for so long each.
pub fn wide_steps(bake: &str) -> Value {
    json!({ "canary": { "steps": [{ "weight": 20, "bake": bake }, { "weight": 80, "bake": bake }] } })
}

/// 20 %, then 50 %.
pub fn canary() -> Value {
    json!({ "canary": { "steps": [{ "weight": 20, "bake": "10s" }, { "weight": 50, "bake": "10s" }] } })
}

/// All at once.
pub fn blue_green() -> Value {
    json!({ "blueGreen": { "bake": "20s" } })
}

impl Lab {
    /// Version 1 runs with four pods and gets requests; no policy yet.
    pub async fn running(&self) {
        self.deployed().await;
        self.cluster.traffic(NS, "shop");
    }

    /// The same with callers who come through a gateway.
    pub async fn running_behind_a_route(&self) {
        self.cluster.namespace("gateways");
        self.cluster.apply(gateway());
        self.running_behind(route()).await;
    }

    /// The same without a route, and so without callers.
    pub async fn running_behind_a_gateway(&self) {
        self.cluster.namespace("gateways");
        self.cluster.apply(gateway());
        self.deployed().await;
    }

    /// The same with callers who come by that route.
    pub async fn running_behind(&self, route: Value) {
        self.cluster.apply(route);
        self.deployed().await;
        self.cluster.traffic_through(NS, "shop");
    }

    async fn deployed(&self) {
        self.cluster.apply(json!({
            "apiVersion": "sluice.dev/v1alpha1", "kind": "ConformanceSuite", "metadata": { "name": "shop", "namespace": NS },
            "spec": { "image": "suite:1" },
        }));
        self.cluster.job_outcome("suite:1", crate::cluster::JobOutcome::pass(std::time::Duration::from_secs(3)));
        self.cluster.apply(deployment("shop:1", 4));
        self.cluster.apply(service());
        self.until("version 1 runs", |c| {
            c.get("deployments", NS, "shop").is_some_and(|d| d.pointer("/status/readyReplicas") == Some(&json!(4)))
        })
        .await;
        self.cluster.advance(std::time::Duration::from_secs(5)).await;
    }

    /// The policy takes version 1 over.
    pub async fn taken_over(&self, strategy: Value) {
        self.cluster.apply(policy(strategy));
        self.until_settled_on("shop:1").await;
    }

    /// Changes the image of the user's Deployment, as `kubectl set image` does.
    pub fn deploy(&self, image: &str) {
        let change = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "app", "image": image, "ports": [{ "name": "http", "containerPort": 8080 }] }] } } } });
        self.cluster.patch("deployments", NS, "shop", &change);
    }
}
