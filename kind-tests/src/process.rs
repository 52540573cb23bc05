//! A controller's process as the node sees it: its memory and its age.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt};
use serde_json::Value;

/// Ticks a second in `/proc`, on every Linux.
const TICKS: f64 = 100.0;
/// The controller's container in its pod.
const CONTAINER: &str = "controller";

/// What the node knows of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    /// Its resident memory in bytes.
    pub rss: u64,
    /// When it began, in Unix milliseconds; within a tenth of a second.
    pub started_ms: u64,
}

impl Process {
    /// From what the node's shell tells: lines `VmRSS`, `start` and `up`.
    pub(crate) fn read(said: &str, now_ms: u64) -> Result<Self> {
        let words: BTreeMap<_, _> = said
            .lines()
            .filter_map(|line| line.split_once(char::is_whitespace))
            .map(|(key, value)| (key.trim_end_matches(':'), value.trim()))
            .collect();
        let word = |key: &str| words.get(key).copied().with_context(|| format!("there is no {key}"));
        let kib: u64 = word("VmRSS")?.trim_end_matches("kB").trim().parse()?;
        let (start, up): (f64, f64) = (word("start")?.parse()?, word("up")?.parse()?);
        let age_ms = ((up - start / TICKS) * 1000.0).max(0.0) as u64;
        Ok(Self { rss: kib * 1024, started_ms: now_ms.saturating_sub(age_ms) })
    }
}

/// The memory that the node charges the controller's container of this pod with, in bytes: what its limit is compared
/// with (the working set).
///
/// # Errors
///
/// When the kubelet does not tell.
pub async fn charged(client: &Client, pod: &Pod) -> Result<u64> {
    let node = pod.spec.as_ref().and_then(|s| s.node_name.as_deref()).context("a pod on a node")?;
    let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
    let request = http::Request::get(path).body(Vec::new())?;
    let summary: Value = client.request(request).await.context("asking the kubelet for memory")?;
    let pods = summary["pods"].as_array().into_iter().flatten();
    let mut containers = pods
        .filter(|p| p["podRef"]["name"] == pod.name_any())
        .filter_map(|p| p["containers"].as_array())
        .flatten()
        .filter(|c| c["name"] == CONTAINER);
    let found = containers.next().with_context(|| format!("the kubelet's figures of pod {}", pod.name_any()))?;
    found["memory"]["workingSetBytes"].as_u64().context("the kubelet's figure of a working set")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_node_tells_is_read() {
        let said = "VmRSS:\t   23420 kB\nstart 1000\nup 14.50\n";
        let process = Process::read(said, 100_000).unwrap();
        assert_eq!(process, Process { rss: 23_420 * 1024, started_ms: 95_500 });
        assert!(Process::read("", 0).is_err());
    }
}
