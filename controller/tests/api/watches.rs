//! Watches and what survives when they are cut.

use futures::{StreamExt, TryStreamExt, pin_mut};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams, WatchEvent, WatchParams},
    core::PartialObjectMeta,
    runtime::watcher,
};
use serde_json::{Value, json};

use crate::{cluster::Cluster, config, map, maps, running, secs};

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
    let cluster = running();
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
    let cluster = running();
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
    let cluster = running();
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
