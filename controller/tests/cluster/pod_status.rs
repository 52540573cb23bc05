//! What the kubelet reports about a pod.

use serde_json::{Value, json};

use super::{
    clock::{Clock, stamp},
    object,
    pods::{Run, Stage},
};

pub fn of(run: &Run, pod: &Value, clock: Clock) -> Value {
    let at = |moment| stamp(clock.date(moment));
    let phase = match run.stage {
        Stage::Unscheduled | Stage::Creating | Stage::PullFailed { .. } => "Pending",
        Stage::Ended | Stage::Exited if run.exit_code == 0 && run.job.is_some() => "Succeeded",
        Stage::Ended => "Failed",
        _ => "Running",
    };
    let mut status = json!({"phase": phase, "qosClass": "BestEffort", "conditions": []});
    let Some(scheduled) = run.scheduled else {
        let now = at(run.changed_ready);
        object::set_condition(&mut status, &now, "PodScheduled", false, "Unschedulable");
        let message = "0/1 nodes are available: 1 Insufficient cpu.";
        status["conditions"][0]["message"] = json!(message);
        return status;
    };
    let scheduled = at(scheduled);
    status["startTime"] = json!(scheduled);
    status["hostIP"] = json!("10.0.0.1");
    let changed = at(run.changed_ready);
    object::set_condition(&mut status, &scheduled, "PodScheduled", true, "");
    object::set_condition(&mut status, &scheduled, "Initialized", true, "");
    let reason = match (run.ready, phase) {
        (true, _) => "",
        (false, "Succeeded") => "PodCompleted",
        (false, "Failed") => "PodFailed",
        _ => "ContainersNotReady",
    };
    for kind in ["ContainersReady", "Ready"] {
        object::set_condition(&mut status, &changed, kind, run.ready, reason);
    }
    if run.evicted {
        object::set_condition(&mut status, &changed, "DisruptionTarget", true, "EvictionByEvictionAPI");
        status["reason"] = json!("Evicted");
        status["message"] = json!("The node was low on resource: memory.");
    }
    if matches!(run.stage, Stage::Running | Stage::Terminated | Stage::CrashLoop | Stage::Ended | Stage::Exited) {
        status["podIP"] = json!(run.ip);
        status["podIPs"] = json!([{"ip": run.ip}]);
    }
    let containers = object::items(pod, "/spec/containers").iter();
    let containers: Vec<_> = containers.map(|c| container(run, c, &at)).collect();
    status["containerStatuses"] = json!(containers);
    status
}

fn container(run: &Run, container: &Value, at: &impl Fn(std::time::Duration) -> String) -> Value {
    let terminated = || {
        let reason = match run.exit_code {
            0 => "Completed",
            137 => "OOMKilled",
            _ => "Error",
        };
        let mut ended = json!({
            "exitCode": run.exit_code, "reason": reason,
            "startedAt": at(run.started), "finishedAt": at(run.finished),
        });
        if let Some(job) = run.job.as_ref().filter(|job| !job.message.is_empty()) {
            ended["message"] = json!(job.message);
        }
        json!({"terminated": ended})
    };
    let waiting = |reason: &str, message: &str| json!({"waiting": {"reason": reason, "message": message}});
    let image = object::text(container, "/image");
    let state = match run.stage {
        Stage::Unscheduled | Stage::Creating => waiting("ContainerCreating", ""),
        Stage::PullFailed { waiting: false } => {
            waiting("ErrImagePull", &format!("failed to pull and unpack image \"{image}\": not found"))
        }
        Stage::PullFailed { waiting: true } => {
            waiting("ImagePullBackOff", &format!("Back-off pulling image \"{image}\""))
        }
        Stage::Running => json!({"running": {"startedAt": at(run.started)}}),
        Stage::Terminated | Stage::Ended | Stage::Exited => terminated(),
        Stage::CrashLoop => waiting("CrashLoopBackOff", "back-off restarting failed container"),
    };
    let crashed = run.stage == Stage::CrashLoop || (run.restarts > 0 && run.job.is_none());
    let crashed = crashed && run.stage != Stage::Terminated;
    let has_run = !matches!(run.stage, Stage::Unscheduled | Stage::Creating | Stage::PullFailed { .. });
    json!({
        "name": container["name"], "image": image,
        "imageID": if has_run { format!("{image}@sha256:0") } else { String::new() },
        "ready": run.ready, "started": run.stage == Stage::Running,
        "restartCount": run.restarts,
        "state": state,
        "lastState": if crashed { terminated() } else { json!({}) },
    })
}
