//! Gates and metrics of a release, as lines.

use analysis::{MetricJudgement, Verdict};
use chrono::{DateTime, Utc};
use crds::{
    RolloutPolicySpec,
    journal::{GateRecord, Journal},
    words::{number, objective, value},
};
use planner::{Policy, policy::Place};

use crate::{
    paint::{Paint, Tone},
    tree::Node,
    words::{age, until},
};

/// What a verdict looks like.
fn sign(verdict: Verdict, paint: Paint) -> String {
    match verdict {
        Verdict::Pass => paint.on(Tone::Good, "✔"),
        Verdict::Fail => paint.on(Tone::Bad, "✘"),
        Verdict::Unknown => paint.on(Tone::Warn, "?"),
    }
}

/// The gates that were asked, with what they said.
pub(super) fn gates(journal: &Journal, policy: Option<&Policy>, now: DateTime<Utc>, paint: Paint) -> Option<Node> {
    let nodes: Vec<_> = journal.gates.iter().map(|gate| one_gate(gate, policy, now, paint)).collect();
    (!nodes.is_empty()).then(|| Node::new("gates").with(nodes))
}

fn one_gate(gate: &GateRecord, policy: Option<&Policy>, now: DateTime<Utc>, paint: Paint) -> Node {
    let place = match (gate.at, gate.step) {
        (Place::Start, _) => "at the start".to_owned(),
        (Place::Traffic, _) => "before traffic".into(),
        (Place::Step, Some(k)) => format!("in step {k}"),
        (Place::Step, None) => "in a step".into(),
        (Place::Promotion, _) => "before promotion".into(),
    };
    let timeout = policy.and_then(|p| p.gates.iter().find(|g| g.name == gate.name));
    let timeout = timeout.filter(|g| g.window().is_none()).map(|g| g.timeout);
    let when = match (gate.until, timeout) {
        (Some(at), _) => format!("{} ago", age(now, at)),
        (None, Some(timeout)) => format!("asked {} ago, {}", age(now, gate.since), until(now, gate.since + timeout)),
        (None, None) => format!("asked {} ago", age(now, gate.since)),
    };
    let attempt = if gate.attempt > 1 { format!(", attempt {}", gate.attempt) } else { String::new() };
    let head = format!("{} {}  {:?} {place}{attempt}, {when}", sign(gate.verdict, paint), gate.name, gate.verdict);
    let summary = gate.evidence.as_ref().and_then(|e| e.summary.clone());
    let said = if gate.message.is_empty() { summary } else { Some(gate.message.clone()) };
    let lines = said.iter().flat_map(|said| said.lines().take(6)).map(Node::new).collect::<Vec<_>>();
    Node::new(head).with(lines)
}

/// The metrics with value, bound and count.
pub(super) fn metrics(journal: &Journal, spec: Option<&RolloutPolicySpec>, paint: Paint) -> Option<Node> {
    let nodes: Vec<_> = journal.analysis.metrics.iter().map(|metric| one_metric(metric, spec, paint)).collect();
    (!nodes.is_empty()).then(|| Node::new("metrics").with(nodes))
}

fn one_metric(metric: &MetricJudgement, spec: Option<&RolloutPolicySpec>, paint: Paint) -> Node {
    let written = spec.and_then(|s| s.analysis.as_ref()).and_then(|a| a.metrics.iter().find(|m| m.name == metric.name));
    let bound = written.map(|m| format!(" ({})", objective(&m.objective))).unwrap_or_default();
    let shown = metric.value.map_or_else(|| "no value".into(), |v| value(&metric.name, v));
    let failures =
        if metric.failures > 0 { format!(", {} failed looks in a row", metric.failures) } else { String::new() };
    let head = format!("{} {}  {shown}{bound}{failures}", sign(metric.verdict, paint), metric.name);
    let counts = metric.tested.iter().map(|t| {
        let of = |tally: &analysis::Tally| {
            let rate = tally.percent.map(|percent| format!(" ({} %)", number(percent))).unwrap_or_default();
            format!("{} requests, {} bad{rate}", tally.requests, tally.errors)
        };
        Node::new(format!("candidate {}; stable {}", of(&t.candidate), of(&t.stable)))
    });
    let said = metric.message.lines().next().filter(|m| !m.is_empty()).map(Node::new);
    Node::new(head).with(counts.chain(said).collect::<Vec<_>>())
}
