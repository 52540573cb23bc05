//! What the chart brings of alerts and of a dashboard, over what the controller tells of itself.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use kind_tests::{cluster::connect, prometheus::ask};
use serde_json::{Value, json};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/sluice/files");

/// Asserts whether an alert fires at this time over these series, with a sample each 15 s.
fn fires(test: &str, alert: &str, at: &str, series: &[(&str, &str)], labels: Option<Value>) -> Result<()> {
    let input: Vec<_> = series.iter().map(|(s, v)| json!({ "series": s, "values": v })).collect();
    // The texts are checked by what they are made of, not word for word.
    let rules: Value = serde_saphyr::from_str(&std::fs::read_to_string(format!("{FILES}/alerts.yaml"))?)?;
    let rules = without_annotations(rules);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("{test}-rules.json"));
    std::fs::write(&file, rules.to_string())?;
    let expected: Vec<_> = labels.iter().map(|labels| json!({ "exp_labels": labels })).collect();
    let tests = json!({ "rule_files": [file], "evaluation_interval": "15s", "tests": [{
        "interval": "15s",
        "input_series": input,
        "alert_rule_test": [{ "eval_time": at, "alertname": alert, "exp_alerts": expected }],
    }] });
    let file = folder.join(format!("{test}.json"));
    std::fs::write(&file, tests.to_string())?;
    promtool(&["test", "rules"], &file)
}

fn without_annotations(mut rules: Value) -> Value {
    for rule in rules["groups"][0]["rules"].as_array_mut().into_iter().flatten() {
        rule.as_object_mut().map(|rule| rule.remove("annotations"));
    }
    rules
}

fn promtool(arguments: &[&str], file: &Path) -> Result<()> {
    let output = Command::new("promtool").args(arguments).arg(file).output().context("running promtool")?;
    let told = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&told));
    Ok(())
}

#[test]
fn the_alerts_are_a_rule_file_and_each_says_what_to_do() -> Result<()> {
    let file = format!("{FILES}/alerts.yaml");
    promtool(&["check", "rules", "--lint-fatal"], Path::new(&file))?;
    let rules: Value = serde_saphyr::from_str(&std::fs::read_to_string(&file)?)?;
    let rules = rules["groups"][0]["rules"].as_array().context("rules")?;
    ensure!(rules.len() >= 6, "only {} alerts", rules.len());
    for rule in rules {
        let (summary, description) = (&rule["annotations"]["summary"], &rule["annotations"]["description"]);
        ensure!(summary.is_string() && description.is_string(), "{} lacks words", rule["alert"]);
        ensure!(rule["labels"]["severity"].is_string(), "{} has no severity", rule["alert"]);
    }
    Ok(())
}

#[test]
fn nobody_leads_for_two_minutes() -> Result<()> {
    let two = [(r#"sluice_leader{pod="a"}"#, "1x4 0x40"), (r#"sluice_leader{pod="b"}"#, "0x44")];
    let fired = json!({ "severity": "critical" });
    fires("not-leading-yet", "SluiceNotLeading", "3m", &two, None)?;
    fires("not-leading", "SluiceNotLeading", "4m", &two, Some(fired.clone()))?;
    fires("nobody-there", "SluiceNotLeading", "4m", &[], Some(fired))?;
    let handed_over = [(r#"sluice_leader{pod="a"}"#, "1x4 0x40"), (r#"sluice_leader{pod="b"}"#, "0x6 1x40")];
    fires("handed-over", "SluiceNotLeading", "8m", &handed_over, None)
}

#[test]
fn messages_that_nobody_takes_are_told_and_a_receiver_that_stumbles_is_not() -> Result<()> {
    let failed = r#"sluice_notices_total{receiver="slack",result="failed"}"#;
    let taken = r#"sluice_notices_total{receiver="slack",result="delivered"}"#;
    let labels = json!({ "severity": "warning", "receiver": "slack" });
    fires("undelivered", "SluiceMessagesNotDelivered", "8m", &[(failed, "0+1x60")], Some(labels))?;
    fires("stumbles", "SluiceMessagesNotDelivered", "8m", &[(failed, "0+1x60"), (taken, "0+1x60")], None)?;
    fires("delivers", "SluiceMessagesNotDelivered", "8m", &[(taken, "0+1x60")], None)
}

#[test]
fn a_policy_that_waits_for_a_person_is_told_and_one_that_waits_for_itself_is_not() -> Result<()> {
    let series = r#"sluice_policy_condition{namespace="shop",policy="front",type="Stalled",reason="Paused"}"#;
    let labels =
        json!({ "severity": "warning", "namespace": "shop", "policy": "front", "type": "Stalled", "reason": "Paused" });
    fires("stalled", "SluiceNeedsAPerson", "11m", &[(series, "1x60")], Some(labels))?;
    fires("stalled-shortly", "SluiceNeedsAPerson", "11m", &[(series, "1x20 0x40")], None)?;
    let other = r#"sluice_policy_condition{namespace="shop",policy="front",type="Reconciling",reason="Shifting"}"#;
    fires("goes-on", "SluiceNeedsAPerson", "11m", &[(other, "1x60")], None)
}

#[test]
fn the_first_version_that_is_taken_back_is_told() -> Result<()> {
    let back = r#"sluice_releases_ended_total{phase="RolledBack",reason="AnalysisFailed"}"#;
    let good = r#"sluice_releases_ended_total{phase="Succeeded",reason="Delivered"}"#;
    let labels = json!({ "severity": "warning", "reason": "AnalysisFailed" });
    fires("taken-back", "SluiceTookAVersionBack", "5m", &[(back, "0x10 1x50"), (good, "0x60")], Some(labels))?;
    fires("delivered", "SluiceTookAVersionBack", "5m", &[(back, "0x60"), (good, "0x10 1x50")], None)
}

#[test]
fn whoever_undoes_our_writes_and_passes_that_fail_are_told() -> Result<()> {
    let series =
        r#"sluice_policy_condition{namespace="shop",policy="front",type="RouteContested",reason="RewrittenBy"}"#;
    let labels = json!({ "severity": "warning", "namespace": "shop", "policy": "front", "type": "RouteContested", "reason": "RewrittenBy" });
    fires("contested", "SluiceContested", "2m", &[(series, "1x60")], Some(labels))?;
    let failing = [(r#"sluice_passes_total{outcome="failed"}"#, "0+1x80")];
    fires("passes-fail", "SluicePassesFail", "12m", &failing, Some(json!({ "severity": "warning" })))?;
    let once = [(r#"sluice_passes_total{outcome="failed"}"#, "0x4 1x80")];
    fires("one-pass-failed", "SluicePassesFail", "16m", &once, None)
}

#[test]
fn a_slow_way_back_is_told_and_a_quick_one_is_not() -> Result<()> {
    let bucket = |le| format!(r#"sluice_reaction_seconds_bucket{{le="{le}"}}"#);
    let (quick, slow, all) = (bucket("15.0"), bucket("60.0"), bucket("+Inf"));
    let labels = json!({ "severity": "warning" });
    let late = [(quick.as_str(), "0x60"), (&slow, "0x20 2x40"), (&all, "0x20 2x40")];
    fires("slow-way-back", "SluiceSlowWayBack", "10m", &late, Some(labels))?;
    let soon = [(quick.as_str(), "0x20 2x40"), (&slow, "0x20 2x40"), (&all, "0x20 2x40")];
    fires("quick-way-back", "SluiceSlowWayBack", "10m", &soon, None)
}

#[tokio::test]
async fn every_panel_of_the_dashboard_asks_for_something_that_prometheus_has() -> Result<()> {
    let client = connect().await?;
    let board: Value = serde_json::from_str(&std::fs::read_to_string(format!("{FILES}/dashboard.json"))?)?;
    let mut empty = Vec::new();
    for panel in board["panels"].as_array().context("panels")? {
        for target in panel["targets"].as_array().context("targets")? {
            let query = target["expr"].as_str().context("a query")?;
            let query = query.replace("$namespace", ".*").replace("$__rate_interval", "1m");
            // What is filtered may be empty in a cluster at rest; the series themselves may not.
            if ask(&client, &query).await?.as_array().is_none_or(Vec::is_empty) {
                empty.push(query);
            }
        }
    }
    let known: Vec<Value> =
        serde_json::from_value(ask(&client, r#"group by (__name__) ({__name__=~"sluice_.+"})"#).await?)?;
    let known: Vec<_> = known.iter().filter_map(|s| s["metric"]["__name__"].as_str()).collect();
    for query in empty {
        let names = query.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).filter(|w| w.starts_with("sluice_"));
        for name in names {
            let of_policies = name.starts_with("sluice_policy_");
            ensure!(of_policies || known.contains(&name), "{query}: the controller has no {name}, only {known:?}");
        }
    }
    Ok(())
}
