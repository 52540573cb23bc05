//! From the custom resource to a policy whose values cannot be wrong. The one place where that happens.

mod analysis;
mod strategy;

use std::time::Duration;

use chrono::TimeDelta;
use planner::{
    policy::{Approval, Asks, Gate, Place, Policy, Shares},
    window::Window,
};

use crate::{
    GoDuration, RolloutPolicySpec,
    gate::{GateAt, OnTimeout},
    policy::{FirstRevision, OnFailure, OnInconclusive},
    traffic::Traffic,
};

/// Why a spec is no policy; the API server refuses most of these before they get here.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the policy cannot be used: {0}")]
pub struct InvalidPolicy(pub String);

/// Reads a spec; the policy is known by namespace and name. `frozen` is the spec as it was when the release began; `live` is the one that stands now, of which
/// `suspend`, `replicas`, `dependsOn` and the weight error that is borne count: they say when and with how much, not what is delivered. `scrape` is how often the metrics source scrapes.
pub fn parse(
    (namespace, name): (&str, &str),
    frozen: &RolloutPolicySpec,
    live: &RolloutPolicySpec,
    scrape: Duration,
) -> Result<Policy, InvalidPolicy> {
    let nobody = || InvalidPolicy("traffic names no provider".into());
    let (propagation, drain) = times(&frozen.traffic).ok_or_else(nobody)?;
    let policy = Policy {
        name: name.into(),
        namespace: namespace.into(),
        strategy: strategy::parse(frozen)?,
        gates: frozen.gates.iter().flatten().map(gate).collect::<Result<_, _>>()?,
        analysis: None,
        gate_first: frozen.first_revision == FirstRevision::Gate,
        rollback_inconclusive: frozen.on_inconclusive == OnInconclusive::Rollback,
        hold_failed: frozen.on_failure == OnFailure::Hold,
        keep_failed: time(frozen.rollback.keep_failed_for),
        warm: time(frozen.warm_for),
        progress: time(frozen.deadlines.progress),
        propagation,
        drain,
        shares: shares(frozen, live),
        history: usize::try_from(frozen.history).unwrap_or(1).max(1),
        depends_on: live.depends_on.clone().unwrap_or_default(),
        suspend: live.suspend,
        replicas: live.replicas.and_then(|n| u32::try_from(n).ok()),
    };
    let read = |of| analysis::parse(of, policy.steps(), policy.warm_for(), scrape);
    let analysis = frozen.analysis.as_ref().map(read).transpose()?;
    Ok(Policy { analysis, ..policy })
}

/// Whether a release that began under `frozen` goes under `live` as it would then. What counts at once makes no difference: what [`parse`]
/// reads live, a route of the policy's own, and what says something between releases only.
pub fn same_plan(frozen: &RolloutPolicySpec, live: &RolloutPolicySpec) -> bool {
    let mut now = live.clone();
    (now.suspend, now.replicas) = (frozen.suspend, frozen.replicas);
    (now.settle, now.history) = (frozen.settle, frozen.history);
    now.depends_on.clone_from(&frozen.depends_on);
    if let (Some(now), Some(then)) = (&mut now.traffic.service, &frozen.traffic.service) {
        now.max_weight_error = then.max_weight_error;
    }
    follow_own_route(&mut now.traffic, &frozen.traffic);
    now == *frozen
}

/// A route of the policy's own is what it was, as long as it is one of the same kind.
fn follow_own_route(now: &mut Traffic, then: &Traffic) {
    let gateways = (&mut now.gateway_api, &then.gateway_api);
    if let (Some(now), Some(then)) = gateways
        && now.route.as_ref().map(|r| r.kind) == then.route.as_ref().map(|r| r.kind)
    {
        now.route.clone_from(&then.route);
    }
    let meshes = (&mut now.istio, &then.istio);
    if let (Some(now), Some(then)) = meshes
        && now.virtual_service.is_some() == then.virtual_service.is_some()
    {
        now.virtual_service.clone_from(&then.virtual_service);
    }
}

fn shares(frozen: &RolloutPolicySpec, live: &RolloutPolicySpec) -> Shares {
    if frozen.traffic.service.is_none() {
        return Shares::Routes;
    }
    let error = live.traffic.service.as_ref().and_then(|s| s.max_weight_error);
    Shares::Pods { max_error: error.and_then(|e| u32::try_from(e).ok()) }
}

/// How long a change takes to be known, and how long open connections get; `None` when no provider is named.
pub fn times(traffic: &Traffic) -> Option<(TimeDelta, TimeDelta)> {
    let (propagation, drain) = match traffic {
        Traffic { service: Some(t), .. } => (t.propagation, t.drain),
        Traffic { gateway_api: Some(t), .. } => (t.propagation, t.drain),
        Traffic { istio: Some(t), .. } => (t.propagation, t.drain),
        Traffic { linkerd: Some(t), .. } => (t.propagation, t.drain),
        _ => return None,
    };
    Some((time(propagation), time(drain)))
}

/// A duration that sums cannot overflow.
pub fn time(duration: GoDuration) -> TimeDelta {
    TimeDelta::from_std(duration.0).unwrap_or(TimeDelta::MAX / 4).min(TimeDelta::days(3650))
}

fn gate(gate: &crate::gate::Gate) -> Result<Gate, InvalidPolicy> {
    Ok(Gate {
        name: gate.name.clone(),
        at: match gate.at {
            GateAt::Start => Place::Start,
            GateAt::Traffic => Place::Traffic,
            GateAt::Step => Place::Step,
            GateAt::Promotion => Place::Promotion,
        },
        steps: gate.steps.as_ref().map(|s| s.iter().filter_map(|k| u32::try_from(*k).ok()).collect()),
        timeout: time(gate.timeout()),
        always: gate.always_gate,
        asks: match (&gate.approval, &gate.window) {
            (Some(approval), _) => Asks::People(people(gate, approval)),
            (None, Some(window)) => Asks::Window(Box::new(opens(gate, window)?)),
            (None, None) => {
                Asks::Test { attempts: gate.attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(1).max(1) }
            }
        },
    })
}

fn opens(gate: &crate::gate::Gate, window: &crate::gate::Window) -> Result<Window, InvalidPolicy> {
    let read = Window::parse(&window.schedule, time(window.duration), &window.time_zone);
    read.map_err(|why| InvalidPolicy(format!("the window of gate {}: {why}", gate.name)))
}

fn people(gate: &crate::gate::Gate, approval: &crate::gate::Approval) -> Approval {
    Approval {
        needed: usize::try_from(approval.approvals).unwrap_or(1).max(1),
        users: approval.users.clone().unwrap_or_default(),
        groups: approval.groups.clone().unwrap_or_default(),
        not_author: approval.not_author,
        late_is_reject: gate.on_timeout == Some(OnTimeout::Reject),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn spec(strategy: serde_json::Value) -> RolloutPolicySpec {
        serde_json::from_value(serde_json::json!({
            "workload": { "kind": "Deployment", "name": "shop" }, "service": { "name": "shop" },
            "traffic": { "service": {} }, "strategy": strategy,
        }))
        .unwrap()
    }

    #[test]
    fn what_says_when_and_with_how_much_is_read_live_and_the_rest_is_frozen() {
        let frozen = spec(serde_json::json!({ "blueGreen": { "bake": "1m" } }));
        let mut live = spec(serde_json::json!({ "canary": { "steps": [{ "weight": 5, "bake": "1m" }] } }));
        live.suspend = true;
        live.replicas = Some(7);
        live.depends_on = Some(vec!["cache".into()]);
        let policy = parse(("web", "shop"), &frozen, &live, Duration::from_secs(15)).unwrap();
        assert_eq!((policy.suspend, policy.replicas), (true, Some(7)));
        assert_eq!(policy.depends_on, ["cache"]);
        assert!(matches!(policy.strategy, planner::policy::Strategy::BlueGreen { .. }));
    }

    #[test]
    fn a_plan_is_the_same_whatever_is_read_live_and_another_with_anything_else() {
        let frozen = spec(serde_json::json!({ "blueGreen": { "bake": "60s" } }));
        let with = |key: &str, value: serde_json::Value| {
            let mut live = serde_json::to_value(&frozen).unwrap();
            live[key] = value;
            same_plan(&frozen, &serde_json::from_value(live).unwrap())
        };
        let live = serde_json::json!([
            { "suspend": true }, { "replicas": 7 }, { "dependsOn": ["cache"] }, { "settle": "1m" }, { "history": 3 },
            { "traffic": { "service": { "maxWeightError": 3 } } },
            // Written otherwise, and the same.
            { "strategy": { "blueGreen": { "bake": "1m" } } }, { "warmFor": "600s" },
        ]);
        let kept = serde_json::json!([
            { "strategy": { "blueGreen": { "bake": "2m" } } }, { "warmFor": "1m" }, { "onFailure": "Hold" },
            { "traffic": { "service": { "drain": "1m" } } }, { "traffic": { "istio": { "virtualServices": ["shop"] } } },
            { "gates": [{ "name": "signoff", "at": "promotion", "approval": {} }] }, { "configs": { "configMaps": "Follow" } },
            { "rollbackWebhooks": [{ "name": "stop", "url": "http://stop.example" }] },
        ]);
        let own = |kind: &str, host: &str| {
            let route = serde_json::json!({ "kind": kind, "parentRefs": [{ "name": "web" }], "hostnames": [host] });
            let mut spec = serde_json::to_value(&frozen).unwrap();
            spec["traffic"] = serde_json::json!({ "gatewayAPI": { "route": route } });
            serde_json::from_value(spec).unwrap()
        };
        let mesh = |istio: serde_json::Value| {
            let mut spec = serde_json::to_value(&frozen).unwrap();
            spec["traffic"] = serde_json::json!({ "istio": istio });
            serde_json::from_value(spec).unwrap()
        };
        let served = |host: &str| mesh(serde_json::json!({ "virtualService": { "hosts": [host] } }));
        assert!(same_plan(&served("a.example"), &served("b.example")));
        assert!(!same_plan(&served("a.example"), &mesh(serde_json::json!({}))));
        assert!(same_plan(&own("HTTPRoute", "a.example"), &own("HTTPRoute", "b.example")));
        assert!(!same_plan(&own("HTTPRoute", "a.example"), &own("GRPCRoute", "a.example")));
        for (changes, same) in [(live, true), (kept, false)] {
            for change in changes.as_array().unwrap() {
                let (key, value) = change.as_object().unwrap().iter().next().unwrap();
                assert_eq!(with(key, value.clone()), same, "{change}");
            }
        }
    }

    #[test]
    fn a_window_is_read_with_the_gate_and_what_is_none_is_named() {
        let gates = |window: serde_json::Value| {
            let mut spec = spec(serde_json::json!({ "blueGreen": { "bake": "1m" } }));
            let gate = serde_json::json!([{ "name": "office", "at": "start", "window": window }]);
            spec.gates = serde_json::from_value(gate).unwrap();
            parse(("web", "shop"), &spec, &spec, Duration::from_secs(15)).map(|p| p.gates)
        };
        let open = gates(serde_json::json!({ "schedule": "0 9 * * 1-5", "duration": "8h" })).unwrap();
        let window = open[0].window().unwrap();
        assert_eq!(window.to_string(), r#""0 9 * * 1-5" for 8h in UTC"#);
        let far = gates(serde_json::json!({ "schedule": "0 9 30 2 *", "duration": "8h", "timeZone": "Europe/Paris" }));
        let says = far.unwrap_err().to_string();
        assert!(says.contains("the window of gate office") && says.contains("never comes"), "{says}");
        let zone = serde_json::json!({ "schedule": "0 9 * * *", "duration": "8h", "timeZone": "Europe/Pariss" });
        let says = gates(zone).unwrap_err().to_string();
        assert!(says.contains("did you mean Europe/Paris?"), "{says}");
    }

    #[test]
    fn a_gate_has_ten_minutes_for_a_test_and_a_day_for_people() {
        let mut spec = spec(serde_json::json!({ "blueGreen": { "bake": "1m" } }));
        spec.gates = serde_json::from_value(serde_json::json!([
            { "name": "smoke", "at": "traffic", "suite": { "name": "shop" } },
            { "name": "signoff", "at": "promotion", "approval": { "groups": ["managers"] }, "onTimeout": "Reject" },
            { "name": "board", "at": "promotion", "approval": { "approvals": 2 }, "timeout": "1h" },
        ]))
        .unwrap();
        let policy = parse(("web", "shop"), &spec, &spec, Duration::from_secs(15)).unwrap();
        let minutes: Vec<_> = policy.gates.iter().map(|g| g.timeout.num_minutes()).collect();
        assert_eq!(minutes, [10, 24 * 60, 60]);
        assert_eq!(policy.gates[0].asks, Asks::Test { attempts: 1 });
        let people: Vec<_> = policy.gates.iter().filter_map(Gate::approval).collect();
        assert_eq!((people[0].needed, people[0].groups.as_slice()), (1, ["managers".to_owned()].as_slice()));
        assert_eq!((people[0].late_is_reject, people[1].late_is_reject, people[1].needed), (true, false, 2));
    }
}
