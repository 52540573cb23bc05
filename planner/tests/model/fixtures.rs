//! Policies and versions, to be read as sentences.

use std::collections::BTreeMap;

use analysis::{Alpha, CountedMetric, Objective, Rate, Sequential, release};
use chrono::TimeDelta;
use planner::{
    Digest, Policy,
    journal::RevisionRef,
    picks::{Match, Mirror, Picks, Text},
    policy::{Analysis, Approval, Asks, Gate, Place, Shares, Step, Strategy, Weight},
    window::Window,
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
    let weight = Weight::new(weight).unwrap();
    Step { weight, picks: Picks::default(), expected: 0, bake: TimeDelta::seconds(bake), pause: false }
}

/// A step for requests that match, which a tenth of them do.
pub fn matching(bake: i64) -> Step {
    let headers = [("x-canary".to_owned(), Text::Exact("insider".into()))].into();
    let picks = Picks { matches: vec![Match { headers }], ..Picks::default() };
    Step { weight: Weight::NONE, picks, expected: 10, ..step(1, bake) }
}

/// A step for copies of so many percent of the requests.
pub fn copying(percent: u32, bake: i64) -> Step {
    let mirror = Some(Mirror { percent, methods: vec!["GET".into()] });
    Step { weight: Weight::NONE, picks: Picks { mirror, ..Picks::default() }, ..step(1, bake) }
}

/// One conformance test before live traffic, steps of 20 % and 50 %, success rate measured every 10 s.
pub fn canary() -> Policy {
    Policy {
        name: "shop".into(),
        namespace: "web".into(),
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
        shares: Shares::Pods { max_error: None },
        history: 5,
        depends_on: Vec::new(),
        suspend: false,
        replicas: None,
    }
}

/// The same with routes in front, and steps of 20 % and 80 %.
pub fn routed() -> Policy {
    Policy { shares: Shares::Routes, strategy: Strategy::Canary(vec![step(20, 30), step(80, 30)]), ..canary() }
}

/// The same, all at once, watched for 40 s.
pub fn blue_green() -> Policy {
    Policy {
        strategy: Strategy::BlueGreen { bake: TimeDelta::seconds(40), before: None },
        warm: TimeDelta::seconds(20),
        ..canary()
    }
}

pub fn gate(name: &str, at: Place) -> Gate {
    let (timeout, asks) = (TimeDelta::seconds(60), Asks::Test { attempts: 1 });
    Gate { name: name.into(), at, steps: None, timeout, always: false, asks }
}

/// So many people must agree, within ten minutes; everybody who has the right.
pub fn approval(name: &str, at: Place, needed: usize) -> Gate {
    let people = Approval { needed, users: vec![], groups: vec![], not_author: false, late_is_reject: false };
    Gate { timeout: TimeDelta::minutes(10), asks: Asks::People(people), ..gate(name, at) }
}

/// Open for so many minutes from each start of a schedule, in UTC.
pub fn window(name: &str, at: Place, schedule: &str, minutes: i64) -> Gate {
    let window = Window::parse(schedule, TimeDelta::minutes(minutes), "UTC").unwrap();
    Gate { asks: Asks::Window(Box::new(window)), ..gate(name, at) }
}

/// The same with something else about who must agree.
pub fn asking(gate: Gate, change: impl FnOnce(&mut Approval)) -> Gate {
    let mut people = gate.approval().unwrap().clone();
    change(&mut people);
    Gate { asks: Asks::People(people), ..gate }
}

pub fn measured() -> Analysis {
    let objective = Objective { min: Some(99.0), max: None };
    Analysis {
        hold_unknown: TimeDelta::seconds(60),
        ..Analysis::single("success-rate", objective, TimeDelta::seconds(10))
    }
}

/// The same, with the success rate counted and tested over the whole release.
pub fn tested(policy: Policy) -> Policy {
    let steps = policy
        .steps()
        .iter()
        .map(|s| release::Step { weight: f64::from(s.weight.percent()) / 100.0, seconds: s.bake.num_seconds() as f64 });
    let warm = release::Step { weight: 1.0, seconds: policy.warm_for().num_seconds() as f64 };
    let metric = CountedMetric {
        name: "success-rate".into(),
        limit: Rate::new(0.01).ok(),
        tolerance: release::Tolerance::default(),
    };
    let sequential = Sequential::new(Alpha::HUNDREDTH, steps.chain([warm]).collect(), vec![metric], 100).unwrap();
    let mut analysis = measured();
    analysis.plan.sequential = Some(sequential);
    Policy { analysis: Some(analysis), ..policy }
}

/// The same, with routes in front, and the requests counted by the proxies that carry them out.
pub fn seen_by_proxies(policy: Policy) -> Policy {
    let mut policy = tested(policy);
    policy.analysis.as_mut().unwrap().by_proxies = true;
    policy
}
