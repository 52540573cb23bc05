//! The policy's part of the sentence.

use serde_json::{Value, json};

use super::App;

/// The policy that is given unless a test says otherwise.
pub(super) fn quick(name: &str) -> Value {
    json!({
        "workload": { "kind": "Deployment", "name": name },
        "service": { "name": name },
        "settle": "1s",
        "traffic": { "service": { "propagation": "2s", "drain": "2s" } },
        "strategy": { "canary": { "steps": [{ "weight": 20, "bake": "3s" }, { "weight": 50, "bake": "3s" }] } },
        "gates": [{ "name": "conformance", "at": "traffic", "suite": { "name": name }, "timeout": "2m" }],
        "warmFor": "3s",
        "rollback": { "keepFailedFor": "0s" },
        "deadlines": { "progress": "60s" },
    })
}

impl App {
    /// Traffic in these steps, each held for 3 s.
    pub fn canary<const N: usize>(self, weights: [i32; N]) -> Self {
        let steps: Vec<_> = weights.iter().map(|weight| json!({ "weight": weight, "bake": "3s" })).collect();
        self.policy("/strategy", json!({ "canary": { "steps": steps } }))
    }

    /// All traffic at once after the gates, watched this long.
    pub fn blue_green(self, bake: &str) -> Self {
        self.policy("/strategy", json!({ "blueGreen": { "bake": bake } }))
    }

    /// How long each step is held.
    pub fn bake(mut self, time: &str) -> Self {
        if let Some(Value::Array(steps)) = self.policy.pointer_mut("/strategy/canary/steps") {
            steps.iter_mut().for_each(|step| step["bake"] = time.into());
        }
        self
    }

    /// Waits for a person after this step, counted from 1.
    pub fn pause_at(self, step: usize) -> Self {
        self.policy(&format!("/strategy/canary/steps/{}/pause", step - 1), json!(true))
    }

    /// How long a change of endpoints may take to reach every node.
    pub fn propagation(self, time: &str) -> Self {
        self.policy("/traffic/service/propagation", json!(time))
    }

    /// How long a pod that served is kept.
    pub fn drain(self, time: &str) -> Self {
        self.policy("/traffic/service/drain", json!(time))
    }

    /// How long the old version is kept after promotion.
    pub fn warm_for(self, time: &str) -> Self {
        self.policy("/warmFor", json!(time))
    }

    /// How long a change must rest before it counts.
    pub fn settle(self, time: &str) -> Self {
        self.policy("/settle", json!(time))
    }

    /// How long pods may take to become ready.
    pub fn progress(self, time: &str) -> Self {
        self.policy("/deadlines/progress", json!(time))
    }

    /// How long the gates may wait, in total.
    pub fn gate_timeout(self, time: &str) -> Self {
        self.policy("/gates/0/timeout", json!(time))
    }

    /// No conformance test at all.
    pub fn no_gates(self) -> Self {
        self.policy("/gates", Value::Null)
    }

    /// Only after these policies.
    pub fn depends_on<const N: usize>(self, policies: [&str; N]) -> Self {
        self.policy("/dependsOn", json!(policies.as_slice()))
    }

    /// Measures the success rate every second; two failed looks in a row fail the version.
    pub fn success_rate(self, percent: f64) -> Self {
        self.metric(json!({ "name": "success-rate", "objective": { "min": percent } }))
    }

    /// Measures the 90th percentile of the latency every second.
    pub fn latency_p90(self, most: &str) -> Self {
        self.metric(json!({ "name": "latency-p90", "objective": { "maxDuration": most } }))
    }

    /// The metrics so far are counted and tested over the whole release, every two seconds.
    pub fn tested(self) -> Self {
        let tested = self.policy("/analysis/mode", Value::Null).policy("/analysis/interval", json!("2s"));
        tested.policy("/analysis/onUnknown/hold", json!("5m"))
    }

    /// The metrics so far are what proxies count. The application itself is not scraped, so that nobody else can know.
    pub fn measured_by(self, proxies: &str) -> Self {
        let mut app = self.policy("/analysis/measuredBy", json!(proxies));
        app.scraped = false;
        app
    }

    fn metric(mut self, metric: Value) -> Self {
        if self.policy.get("analysis").is_none() {
            self.policy["analysis"] = json!({
                "source": "default", "interval": "1s", "metrics": [], "onUnknown": { "hold": "2m" },
                "mode": { "threshold": { "failures": 2 } },
            });
        }
        if let Some(Value::Array(metrics)) = self.policy.pointer_mut("/analysis/metrics") {
            metrics.push(metric);
        }
        self
    }
}
