//! The cluster in memory does what a cluster does.
#![allow(clippy::unwrap_used)]

mod api;
mod cluster;

use std::{collections::BTreeMap, time::Duration};

use cluster::Cluster;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, Error};
use serde_json::{Value, json};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A cluster with the namespace `shop` and its models running.
fn running() -> Cluster {
    seeded(7)
}

fn seeded(seed: u64) -> Cluster {
    let cluster = Cluster::new(seed);
    cluster.namespace("shop");
    cluster.start();
    cluster
}

fn config(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": data})
}

fn web(image: &str, replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}]},
            },
        },
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "shop"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    })
}

fn job(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": "shop", "labels": {"gate": "smoke"}},
        "spec": {
            "backoffLimit": 0, "activeDeadlineSeconds": 120,
            "template": {
                "metadata": {"labels": {"gate": "smoke"}},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "test", "image": image}]},
            },
        },
    })
}

fn is_rolled_out(cluster: &Cluster, replicas: i64) -> bool {
    cluster.get("deployments", "shop", "web").is_some_and(|d| {
        let status = &d["status"];
        status["observedGeneration"] == d["metadata"]["generation"]
            && status["updatedReplicas"] == replicas
            && status["readyReplicas"] == replicas
            && status["replicas"] == replicas
    })
}

/// Web with this image and its Service, ready.
async fn with_web(image: &str, replicas: i64) -> Cluster {
    let cluster = running();
    bring_up(&cluster, image, replicas).await;
    cluster
}

async fn bring_up(cluster: &Cluster, image: &str, replicas: i64) {
    cluster.apply(web(image, replicas));
    cluster.apply(service());
    cluster.advance_until("web is ready", secs(60), |c| is_rolled_out(c, replicas)).await;
    cluster.advance(secs(3)).await;
}

fn code(error: &Error) -> (u16, String) {
    match error {
        Error::Api(status) => (status.code, status.reason.clone()),
        other => (0, other.to_string()),
    }
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "shop")
}

fn map(name: &str, data: &[(&str, &str)]) -> ConfigMap {
    let data: BTreeMap<_, _> = data.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    ConfigMap {
        metadata: kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
        data: Some(data),
        ..Default::default()
    }
}
