//! What callers get by ingress-nginx, asked by the templates of `docs/metrics.md`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta};
use controller::metrics::{Request, Services, template::render};
use crds::MetricTemplate;
use kube::ResourceExt;
use serde_json::json;

use crate::{GROWN, NOW, evaluates, series};

const PAGE: &str = include_str!("../../../docs/metrics.md");
const RECORDED: &str = include_str!("recorded/ingress-nginx.txt");

/// The query of a template of the page, for Service `shop`.
fn query(name: &str) -> Result<String> {
    let blocks = PAGE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let documents = blocks.flat_map(|block| block.split("---\n")).filter(|text| text.contains("kind: MetricTemplate"));
    let mut templates = documents.filter_map(|text| serde_saphyr::from_str::<MetricTemplate>(text).ok());
    let template = templates.find(|t| t.name_any() == name).with_context(|| format!("{name} on the page"))?;
    let metrics = json!([{ "name": name, "template": { "name": name }, "objective": { "min": 1 } }]);
    let request = Request {
        namespace: "metrics".into(),
        policy: "shop".into(),
        workload: "shop".into(),
        service: "shop".into(),
        revision: "3f9c01d2".into(),
        services: Services::alone("shop"),
        window: TimeDelta::seconds(10),
        at: DateTime::default(),
        analysis: serde_json::from_value(json!({ "metrics": metrics }))?,
        counting: None,
    };
    render(name, &template.spec, &BTreeMap::new(), &request).map_err(anyhow::Error::msg)
}

fn says(test: &str, query: &str, samples: &str, expected: Option<f64>) -> Result<()> {
    let test = format!("nginx_{test}");
    evaluates(&test, query, ("1s", NOW), &series(RECORDED, samples), expected)
        .with_context(|| format!("{test}: {query}"))
}

#[test]
fn what_callers_of_the_service_get_is_counted_and_nobody_elses() -> Result<()> {
    let rate = format!("round({})", query("nginx-success-rate")?);
    // Of 100 requests four failed.
    says("success", &rate, GROWN, Some(96.0))?;
    says("idle", &rate, "Nx30", None)
}

#[test]
fn a_latency_is_in_seconds_and_without_requests_there_is_none() -> Result<()> {
    let latency = format!("round(({}) * 1000)", query("nginx-latency")?);
    // The 99th of a hundredth of 40, half of them between 0.1 and 0.5 s.
    says("latency", &latency, GROWN, Some(492.0))?;
    says("latency_idle", &latency, "Nx30", None)
}
