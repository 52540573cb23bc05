//! Patches of every kind that the controller sends, and some that it must not.

use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Error, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{cluster::Cluster, code, config, map, maps, running, service, web};

#[tokio::test(start_paused = true)]
async fn a_json_patch_is_all_or_nothing() {
    let cluster = running();
    let api = maps(&cluster.client("user"));
    api.create(&PostParams::default(), &map("a", &[("k", "1")])).await.unwrap();
    let patch = |operations: Value| Patch::<()>::Json(serde_json::from_value(operations).unwrap());
    let good = patch(json!([
        {"op": "test", "path": "/data/k", "value": "1"},
        {"op": "replace", "path": "/data/k", "value": "2"},
        {"op": "add", "path": "/data/l~1m", "value": "3"},
    ]));
    let changed = api.patch("a", &PatchParams::default(), &good).await.unwrap();
    assert_eq!(changed.data.unwrap(), [("k".into(), "2".into()), ("l/m".into(), "3".into())].into());
    let bad = patch(json!([
        {"op": "remove", "path": "/data/k"},
        {"op": "test", "path": "/data/l~1m", "value": "4"},
    ]));
    let error = api.patch("a", &PatchParams::default(), &bad).await.unwrap_err();
    assert_eq!(code(&error), (422, "Invalid".into()));
    assert_eq!(cluster.get("configmaps", "shop", "a").unwrap()["data"]["k"], "2");
}

#[tokio::test(start_paused = true)]
async fn a_strategic_merge_patch_is_refused() {
    let cluster = running();
    cluster.apply(config("a", json!({})));
    let api = maps(&cluster.client("user"));
    let patch = Patch::Strategic(json!({"data": {"k": "2"}}));
    let error = api.patch("a", &PatchParams::default(), &patch).await.unwrap_err();
    assert_eq!(code(&error).0, 415);
}

#[tokio::test(start_paused = true)]
async fn server_side_apply_drops_what_is_no_longer_stated() {
    let cluster = running();
    let api = maps(&cluster.client("controller"));
    let params = PatchParams::apply("sluice");
    api.patch("a", &params, &Patch::Apply(config("a", json!({"k": "1", "l": "2"})))).await.unwrap();
    cluster.apply(config("a", json!({"theirs": "3"})));
    let after = api.patch("a", &params, &Patch::Apply(config("a", json!({"k": "1"})))).await.unwrap();
    assert_eq!(after.data.unwrap(), [("k".into(), "1".into()), ("theirs".into(), "3".into())].into());
    let again = api.patch("a", &params, &Patch::Apply(config("a", json!({"k": "1"})))).await.unwrap();
    assert_eq!(again.metadata.resource_version, after.metadata.resource_version);
}

#[tokio::test(start_paused = true)]
async fn server_side_apply_conflicts_unless_forced_and_values_that_agree_are_shared() {
    let cluster = running();
    let api = maps(&cluster.client("controller"));
    api.patch("a", &PatchParams::apply("git"), &Patch::Apply(config("a", json!({"k": "1"})))).await.unwrap();
    let ours = PatchParams::apply("sluice");
    api.patch("a", &ours, &Patch::Apply(config("a", json!({"k": "1"})))).await.unwrap();
    let other = Patch::Apply(config("a", json!({"k": "2"})));
    let Err(Error::Api(status)) = api.patch("a", &ours, &other).await else {
        panic!("no conflict");
    };
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    assert_eq!(status.details.unwrap().causes[0].field, ".data.k");
    let forced = api.patch("a", &ours.clone().force(), &other).await.unwrap();
    let managers: Vec<_> = forced.managed_fields().iter().filter_map(|m| m.manager.clone()).collect();
    assert_eq!((forced.data.unwrap()["k"].as_str(), managers), ("2", vec!["sluice".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_a_selector_is_in_the_managed_fields_and_a_patch_takes_it() {
    let cluster = running();
    cluster.server_side_apply("kustomize-controller", service(), false).unwrap();
    let owns = |cluster: &Cluster| {
        let service = cluster.get("services", "shop", "web").unwrap();
        let entries = service["metadata"]["managedFields"].as_array().unwrap().clone();
        let mut owners = entries.iter().filter(|e| e["fieldsV1"]["f:spec"].get("f:selector").is_some());
        owners.next().map(|e| format!("{} {}", e["manager"], e["operation"]))
    };
    assert_eq!(owns(&cluster).unwrap(), "\"kustomize-controller\" \"Apply\"");
    let api: Api<Service> = Api::namespaced(cluster.client("controller"), "shop");
    let patch = Patch::Merge(json!({"spec": {"selector": {"sluice.dev/policy": "web"}}}));
    api.patch("web", &PatchParams { field_manager: Some("sluice".into()), ..Default::default() }, &patch)
        .await
        .unwrap();
    assert_eq!(owns(&cluster).unwrap(), "\"sluice\" \"Update\"");
    let error = cluster.server_side_apply("kustomize-controller", service(), false).unwrap_err();
    assert_eq!(error.code, 409);
    let forced = cluster.server_side_apply("kustomize-controller", service(), true).unwrap();
    assert_eq!(forced["spec"]["selector"], json!({"app": "web"}));
}

#[tokio::test(start_paused = true)]
async fn server_side_apply_merges_lists_by_their_keys() {
    let cluster = running();
    cluster.apply(web("web:1", 1));
    let template = |containers: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": containers}}},
        })
    };
    let sidecar = template(json!([{"name": "proxy", "image": "proxy:1"}]));
    let after = cluster.server_side_apply("mesh", sidecar, false).unwrap();
    let names = |d: &Value| {
        let containers = d["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        containers.iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&after), ["web", "proxy"]);
    let after = cluster.server_side_apply("mesh", template(json!([])), false).unwrap();
    assert_eq!(names(&after), ["web"]);
}
