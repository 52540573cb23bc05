//! What is right is accepted as it stands.

use kind_tests::prelude::*;
use serde_json::{Value, json};

use crate::objects::{all, good, installed};

#[tokio::test]
async fn good_objects_are_accepted_without_a_change() -> anyhow::Result<()> {
    let client = installed().await?;
    let me = kind_tests::decision::whoami(&client).await?;
    with_namespace("good", async |ns| {
        for object in all() {
            let object =
                if object.file.starts_with("decision") { object.with(&[("/spec/by", json!(me))]) } else { object };
            match object.try_on(&ns).await? {
                Err(status) => anyhow::bail!("{}.yaml is refused: {}", object.file, status.message),
                Ok(stored) => same(&object.object["spec"], &stored["spec"], object.file)?,
            }
        }
        Ok(())
    })
    .await
}

/// Everything that was given is stored; defaults may be added.
fn same(given: &Value, stored: &Value, at: &str) -> anyhow::Result<()> {
    match (given, stored) {
        (Value::Object(given), Value::Object(stored)) => {
            given.iter().try_for_each(|(k, v)| same(v, stored.get(k).unwrap_or(&Value::Null), &format!("{at}.{k}")))
        }
        (Value::Array(given), Value::Array(stored)) if given.len() == stored.len() => {
            given.iter().zip(stored).enumerate().try_for_each(|(i, (a, b))| same(a, b, &format!("{at}[{i}]")))
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => Ok(()),
        _ => {
            ensure!(given == stored, "{at}: {given} was stored as {stored}");
            Ok(())
        }
    }
}

#[tokio::test]
async fn what_is_left_out_gets_the_defaults_of_the_reference() -> anyhow::Result<()> {
    installed().await?;
    with_namespace("defaults", async |ns| {
        let stored = good("policy-minimal").try_on(&ns).await??;
        for (pointer, value) in [
            ("/spec/firstRevision", json!("Trust")),
            ("/spec/settle", json!("5s")),
            ("/spec/traffic/service/propagation", json!("15s")),
            ("/spec/traffic/service/drain", json!("30s")),
            ("/spec/onInconclusive", json!("Hold")),
            ("/spec/onFailure", json!("Rollback")),
            ("/spec/rollback/keepFailedFor", json!("15m")),
            ("/spec/warmFor", json!("10m")),
            ("/spec/history", json!(5)),
            ("/spec/deadlines/progress", json!("10m")),
            ("/spec/configs/configMaps", json!("Track")),
        ] {
            ensure!(stored.pointer(pointer) == Some(&value), "{pointer} is {:?}, not {value}", stored.pointer(pointer));
        }
        let analysis = &good("policy-linear").try_on(&ns).await??["spec"]["analysis"];
        let want = json!({ "hold": "10m", "then": "Inconclusive" });
        ensure!(analysis["onUnknown"] == want, "{analysis}");
        ensure!(analysis["interval"] == "15s" && analysis.get("mode").is_none(), "{analysis}");
        ensure!(analysis["falseRollback"] == 0.01 && analysis["minRequests"] == 100, "{analysis}");
        ensure!(analysis["history"] == "168h", "{analysis}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn unknown_fields_are_refused_where_they_are_looked_for() -> anyhow::Result<()> {
    installed().await?;
    with_namespace("unknown", async |ns| {
        for (file, pointer) in [
            ("policy-minimal", "/spec/notify"),
            ("policy-minimal", "/spec/traffic/nginx"),
            ("policy-minimal", "/spec/traffic/service/weight"),
            ("policy-blue-green", "/spec/gates/0/script"),
            ("policy-linear", "/spec/analysis/burnRate"),
            ("suite", "/spec/serviceAccountName"),
            ("decision", "/spec/until"),
        ] {
            let answer = good(file).with(&[(pointer, json!({}))]).try_on(&ns).await?;
            let message = answer.err().map(|status| status.message).unwrap_or_default();
            ensure!(message.contains("unknown field"), "{file} with {pointer}: {message:?}");
        }
        Ok(())
    })
    .await
}
