//! Objects as Kubernetes writes them.

use crds::suite::SuiteSpec;
use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use planner::{
    policy::Place,
    world::{Run, RunKey},
};
use serde_json::{Value, json};

use super::*;

fn key() -> RunKey {
    RunKey { gate: "conformance".into(), at: Place::Step, step: Some(2), attempt: 1 }
}

fn suite() -> SuiteSpec {
    serde_json::from_value(json!({
        "image": "registry.example.com/shop/e2e:7",
        "command": ["/tests/run"],
        "args": ["--url", "$(SLUICE_CANDIDATE_URL)"],
        "env": [
            {"name": "TARGET", "value": "$(SLUICE_CANDIDATE_HOST):$(SLUICE_CANDIDATE_PORT_HTTP)"},
            {"name": "LOCALE", "configMap": {"name": "e2e", "key": "locale"}},
            {"name": "SLUICE_DIGEST", "value": "forged"},
        ],
        "files": [{"configMap": "e2e-cases", "mountPath": "/tests"}],
    }))
    .unwrap()
}

fn made_of(suite: &SuiteSpec, key: &RunKey, timeout: chrono::TimeDelta) -> Job {
    let ports = [("http".to_owned(), 9898, true), ("grpc-admin".to_owned(), 9999, false)];
    job(&JobInput {
        release: "frontend-8b1e77a0-1",
        policy: "frontend",
        policy_uid: "0b1c2d3e-0000-4000-8000-000000000001",
        namespace: "shop",
        owner: OwnerReference {
            api_version: "sluice.dev/v1alpha1".into(),
            kind: "Release".into(),
            name: "frontend-8b1e77a0-1".into(),
            uid: "0b1c2d3e-0000-4000-8000-000000000002".into(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        },
        key,
        suite,
        timeout,
        candidate: Target { host: "frontend-8b1e77a0.shop.svc", ports: &ports },
        stable: Some(Target { host: "frontend-3f9c01d2.shop.svc", ports: &ports[..1] }),
        revision: "8b1e77a0",
        digest: "sha256:8b1e77a0",
        traceparent: Some("00-0b1c2d3e000040008000000000000002-00f067aa0ba902b7-01"),
    })
}

fn created() -> Job {
    made_of(&suite(), &key(), chrono::TimeDelta::minutes(10))
}

#[test]
fn a_job_is_written_out_in_full() {
    insta::assert_yaml_snapshot!(created());
}

#[test]
fn a_job_knows_its_run_and_its_pods_do_not_look_like_pods_that_serve() {
    let job = created();
    assert_eq!(key_of(&job), Some(key()));
    let labels = job.spec.unwrap().template.metadata.unwrap().labels.unwrap();
    let ours = [crds::names::POLICY, crds::names::REVISION];
    assert!(labels.keys().all(|label| !ours.contains(&label.as_str()) && !label.starts_with("serving.")), "{labels:?}");
}

#[test]
fn a_job_has_at_least_a_second_and_a_test_may_take_the_place_of_tmp() {
    let mut suite = suite();
    suite.files.as_mut().unwrap()[0].mount_path = "/tmp/".into();
    let spec = made_of(&suite, &key(), chrono::TimeDelta::milliseconds(-5)).spec.unwrap();
    assert_eq!(spec.active_deadline_seconds, Some(21));
    assert_eq!(spec.template.spec.unwrap().volumes.unwrap().len(), 1);
}

// What Kubernetes makes of it.

const START: &str = "2026-03-01T10:00:00Z";
const END: &str = "2026-03-01T10:01:00Z";
const LATER: &str = "2026-03-01T10:02:00Z";

fn with(mut job: Job, status: Value) -> Job {
    job.metadata.uid = Some("job-uid".into());
    job.status = Some(serde_json::from_value(status).unwrap());
    job
}

fn running() -> Job {
    with(created(), json!({"startTime": START, "active": 1, "ready": 1}))
}

fn complete() -> Job {
    let condition =
        |kind| json!({"type": kind, "status": "True", "reason": "CompletionsReached", "lastTransitionTime": END});
    with(
        created(),
        json!({
            "startTime": START, "completionTime": END, "succeeded": 1,
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
        }),
    )
}

fn failed(reason: &str, message: &str) -> Job {
    let condition =
        |kind| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": END});
    with(
        created(),
        json!({
            "startTime": START, "failed": 1, "conditions": [condition("FailureTarget"), condition("Failed")],
        }),
    )
}

fn backoff() -> Job {
    failed("BackoffLimitExceeded", "Job has reached the specified backoff limit")
}

fn pod(status: Value) -> Pod {
    let pod = json!({
        "metadata": {
            "name": "frontend-x-abcde", "namespace": "shop", "creationTimestamp": START,
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "x", "uid": "job-uid", "controller": true}],
        },
        "spec": {"containers": [{"name": "test", "image": "registry.example.com/shop/e2e:7"}]},
        "status": status,
    });
    serde_json::from_value(pod).unwrap()
}

fn containing(phase: &str, state: Value) -> Pod {
    let status = json!({
        "name": "test", "image": "e2e:7", "imageID": "", "ready": false, "restartCount": 0, "state": state,
    });
    pod(json!({
        "phase": phase, "containerStatuses": [status],
        "conditions": [{"type": "PodScheduled", "status": "True"}],
    }))
}

fn ended(code: i32, reason: &str, message: &str) -> Pod {
    let state = json!({"terminated": {
        "exitCode": code, "reason": reason, "message": message, "startedAt": START, "finishedAt": END,
    }});
    containing(if code == 0 { "Succeeded" } else { "Failed" }, state)
}

fn waiting(reason: &str, message: &str) -> Pod {
    containing("Pending", json!({"waiting": {"reason": reason, "message": message}}))
}

/// Deleted with 30 seconds of grace, asked for at this time.
fn deleted(mut pod: Pod, asked: &str) -> Pod {
    let asked: k8s_openapi::jiff::Timestamp = asked.parse().unwrap();
    let deadline = asked + k8s_openapi::jiff::SignedDuration::from_secs(30);
    pod.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(deadline));
    pod.metadata.deletion_grace_period_seconds = Some(30);
    pod
}

fn disrupted(mut pod: Pod, reason: &str, at: &str) -> Pod {
    let condition = json!({
        "type": "DisruptionTarget", "status": "True", "reason": reason, "message": "words of theirs", "lastTransitionTime": at,
    });
    let status = pod.status.as_mut().unwrap();
    status.conditions.get_or_insert_default().push(serde_json::from_value(condition).unwrap());
    pod
}

#[track_caller]
fn going(job: &Job, pods: &[Pod], words: &str) {
    assert_eq!(wants_log(job, pods), None);
    let run = read(&key(), job, pods, None);
    assert!(matches!(&run, Run::Going(why) if why.contains(words)), "{run:?}");
}

#[track_caller]
fn broken(job: &Job, pods: &[Pod], words: &str) {
    assert_eq!(wants_log(job, pods), None);
    let run = read(&key(), job, pods, Some("not ok 1 - no evidence"));
    assert!(matches!(&run, Run::Broken(why) if why.contains(words)), "{run:?}");
}

mod ends;
mod goes;
