//! Policies and versions, to be read as sentences.

use std::collections::BTreeMap;

use analysis::Objective;
use chrono::TimeDelta;
use planner::{
    Digest, Policy,
    journal::RevisionRef,
    policy::{Analysis, Gate, Place, Step, Strategy, Weight},
};

use super::{Behaviour, Metrics, Pods};

/// Version `n`, 1 to 15.
pub fn rev(n: u32) -> RevisionRef {
    let id = format!("{n:x}").repeat(8);
    RevisionRef::new(Digest::parse(&format!("sha256:{id}{}", "0".repeat(56))).unwrap(), vec![format!("shop:{n}")])
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { pods: Pods::ReadyAfter(2), metrics: Metrics::Good, tests: BTreeMap::new() }
    }
}

pub fn step(weight: i32, bake: i64) -> Step {
    Step { weight: Weight::new(weight).unwrap(), bake: TimeDelta::seconds(bake), pause: false }
}

/// One conformance test before live traffic, steps of 20 % and 50 %, success rate measured every 10 s.
pub fn canary() -> Policy {
    Policy {
        name: "shop".into(),
        strategy: Strategy::Canary(vec![step(20, 30), step(50, 30)]),
        gates: vec![gate("conformance", Place::Traffic)],
        analysis: Some(measured()),
        gate_first: false,
        rollback_inconclusive: true,
        hold_failed: false,
        keep_failed: TimeDelta::zero(),
        warm: TimeDelta::seconds(60),
        progress: TimeDelta::seconds(60),
        propagation: TimeDelta::seconds(3),
        drain: TimeDelta::seconds(5),
        max_weight_error: None,
        history: 5,
        depends_on: Vec::new(),
        suspend: false,
        replicas: None,
    }
}

/// The same, all at once, watched for 40 s.
pub fn blue_green() -> Policy {
    Policy { strategy: Strategy::BlueGreen { bake: TimeDelta::seconds(40) }, warm: TimeDelta::seconds(20), ..canary() }
}

pub fn gate(name: &str, at: Place) -> Gate {
    Gate { name: name.into(), at, steps: None, timeout: TimeDelta::seconds(60), attempts: 1, always: false }
}

pub fn measured() -> Analysis {
    let objective = Objective { min: Some(99.0), max: None };
    Analysis {
        hold_unknown: TimeDelta::seconds(60),
        ..Analysis::single("success-rate", objective, TimeDelta::seconds(10))
    }
}
