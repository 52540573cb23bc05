//! Load from a pod in the test's namespace, outside of what is being released.

use anyhow::{Context, Result};
use apps::report::{Counts, Mark, Report};
use http::Method;
use k8s_openapi::api::core::v1::Pod;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    app::{App, Front},
    namespace::Namespace,
    traffic::Traffic,
    wait::{Seen, secs, wait_for},
};

/// Waits until a Service that was just made is known to kube-proxy, or a route to its proxy: ten answers in a row.
const REACHABLE: &str = "n=0; while [ $n -lt 10 ]; do if timeout 1 wget -q -O /dev/null http://$1/readyz >/dev/null 2>&1; then n=$((n+1)); else n=0; fi; sleep 0.1; done";

/// Load that is to be started.
#[derive(Clone)]
pub struct Load {
    ns: Namespace,
    policy: String,
    host: String,
    meshed: bool,
    path: String,
    /// What the pod is called after `load-`.
    caller: String,
    headers: Vec<String>,
    rate: f64,
    fresh: f64,
}

/// Load that runs.
#[derive(Clone)]
pub struct Running {
    ns: Namespace,
    policy: String,
    pod: String,
}

impl Load {
    /// Requests to the application's Service: 40 a second, half of them over connections of their own.
    pub fn on(ns: &Namespace, app: &App) -> Self {
        let meshed = app.front().is_some_and(Front::is_meshed);
        let (policy, host) = (app.name.clone(), app.host(&ns.name));
        let (caller, headers) = (policy.clone(), Vec::new());
        Self { ns: ns.clone(), policy, host, meshed, path: "/".into(), caller, headers, rate: 40.0, fresh: 0.5 }
    }

    /// Requests a second.
    pub fn rate(mut self, rate: u32) -> Self {
        self.rate = rate.into();
        self
    }

    /// The fraction of requests that use a connection of their own.
    pub fn fresh(mut self, fraction: f64) -> Self {
        self.fresh = fraction;
        self
    }

    /// The path asked for.
    pub fn path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// Callers of another name, each of whose requests has this header, as `NAME=VALUE`.
    pub fn of(mut self, caller: &str, header: &str) -> Self {
        self.caller = caller.into();
        self.headers.push(header.into());
        self
    }

    /// Has it begin as soon as the Service answers, whenever that is.
    ///
    /// # Errors
    ///
    /// When its pod is refused.
    pub async fn begin(self) -> Result<Running> {
        let pod = format!("load-{}", self.caller);
        self.ns.create_object::<Pod>(self.manifest(&pod)).await?;
        Ok(Running { ns: self.ns, policy: self.policy, pod })
    }

    /// Starts it, and waits for the first answers.
    ///
    /// # Errors
    ///
    /// When none come.
    pub async fn start(self) -> Result<Running> {
        let running = self.begin().await?;
        let ready = wait_for("the load's first answers", secs(60), async || {
            let report = running.report().await?;
            let counts = report.targets.get(&running.policy).map(|t| t.counts.total).unwrap_or_default();
            if counts.ok >= 10 { Ok(()) } else { Err(Seen::yet(format!("{counts:?}"))) }
        });
        ready.await?;
        Ok(running)
    }

    fn manifest(&self, pod: &str) -> Value {
        let restricted = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        });
        let target = format!("--target={}=http://{}{}", self.policy, self.host, self.path);
        let numbers = [format!("--rate={}", self.rate), format!("--fresh={}", self.fresh), "--duration=20m".into()];
        let headers = self.headers.iter().map(|header| format!("--header={header}"));
        let args: Vec<_> = [target].into_iter().chain(numbers).chain(headers).collect();
        json!({
            "metadata": { "name": pod, "labels": { "role": "load", "sidecar.istio.io/inject": self.meshed.to_string() } },
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 1,
                "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
                "initContainers": [{
                    "name": "reachable",
                    "image": "ghcr.io/sluice-dev/conformance:1.0.0",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["/bin/sh", "-c", REACHABLE, "-", self.host],
                    "securityContext": restricted,
                }],
                "containers": [{
                    "name": "load",
                    "image": "ghcr.io/sluice-dev/load:1.0.0",
                    "imagePullPolicy": "IfNotPresent",
                    "args": args,
                    "ports": [{ "name": "http", "containerPort": 8080 }],
                    "readinessProbe": { "httpGet": { "path": "/readyz", "port": "http" }, "periodSeconds": 1 },
                    "resources": { "requests": { "cpu": "20m", "memory": "16Mi" } },
                    "securityContext": restricted,
                }],
            },
        })
    }
}

impl Running {
    /// What was counted so far.
    ///
    /// # Errors
    ///
    /// When the pod does not answer.
    pub async fn report(&self) -> Result<Report> {
        self.ask(Method::GET, "stats").await
    }

    /// What was counted so far, to be asserted on.
    ///
    /// # Errors
    ///
    /// When the pod does not answer.
    pub async fn traffic(&self) -> Result<Traffic> {
        Traffic::new(&self.policy, self.report().await?)
    }

    /// Gives this moment a name: failures that follow tell it as their phase.
    ///
    /// # Errors
    ///
    /// When the pod does not answer.
    pub async fn mark(&self, name: &str) -> Result<Mark> {
        self.ask(Method::POST, &format!("mark?name={name}")).await
    }

    /// What was counted while so many requests were answered on connections of their own, from now on.
    ///
    /// # Errors
    ///
    /// When they are not answered within a minute.
    pub async fn sample(&self, name: &str, requests: u64) -> Result<Counts> {
        let begin = self.counts_of(&self.mark(name).await?)?;
        let what = format!("{requests} answers");
        let end = wait_for(&what, secs(60), async || {
            let report = self.report().await?;
            let now = report.targets.get(&self.policy).map(|t| t.counts.since(&begin)).unwrap_or_default();
            if now.fresh.answered >= requests { Ok(now) } else { Err(Seen::yet(now.fresh.answered)) }
        });
        let counts = end.await?;
        self.mark(&format!("{name}-counted")).await?;
        Ok(counts)
    }

    fn counts_of(&self, mark: &Mark) -> Result<Counts> {
        mark.counts.get(&self.policy).cloned().context("counts in a mark")
    }

    /// Sends no more, waits for what is outstanding and returns the final counts.
    ///
    /// # Errors
    ///
    /// When the pod does not answer.
    pub async fn stop(self) -> Result<Traffic> {
        Traffic::new(&self.policy, self.ask(Method::POST, "stop").await?)
    }

    /// Through the API server, which reaches every pod.
    async fn ask<T: DeserializeOwned>(&self, method: Method, what: &str) -> Result<T> {
        let path = format!("/api/v1/namespaces/{}/pods/{}:8080/proxy/{what}", self.ns.name, self.pod);
        let request = http::Request::builder().method(method).uri(path).body(Vec::new())?;
        let answer =
            self.ns.client.request_text(request).await.with_context(|| format!("asking the load for {what}"))?;
        serde_json::from_str(&answer).with_context(|| format!("what the load answered to {what}: {answer:.200}"))
    }
}
