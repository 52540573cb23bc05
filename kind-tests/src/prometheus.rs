//! The cluster's Prometheus, asked by way of the API server.

use anyhow::{Context, Result, ensure};
use kube::Client;
use serde_json::Value;

/// What a query says now: `data.result` of the answer.
///
/// # Errors
///
/// When it is refused, or Prometheus is not there.
pub async fn ask(client: &Client, query: &str) -> Result<Value> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let path = format!("/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query?query={encoded}");
    let request = http::Request::get(path).body(Vec::new())?;
    let mut answer: Value = client.request(request).await.with_context(|| format!("asking Prometheus for {query}"))?;
    ensure!(answer["status"] == "success", "{query}: {answer}");
    Ok(answer["data"]["result"].take())
}
