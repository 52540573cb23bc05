//! Runs that have not ended.

use super::*;

#[test]
fn a_run_with_nothing_wrong_starts_and_runs() {
    going(&created(), &[], "the Job starts");
    going(&running(), &[], "see kubectl describe job frontend-8b1e77a0-1-conformance-");
    going(&running(), &[pod(json!({"phase": "Pending"}))], "pod starts");
    going(&running(), &[waiting("ContainerCreating", "")], "pod starts");
    going(&running(), &[containing("Running", json!({"running": {"startedAt": START}}))], "the test runs");
}

#[test]
fn an_image_that_cannot_be_pulled_may_still_come() {
    for reason in ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"] {
        let pods = [waiting(reason, "rpc error:\n not found")];
        let words = format!("image registry.example.com/shop/e2e:7 cannot be pulled: {reason}: rpc error: not found");
        going(&running(), &pods, &words);
    }
}

#[test]
fn a_container_that_cannot_be_made_says_what_to_do() {
    going(
        &running(),
        &[waiting("CreateContainerConfigError", "configmap \"e2e\" not found")],
        "configmap \"e2e\" not found",
    );
    let root = "container has runAsNonRoot and image will run as root";
    going(&running(), &[waiting("CreateContainerConfigError", root)], "a numeric USER that is not 0");
}

#[test]
fn a_pod_without_a_node_waits_for_one() {
    let scheduled = |reason: &str, message: &str| {
        let condition = json!({"type": "PodScheduled", "status": "False", "reason": reason, "message": message});
        pod(json!({"phase": "Pending", "conditions": [condition]}))
    };
    let message = "0/3 nodes are available: 3 Insufficient cpu.";
    going(&running(), &[scheduled("Unschedulable", message)], "no node takes the test's pod: 0/3 nodes");
    going(&running(), &[scheduled("SchedulingGated", "")], "scheduling gate");
}

#[test]
fn a_suspended_job_waits_for_whoever_suspended_it() {
    let job = with(created(), json!({"conditions": [{"type": "Suspended", "status": "True"}]}));
    going(&job, &[], "suspended");
}

#[test]
fn a_test_that_ended_waits_for_its_job() {
    going(&running(), &[ended(0, "Completed", "")], "about to complete");
    going(&running(), &[ended(143, "Error", "")], "ended with 143");
    let mut pod = ended(0, "Completed", "");
    let proxy = json!({
        "name": "istio-proxy", "image": "p", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": START}},
    });
    pod.status.as_mut().unwrap().container_statuses.as_mut().unwrap().push(serde_json::from_value(proxy).unwrap());
    going(&running(), &[pod], "container istio-proxy keeps its pod going");
}

#[test]
fn a_pod_that_is_told_to_stop_is_waited_for_unless_its_node_is_lost() {
    let runs = || containing("Running", json!({"running": {"startedAt": START}}));
    going(&running(), &[deleted(runs(), LATER)], "its pod was deleted");
    going(&running(), &[disrupted(runs(), "EvictionByEvictionAPI", LATER)], "EvictionByEvictionAPI: words of theirs");
    broken(&running(), &[disrupted(runs(), "DeletionByTaintManager", LATER)], "DeletionByTaintManager");
}
