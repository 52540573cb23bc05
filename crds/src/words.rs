//! Numbers as people read them.

use crate::analysis::Objective;

/// A bound as it is written: `at least 99`, `at most 500ms`.
pub fn objective(objective: &Objective) -> String {
    let least = objective.min.map(|min| format!("at least {}", number(min)));
    let most = objective.max.map(|max| format!("at most {}", number(max)));
    let time = objective.max_duration.map(|max| format!("at most {max}"));
    [least, most, time].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The value of a metric of this name.
pub fn value(metric: &str, value: f64) -> String {
    match metric {
        "success-rate" => format!("{} %", number(value)),
        _ if metric.starts_with("latency-") => format!("{} s", number(value)),
        _ => number(value),
    }
}

/// Enough digits to tell values apart, and no more.
pub fn number(value: f64) -> String {
    let text = if value.abs() >= 100.0 { format!("{value:.1}") } else { format!("{value:.3}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}
