//! Deployments, pods, endpoints and Jobs.

use k8s_openapi::api::{apps::v1::Deployment, batch::v1::Job, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    cluster::{self, Behaviour, Cluster, JobOutcome},
    code, is_rolled_out, job, running, secs, web, with_web,
};

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
    let cluster = running();
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
    let cluster = running();
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
