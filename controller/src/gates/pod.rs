//! What the pod of a run says.

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition},
    },
    jiff::{SignedDuration, Timestamp},
};

use super::{CONTAINER, log::line};

/// A test that ended less than this before it was told to stop may have ended because of that: two clocks are compared.
const SKEW: SignedDuration = SignedDuration::from_secs(5);
/// The longest part of somebody else's message that is passed on, in characters.
const MESSAGE: usize = 240;

/// The newest of the pods that are this Job's own.
pub(super) fn newest<'a>(job: &Job, pods: &'a [Pod]) -> Option<&'a Pod> {
    let uid = job.metadata.uid.as_deref();
    let others = |pod: &&Pod| {
        let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
        uid.is_none() || owners.is_empty() || owners.iter().any(|owner| Some(owner.uid.as_str()) == uid)
    };
    pods.iter().filter(others).max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0))
}

/// How the test's container ended.
pub(super) fn ended(pod: &Pod) -> Option<&ContainerStateTerminated> {
    state(pod)?.terminated.as_ref()
}

/// Another container that keeps the pod going.
pub(super) fn companion(pod: &Pod) -> Option<&str> {
    let runs = |status: &&ContainerStatus| {
        status.name != CONTAINER && status.state.as_ref().is_some_and(|state| state.running.is_some())
    };
    statuses(pod).iter().find(runs).map(|status| status.name.as_str())
}

/// Whether the node is lost, so that nobody will say how the test ended.
pub(super) fn lost(pod: &Pod) -> bool {
    disruption(pod).is_some_and(|condition| condition.reason.as_deref() == Some("DeletionByTaintManager"))
}

/// Why the end of the pod says nothing about the test: it was told to stop, by whom and why. `None` when the test ended by itself.
pub(super) fn interrupted(pod: &Pod) -> Option<String> {
    let finished = ended(pod).and_then(|ended| ended.finished_at.as_ref()).map(|time| time.0);
    let by_itself = |told: Option<Timestamp>| match (finished, told) {
        (Some(finished), Some(told)) => told.duration_since(finished) > SKEW,
        _ => false,
    };
    let status = pod.status.as_ref();
    // A container that ends leaves no reason on its pod: only the kubelet and the node's controllers write one.
    if let Some(status) = status.filter(|status| status.phase.as_deref() == Some("Failed"))
        && let Some(reason) = &status.reason
    {
        return Some(told(reason, status.message.as_deref()));
    }
    if let Some(condition) = disruption(pod)
        && !by_itself(condition.last_transition_time.as_ref().map(|time| time.0))
    {
        return Some(told(condition.reason.as_deref().unwrap_or("disruption"), condition.message.as_deref()));
    }
    let deleted = pod.metadata.deletion_timestamp.as_ref()?;
    let grace = SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds.unwrap_or(0));
    let asked = deleted.0.checked_sub(grace).ok();
    (!by_itself(asked)).then(|| "its pod was deleted".into())
}

/// What a pod that has not ended waits for; the test runs when it waits for nothing.
pub(super) fn waits_for(pod: &Pod) -> String {
    if let Some(condition) = condition(pod, "PodScheduled", "False") {
        let message = line(condition.message.as_deref().unwrap_or_default(), MESSAGE);
        return match condition.reason.as_deref() {
            Some("SchedulingGated") => {
                "the test's pod is held by a scheduling gate: whoever set it must lift it".into()
            }
            _ => format!("no node takes the test's pod: {message}"),
        };
    }
    let Some(state) = state(pod) else { return "the test's pod starts".into() };
    if state.running.is_some() {
        return "the test runs".into();
    }
    let Some(waiting) = &state.waiting else { return "the test's pod starts".into() };
    let message = line(waiting.message.as_deref().unwrap_or("nothing more is known"), MESSAGE);
    match waiting.reason.as_deref().unwrap_or_default() {
        reason @ ("ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed") => {
            let image = image(pod);
            format!(
                "image {image} cannot be pulled: {reason}: {message}; correct the suite's image or let its node pull it"
            )
        }
        reason @ ("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => {
            format!("the test's container cannot be made: {reason}: {message}{}", hint(&message))
        }
        _ => "the test's pod starts".into(),
    }
}

fn hint(message: &str) -> &'static str {
    if message.contains("runAsNonRoot") || message.contains("non-root") || message.contains("non-numeric") {
        "; build the test's image with a numeric USER that is not 0"
    } else {
        "; correct the suite"
    }
}

/// Why the test never ran although its container ended; `None` when it ran.
pub(super) fn never_ran(ended: &ContainerStateTerminated) -> Option<String> {
    let message = line(ended.message.as_deref().unwrap_or("nothing more is known"), MESSAGE);
    match ended.reason.as_deref()? {
        "StartError" | "ContainerCannotRun" => {
            Some(format!("the test could not be started: {message}; correct the suite's command or image"))
        }
        "ContainerStatusUnknown" => Some(format!("the node lost sight of the test: {message}")),
        _ => None,
    }
}

fn told(reason: &str, message: Option<&str>) -> String {
    match line(message.unwrap_or_default(), MESSAGE).as_str() {
        "" => format!("its pod was ended: {reason}"),
        message => format!("its pod was ended: {reason}: {message}"),
    }
}

fn disruption(pod: &Pod) -> Option<&PodCondition> {
    condition(pod, "DisruptionTarget", "True")
}

fn condition<'a>(pod: &'a Pod, kind: &str, status: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|condition| condition.type_ == kind && condition.status == status)
}

fn statuses(pod: &Pod) -> &[ContainerStatus] {
    pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default()
}

fn state(pod: &Pod) -> Option<&ContainerState> {
    statuses(pod).iter().find(|status| status.name == CONTAINER)?.state.as_ref()
}

fn image(pod: &Pod) -> &str {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    containers.iter().find(|c| c.name == CONTAINER).and_then(|c| c.image.as_deref()).unwrap_or("of the test")
}
