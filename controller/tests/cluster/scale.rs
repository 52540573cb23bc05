//! The scale subresource.

use serde_json::{Value, json};

use super::object;

/// The Scale of an object.
pub fn of(object: &Value) -> Value {
    let selector = match &object["status"]["selector"] {
        Value::String(selector) => selector.clone(),
        _ => {
            let labels = object::map(object, "/spec/selector/matchLabels");
            let pairs = labels.into_iter().flatten();
            let pairs: Vec<_> = pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or(""))).collect();
            pairs.join(",")
        }
    };
    json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {
            "name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"],
            "uid": object["metadata"]["uid"], "resourceVersion": object["metadata"]["resourceVersion"],
            "creationTimestamp": object["metadata"]["creationTimestamp"],
        },
        "spec": {"replicas": object::count(object, "/spec/replicas")},
        "status": {"replicas": object::count(object, "/status/replicas"), "selector": selector},
    })
}

/// The object with the replicas of a Scale, under the Scale's preconditions.
pub fn onto(object: &Value, scale: &Value) -> Value {
    let mut wanted = object.clone();
    wanted["spec"]["replicas"] = json!(object::count(scale, "/spec/replicas"));
    let version = object::version(scale);
    if !version.is_empty() {
        wanted["metadata"]["resourceVersion"] = json!(version);
    }
    wanted
}
