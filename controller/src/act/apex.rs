//! Writing whom the apex Service selects: one merge patch under a precondition, the user's own keys untouched.

use std::{collections::BTreeMap, sync::Arc};

use crds::names;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use planner::world::Selects;
use serde_json::{Value, json};

use crate::{
    api::{self, Error},
    context::Context,
    observe::{self, Observed},
};

/// Writes the selector, our label and our annotation; `Selects::Users` takes all of them off.
pub async fn set(context: &Arc<Context>, observed: &Observed, selects: &Selects, capacity: u32) -> Result<(), Error> {
    let Some(apex) = &observed.apex else { return Err(Error::Changed("the Service that callers use is gone".into())) };
    let policy = observed.object.name_any();
    check_labels(observed, apex, selects)?;
    let patch = patch(apex, selects, &policy, capacity)
        .ok_or_else(|| Error::Invalid(format!("{selects:?} is not a selection that can be written")))?;
    api::merge(&context.kube.of::<Service>(&observed.namespace()), &apex.name_any(), patch).await
}

/// A selector that the target's pods do not satisfy would leave callers with nobody.
fn check_labels(observed: &Observed, apex: &Service, selects: &Selects) -> Result<(), Error> {
    let (Selects::Serving(id) | Selects::Only(id)) = selects else { return Ok(()) };
    let mut pods = observed.pods.values().filter(|p| p.labels().get(names::REVISION).is_some_and(|r| r == id.as_str()));
    if pods.all(|p| observe::would_match(apex, p.labels(), selects)) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "SelectorMismatch: pods of revision {id} lack labels that Service {} selects by keys of its own; take those keys off the Service",
        apex.name_any()
    )))
}

fn patch(apex: &Service, selects: &Selects, policy: &str, capacity: u32) -> Option<Value> {
    let marked = apex.labels().contains_key(names::POLICY) || apex.annotations().contains_key(names::CAPACITY);
    let live = apex.spec.as_ref()?.selector.clone().unwrap_or_default();
    let own = observe::own_keys(&live, marked);
    let ours = observe::keys(selects, policy)?;
    let mut selector: BTreeMap<String, Value> =
        live.keys().filter(|k| !own.contains_key(*k)).map(|k| (k.clone(), Value::Null)).collect();
    selector.extend(ours.into_iter().map(|(k, v)| (k, json!(v))));
    let off = *selects == Selects::Users;
    let mark = if off { Value::Null } else { json!(policy) };
    let capacity = if off { Value::Null } else { json!(capacity.to_string()) };
    Some(json!({
        "metadata": {
            "resourceVersion": apex.resource_version(),
            "labels": { names::POLICY: mark },
            "annotations": { names::CAPACITY: capacity },
        },
        "spec": { "selector": selector },
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use planner::RevisionId;

    use super::*;

    fn service(selector: Value, labels: Value) -> Service {
        serde_json::from_value(json!({
            "metadata": { "name": "shop", "resourceVersion": "7", "labels": labels },
            "spec": { "selector": selector },
        }))
        .unwrap()
    }

    #[test]
    fn taking_over_adds_our_keys_and_leaves_the_users() {
        let id = RevisionId::parse("3f9c01d2").unwrap();
        let patch = patch(&service(json!({ "app": "shop" }), json!({})), &Selects::Serving(id), "shop", 4).unwrap();
        assert_eq!(
            patch["spec"]["selector"],
            json!({ "sluice.dev/policy": "shop", "serving.sluice.dev/3f9c01d2": "" })
        );
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
    }

    #[test]
    fn a_switch_is_one_patch_that_drops_the_old_key() {
        let live = json!({ "app": "shop", "sluice.dev/policy": "shop", "serving.sluice.dev/3f9c01d2": "" });
        let id = RevisionId::parse("8b1e77a0").unwrap();
        let patch =
            patch(&service(live, json!({ "sluice.dev/policy": "shop" })), &Selects::Serving(id), "shop", 4).unwrap();
        let expected = json!({ "sluice.dev/policy": "shop", "serving.sluice.dev/3f9c01d2": null, "serving.sluice.dev/8b1e77a0": "" });
        assert_eq!(patch["spec"]["selector"], expected);
    }

    #[test]
    fn giving_back_takes_all_of_ours_off() {
        let live = json!({ "app": "shop", "pod-template-hash": "abc" });
        let patch = patch(&service(live, json!({ "sluice.dev/policy": "shop" })), &Selects::Users, "shop", 0).unwrap();
        assert_eq!(patch["spec"]["selector"], json!({ "pod-template-hash": null }));
        assert_eq!(patch["metadata"]["labels"]["sluice.dev/policy"], Value::Null);
    }
}
