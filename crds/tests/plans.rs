//! What a release keeps of its policy says the same as the policy.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use crds::{RolloutPolicySpec, parse::same_plan};
use serde_json::{Value, json};

const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../kind-tests/tests/crds/good");

fn unusual() -> serde_json::Map<String, Value> {
    let values = json!({
        "firstRevision": "Gate", "onFailure": "Hold", "onInconclusive": "Rollback", "warmFor": "7m",
        "rollback": { "keepFailedFor": "3m" }, "deadlines": { "progress": "4m" }, "configs": { "configMaps": "Follow" },
    });
    values.as_object().unwrap().clone()
}

/// Else a release would start over again and again.
#[test]
fn a_policy_that_was_written_down_and_read_again_is_the_same_plan() {
    let mut read = 0;
    for entry in fs::read_dir(POLICIES).unwrap() {
        let path = entry.unwrap().path();
        let mut object: Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        if object["kind"] != "RolloutPolicy" {
            continue;
        }
        // What is left out comes back as the default, so nothing may be one.
        object["spec"].as_object_mut().unwrap().extend(unusual());
        let live: RolloutPolicySpec = serde_json::from_value(object["spec"].clone()).unwrap();
        let plan = serde_json::to_value(&live).unwrap().to_string();
        let frozen: RolloutPolicySpec = serde_json::from_str(&plan).unwrap();
        assert!(same_plan(&frozen, &live), "{}", path.display());
        let again = serde_json::to_value(&frozen).unwrap().to_string();
        assert_eq!(plan, again, "{}", path.display());
        read += 1;
    }
    assert!(read > 15, "{read} policies in {POLICIES}");
}
