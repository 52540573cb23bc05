//! Objects are created, read, listed, changed and deleted.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use serde_json::json;

use crate::{code, config, map, maps, running};

#[tokio::test(start_paused = true)]
async fn an_object_is_created_read_changed_and_deleted() {
    let cluster = running();
    let api = maps(&cluster.client("user"));
    let made = api.create(&PostParams::default(), &map("a", &[("k", "1")])).await.unwrap();
    assert!(made.uid().is_some() && made.creation_timestamp().is_some());
    let again = api.create(&PostParams::default(), &map("a", &[])).await.unwrap_err();
    assert_eq!(code(&again), (409, "AlreadyExists".into()));
    let read = api.get("a").await.unwrap();
    assert_eq!(read, made);
    let mut changed = read.clone();
    changed.data = Some([("k".to_owned(), "2".to_owned())].into());
    let changed = api.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert_ne!(changed.resource_version(), made.resource_version());
    assert_eq!(api.list(&ListParams::default()).await.unwrap().items.len(), 1);
    api.delete("a", &DeleteParams::default()).await.unwrap();
    assert_eq!(code(&api.get("a").await.unwrap_err()), (404, "NotFound".into()));
}

#[tokio::test(start_paused = true)]
async fn a_generated_name_is_unique_and_a_missing_namespace_is_not_found() {
    let cluster = running();
    let client = cluster.client("user");
    let mut body = map("", &[]);
    body.metadata.name = None;
    body.metadata.generate_name = Some("a-".into());
    let one = maps(&client).create(&PostParams::default(), &body).await.unwrap();
    let two = maps(&client).create(&PostParams::default(), &body).await.unwrap();
    assert_ne!(one.name_any(), two.name_any());
    assert!(one.name_any().starts_with("a-"));
    let nowhere: Api<ConfigMap> = Api::namespaced(client, "nowhere");
    let error = nowhere.create(&PostParams::default(), &map("a", &[])).await.unwrap_err();
    assert_eq!(code(&error), (404, "NotFound".into()));
}

#[tokio::test(start_paused = true)]
async fn a_write_from_an_old_version_conflicts() {
    let cluster = running();
    let api = maps(&cluster.client("user"));
    let old = api.create(&PostParams::default(), &map("a", &[("k", "1")])).await.unwrap();
    let patch = Patch::Merge(json!({"data": {"k": "2"}}));
    api.patch("a", &PatchParams::default(), &patch).await.unwrap();
    let error = api.replace("a", &PostParams::default(), &old).await.unwrap_err();
    assert_eq!(code(&error), (409, "Conflict".into()));
    let stale = json!({"metadata": {"resourceVersion": old.resource_version()}, "data": {"k": "3"}});
    let error = api.patch("a", &PatchParams::default(), &Patch::Merge(stale)).await.unwrap_err();
    assert_eq!(code(&error), (409, "Conflict".into()));
    assert_eq!(cluster.get("configmaps", "shop", "a").unwrap()["data"]["k"], "2");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_changes_nothing_makes_no_version_and_no_event() {
    let cluster = running();
    let api = maps(&cluster.client("user"));
    let made = api.create(&PostParams::default(), &map("a", &[("k", "1")])).await.unwrap();
    let before = cluster.with(|s| s.store.version);
    let same = api.replace("a", &PostParams::default(), &made).await.unwrap();
    let patch = Patch::Merge(json!({"data": {"k": "1"}}));
    api.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(same.resource_version(), made.resource_version());
    assert_eq!(cluster.with(|s| s.store.version), before);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_answers_and_stores_nothing() {
    let cluster = running();
    let api = maps(&cluster.client("user"));
    let dry = PostParams { dry_run: true, ..Default::default() };
    let made = api.create(&dry, &map("a", &[("k", "1")])).await.unwrap();
    assert_eq!(made.data.unwrap()["k"], "1");
    assert!(cluster.get("configmaps", "shop", "a").is_none());
    assert_eq!(cluster.writes("user"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_immutable_config_map_keeps_its_data() {
    let cluster = running();
    let api = maps(&cluster.client("user"));
    let mut body = map("a", &[("k", "1")]);
    body.immutable = Some(true);
    api.create(&PostParams::default(), &body).await.unwrap();
    for change in [json!({"data": {"k": "2"}}), json!({"immutable": false})] {
        let error = api.patch("a", &PatchParams::default(), &Patch::Merge(change)).await.unwrap_err();
        assert_eq!(code(&error), (422, "Invalid".into()));
    }
    let label = Patch::Merge(json!({"metadata": {"labels": {"x": "y"}}}));
    api.patch("a", &PatchParams::default(), &label).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lists_are_selected_by_labels_and_names_and_come_in_pages() {
    let cluster = running();
    for (name, labels) in [("a", json!({"t": "1"})), ("b", json!({"t": "2"})), ("c", json!({"u": "1"}))] {
        let mut body = config(name, json!({}));
        body["metadata"]["labels"] = labels;
        cluster.apply(body);
    }
    let api = maps(&cluster.client("user"));
    for (selector, expected) in
        [("t=1", "a"), ("t in (1,2)", "a b"), ("t", "a b"), ("!t", "c"), ("t!=1", "b c"), ("t notin (1),t", "b")]
    {
        let found = api.list(&ListParams::default().labels(selector)).await.unwrap();
        let names: Vec<_> = found.iter().map(ResourceExt::name_any).collect();
        assert_eq!(names.join(" "), expected, "{selector}");
    }
    let named = ListParams::default().fields("metadata.name=b");
    assert_eq!(api.list(&named).await.unwrap().items.len(), 1);
    let page = api.list(&ListParams::default().limit(2)).await.unwrap();
    let next = page.metadata.continue_.unwrap();
    let rest = api.list(&ListParams::default().limit(2).continue_token(&next)).await.unwrap();
    assert_eq!((page.items.len(), rest.items.len()), (2, 1));
    assert_eq!(api.list_metadata(&ListParams::default()).await.unwrap().items.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn status_and_spec_are_written_apart_and_only_the_spec_counts_generations() {
    let cluster = running();
    let resource = kube::core::ApiResource::from_gvk_with_plural(
        &kube::core::GroupVersionKind::gvk("sluice.dev", "v1alpha1", "RolloutPolicy"),
        "rolloutpolicies",
    );
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client("user"), "shop", &resource);
    let body = json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "RolloutPolicy", "metadata": {"name": "web"},
        "spec": {"replicas": 2}, "status": {"phase": "made up"},
    });
    let body: DynamicObject = serde_json::from_value(body).unwrap();
    let made = api.create(&PostParams::default(), &body).await.unwrap();
    assert!(made.data.get("status").is_none());
    let both = Patch::Merge(json!({"spec": {"replicas": 3}, "status": {"phase": "x"}}));
    let main = api.patch("web", &PatchParams::default(), &both).await.unwrap();
    assert_eq!((main.metadata.generation, main.data.get("status")), (Some(2), None));
    let both = Patch::Merge(json!({"spec": {"replicas": 4}, "status": {"phase": "y"}}));
    let status = api.patch_status("web", &PatchParams::default(), &both).await.unwrap();
    assert_eq!(status.data["status"]["phase"], "y");
    assert_eq!((&status.data["spec"]["replicas"], status.metadata.generation), (&json!(3), Some(2)));
    let unversioned = json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "RolloutPolicy", "metadata": {"name": "web"}, "spec": {},
    });
    let unversioned: DynamicObject = serde_json::from_value(unversioned).unwrap();
    let error = api.replace("web", &PostParams::default(), &unversioned).await.unwrap_err();
    assert_eq!(code(&error).0, 422);
    let nine = Patch::Merge(json!({"spec": {"replicas": 9}}));
    let scaled = api.patch_scale("web", &PatchParams::default(), &nine).await.unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(9));
    assert_eq!(cluster.get("rolloutpolicies", "shop", "web").unwrap()["spec"]["replicas"], 9);
}
