//! The documents that a user would write.

use serde_json::{Value, json};

use super::{App, Kind};

const PORT: u16 = 9898;

impl App {
    /// The Deployment, with `replicas`, as people's manifests have it.
    pub fn deployment(&self) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": self.name, "labels": { "app": self.name } },
            "spec": {
                "replicas": self.replicas,
                "minReadySeconds": self.min_ready,
                "selector": { "matchLabels": { "app": self.name } },
                "template": self.template(),
            },
        })
    }

    /// The pod template alone.
    pub fn template(&self) -> Value {
        let mut labels = json!({ "app": self.name });
        for (key, value) in &self.labels {
            labels[key] = json!(value);
        }
        json!({
            "metadata": {
                "labels": labels,
                "annotations": {
                    "prometheus.io/scrape": self.scraped.to_string(),
                    "prometheus.io/port": PORT.to_string(),
                    "prometheus.io/path": "/metrics",
                },
            },
            "spec": {
                "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
                "containers": [self.container()],
            },
        })
    }

    fn container(&self) -> Value {
        let (image, command, variable) = match self.kind {
            Kind::Testapp => ("ghcr.io/sluice-dev/testapp", None, "TESTAPP_MESSAGE"),
            Kind::Podinfo => ("ghcr.io/stefanprodan/podinfo", Some(json!(["./podinfo"])), "PODINFO_UI_MESSAGE"),
        };
        let version = (self.kind == Kind::Testapp).then(|| format!("--version={}", self.version));
        let arguments: Vec<_> =
            std::iter::once(format!("--port={PORT}")).chain(version).chain(self.arguments.clone()).collect();
        let from = json!({ "configMapKeyRef": { "name": self.config_name(), "key": "message" } });
        let variables = self.message.iter().map(|_| json!({ "name": variable, "valueFrom": from }));
        let mut container = json!({
            "name": "app",
            "image": self.image.clone().unwrap_or_else(|| format!("{image}:{}", self.version)),
            "imagePullPolicy": "IfNotPresent",
            "args": arguments,
            "env": variables.collect::<Vec<_>>(),
            "ports": [{ "name": "http", "containerPort": PORT }],
            "readinessProbe": { "httpGet": { "path": "/readyz", "port": "http" }, "periodSeconds": 1 },
            "resources": { "requests": { "cpu": "5m", "memory": "16Mi" } },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            },
        });
        if let Some(command) = command {
            container["command"] = command;
        }
        container
    }

    /// The Service that callers use.
    pub fn service(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": self.name, "labels": { "app": self.name } },
            "spec": {
                "selector": { "app": self.name },
                "ports": [{ "name": "http", "port": 80, "targetPort": "http" }],
            },
        })
    }

    /// The ConfigMap, where the application has a message.
    pub fn config(&self) -> Option<Value> {
        let message = self.message.as_ref()?;
        Some(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": self.config_name() },
            "data": { "message": message },
        }))
    }

    fn config_name(&self) -> String {
        format!("{}-config", self.name)
    }

    /// The RolloutPolicy.
    pub fn rollout_policy(&self) -> Value {
        json!({
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "RolloutPolicy",
            "metadata": { "name": self.name },
            "spec": self.policy,
        })
    }

    /// The conformance test that its gate names.
    pub fn conformance_suite(&self) -> Value {
        let arguments: Vec<_> = std::iter::once("run").chain(self.checks.iter().map(String::as_str)).collect();
        let test = match self.test_takes {
            Some(seconds) => json!({ "image": self.suite_image, "command": ["/bin/sleep", seconds.to_string()] }),
            None => json!({ "image": self.suite_image, "args": arguments }),
        };
        json!({
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "ConformanceSuite",
            "metadata": { "name": self.name },
            "spec": test,
        })
    }

    /// What a user would apply to have it run: the Deployment, the Service and the ConfigMap.
    pub fn manifests(&self) -> Vec<Value> {
        self.config().into_iter().chain([self.service(), self.deployment()]).collect()
    }
}

/// Where the tests' Prometheus is; it scrapes every second.
pub fn metric_source() -> Value {
    json!({
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "MetricSource",
        "metadata": { "name": "default" },
        "spec": { "prometheus": { "url": "http://prometheus.monitoring:9090", "scrapeInterval": "1s", "timeout": "2s" } },
    })
}
