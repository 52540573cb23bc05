//! What the controller shows of itself while it works.

mod traces;

use std::{
    io,
    sync::{Arc, Mutex},
};

use controller::traces::{Process, Traces};
use serde_json::{Value, json};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, registry};

use crate::{
    cluster::Behaviour,
    lab,
    lab::{NS, release, shop},
};

/// The value of a series, by how its line begins.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[tokio::test(start_paused = true)]
async fn metrics_tell_how_policies_stand_and_how_releases_ended_and_nothing_of_what_is_gone() {
    let lab = lab(shop::canary()).await;
    lab.cluster.behaviour("shop:bad", Behaviour::healthy().failing(0.5));
    lab.deploy("shop:bad");
    lab.until("the first step", |c| release(c).is_some_and(|r| r["status"]["step"] == 1)).await;
    lab.until_phase("RolledBack").await;
    // Until no pass is under way any more.
    lab.cluster.advance(crate::secs(2)).await;
    let text = lab.telemetry.text();
    let all = [
        (r#"sluice_policy_phase{namespace="shop",policy="shop",phase="RolledBack"}"#, 1.0),
        (r#"sluice_policy_weight{namespace="shop",policy="shop",weight="effective"}"#, 0.0),
        (r#"sluice_releases_ended_total{phase="RolledBack",reason="AnalysisFailed"}"#, 1.0),
        (r#"sluice_releases_ended_total{phase="RolledBack",reason="ConformanceFailed"}"#, 0.0),
        (r#"sluice_releases_ended_total{phase="Succeeded",reason="TakenOver"}"#, 1.0),
        (r#"sluice_releases_ended_total{phase="Succeeded",reason="Delivered"}"#, 0.0),
        (r#"sluice_gate_seconds_count{at="Traffic",verdict="Pass"}"#, 1.0),
        (r#"sluice_verdicts_total{verdict="Fail"}"#, 1.0),
        ("sluice_reaction_seconds_count", 1.0),
        ("sluice_step_seconds_count", 1.0),
        ("sluice_passes_under_way", 0.0),
    ];
    for (series, expected) in all {
        assert_eq!(value(&text, series), Some(expected), "{series} in\n{text}");
    }
    assert!(value(&text, "sluice_reaction_seconds_sum").is_some_and(|s| s < 5.0), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");

    lab.cluster.delete("rolloutpolicies", NS, "shop");
    lab.until("the policy is gone", |c| c.get("rolloutpolicies", NS, "shop").is_none()).await;
    lab.cluster.advance(crate::secs(60)).await;
    let text = lab.telemetry.text();
    assert!(!text.contains("policy=\"shop\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_weight_is_told_while_it_is_held() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until("the first share", |c| c.get("rolloutpolicies", NS, "shop").is_some_and(|p| p["status"]["weight"] == 20))
        .await;
    let text = lab.telemetry.text();
    for (weight, percent) in [("effective", 20.0), ("wanted", 20.0)] {
        let series = format!(r#"sluice_policy_weight{{namespace="shop",policy="shop",weight="{weight}"}}"#);
        assert_eq!(value(&text, &series), Some(percent), "{text}");
    }
    lab.until_settled_on("shop:2").await;
    lab.nothing_went_wrong();
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn every_line_that_is_written_under_a_release_names_it_and_its_revision() {
    let lines = Lines::default();
    let writer = lines.clone();
    let lines_of = controller::log::lines(EnvFilter::new("info"), move || writer.clone());
    // With spans for parts of passes beside it.
    let traces = Traces::to(traces::Kept::default(), &Process::default());
    let subscriber = registry().with(traces.layer()).with(lines_of);
    let _guard = tracing::subscriber::set_default(subscriber);
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    let (name, to) = release(&lab.cluster).map(|r| (r["metadata"]["name"].clone(), r["spec"]["to"].clone())).unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let passes: Vec<_> = lines.iter().filter(|line| line["span"]["name"] == "pass").map(|line| &line["span"]).collect();
    assert!(passes.iter().all(|span| span["namespace"] == NS && span["policy"] == "shop"), "{text}");
    let ours: Vec<_> = passes.iter().filter(|span| span["release"] == name).collect();
    assert!(ours.len() > 5, "{text}");
    assert!(ours.iter().all(|span| span["revision"] == to["revision"] && span["phase"].is_string()), "{text}");
    let raises = |line: &&Value| line["action"].as_str().is_some_and(|a| a.starts_with("SetMembers"));
    assert!(lines.iter().filter(raises).all(|line| line["span"]["release"] != json!(null)), "{text}");
}
