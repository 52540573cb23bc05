//! Pods: whether they are ready, for whom they answer, and what is wrong with them.

use chrono::{DateTime, TimeDelta, Utc};
use crds::names;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;
use planner::{RevisionId, world};

/// The facts of a pod of ours whose Deployment has these `minReadySeconds`.
pub fn pod(pod: &Pod, least: TimeDelta, now: DateTime<Utc>) -> world::Pod {
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let ready = condition(pod, "Ready").is_some_and(|(status, _)| status) && !terminating;
    let members = pod.labels().keys().filter_map(|k| RevisionId::parse(k.strip_prefix(names::SERVING_PREFIX)?));
    world::Pod {
        ready,
        fresh: ready && ready_since(pod).is_some_and(|since| now < since + least),
        terminating,
        members_of: members.collect(),
        trouble: if ready || terminating { None } else { trouble(pod) },
    }
}

/// Since when it has been ready, or not: whole seconds, as the kubelet writes them.
fn ready_since(pod: &Pod) -> Option<DateTime<Utc>> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let at = conditions.iter().find(|c| c.type_ == "Ready")?.last_transition_time.as_ref()?;
    DateTime::from_timestamp(at.0.as_second(), 0)
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<(bool, &'a str)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|c| c.type_ == kind).map(|c| (c.status == "True", c.message.as_deref().unwrap_or_default()))
}

/// What keeps a pod from being ready. A pod that was never able to run says nothing about its version.
fn trouble(pod: &Pod) -> Option<world::Trouble> {
    let status = pod.status.as_ref()?;
    let name = pod.name_any();
    if let Some((false, message)) = condition(pod, "PodScheduled") {
        return Some(world::Trouble::NotStarted(format!("pod {name} cannot be scheduled: {message}")));
    }
    if status.phase.as_deref() == Some("Failed") && status.reason.is_some() {
        let (reason, message) =
            (status.reason.as_deref().unwrap_or_default(), status.message.as_deref().unwrap_or_default());
        return Some(world::Trouble::NotStarted(format!("pod {name} was ended by the cluster ({reason}): {message}")));
    }
    let containers = || status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    containers().find_map(|c| crashed(&name, c)).or_else(|| containers().find_map(|c| held_up(&name, c))).or_else(
        || {
            let running = status
                .container_statuses
                .iter()
                .flatten()
                .all(|c| c.state.as_ref().is_some_and(|s| s.running.is_some()));
            let started = status.container_statuses.as_ref().is_some_and(|c| !c.is_empty()) && running;
            started.then(|| world::Trouble::Failed(format!("pod {name} runs and its readiness probe does not pass")))
        },
    )
}

fn crashed(pod: &str, container: &ContainerStatus) -> Option<world::Trouble> {
    let ended = |s: &k8s_openapi::api::core::v1::ContainerState| s.terminated.clone();
    let end = container.state.as_ref().and_then(ended).or_else(|| container.last_state.as_ref().and_then(ended));
    let end = end.filter(|e| e.exit_code != 0 || container.restart_count > 0)?;
    let reason = end.reason.unwrap_or_default();
    let times = container.restart_count;
    Some(world::Trouble::Failed(format!(
        "container {} of pod {pod} ended with exit code {} ({reason}), restarted {times} times",
        container.name, end.exit_code
    )))
}

fn held_up(pod: &str, container: &ContainerStatus) -> Option<world::Trouble> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    let message = waiting.message.as_deref().unwrap_or_default();
    let image = &container.image;
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            Some(world::Trouble::NotStarted(format!("image {image} of pod {pod} cannot be had ({reason}): {message}")))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(world::Trouble::NotStarted(format!(
                "container {} of pod {pod} cannot be started ({reason}): {message}",
                container.name
            )))
        }
        "CrashLoopBackOff" => {
            Some(world::Trouble::Failed(format!("container {} of pod {pod} crashes: {message}", container.name)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use planner::world::Trouble;
    use serde_json::json;

    use super::*;

    fn read(status: serde_json::Value) -> world::Pod {
        let object =
            json!({ "metadata": { "name": "p", "labels": { "serving.sluice.dev/3f9c01d2": "" } }, "status": status });
        at(object, 0)
    }

    /// Ten seconds are asked for; what is given is read so many seconds after the first of 2026.
    fn at(object: serde_json::Value, seconds: i64) -> world::Pod {
        let now = DateTime::from_timestamp(1_767_225_600 + seconds, 0).unwrap();
        pod(&serde_json::from_value(object).unwrap(), TimeDelta::seconds(10), now)
    }

    #[test]
    fn a_pod_is_fresh_until_it_has_been_ready_for_as_long_as_is_asked_for() {
        let read = |status: &str, seconds| {
            let condition = json!({ "type": "Ready", "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z" });
            at(json!({ "metadata": { "name": "p" }, "status": { "conditions": [condition] } }), seconds).fresh
        };
        assert_eq!([read("True", 0), read("True", 9), read("True", 10), read("False", 0)], [true, true, false, false]);
    }

    fn container(state: serde_json::Value, restarts: i32) -> serde_json::Value {
        json!({ "phase": "Running", "containerStatuses": [{ "name": "c", "image": "i:1", "imageID": "", "ready": false, "restartCount": restarts, "state": state }] })
    }

    #[test]
    fn a_ready_pod_has_no_trouble_and_tells_for_whom_it_answers() {
        let pod = read(json!({ "conditions": [{ "type": "Ready", "status": "True" }] }));
        assert!(pod.ready && pod.trouble.is_none());
        assert_eq!(pod.members_of.iter().map(|r| r.as_str()).collect::<Vec<_>>(), ["3f9c01d2"]);
    }

    #[test]
    fn crashes_and_failing_probes_are_evidence_against_the_version() {
        for status in [
            container(json!({ "terminated": { "exitCode": 1, "reason": "Error" } }), 0),
            container(json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off" } }), 3),
            container(json!({ "running": {} }), 0),
        ] {
            assert!(matches!(read(status.clone()).trouble, Some(Trouble::Failed(_))), "{status}");
        }
    }

    #[test]
    fn pods_that_never_ran_are_no_evidence() {
        for status in [
            container(json!({ "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } }), 0),
            container(json!({ "waiting": { "reason": "CreateContainerConfigError" } }), 0),
            json!({ "phase": "Pending", "conditions": [{ "type": "PodScheduled", "status": "False", "message": "0/1 nodes" }] }),
            json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" }),
        ] {
            assert!(matches!(read(status.clone()).trouble, Some(Trouble::NotStarted(_))), "{status}");
        }
    }

    #[test]
    fn a_pod_that_is_just_starting_has_no_trouble_yet() {
        let status = container(json!({ "waiting": { "reason": "ContainerCreating" } }), 0);
        assert_eq!(read(status).trouble, None);
    }
}
