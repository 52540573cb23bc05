//! Finalizers, owners and preconditions.

use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};

use crate::{code, config, maps, running, secs, with_web};

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_an_object_until_it_is_removed() {
    let cluster = running();
    let mut body = config("a", json!({}));
    body["metadata"]["finalizers"] = json!(["sluice.dev/finalizer"]);
    cluster.apply(body);
    let api = maps(&cluster.client("controller"));
    let marked = api.delete("a", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    let more = json!({"metadata": {"finalizers": ["sluice.dev/finalizer", "another"]}});
    let error = api.patch("a", &PatchParams::default(), &Patch::Merge(more)).await.unwrap_err();
    assert_eq!(code(&error).0, 422);
    let none = json!({"metadata": {"finalizers": null}});
    api.patch("a", &PatchParams::default(), &Patch::Merge(none)).await.unwrap();
    assert!(cluster.get("configmaps", "shop", "a").is_none());
}

#[tokio::test(start_paused = true)]
async fn deletion_honours_its_preconditions() {
    let cluster = running();
    let made = cluster.apply(config("a", json!({})));
    let api = maps(&cluster.client("controller"));
    let other = Preconditions { uid: Some("another".into()), resource_version: None };
    let error = api.delete("a", &DeleteParams::default().preconditions(other)).await.unwrap_err();
    assert_eq!(code(&error), (409, "Conflict".into()));
    let uid = made["metadata"]["uid"].as_str().map(str::to_owned);
    let right = Preconditions { uid, resource_version: None };
    api.delete("a", &DeleteParams::default().preconditions(right)).await.unwrap();
}

fn owned(name: &str, owner: &Value) -> Value {
    let mut body = config(name, json!({}));
    body["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": true,
    }]);
    body
}

#[tokio::test(start_paused = true)]
async fn what_an_object_owns_goes_with_it() {
    let cluster = running();
    let owner = cluster.apply(config("owner", json!({})));
    cluster.apply(owned("mine", &owner));
    cluster.apply(config("other", json!({})));
    cluster.advance(secs(1)).await;
    cluster.delete("configmaps", "shop", "owner");
    let again = cluster.apply(config("owner", json!({})));
    assert_ne!(again["metadata"]["uid"], owner["metadata"]["uid"]);
    cluster
        .advance_until("the owned one is collected", secs(5), |c| c.get("configmaps", "shop", "mine").is_none())
        .await;
    assert!(cluster.get("configmaps", "shop", "other").is_some());
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_the_owner_goes_last_and_orphans_stay() {
    let cluster = running();
    let owner = cluster.apply(config("owner", json!({})));
    let mut held = owned("mine", &owner);
    held["metadata"]["finalizers"] = json!(["held"]);
    cluster.apply(held);
    let api = maps(&cluster.client("user"));
    api.delete("owner", &DeleteParams::foreground()).await.unwrap();
    cluster.advance(secs(5)).await;
    assert!(cluster.get("configmaps", "shop", "owner").is_some(), "its dependent is still there");
    cluster.patch("configmaps", "shop", "mine", &json!({"metadata": {"finalizers": null}}));
    cluster.advance_until("both are gone", secs(5), |c| c.list("configmaps", "shop").is_empty()).await;

    let owner = cluster.apply(config("owner", json!({})));
    cluster.apply(owned("mine", &owner));
    api.delete("owner", &DeleteParams::orphan()).await.unwrap();
    cluster.advance(secs(5)).await;
    let left = cluster.get("configmaps", "shop", "mine").unwrap();
    assert!(left["metadata"].get("ownerReferences").is_none());
    assert!(cluster.get("configmaps", "shop", "owner").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_with_everything_in_it() {
    let cluster = with_web("web:1", 2).await;
    cluster.delete("namespaces", "", "shop");
    let error = cluster.try_apply("user", config("a", json!({}))).unwrap_err();
    assert_eq!(error.code, 403);
    cluster.advance_until("it is gone", secs(60), |c| c.get("namespaces", "", "shop").is_none()).await;
    assert!(cluster.list("pods", "shop").is_empty());
}
