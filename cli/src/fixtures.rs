//! Objects for tests, as chains that read as sentences.

use chrono::{DateTime, TimeDelta, Utc};
use crds::{Release, RolloutPolicy};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::facts::Facts;

/// The time of every picture.
pub fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// So many seconds before that.
pub fn ago(seconds: i64) -> String {
    (now() - TimeDelta::seconds(seconds)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The digest of the n-th version.
pub fn digest(n: u32) -> String {
    format!("sha256:{}", format!("{n:08x}").repeat(8))
}

/// The n-th version: its image is `shop:n`.
pub fn revision(n: u32) -> Value {
    json!({ "revision": format!("{n:08x}"), "digest": digest(n), "images": [format!("registry.example.com/team/shop:{n}")] })
}

/// A policy with two steps, two gates and two metrics, on a plain Service.
pub fn spec() -> Value {
    json!({
        "workload": { "kind": "Deployment", "name": "shop" }, "service": { "name": "shop" }, "replicas": 4,
        "traffic": { "service": { "propagation": "15s", "drain": "30s" } },
        "strategy": { "canary": { "steps": [{ "weight": 20, "bake": "5m" }, { "weight": 50, "bake": "5m", "pause": true }] } },
        "gates": [
            { "name": "conformance", "at": "traffic", "suite": { "name": "shop" }, "timeout": "10m" },
            { "name": "load", "at": "step", "steps": [2], "suite": { "name": "load" }, "timeout": "20m" },
        ],
        "analysis": { "metrics": [
            { "name": "success-rate", "objective": { "min": 99 } }, { "name": "latency-p99", "objective": { "maxDuration": "500ms" } },
        ] },
    })
}

/// A policy and what belongs to it, as JSON.
#[derive(Clone)]
pub struct Shop {
    policy: Value,
    releases: Vec<Value>,
    workload: Value,
    pods: Vec<Value>,
}

impl Shop {
    /// Version 1 serves, and is what the workload wishes for.
    pub fn settled() -> Self {
        let metadata = json!({ "name": "shop", "namespace": "team", "uid": "p", "generation": 1, "creationTimestamp": ago(90_000) });
        let policy = json!({
            "apiVersion": "sluice.dev/v1alpha1", "kind": "RolloutPolicy", "metadata": metadata, "spec": spec(),
            "status": {
                "observedGeneration": 1, "workload": { "observedGeneration": 3, "digest": digest(1) }, "strategy": "canary",
                "phase": "Settled", "stable": revision(1), "release": "shop-00000001-1", "replicas": 4,
            },
        });
        let shop = Self { policy, releases: vec![], workload: Value::Null, pods: vec![] };
        shop.deployed(1, 3)
            .release(1, json!({ "phase": "Succeeded", "finishedAt": ago(80_000), "enteredAt": ago(80_000) }))
            .running(1, 4, 4)
    }

    /// The user's Deployment wishes for this version, in this generation.
    pub fn deployed(mut self, n: u32, generation: i64) -> Self {
        self.workload = json!({
            "metadata": { "name": "shop", "namespace": "team", "generation": generation },
            "spec": { "selector": {}, "template": { "spec": { "containers": [{ "name": "app", "image": format!("registry.example.com/team/shop:{n}") }] } } },
        });
        self
    }

    /// The controller has seen that.
    pub fn seen(mut self, n: u32, generation: i64) -> Self {
        self.policy["status"]["workload"] = json!({ "observedGeneration": generation, "digest": digest(n) });
        self
    }

    /// One more release, with this journal.
    pub fn release(mut self, n: u32, journal: Value) -> Self {
        let number = self.releases.len() + 1;
        let attempt = self.releases.iter().filter(|r| r["spec"]["to"] == revision(n)).count() + 1;
        let name = format!("shop-{n:08x}-{attempt}");
        let purpose = if number == 1 { "Adopt" } else { "Update" };
        self.releases.push(json!({
            "metadata": {
                "name": name, "namespace": "team", "uid": name, "creationTimestamp": ago(600),
                "annotations": { "sluice.dev/sequence": number.to_string() },
            },
            "spec": {
                "purpose": purpose, "policy": { "name": "shop", "uid": "p" }, "to": revision(n), "attempt": attempt,
                "from": if number == 1 { Value::Null } else { revision(1) }, "plan": self.policy["spec"].to_string(),
            },
            "status": journal,
        }));
        self.policy["status"]["release"] = json!(name);
        self
    }

    /// The plan of the last release has this besides.
    pub fn planned(mut self, pointer: &str, value: Value) -> Self {
        if let Some(last) = self.releases.last_mut() {
            let mut plan: Value = serde_json::from_str(last["spec"]["plan"].as_str().unwrap()).unwrap();
            *plan.pointer_mut(pointer).unwrap() = value;
            last["spec"]["plan"] = json!(plan.to_string());
        }
        self
    }

    /// The last release was asked to take the emergency way.
    pub fn urgent(mut self, emergency: Value) -> Self {
        if let Some(last) = self.releases.last_mut() {
            last["spec"]["emergency"] = emergency;
        }
        self
    }

    /// The status of the policy says this besides.
    pub fn says(mut self, status: Value) -> Self {
        for (key, value) in status.as_object().unwrap() {
            self.policy["status"][key] = value.clone();
        }
        self
    }

    /// Any field of the policy's spec.
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.policy["spec"][key] = value;
        self
    }

    /// Pods of a version, some of them ready.
    pub fn running(mut self, n: u32, all: usize, ready: usize) -> Self {
        self.pods.extend((0..all).map(|i| {
            let status = if i < ready { "True" } else { "False" };
            json!({
                "metadata": { "name": format!("shop-{n}-{i}"), "labels": { "sluice.dev/policy": "shop", "sluice.dev/revision": format!("{n:08x}") } },
                "status": { "conditions": [{ "type": "Ready", "status": status }] },
            })
        }));
        self
    }

    /// Version 2 is tried: 20 % of the traffic, one minute into the first step.
    pub fn shifting() -> Self {
        let waiting = json!({ "reason": "Bake", "message": "step 1 of 2 holds weight 20", "until": ago(-255) });
        let tally = |requests, errors, percent| json!({ "requests": requests, "errors": errors, "percent": percent });
        let tested = json!({ "candidate": tally(512, 2, 0.39), "stable": tally(2048, 6, 0.29), "p": 0.4, "alpha": 0.005, "alphaUsed": 0.0, "tests": [] });
        let journal = json!({
            "phase": "Shifting", "step": 1, "enteredAt": ago(75), "appliedAt": ago(60), "served": true,
            "split": { "wanted": 20, "effective": 20, "members": 1, "stablePods": 4 },
            "gates": [{
                "name": "conformance", "at": "traffic", "verdict": "Pass", "attempt": 1, "since": ago(110), "until": ago(80),
                "message": "37 passed", "evidence": { "job": "shop-conformance", "exitCode": 0, "summary": "37 passed" },
            }],
            "analysis": { "verdict": "Unknown", "metrics": [
                { "name": "success-rate", "verdict": "Unknown", "value": 99.609, "failures": 0, "tested": tested, "message": "nothing speaks against it yet" },
                { "name": "latency-p99", "verdict": "Unknown", "failures": 0, "message": "no requests were counted yet" },
            ] },
            "waiting": waiting,
            "timeline": [
                { "at": ago(130), "reason": "ReleaseStarted", "message": "00000001 to 00000002" },
                { "at": ago(110), "reason": "Prepared", "message": "1 pods of revision 00000002 are ready, without live traffic" },
                { "at": ago(75), "reason": "StepStarted", "message": "step 1 of 2: weight 20" },
                { "at": ago(60), "reason": "StepApplied", "message": "step 1 is in force: 20 %" },
            ],
        });
        let tried = Self::settled().deployed(2, 4).seen(2, 4).release(2, journal).running(2, 1, 1);
        tried.says(json!({ "phase": "Shifting", "candidate": revision(2), "weight": 20, "waiting": waiting }))
    }

    /// Version 2 was taken back, and nothing happens before somebody acts.
    pub fn rolled_back() -> Self {
        let message = "success-rate is 71.2 %, below 99 %";
        let journal = json!({
            "phase": "RolledBack", "step": 1, "served": true, "condemned": true, "finishedAt": ago(45), "enteredAt": ago(100),
            "outcome": { "phase": "RolledBack", "reason": "AnalysisFailed", "message": message },
            "analysis": { "verdict": "Fail", "metrics": [
                { "name": "success-rate", "verdict": "Fail", "value": 71.2, "failures": 2, "message": message },
            ] },
            "timeline": [{ "at": ago(100), "reason": "AnalysisFailed", "message": message }, { "at": ago(45), "reason": "RolledBack", "message": message }],
        });
        let waiting = json!({ "reason": "RolledBack", "message": format!("revision 00000002 is not delivered: {message}; deploy another version, or decide Retry"), "stalled": true });
        let failed = json!([{ "digest": digest(2), "release": "shop-00000002-1", "at": ago(45) }]);
        Self::settled()
            .deployed(2, 4)
            .seen(2, 4)
            .release(2, journal)
            .says(json!({ "phase": "RolledBack", "waiting": waiting, "failed": failed }))
    }

    /// What a command reads.
    pub fn facts(&self) -> Facts {
        let releases = self.releases.iter().map(|r| serde_json::from_value::<Release>(r.clone()).unwrap()).collect();
        let mut facts = Facts::new(serde_json::from_value::<RolloutPolicy>(self.policy.clone()).unwrap(), releases);
        facts.workload = serde_json::from_value::<Deployment>(self.workload.clone()).ok();
        facts.pods = Some(self.pods.iter().map(|p| serde_json::from_value::<Pod>(p.clone()).unwrap()).collect());
        facts
    }
}

/// A decision of ann's.
pub fn decision(release: &str, action: &str, comment: &str) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "Decision", "metadata": { "name": "d", "creationTimestamp": ago(90) },
        "spec": { "release": release, "digest": digest(2), "action": action, "by": "ann", "comment": comment },
    }))
    .unwrap()
}

/// What was written.
#[derive(Clone, Default)]
pub struct Written(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Written {
    /// As text.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
