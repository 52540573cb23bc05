//! Crashes, errors and refusals at the writes they are planned for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Client, Error, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{Controller, controller::Action, watcher},
};
use serde_json::json;

use crate::{
    cluster::{self, Cluster, Crash, Fault, JobOutcome},
    code, config, job, map, maps, running, secs, web, with_web,
};

#[tokio::test(start_paused = true)]
async fn a_crash_before_a_write_applies_nothing_and_the_others_apply_it() {
    for (fault, applied) in [(Fault::CrashBefore, false), (Fault::CrashAfter, true), (Fault::CrashAfterAnswer, true)] {
        let cluster = running();
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
    let cluster = running();
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
    let cluster = running();
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
    let cluster = running();
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
    let cluster = running();
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
            let cluster = running();
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
