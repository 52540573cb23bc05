//! What must not be changed once it is there.

use http::Method;
use kind_tests::{decision::whoami, prelude::*, raw};
use serde_json::{Value, json};

use crate::objects::{causes, good, installed};

/// The rules about changes that are tested here: an object, and what must be said.
pub const RULES: [(&str, &str); 3] = [
    ("policy-minimal", "workload and service cannot be changed"),
    ("release", "a release cannot be changed"),
    ("decision", "a decision cannot be changed"),
];

#[tokio::test]
async fn what_is_immutable_stays_as_it_was_made() -> anyhow::Result<()> {
    let client = installed().await?;
    let me = whoami(&client).await?;
    with_namespace("immutable", async |ns| {
        let changes: [(&str, &str, Value, &str); 9] = [
            ("policy-minimal", "/spec/workload/name", json!("other"), RULES[0].1),
            ("policy-minimal", "/spec/service/name", json!("other"), RULES[0].1),
            ("release", "/spec/attempt", json!(2), RULES[1].1),
            ("release", "/spec/plan", json!("{\"a\":1}"), RULES[1].1),
            ("release", "/spec/to/images/0", json!("other:1"), RULES[1].1),
            ("release", "/spec/fast", Value::Null, RULES[1].1),
            ("decision", "/spec/action", json!("Abort"), RULES[2].1),
            ("decision", "/spec/comment", Value::Null, RULES[2].1),
            ("decision", "/spec/groups", json!([]), RULES[2].1),
        ];
        for file in ["policy-minimal", "release", "decision"] {
            let object = if file == "decision" { good(file).with(&[("/spec/by", json!(me))]) } else { good(file) };
            object.create_in(&ns).await?;
        }
        for (file, pointer, value, says) in changes {
            let object = good(file);
            let path = format!("{}/{}", raw::sluice(&ns.name, &object.plural), object.name());
            // What a controller that runs here writes meanwhile must not be what the change is refused for.
            let said = wait_for(&format!("an answer to a change of {pointer}"), secs(20), async || {
                let live =
                    raw::send(&ns.client, Method::GET, &path, &Value::Null).await?.map_err(|s| Seen::yet(s.message))?;
                let mut changed = live;
                kind_tests::app::set(&mut changed, pointer, value.clone());
                match raw::send(&ns.client, Method::PUT, &format!("{path}?dryRun=All"), &changed).await? {
                    Ok(_) => Err(Seen::never(format!("{file}: a change of {pointer} is accepted"))),
                    Err(status) if status.code == 409 => Err(Seen::yet(status.message)),
                    Err(status) => Ok(causes(&status)),
                }
            })
            .await?;
            ensure!(
                matches!(said.as_slice(), [(_, m)] if m.contains(says)),
                "{file} {pointer}: should say {says}, but says {said:?}"
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_rest_of_a_policy_can_be_changed_while_it_is_there() -> anyhow::Result<()> {
    installed().await?;
    with_namespace("mutable", async |ns| {
        let object = good("policy-minimal");
        object.create_in(&ns).await?;
        let path = format!("{}/{}", raw::sluice(&ns.name, &object.plural), object.name());
        let change = json!({ "spec": {
            "strategy": { "blueGreen": null, "canary": { "steps": [{ "weight": 5, "bake": "1m" }] } },
            "suspend": true,
            "gates": [{ "name": "smoke", "at": "traffic", "suite": { "name": "smoke" } }],
        } });
        raw::send(&ns.client, Method::PATCH, &path, &change).await??;
        Ok(())
    })
    .await
}
