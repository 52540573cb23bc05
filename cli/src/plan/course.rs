//! The course of a release under a policy, in least times.

use chrono::{DateTime, TimeDelta, Utc};
use crds::RolloutPolicySpec;
use planner::{
    Policy,
    policy::{Asks, Gate, Place, Shares, Step, Strategy},
    split,
    window::{Stand, Window},
};

use crate::{
    paint::{Paint, Tone},
    table::{Cell, table},
    words::{count, span},
};

/// A part of the course.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The phase, or the step.
    pub name: String,
    /// How long it takes at least.
    pub least: TimeDelta,
    /// What is done.
    pub what: String,
    /// What it may wait for besides.
    pub besides: Vec<String>,
}

/// The parts in their order. `pods` are those for all of the traffic.
pub fn parts(policy: &Policy, settle: TimeDelta, pods: u32, now: DateTime<Utc>) -> Vec<Part> {
    let part = |name: &str, least, what: String, besides| Part { name: name.into(), least, what, besides };
    let mut all = vec![part("Settle", settle, "a change rests".into(), depends(policy))];
    let start = gates(policy, Place::Start, None, now);
    if !start.is_empty() {
        all.push(part("Pending", TimeDelta::zero(), "before anything of the candidate exists".into(), start));
    }
    let first = policy.steps().first().map_or(pods.max(1), |step| split::needs(policy.shares, pods, step));
    let first = if policy.steps().is_empty() { pods.max(1) } else { first };
    let ready = format!("{} of the candidate, without live traffic", count(first as usize, "pod"));
    all.push(part(
        "Preparing",
        TimeDelta::zero(),
        ready,
        vec![format!("pods that become ready, at most {}", span(policy.progress))],
    ));
    let tests = |g: &Gate| g.at == Place::Traffic && matches!(g.asks, Asks::Test { .. });
    let what = if policy.gates.iter().any(tests) {
        "tests of the candidate through its own Service"
    } else {
        "nothing is tested"
    };
    all.push(part("Gating", policy.propagation, what.into(), gates(policy, Place::Traffic, None, now)));
    all.extend((1..).zip(policy.steps()).map(|(k, step)| one(policy, k, step, pods, now)));
    let mut besides = gates(policy, Place::Promotion, None, now);
    besides.push(format!("pods that become ready, at most {}", span(policy.progress)));
    let what = format!("{} of the candidate, then all traffic in one write", count(pods.max(1) as usize, "pod"));
    all.push(part("Promoting", policy.propagation, what, besides));
    let watched = match (&policy.strategy, &policy.analysis) {
        (Strategy::BlueGreen { .. }, Some(_)) => "all traffic; measured, with the old version kept",
        (_, Some(_)) => "all traffic; still measured, with the old version kept",
        (_, None) => "all traffic; the old version is kept",
    };
    all.push(part("Warm", policy.warm_for().max(policy.drain), watched.into(), Vec::new()));
    all
}

fn depends(policy: &Policy) -> Vec<String> {
    let on = policy.depends_on.join(", ");
    if on.is_empty() { Vec::new() } else { vec![format!("until {on} is settled")] }
}

fn one(policy: &Policy, k: u32, step: &Step, pods: u32, now: DateTime<Utc>) -> Part {
    let needs = split::needs(policy.shares, pods, step);
    let share = match policy.shares {
        Shares::Pods { .. } => {
            let members = split::members(pods, step.weight);
            format!(", {} beside {}: {} %", count(members as usize, "pod"), pods, split::share(members, pods))
        }
        Shares::Routes => format!(", {}", count(needs as usize, "pod")),
    };
    // The first look comes a window after the share has reached everybody.
    let held = policy.analysis.as_ref().map_or(step.bake, |a| step.bake.max(a.window));
    let mut besides = gates(policy, Place::Step, Some(k), now);
    if step.pause {
        besides.push("a person's Resume".into());
    }
    if policy.analysis.is_some() {
        besides.push("metrics that let it go on".into());
    }
    Part { name: format!("Step {k}"), least: policy.propagation + held, what: format!("{step}{share}"), besides }
}

fn gates(policy: &Policy, at: Place, step: Option<u32>, now: DateTime<Utc>) -> Vec<String> {
    let here = |g: &&Gate| g.at == at && g.steps.as_ref().is_none_or(|s| step.is_some_and(|k| s.contains(&k)));
    let asks = |g: &Gate| match &g.asks {
        Asks::People(people) => {
            format!("gate {} asks people ({} must approve), at most {}", g.name, people.needed, span(g.timeout))
        }
        Asks::Test { .. } => format!("gate {}, at most {}", g.name, span(g.timeout)),
        Asks::Window(window) => format!("gate {}, {window}: {}", g.name, stands(window, now)),
    };
    policy.gates.iter().filter(here).map(asks).collect()
}

fn stands(window: &Window, now: DateTime<Utc>) -> String {
    match window.at(now) {
        Stand::Open => "open now".into(),
        Stand::Closed(Some(at)) => format!("opens {}", window.in_words(at)),
        Stand::Closed(None) => "does not open again".into(),
    }
}

/// The course as text.
pub(super) fn text(
    policy: &Policy,
    spec: &RolloutPolicySpec,
    given: Option<u32>,
    now: DateTime<Utc>,
    paint: Paint,
) -> String {
    let pods = given.unwrap_or(1);
    let all = parts(policy, crds::parse::time(spec.settle), pods, now);
    let mut at = TimeDelta::zero();
    let mut promoted = at;
    let rows: Vec<Vec<Cell>> = all
        .iter()
        .map(|part| {
            let begins = at;
            at += part.least;
            if part.name == "Promoting" {
                promoted = at;
            }
            let besides = if part.besides.is_empty() { "-".to_owned() } else { part.besides.join("; ") };
            vec![
                format!("+{}", span(begins)).into(),
                Cell::toned(Tone::Strong, part.name.as_str()),
                span(part.least).into(),
                part.what.as_str().into(),
                besides.into(),
            ]
        })
        .collect();
    let assumed = if given.is_none() { ", not said by the policy: give --replicas" } else { "" };
    let head = format!(
        "{}: {} for all of the traffic{assumed}\n",
        paint.on(Tone::Strong, &policy.name),
        count(pods as usize, "pod")
    );
    let body = table(&["FROM", "PHASE", "LEAST", "WHAT", "BESIDES WAITS FOR"], &rows, paint);
    let end = format!(
        "All traffic after {} at least, done after {} at least; what it besides waits for comes on top.\n",
        span(promoted),
        span(at)
    );
    format!("{head}{body}{end}")
}
