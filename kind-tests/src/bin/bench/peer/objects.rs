//! What a user of a peer writes: the same steps, waits and measurement as the policy that Sluice is measured with.

use anyhow::{Context, Result};
use http::Method;
use kind_tests::{namespace::Namespace, raw};
use serde_json::{Value, json};

use super::Peer;

/// Where the metrics are.
const PROMETHEUS: &str = "http://prometheus.monitoring:9090";

/// Percent of good answers of the pods whose name matches, without probes and scrapes, over the last 10 s.
fn success_rate(namespace: &str, pods: &str) -> String {
    let rate = |statuses: &str| {
        format!(
            "sum(rate(http_request_duration_seconds_count{{namespace=\"{namespace}\",pod=~\"{pods}\",\
             path!~\"readyz|healthz|metrics\"{statuses}}}[10s]))"
        )
    };
    format!("{} / {} * 100", rate(",status!~\"5.*\""), rate(""))
}

impl Peer {
    /// Its objects for the workload and Service of this name, which has so many replicas; the one that is waited for is
    /// the last.
    pub fn objects(self, name: &str, replicas: i32) -> Vec<Value> {
        match self {
            Self::Flagger => vec![metric_template(name), canary(name)],
            Self::Rollouts => vec![analysis_template(name), rollout(name, replicas)],
        }
    }
}

fn metric_template(name: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": { "name": name },
        "spec": {
            "provider": { "type": "prometheus", "address": PROMETHEUS },
            // The candidate's pods; those of the primary have one part more in their names.
            "query": success_rate("{{ namespace }}", "{{ target }}-[0-9a-z]+-[0-9a-z]+"),
        },
    })
}

/// Four looks 10 s apart; two that fail end the release.
fn canary(name: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": { "name": name },
        "spec": {
            "provider": "kubernetes",
            "targetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": name },
            "progressDeadlineSeconds": 60,
            "service": { "port": 80, "targetPort": "http", "portName": "http" },
            "analysis": {
                "interval": "10s",
                "threshold": 2,
                "iterations": 4,
                "metrics": [{
                    "name": "success-rate",
                    "templateRef": { "name": name },
                    "thresholdRange": { "min": 99 },
                    "interval": "10s",
                }],
            },
        },
    })
}

fn analysis_template(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": { "name": name },
        "spec": {
            "args": [{ "name": "namespace" }, { "name": "hash" }],
            "metrics": [{
                "name": "success-rate",
                "interval": "10s",
                // It fails with the second failed look.
                "failureLimit": 1,
                "successCondition": "result[0] >= 99",
                "provider": { "prometheus": {
                    "address": PROMETHEUS,
                    "query": success_rate("{{args.namespace}}", &format!("{name}-{{{{args.hash}}}}-.*")),
                } },
            }],
        },
    })
}

/// Four steps of 10 s.
fn rollout(name: &str, replicas: i32) -> Value {
    let steps =
        [20, 40, 60, 80].map(|weight| [json!({ "setWeight": weight }), json!({ "pause": { "duration": "10s" } })]);
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": { "name": name },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "workloadRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": name, "scaleDown": "onsuccess" },
            "strategy": { "canary": {
                "maxSurge": "25%",
                "maxUnavailable": 0,
                "analysis": {
                    "startingStep": 1,
                    "templates": [{ "templateName": name }],
                    "args": [
                        { "name": "namespace", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } },
                        { "name": "hash", "valueFrom": { "podTemplateHashValue": "Latest" } },
                    ],
                },
                "steps": steps.concat(),
            } },
        },
    })
}

/// Creates an object of any kind in a namespace.
///
/// # Errors
///
/// When it is refused: what the API server says.
pub async fn create(ns: &Namespace, object: &Value) -> Result<()> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (version, kind) = (text("/apiVersion"), text("/kind"));
    let group = if version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{version}") };
    let path = format!("{group}/namespaces/{}/{}", ns.name, plural(kind));
    let answer = raw::send(&ns.client, Method::POST, &path, object).await?;
    answer.map(drop).map_err(anyhow::Error::new).with_context(|| format!("creating {kind} {}", text("/metadata/name")))
}

fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_resources_are_the_plurals_of_kinds() {
        assert_eq!(["Canary", "Rollout", "RolloutPolicy"].map(plural), ["canaries", "rollouts", "rolloutpolicies"]);
    }

    #[test]
    fn both_peers_ask_the_same_of_their_own_pods() {
        let (flagger, argo) = (Peer::Flagger.objects("shop", 4), Peer::Rollouts.objects("shop", 4));
        let asked = flagger[0]["spec"]["query"].as_str().unwrap();
        assert!(asked.contains("namespace=\"{{ namespace }}\",pod=~\"{{ target }}-[0-9a-z]+-[0-9a-z]+\""), "{asked}");
        let asked = argo[0].pointer("/spec/metrics/0/provider/prometheus/query").unwrap().as_str().unwrap();
        assert!(asked.contains("namespace=\"{{args.namespace}}\",pod=~\"shop-{{args.hash}}-.*\""), "{asked}");
    }
}
