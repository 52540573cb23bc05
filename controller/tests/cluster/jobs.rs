//! Jobs: one pod at a time, until it passes, fails too often, or its time is over.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    clock::Moment,
    kinds::{self, Key},
    object,
    store::{By, Store},
    world::Due,
};

const ACTOR: &str = "job-controller";

pub fn step(store: &mut Store, due: &mut Due) {
    for key in store.keys(&kinds::JOBS) {
        let job = store.at(&key).unwrap().clone();
        let is_over = object::is_true(&job, "Complete") || object::is_true(&job, "Failed");
        if !is_over && !object::is_terminating(&job) && !object::flag(&job, "/spec/suspend") {
            advance(store, &key, &job, due);
        }
    }
}

/// What became of a Job's pods.
#[derive(Default)]
struct Tally {
    active: Vec<Key>,
    ready: i64,
    succeeded: i64,
    /// Failures that count against the back-off limit, and when the last was.
    failed: i64,
    last_failure: Option<Moment>,
    /// A rule of the pod failure policy that fails the Job.
    refused: Option<String>,
}

fn tally(store: &Store, key: &Key, job: &Value) -> Tally {
    let mut tally = Tally::default();
    for (pod_key, pod) in store.controlled(&kinds::PODS, &key.namespace, object::uid(job)) {
        match object::text(pod, "/status/phase") {
            "Succeeded" => tally.succeeded += 1,
            "Failed" => count_failure(store, &mut tally, job, pod),
            _ if object::is_terminating(pod) => tally.failed += 1,
            _ => {
                tally.active.push(pod_key.clone());
                tally.ready += i64::from(object::is_true(pod, "Ready"));
            }
        }
    }
    tally
}

fn count_failure(store: &Store, tally: &mut Tally, job: &Value, pod: &Arc<Value>) {
    let ended = object::condition(pod, "Ready");
    let ended = ended.map_or("", |c| object::text(c, "/lastTransitionTime"));
    let ended = ended.parse().map_or(Moment::ZERO, |date| store.clock.moment(date));
    tally.last_failure = tally.last_failure.max(Some(ended));
    match action(job, pod) {
        "Ignore" => {}
        "FailJob" => {
            tally.failed += 1;
            tally.refused = Some(format!("pod {} matched a FailJob rule", object::name(pod)));
        }
        _ => tally.failed += 1,
    }
}

/// What the pod failure policy says about a failed pod.
fn action<'a>(job: &'a Value, pod: &Value) -> &'a str {
    let code = object::number(pod, "/status/containerStatuses/0/state/terminated/exitCode");
    let code = code.filter(|_| object::condition(pod, "DisruptionTarget").is_none());
    for rule in object::items(job, "/spec/podFailurePolicy/rules") {
        let conditions = object::items(rule, "/onPodConditions");
        let by_condition = conditions.iter().any(|c| object::is_true(pod, object::text(c, "/type")));
        let values = object::items(rule, "/onExitCodes/values");
        let listed = code.is_some_and(|code| values.contains(&json!(code)));
        let by_code = match object::text(rule, "/onExitCodes/operator") {
            "In" => listed,
            "NotIn" => code.is_some_and(|code| code != 0) && !listed,
            _ => false,
        };
        if by_condition || by_code {
            return object::text(rule, "/action");
        }
    }
    "Count"
}

fn advance(store: &mut Store, key: &Key, job: &Value, due: &mut Due) {
    let now = store.clock.elapsed();
    let started = object::text(job, "/status/startTime").parse();
    let started = started.map_or(now, |date| store.clock.moment(date));
    let tally = tally(store, key, job);
    let limit = object::number(job, "/spec/backoffLimit").unwrap_or(6);
    let deadline = object::number(job, "/spec/activeDeadlineSeconds");
    let deadline = deadline.map(|s| started + Duration::from_secs(s.max(0) as u64));
    let verdict = if tally.succeeded >= object::count(job, "/spec/completions").max(1) {
        Some(("Complete", "CompletionsReached"))
    } else if tally.refused.is_some() {
        Some(("Failed", "PodFailurePolicy"))
    } else if tally.failed > limit {
        Some(("Failed", "BackoffLimitExceeded"))
    } else if deadline.is_some_and(|end| end <= now) {
        Some(("Failed", "DeadlineExceeded"))
    } else {
        None
    };
    if verdict.is_none() {
        deadline.into_iter().for_each(|end| due.at(end));
        if tally.active.is_empty() {
            let wait = Duration::from_secs(10) * 2_u32.pow(tally.failed.clamp(0, 6) as u32) / 2;
            match tally.last_failure.map(|last| last + wait).filter(|at| *at > now) {
                Some(at) => due.at(at),
                None => create_pod(store, key, job),
            }
        }
    } else {
        for pod in &tally.active {
            let _ = store.delete(&By::model(ACTOR, "delete"), pod, &json!({}));
        }
    }
    report(store, key, &tally, verdict);
}

fn create_pod(store: &mut Store, key: &Key, job: &Value) {
    let template = &job["spec"]["template"];
    let mut body = json!({"metadata": template["metadata"], "spec": template["spec"]});
    body["metadata"]["generateName"] = json!(format!("{}-", key.name));
    body["metadata"]["ownerReferences"] = json!([object::owner_reference(job)]);
    body["metadata"]["finalizers"] = Value::Null;
    let by = By::model(ACTOR, "create");
    let _ = store.create(&by, &kinds::PODS, &key.namespace, body);
}

fn report(store: &mut Store, key: &Key, tally: &Tally, verdict: Option<(&str, &str)>) {
    let now = store.clock.stamp();
    store.modify(ACTOR, key, |job| {
        let mut status = job["status"].take();
        if !status.is_object() {
            status = json!({});
        }
        object::default(&mut status, "/startTime", json!(now));
        let active = if verdict.is_some() { 0 } else { tally.active.len() as i64 };
        let ready = if verdict.is_some() { 0 } else { tally.ready };
        let ended = verdict.is_some_and(|(_, reason)| reason == "DeadlineExceeded");
        let failed = tally.failed + if ended { tally.active.len() as i64 } else { 0 };
        for (field, value) in [("active", active), ("succeeded", tally.succeeded), ("failed", failed)] {
            match value {
                0 => object::unset(&mut status, &format!("/{field}")),
                _ => status[field] = json!(value),
            }
        }
        status["ready"] = json!(ready);
        status["terminating"] = json!(0);
        if let Some((kind, reason)) = verdict {
            let before = if kind == "Complete" { "SuccessCriteriaMet" } else { "FailureTarget" };
            object::set_condition(&mut status, &now, before, true, reason);
            object::set_condition(&mut status, &now, kind, true, reason);
            let message = match reason {
                "DeadlineExceeded" => "Job was active longer than specified deadline".to_owned(),
                "BackoffLimitExceeded" => "Job has reached the specified backoff limit".to_owned(),
                "PodFailurePolicy" => tally.refused.clone().unwrap_or_default(),
                _ => "Reached expected number of succeeded pods".to_owned(),
            };
            for condition in status["conditions"].as_array_mut().unwrap() {
                condition["message"] = json!(message);
            }
            if kind == "Complete" {
                status["completionTime"] = json!(now);
            }
        }
        job["status"] = status;
    });
}
