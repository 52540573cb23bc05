//! What the metrics of a policy can see.

use std::fmt::Write;

use analysis::release::{self, Sight};
use planner::Policy;

/// As text; nothing where nothing is counted.
pub(super) fn text(policy: &Policy, requests: Option<f64>, usual: Option<f64>) -> String {
    let Some(analysis) = &policy.analysis else {
        return "Nothing is measured: the policy has no analysis.\n".into();
    };
    let Some(sequential) = &analysis.plan.sequential else {
        return "Metrics are judged by looks and not counted, so nobody can say how often they find what.\n".into();
    };
    let Some(requests) = requests else {
        return "What the metrics can see depends on the requests: give --rps.\n".into();
    };
    let interval = analysis.interval.num_milliseconds() as f64 / 1000.0;
    let errors = |name: &str| usual.filter(|_| name == "success-rate");
    let mut out = String::new();
    for said in release::sensitivity(&sequential.plan, requests, interval, errors) {
        let _ = writeln!(out, "{}.", upper(&said.to_string()));
        if let Sight::Finds(finding) = &said.sight {
            let names = sequential.plan.settings().steps.len();
            let steps = finding.steps.iter().enumerate().map(|(i, found)| {
                let last = i + 1 == names && names > policy.steps().len();
                let name = if last { "the end".to_owned() } else { format!("step {}", i + 1) };
                format!("{} by {name}", of_hundred(*found))
            });
            let _ = writeln!(out, "  of 100 releases with it: {}", steps.collect::<Vec<_>>().join(", "));
        }
    }
    out
}

/// Rounded down, as it is promised elsewhere.
fn of_hundred(probability: f64) -> String {
    match (probability * 100.0 + 1e-9).floor() {
        found if found < 1.0 => "less than 1".into(),
        found => format!("{}", found.min(99.0)),
    }
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
