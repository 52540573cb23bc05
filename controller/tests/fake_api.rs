//! The cluster in memory does what a cluster does.
#![allow(clippy::unwrap_used)]

mod cluster;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cluster::{Behaviour, Cluster, Crash, Fault, JobOutcome, Settings};
use futures::{StreamExt, TryStreamExt, pin_mut};
use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, Pod, Service},
};
use kube::{
    Api, Client, Error, ResourceExt,
    api::{
        DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent, WatchParams,
    },
    core::{DynamicObject, PartialObjectMeta},
    runtime::{Controller, controller::Action, watcher},
};
use serde_json::{Value, json};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A cluster with the namespace `shop` and its models running.
fn cluster() -> Cluster {
    seeded(7)
}

fn seeded(seed: u64) -> Cluster {
    let cluster = Cluster::new(seed);
    cluster.namespace("shop");
    cluster.start();
    cluster
}

fn config(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": data})
}

fn web(image: &str, replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}]},
            },
        },
    })
}

fn service() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "shop"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    })
}

fn job(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": "shop", "labels": {"gate": "smoke"}},
        "spec": {
            "backoffLimit": 0, "activeDeadlineSeconds": 120,
            "template": {
                "metadata": {"labels": {"gate": "smoke"}},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "test", "image": image}]},
            },
        },
    })
}

fn is_rolled_out(cluster: &Cluster, replicas: i64) -> bool {
    cluster.get("deployments", "shop", "web").is_some_and(|d| {
        let status = &d["status"];
        status["observedGeneration"] == d["metadata"]["generation"]
            && status["updatedReplicas"] == replicas
            && status["readyReplicas"] == replicas
            && status["replicas"] == replicas
    })
}

/// Web with this image and its Service, ready.
async fn with_web(image: &str, replicas: i64) -> Cluster {
    let cluster = cluster();
    bring_up(&cluster, image, replicas).await;
    cluster
}

async fn bring_up(cluster: &Cluster, image: &str, replicas: i64) {
    cluster.apply(web(image, replicas));
    cluster.apply(service());
    cluster.advance_until("web is ready", secs(60), |c| is_rolled_out(c, replicas)).await;
    cluster.advance(secs(3)).await;
}

fn code(error: &Error) -> (u16, String) {
    match error {
        Error::Api(status) => (status.code, status.reason.clone()),
        other => (0, other.to_string()),
    }
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "shop")
}

fn map(name: &str, data: &[(&str, &str)]) -> ConfigMap {
    let data: BTreeMap<_, _> = data.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    ConfigMap {
        metadata: kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
        data: Some(data),
        ..Default::default()
    }
}

// --- objects ---

#[tokio::test(start_paused = true)]
async fn an_object_is_created_read_changed_and_deleted() {
    let cluster = cluster();
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
    let cluster = cluster();
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
    let cluster = cluster();
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
    let cluster = cluster();
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
    let cluster = cluster();
    let api = maps(&cluster.client("user"));
    let dry = PostParams { dry_run: true, ..Default::default() };
    let made = api.create(&dry, &map("a", &[("k", "1")])).await.unwrap();
    assert_eq!(made.data.unwrap()["k"], "1");
    assert!(cluster.get("configmaps", "shop", "a").is_none());
    assert_eq!(cluster.writes("user"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_immutable_config_map_keeps_its_data() {
    let cluster = cluster();
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
    let cluster = cluster();
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
    let cluster = cluster();
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

// --- patches ---

#[tokio::test(start_paused = true)]
async fn a_json_patch_is_all_or_nothing() {
    let cluster = cluster();
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
    let cluster = cluster();
    cluster.apply(config("a", json!({})));
    let api = maps(&cluster.client("user"));
    let patch = Patch::Strategic(json!({"data": {"k": "2"}}));
    let error = api.patch("a", &PatchParams::default(), &patch).await.unwrap_err();
    assert_eq!(code(&error).0, 415);
}

#[tokio::test(start_paused = true)]
async fn server_side_apply_drops_what_is_no_longer_stated() {
    let cluster = cluster();
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
    let cluster = cluster();
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
    let cluster = cluster();
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
    let cluster = cluster();
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

// --- watches ---

async fn next(stream: &mut (impl futures::Stream<Item = kube::Result<WatchEvent<ConfigMap>>> + Unpin)) -> String {
    let event = tokio::time::timeout(secs(30), stream.try_next()).await;
    match event.expect("no event within 30 s").unwrap() {
        Some(WatchEvent::Added(o)) => format!("added {}", o.name_any()),
        Some(WatchEvent::Modified(o)) => format!("modified {}", o.name_any()),
        Some(WatchEvent::Deleted(o)) => format!("deleted {}", o.name_any()),
        Some(WatchEvent::Bookmark(b)) => format!("bookmark {}", b.metadata.annotations.len()),
        Some(WatchEvent::Error(e)) => format!("error {}", e.code),
        None => "end".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_sees_objects_enter_and_leave_its_selector() {
    let cluster = cluster();
    let api = maps(&cluster.client("user"));
    let from = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let params = WatchParams::default().labels("t=1").timeout(60).disable_bookmarks();
    let stream = api.watch(&params, &from).await.unwrap();
    pin_mut!(stream);
    cluster.apply(config("a", json!({})));
    let label = |value: Value| json!({"metadata": {"labels": {"t": value}}});
    cluster.patch("configmaps", "shop", "a", &label(json!("1")));
    cluster.patch("configmaps", "shop", "a", &json!({"data": {"k": "1"}}));
    cluster.patch("configmaps", "shop", "a", &json!({"metadata": {"labels": {"t": "2"}}}));
    cluster.delete("configmaps", "shop", "a");
    assert_eq!(next(&mut stream).await, "added a");
    assert_eq!(next(&mut stream).await, "modified a");
    assert_eq!(next(&mut stream).await, "deleted a");
    assert!(tokio::time::timeout(secs(90), stream.try_next()).await.unwrap().unwrap().is_none());
    assert!(cluster.elapsed() >= secs(60), "the watch lasts as long as it was asked to");
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_from_a_version_and_bookmarks_when_idle() {
    let cluster = Cluster::new(7);
    cluster.namespace("shop");
    let api = maps(&cluster.client("user"));
    let made = api.create(&PostParams::default(), &map("a", &[])).await.unwrap();
    cluster.apply(config("b", json!({})));
    let from = made.resource_version().unwrap();
    let stream = api.watch(&WatchParams::default(), &from).await.unwrap();
    pin_mut!(stream);
    assert_eq!(next(&mut stream).await, "added b");
    tokio::time::sleep(secs(40)).await;
    assert_eq!(next(&mut stream).await, "bookmark 0");
    cluster.with(|state| state.store.compact());
    cluster.apply(config("c", json!({})));
    let late = api.watch(&WatchParams::default(), &from).await.unwrap();
    pin_mut!(late);
    assert_eq!(next(&mut late).await, "error 410");
    let streaming = api.watch(&WatchParams::streaming_lists(), "0").await.unwrap();
    pin_mut!(streaming);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(next(&mut streaming).await);
    }
    assert_eq!(seen, ["added a", "added b", "added c", "bookmark 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_metadata_watch_carries_metadata_only() {
    let cluster = cluster();
    cluster.apply(config("a", json!({"k": "1"})));
    let api: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(cluster.client("user"), "shop");
    let stream = watcher(api, watcher::Config::default());
    pin_mut!(stream);
    let mut seen = Vec::new();
    while seen.len() < 4 {
        match stream.try_next().await.unwrap().unwrap() {
            watcher::Event::Init => seen.push("init".to_owned()),
            watcher::Event::InitApply(o) => seen.push(format!("first {}", o.name_any())),
            watcher::Event::InitDone => {
                seen.push("done".to_owned());
                cluster.patch("configmaps", "shop", "a", &json!({"metadata": {"labels": {"t": "1"}}}));
            }
            watcher::Event::Apply(o) => seen.push(format!("then {}", o.labels()["t"])),
            watcher::Event::Delete(_) => seen.push("deleted".to_owned()),
        }
    }
    assert_eq!(seen, ["init", "first a", "done", "then 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_survives_a_cut_and_an_expired_version() {
    let cluster = cluster();
    cluster.apply(config("a", json!({"k": "0"})));
    let (reader, writer) = kube::runtime::reflector::store();
    let config_maps = maps(&cluster.client("controller"));
    let stream = watcher(config_maps, watcher::Config::default());
    let reflect = kube::runtime::reflector(writer, kube::runtime::WatchStreamExt::default_backoff(stream));
    let task = tokio::spawn(reflect.for_each(|_| async {}));
    let value = |r: &kube::runtime::reflector::Store<ConfigMap>| {
        r.state().first().and_then(|o| o.data.clone()).map(|d| d["k"].clone())
    };
    for (round, disturb) in ["none", "cut", "expire", "freeze"].into_iter().enumerate() {
        match disturb {
            "cut" => cluster.cut_watches("controller"),
            "expire" => cluster.expire_watches("controller"),
            "freeze" => cluster.freeze_watches("controller"),
            _ => {}
        }
        let k = round.to_string();
        cluster.patch("configmaps", "shop", "a", &json!({"data": {"k": k}}));
        if disturb == "freeze" {
            cluster.advance(secs(60)).await;
            assert_eq!(value(&reader).unwrap(), "2", "a frozen watch shows the past");
            cluster.thaw_watches("controller");
        }
        cluster.advance_until(disturb, secs(60), |_| value(&reader) == Some(round.to_string())).await;
    }
    task.abort();
}

// --- deletion ---

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_an_object_until_it_is_removed() {
    let cluster = cluster();
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
    let cluster = cluster();
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
    let cluster = cluster();
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
    let cluster = cluster();
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

// --- workloads ---

#[tokio::test(start_paused = true)]
async fn a_deployment_becomes_ready_and_rolls_without_losing_capacity() {
    let cluster = with_web("web:1", 4).await;
    cluster.on_write(|write, store| {
        let ready = store.list("pods").filter(|p| cluster::object::is_true(p, "Ready")).count();
        let happens = write.key.kind.resource == "pods" && write.actor == "kubelet";
        if happens && ready < 4 { vec![format!("{ready} ready")] } else { vec![] }
    });
    cluster.apply(web("web:2", 4));
    assert!(!is_rolled_out(&cluster, 4));
    cluster.advance_until("web:2 is rolled out", secs(120), |c| is_rolled_out(c, 4)).await;
    assert_eq!(cluster.violations(), Vec::<String>::new());
    let api: Api<Deployment> = Api::namespaced(cluster.client("user"), "shop");
    let deployment = api.get("web").await.unwrap();
    assert_eq!(deployment.annotations()["deployment.kubernetes.io/revision"], "2");
    let conditions = deployment.status.unwrap().conditions.unwrap();
    assert!(conditions.iter().all(|c| c.status == "True"), "{conditions:?}");
    cluster.advance_until("the old pods are gone", secs(60), |c| c.list("pods", "shop").len() == 4).await;
    let hash = |p: &Value| p["metadata"]["labels"]["pod-template-hash"].clone();
    let pods = cluster.list("pods", "shop");
    assert!(pods.iter().all(|p| hash(p) == hash(&pods[0])));
    assert_eq!(cluster.list("replicasets", "shop").len(), 2);
    cluster.patch("deployments", "shop", "web", &json!({"spec": {"replicas": 0}}));
    cluster.advance_until("no pod is left", secs(60), |c| c.list("pods", "shop").is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn pods_that_cannot_run_say_why() {
    let cluster = cluster();
    cluster.behaviour("crash:1", Behaviour::healthy().crashing_in(secs(3), 2));
    cluster.behaviour("missing:1", Behaviour::healthy().image_missing());
    cluster.behaviour("huge:1", Behaviour::healthy().unschedulable());
    cluster.behaviour("slow:1", Behaviour::healthy().never_ready());
    let pod = |c: &Cluster| c.list("pods", "shop").into_iter().next();
    let waits = |c: &Cluster, reason: &str| {
        pod(c).is_some_and(|p| p["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason)
    };
    let mut deployment = web("crash:1", 1);
    deployment["spec"]["progressDeadlineSeconds"] = json!(60);
    cluster.apply(deployment);
    cluster.advance_until("it crashes", secs(60), |c| waits(c, "CrashLoopBackOff")).await;
    let status = &pod(&cluster).unwrap()["status"]["containerStatuses"][0];
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 2);
    let restarts = |c: &Cluster| pod(c).unwrap()["status"]["containerStatuses"][0]["restartCount"].as_i64();
    cluster.advance_until("it restarts", secs(60), |c| restarts(c) >= Some(2)).await;
    let late = |c: &Cluster| {
        let d = c.get("deployments", "shop", "web").unwrap();
        cluster::object::condition(&d, "Progressing").is_some_and(|c| c["reason"] == "ProgressDeadlineExceeded")
    };
    cluster.delete("deployments", "shop", "web");
    cluster.advance_until("it is gone", secs(60), |c| pod(c).is_none()).await;
    for (image, reason) in [("missing:1", "ImagePullBackOff"), ("huge:1", ""), ("slow:1", "")] {
        let mut deployment = web(image, 1);
        deployment["spec"]["progressDeadlineSeconds"] = json!(60);
        cluster.apply(deployment);
        cluster.advance_until(image, secs(90), |c| late(c) || (!reason.is_empty() && waits(c, reason))).await;
        let found = pod(&cluster).unwrap();
        let scheduled = cluster::object::condition(&found, "PodScheduled").unwrap();
        assert_eq!(scheduled["status"] == "False", image == "huge:1", "{found}");
        assert!(!cluster::object::is_true(&found, "Ready"));
        cluster.delete("deployments", "shop", "web");
        cluster.advance_until("it is gone", secs(60), |c| pod(c).is_none()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn endpoint_slices_follow_the_labels_of_pods_and_the_selector() {
    let cluster = with_web("web:1", 3).await;
    let ready = |c: &Cluster| {
        let slices = c.list("endpointslices", "shop");
        let endpoints = slices.first().map(|s| s["endpoints"].as_array().unwrap().clone()).unwrap_or_default();
        endpoints.iter().filter(|e| e["conditions"]["ready"] == true).count()
    };
    let slice = &cluster.list("endpointslices", "shop")[0];
    assert_eq!(slice["metadata"]["labels"]["kubernetes.io/service-name"], "web");
    assert_eq!(slice["metadata"]["labels"]["team"], "shop");
    assert_eq!(slice["ports"][0]["port"], 8080);
    assert_eq!(ready(&cluster), 3);
    cluster.patch("services", "shop", "web", &json!({"spec": {"selector": {"member": "yes"}}}));
    cluster.advance_until("no pod is selected", secs(5), |c| ready(c) == 0).await;
    let name = cluster.list("pods", "shop")[0]["metadata"]["name"].clone();
    let api: Api<Pod> = Api::namespaced(cluster.client("controller"), "shop");
    let join = Patch::Merge(json!({"metadata": {"labels": {"member": "yes"}}}));
    api.patch(name.as_str().unwrap(), &PatchParams::default(), &join).await.unwrap();
    cluster.advance_until("one pod is selected", secs(5), |c| ready(c) == 1).await;
    assert_eq!(cluster.list("pods", "shop").len(), 3, "the pod still belongs to its set");
}

#[tokio::test(start_paused = true)]
async fn jobs_pass_fail_and_wait_for_images_and_their_pods_have_logs() {
    let cluster = cluster();
    cluster.job_outcome("pass:1", JobOutcome::pass(secs(5)).logging("one\ntwo\nthree\n"));
    cluster.job_outcome("fail:1", JobOutcome::fail(secs(5), 3, "expected 200, got 500\n").saying("1 failed"));
    cluster.job_outcome("missing:1", JobOutcome::image_missing());
    cluster.job_outcome("evicted:1", JobOutcome::evicted(secs(2)));
    cluster.job_outcome("never:1", JobOutcome::never_ends());
    let jobs: Api<Job> = Api::namespaced(cluster.client("controller"), "shop");
    let pods: Api<Pod> = Api::namespaced(cluster.client("controller"), "shop");
    for (name, condition, reason) in [
        ("pass", "Complete", "CompletionsReached"),
        ("fail", "Failed", "BackoffLimitExceeded"),
        ("evicted", "Failed", "BackoffLimitExceeded"),
        ("missing", "Failed", "DeadlineExceeded"),
        ("never", "Failed", "DeadlineExceeded"),
    ] {
        let body = serde_json::from_value(job(name, &format!("{name}:1"))).unwrap();
        jobs.create(&PostParams::default(), &body).await.unwrap();
        let selected = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={name},gate=smoke"));
        cluster.advance(secs(60)).await;
        let pod = pods.list(&selected).await.unwrap().items.pop().unwrap();
        let container = pod.status.as_ref().and_then(|s| s.container_statuses.clone()).unwrap_or_default().pop();
        let ended = container.and_then(|c| c.state).and_then(|s| s.terminated);
        let log = pods.logs(&pod.name_any(), &LogParams { tail_lines: Some(2), ..Default::default() }).await;
        match name {
            "pass" => assert_eq!((ended.unwrap().exit_code, log.unwrap().as_str()), (0, "two\nthree\n")),
            "fail" => {
                let ended = ended.unwrap();
                assert_eq!((ended.exit_code, ended.message.as_deref()), (3, Some("1 failed")));
                assert_eq!(log.unwrap(), "expected 200, got 500\n");
            }
            "evicted" => assert_eq!(pod.status.unwrap().reason.as_deref(), Some("Evicted")),
            "missing" => assert_eq!(code(&log.unwrap_err()).0, 400),
            _ => assert!(ended.is_none()),
        }
        cluster
            .advance_until(name, secs(90), |c| {
                let job = c.get("jobs", "shop", name).unwrap();
                cluster::object::condition(&job, condition).is_some_and(|c| c["reason"] == reason)
            })
            .await;
    }
    jobs.delete("pass", &DeleteParams::background()).await.unwrap();
    cluster.advance(secs(2)).await;
    assert!(pods.list(&ListParams::default().labels("job-name=pass")).await.unwrap().items.is_empty());
}

// --- traffic ---

#[tokio::test(start_paused = true)]
async fn a_roll_of_graceful_pods_fails_no_request() {
    for seed in 1..=10 {
        let cluster = seeded(seed);
        bring_up(&cluster, "web:1", 4).await;
        cluster.traffic("shop", "web");
        cluster.advance(secs(10)).await;
        let rolled = cluster.elapsed();
        cluster.apply(web("web:2", 4));
        cluster.advance_until("web:2 is rolled out", secs(120), |c| is_rolled_out(c, 4)).await;
        cluster.advance(secs(30)).await;
        let end = cluster.elapsed();
        assert_eq!(cluster.failures(Duration::ZERO, end).len(), 0);
        let before = cluster.answers(Duration::ZERO, rolled);
        assert_eq!(before.keys().collect::<Vec<_>>(), ["web:1"]);
        let last = cluster.answers(end - secs(10), end);
        assert_eq!(last.keys().collect::<Vec<_>>(), ["web:2"]);
        assert!((395..=405).contains(&last["web:2"]), "{last:?}: 2 proxies, 20 a second, 10 s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_roll_of_pods_that_exit_at_once_fails_requests() {
    let cluster = with_web("web:1", 4).await;
    cluster.behaviour("web:1", Behaviour::healthy().exiting_at_once());
    cluster.traffic("shop", "web");
    cluster.apply(web("web:2", 4));
    cluster.advance_until("web:2 is rolled out", secs(120), |c| is_rolled_out(c, 4)).await;
    assert!(!cluster.failures(Duration::ZERO, cluster.elapsed()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_selector_that_matches_nothing_fails_every_request() {
    let cluster = with_web("web:1", 2).await;
    cluster.traffic("shop", "web");
    cluster.advance(secs(5)).await;
    assert_eq!(cluster.failures(Duration::ZERO, cluster.elapsed()).len(), 0);
    cluster.patch("services", "shop", "web", &json!({"spec": {"selector": {"app": "none"}}}));
    cluster.advance(secs(5)).await;
    let start = cluster.elapsed();
    cluster.advance(secs(5)).await;
    let end = cluster.elapsed();
    assert_eq!(cluster.failures(start, end).len(), cluster.requests(start, end));
    assert!(
        cluster
            .failures(start, end)
            .iter()
            .all(|r| matches!(r.outcome, cluster::Outcome::Failed(cluster::Cause::NoEndpoint)))
    );
}

#[tokio::test(start_paused = true)]
async fn requests_through_a_route_go_by_its_weights_as_the_proxies_know_them() {
    let cluster = with_web("web:1", 2).await;
    let backends = |none: u64| json!([{"name": "web", "weight": 3}, {"name": "none", "weight": none}]);
    let route = |none| {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": backends(none)}]},
        })
    };
    cluster.apply(route(0));
    cluster.traffic_through("shop", "web");
    let all_resolved = |c: &Cluster| {
        let route = c.get("httproutes", "shop", "web").unwrap();
        let conditions = route["status"]["parents"][0]["conditions"].as_array().cloned().unwrap_or_default();
        let seen = conditions.iter().filter(|c| c["observedGeneration"] == route["metadata"]["generation"]).count();
        (seen == 2).then(|| conditions[1]["status"] == "True")
    };
    assert_eq!(all_resolved(&cluster), None, "it takes a while");
    cluster.advance(secs(5)).await;
    assert_eq!(all_resolved(&cluster), Some(false), "there is no Service none");
    assert_eq!(cluster.failures(Duration::ZERO, cluster.elapsed()).len(), 0);
    cluster.apply(route(1));
    let changed = cluster.elapsed();
    cluster.advance(secs(30)).await;
    let (all, failed) = (cluster.requests(changed, cluster.elapsed()), cluster.failures(changed, cluster.elapsed()));
    assert!((240..360).contains(&failed.len()), "a quarter of {all}: {}", failed.len());
    assert!(failed[0].at > changed, "the proxies are behind");
    cluster.delete("httproutes", "shop", "web");
    cluster.advance(secs(1)).await;
    let gone = cluster.elapsed();
    cluster.advance(secs(5)).await;
    let failed = cluster.failures(gone, cluster.elapsed());
    assert_eq!(failed.len(), cluster.requests(gone, cluster.elapsed()));
    assert!(matches!(failed[0].outcome, cluster::Outcome::Failed(cluster::Cause::NoBackend)));
}

#[tokio::test(start_paused = true)]
async fn metrics_are_those_of_the_revision_and_absent_without_traffic() {
    let cluster = cluster();
    cluster.behaviour("web:1", Behaviour::healthy().failing(0.1).answering_in(Duration::from_millis(100)));
    let mut deployment = web("web:1", 2);
    let labels = json!({"app": "web", "sluice.dev/policy": "web", "sluice.dev/revision": "3f9c01d2"});
    deployment["spec"]["template"]["metadata"]["labels"] = labels;
    cluster.apply(deployment);
    cluster.apply(service());
    cluster.advance_until("web is ready", secs(60), |c| is_rolled_out(c, 2)).await;
    assert_eq!(cluster.success_rate("shop", "web", "3f9c01d2", secs(60)), None);
    cluster.traffic("shop", "web");
    cluster.advance(secs(120)).await;
    let rate = cluster.success_rate("shop", "web", "3f9c01d2", secs(60)).unwrap();
    assert!((87.0..93.0).contains(&rate), "{rate}");
    let median = cluster.latency("shop", "web", "3f9c01d2", 0.5, secs(60)).unwrap();
    assert!((90..110).contains(&median.as_millis()), "{median:?}");
    assert_eq!(cluster.success_rate("shop", "web", "00000000", secs(60)), None);
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_traffic_take_well_under_a_second() {
    let cluster = with_web("web:1", 10).await;
    cluster.traffic_settings(Settings { proxies: 1, ..Settings::default() });
    cluster.traffic("shop", "web");
    #[allow(clippy::disallowed_methods)] // how long the test itself takes
    let real = std::time::Instant::now();
    cluster.advance(secs(600)).await;
    let took = real.elapsed();
    assert_eq!(cluster.failures(Duration::ZERO, cluster.elapsed()).len(), 0);
    println!("{} requests in {took:?}", cluster.requests(Duration::ZERO, cluster.elapsed()));
    assert!(took < secs(3), "{took:?}");
}

// --- faults ---

#[tokio::test(start_paused = true)]
async fn a_crash_before_a_write_applies_nothing_and_the_others_apply_it() {
    for (fault, applied) in [(Fault::CrashBefore, false), (Fault::CrashAfter, true), (Fault::CrashAfterAnswer, true)] {
        let cluster = cluster();
        let api = maps(&cluster.client("controller"));
        api.create(&PostParams::default(), &map("a", &[])).await.unwrap();
        cluster.fault("controller", 2, fault);
        let params = PostParams::default();
        let body = map("b", &[]);
        let crash = cluster
            .until_crash(async {
                let result = api.create(&params, &body).await;
                assert_eq!(result.is_ok(), fault == Fault::CrashAfterAnswer);
                // A dead process writes nothing more, however late it is dropped.
                api.create(&params, &map("c", &[])).await.unwrap();
            })
            .await
            .unwrap_err();
        assert_eq!(crash, Crash { identity: "controller".into(), write: 2, fault });
        assert_eq!(cluster.get("configmaps", "shop", "b").is_some(), applied, "{fault:?}");
        let late = tokio::time::timeout(secs(60), api.get("a")).await;
        assert!(late.is_err(), "the old process is dead");
        maps(&cluster.client("controller")).get("a").await.unwrap();
        assert!(cluster.get("configmaps", "shop", "c").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn errors_come_at_the_write_they_are_planned_for() {
    let cluster = cluster();
    let api = maps(&cluster.client("controller"));
    let other = maps(&cluster.client("user"));
    for (index, code) in [(1, 409), (2, 500), (3, 503), (4, 429), (5, 504)] {
        cluster.fault("controller", index, Fault::Error(code));
    }
    cluster.fault("controller", 6, Fault::Reset);
    cluster.fault("controller", 7, Fault::LostAnswer);
    cluster.fault_at_request("user", 1, Fault::Error(500));
    for expected in [409, 500, 503, 429, 504, 0] {
        let error = api.create(&PostParams::default(), &map("a", &[])).await.unwrap_err();
        assert_eq!(code(&error).0, expected);
        assert!(cluster.get("configmaps", "shop", "a").is_none());
    }
    api.create(&PostParams::default(), &map("a", &[])).await.unwrap_err();
    assert!(cluster.get("configmaps", "shop", "a").is_some(), "applied, and the answer lost");
    assert_eq!(code(&other.get("a").await.unwrap_err()).0, 500);
    other.get("a").await.unwrap();
    assert_eq!((cluster.writes("controller"), cluster.writes("user")), (7, 0));
    let log = cluster.log();
    let mine: Vec<_> = log.iter().filter(|e| e.identity == "controller").map(|e| e.status).collect();
    assert_eq!(mine, [409, 500, 503, 429, 504, 0, 0]);
    assert_eq!((log[0].verb, log[0].resource.as_str(), log[0].write), ("create", "configmaps", Some(1)));
}

#[tokio::test(start_paused = true)]
async fn observers_see_every_write_and_admission_may_refuse_it() {
    let cluster = cluster();
    cluster.on_write(|write, store| {
        let count = store.list("configmaps").count();
        let made = write.old.is_none();
        vec![format!("{} {} {} made {made} of {count}", write.actor, write.verb, write.key)]
    });
    cluster.admission(|write, _| match (write.actor, write.verb) {
        ("guest", "create") => Err("guests only read".to_owned()),
        _ => Ok(()),
    });
    let params = PostParams::default();
    let error = maps(&cluster.client("guest")).create(&params, &map("a", &[])).await.unwrap_err();
    assert_eq!(code(&error), (403, "Forbidden".into()));
    let api = maps(&cluster.client("controller"));
    api.create(&params, &map("a", &[])).await.unwrap();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    assert_eq!(
        cluster.violations(),
        ["controller create configmaps shop/a made true of 1", "controller delete configmaps shop/a made false of 0"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_revoked_verb_and_a_removed_kind_are_refused() {
    let cluster = cluster();
    let api = maps(&cluster.client("controller"));
    cluster.refuse("controller", "create", "configmaps");
    let error = api.create(&PostParams::default(), &map("a", &[])).await.unwrap_err();
    assert_eq!(code(&error), (403, "Forbidden".into()));
    cluster.grant("controller", "create", "configmaps");
    api.create(&PostParams::default(), &map("a", &[])).await.unwrap();
    cluster.uninstall("configmaps");
    assert_eq!(code(&api.get("a").await.unwrap_err()), (404, "NotFound".into()));
}

#[tokio::test(start_paused = true)]
async fn a_job_follows_its_pod_failure_policy() {
    let cluster = cluster();
    cluster.job_outcomes("flaky:1", vec![JobOutcome::evicted(secs(1)), JobOutcome::pass(secs(1))]);
    cluster.job_outcome("fatal:1", JobOutcome::fail(secs(1), 42, ""));
    let rules = json!({"rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]});
    for (name, limit, condition, reason) in
        [("flaky", 0, "Complete", "CompletionsReached"), ("fatal", 3, "Failed", "PodFailurePolicy")]
    {
        let mut body = job(name, &format!("{name}:1"));
        body["spec"]["podFailurePolicy"] = rules.clone();
        body["spec"]["backoffLimit"] = json!(limit);
        cluster.apply(body);
        cluster
            .advance_until(name, secs(60), |c| {
                let job = c.get("jobs", "shop", name).unwrap();
                cluster::object::condition(&job, condition).is_some_and(|c| c["reason"] == reason)
            })
            .await;
    }
}

/// Copies `data.want` to `data.done`, one write per pass.
async fn copy(object: Arc<ConfigMap>, client: Arc<Client>) -> Result<Action, Error> {
    let data = object.data.clone().unwrap_or_default();
    if data.get("want") != data.get("done") {
        let patch = Patch::Merge(json!({"data": {"done": data.get("want")}}));
        maps(&client).patch(&object.name_any(), &PatchParams::default(), &patch).await?;
    }
    Ok(Action::await_change())
}

async fn controller(client: Client) {
    Controller::new(maps(&client), watcher::Config::default())
        .run(copy, |_, _, _| Action::requeue(secs(1)), Arc::new(client))
        .for_each(|_| async {})
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_real_controller_converges_whatever_write_it_dies_at() {
    for write in 1..=3 {
        for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::CrashAfterAnswer] {
            let cluster = cluster();
            for name in ["a", "b", "c"] {
                cluster.apply(config(name, json!({"want": "1"})));
            }
            cluster.fault("controller", write, fault);
            let crash = cluster.until_crash(controller(cluster.client("controller"))).await;
            assert_eq!(crash.unwrap_err().write, write);
            cluster.advance(secs(30)).await;
            let task = tokio::spawn(controller(cluster.client("controller")));
            let done = |c: &Cluster| c.list("configmaps", "shop").iter().all(|o| o["data"]["done"] == "1");
            cluster.advance_until("all are done", secs(60), done).await;
            task.abort();
            let lost = u64::from(fault == Fault::CrashBefore);
            assert_eq!(cluster.writes("controller"), 3 + lost);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_history() {
    async fn history() -> (u64, BTreeMap<String, usize>, Vec<String>) {
        let cluster = with_web("web:1", 3).await;
        cluster.traffic("shop", "web");
        cluster.apply(web("web:2", 3));
        cluster.advance(secs(60)).await;
        let pods = cluster.list("pods", "shop").iter().map(ToString::to_string).collect();
        (cluster.with(|s| s.store.version), cluster.answers(Duration::ZERO, secs(120)), pods)
    }
    assert_eq!(history().await, history().await);
}
