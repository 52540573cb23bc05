//! How each policy stands, as gauges: what is scraped is what the last pass over each said.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crds::RolloutPolicyStatus;
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};

/// The last known of each policy, by `namespace/name`. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies(Arc<Mutex<BTreeMap<String, Seen>>>);

/// Of one policy. No label is a digest, a pod or a message: series stay as few as policies and words are.
#[derive(Debug, PartialEq)]
struct Seen {
    phase: String,
    /// In percent for the candidate: what callers are given, and what the step asks for.
    effective: i64,
    wanted: i64,
    /// Type, whether it holds, and its reason.
    conditions: Vec<(String, bool, String)>,
}

impl Policies {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a pass over the policy said; `wanted` is the weight that its step asks for.
    pub fn saw(&self, policy: &str, status: &RolloutPolicyStatus, wanted: Option<u32>) {
        let effective = i64::from(status.weight.unwrap_or_default());
        let condition = |c: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
            (c.type_.clone(), c.status == "True", c.reason.clone())
        };
        let seen = Seen {
            phase: status.phase.clone().unwrap_or_default(),
            effective,
            wanted: wanted.map_or(effective, i64::from),
            conditions: status.conditions.iter().map(condition).collect(),
        };
        self.all().insert(policy.to_owned(), seen);
    }

    /// The policy is gone.
    pub fn forget(&self, policy: &str) {
        self.all().remove(policy);
    }
}

impl Collector for Policies {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let all = self.all();
        let named = || all.iter().filter_map(|(key, seen)| key.split_once('/').map(|(of, name)| (of, name, seen)));
        let help = "1 for the phase in which the policy is";
        let mut gauge = encoder.encode_descriptor("policy_phase", help, None, MetricType::Gauge)?;
        for (namespace, policy, seen) in named() {
            let labels = [("namespace", namespace), ("policy", policy), ("phase", &seen.phase)];
            gauge.encode_family(&labels)?.encode_gauge(&1_i64)?;
        }
        let help =
            "The candidate's share in percent: what callers are given (effective), what the step asks for (wanted)";
        let mut gauge = encoder.encode_descriptor("policy_weight", help, None, MetricType::Gauge)?;
        for (namespace, policy, seen) in named() {
            for (weight, value) in [("effective", seen.effective), ("wanted", seen.wanted)] {
                let labels = [("namespace", namespace), ("policy", policy), ("weight", weight)];
                gauge.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        let help = "1 where the condition of the policy holds, with its reason";
        let mut gauge = encoder.encode_descriptor("policy_condition", help, None, MetricType::Gauge)?;
        for (namespace, policy, seen) in named() {
            for (kind, holds, reason) in &seen.conditions {
                let labels = [("namespace", namespace), ("policy", policy), ("type", kind), ("reason", reason)];
                gauge.encode_family(&labels)?.encode_gauge(&i64::from(*holds))?;
            }
        }
        Ok(())
    }
}
