//! What Prometheus itself makes of the built-in queries, over series as pods and proxies write them, and of the alerts: by `promtool`.
#![forbid(unsafe_code)]

mod alerts;
mod application;
mod nginx;
mod proxies;

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// When queries are asked, from the first sample.
pub const NOW: &str = "30s";

/// Samples of a second each, of a counter that grows within the last ten, in promtool's notation.
pub const GROWN: &str = "0x25 Nx4";

/// Series that were recorded, whose last value N is the one that each had.
pub fn series(recorded: &str, samples: &str) -> Vec<Value> {
    let lines = recorded.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, value)| json!({ "series": series, "values": samples.replace('N', value) }))
        .collect()
}

/// Asserts what a query says over these series, with a sample each `interval`; `None` is no data.
pub fn evaluates(
    test: &str,
    query: &str,
    (interval, now): (&str, &str),
    series: &[Value],
    expected: Option<f64>,
) -> Result<()> {
    let samples: Vec<_> = expected.iter().map(|value| json!({ "labels": "{}", "value": value })).collect();
    // JSON is YAML.
    let rules = json!({ "evaluation_interval": "1s", "tests": [{
        "interval": interval,
        "input_series": series,
        "promql_expr_test": [{ "expr": query, "eval_time": now, "exp_samples": samples }],
    }] });
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.json"));
    std::fs::write(&file, rules.to_string()).with_context(|| format!("writing {}", file.display()))?;
    let output = Command::new("promtool").args(["test", "rules"]).arg(&file).output().context(
        "running promtool: kind-tests/cluster/setup.sh prometheus builds it, cluster.sh env puts it on PATH",
    )?;
    let told = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&told));
    Ok(())
}
