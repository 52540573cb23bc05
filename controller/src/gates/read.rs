//! From the objects of a run to what became of it.
//!
//! Only a test that ran to its own end gives a verdict. Whoever tells a test to stop may make it end with any exit code, also with 0,
//! so an end that follows an eviction, a deletion or the deadline is none. A test that runs out of its memory limit has run and
//! failed: the limit is the suite's own, and trying again elsewhere would end the same way.

use crds::GoDuration;
use k8s_openapi::api::{
    batch::v1::{Job, JobCondition},
    core::v1::{ContainerStateTerminated, Pod},
};
use planner::{
    journal::Evidence,
    world::{Run, RunKey},
};

use super::{job::GRACE, key_of, log, pod, summarise};

/// What the objects of a run say.
enum End<'a> {
    /// Not ended.
    Going(String),
    /// Ended without a verdict.
    Broken(String),
    /// The test passed; how its container ended is missing when the pod is gone.
    Passed(Option<&'a ContainerStateTerminated>),
    /// The test failed.
    Failed(&'a ContainerStateTerminated),
}

/// What became of a run, from its Job, the Job's pods and the log of the pod that [`wants_log`] names, where it could be had.
pub fn read(key: &RunKey, job: &Job, pods: &[Pod], log: Option<&str>) -> Run {
    if key_of(job).is_some_and(|other| other != *key) {
        return Run::Broken(format!("Job {} answers another run: delete it", name(job)));
    }
    match end(job, pods) {
        End::Going(why) => Run::Going(why),
        End::Broken(why) => Run::Broken(why),
        End::Passed(ended) => {
            Run::Passed(Evidence { job: name(job), exit_code: Some(0), summary: report(ended, log), log: None })
        }
        End::Failed(ended) => Run::Failed(failure(job, ended, log)),
    }
}

/// The pod whose log must be fetched before [`read`] can give a final verdict; `None` while there is none to give, and when the pod
/// is gone. The last [`super::LOG_LINES`] lines are enough.
pub fn wants_log(job: &Job, pods: &[Pod]) -> Option<String> {
    match end(job, pods) {
        End::Passed(Some(_)) | End::Failed(_) => pod::newest(job, pods)?.metadata.name.clone(),
        End::Passed(None) | End::Going(_) | End::Broken(_) => None,
    }
}

fn end<'a>(job: &Job, pods: &'a [Pod]) -> End<'a> {
    let pod = pod::newest(job, pods);
    let failed = condition(job, "Failed").or_else(|| condition(job, "FailureTarget"));
    let complete = condition(job, "Complete").or_else(|| condition(job, "SuccessCriteriaMet")).is_some();
    match failed.and_then(|failed| failed.reason.as_deref()) {
        Some("DeadlineExceeded") => return End::Broken(too_late(job, pod)),
        Some("PodFailurePolicy") => {
            let why = pod.and_then(pod::interrupted);
            return End::Broken(why.unwrap_or_else(|| format!("its pod was disrupted: {}", words(failed))));
        }
        _ => {}
    }
    let over = failed.is_some() || complete;
    match pod {
        None => without_pod(job, failed, complete),
        Some(pod) => match (pod::interrupted(pod), pod::ended(pod)) {
            (Some(why), _) if over || pod::lost(pod) => End::Broken(why),
            (Some(why), _) => End::Going(format!("{why}; the Job is about to end")),
            (None, Some(ended)) => by_itself(pod, ended, failed, complete),
            (None, None) if failed.is_some() => {
                End::Broken(format!("the Job failed and its test has no result: {}", words(failed)))
            }
            (None, None) if complete => End::Passed(None),
            (None, None) => End::Going(pod::waits_for(pod)),
        },
    }
}

/// The test's container ended, and nobody told it to.
fn by_itself<'a>(
    pod: &Pod,
    ended: &'a ContainerStateTerminated,
    failed: Option<&JobCondition>,
    complete: bool,
) -> End<'a> {
    if let Some(why) = pod::never_ran(ended) {
        return End::Broken(why);
    }
    match ended.exit_code {
        0 if complete => End::Passed(Some(ended)),
        0 if failed.is_some() => {
            End::Broken(format!("the test ended with 0, but another container of its pod failed: {}", words(failed)))
        }
        0 => End::Going(match pod::companion(pod) {
            Some(other) => format!(
                "the test ended with 0, but container {other} keeps its pod going: make it a sidecar that ends with the pod"
            ),
            None => "the test ended with 0; the Job is about to complete".into(),
        }),
        // By a signal: the Job knows whether it was the one who sent it.
        code if code > 128 && failed.is_none() => {
            End::Going(format!("the test ended with {code}; the Job is about to fail"))
        }
        _ => End::Failed(ended),
    }
}

fn without_pod<'a>(job: &Job, failed: Option<&JobCondition>, complete: bool) -> End<'a> {
    if complete {
        return End::Passed(None);
    }
    if failed.is_some() {
        return End::Broken(format!("its pod was gone before its result was read: {}", words(failed)));
    }
    if job.metadata.deletion_timestamp.is_some() {
        return End::Broken("the Job was deleted before it ended".into());
    }
    if condition(job, "Suspended").is_some() {
        return End::Going("the Job is suspended: whoever suspended it must resume it".into());
    }
    End::Going(match job.status.as_ref().and_then(|status| status.start_time.as_ref()) {
        Some(_) => format!("the Job starts; if it gets no pod, see kubectl describe job {}", name(job)),
        None => "the Job starts".into(),
    })
}

fn too_late(job: &Job, pod: Option<&Pod>) -> String {
    let deadline = job.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
    let limit = deadline.and_then(|s| u64::try_from(s - GRACE).ok());
    let within = limit.map(|s| format!(" within {}", GoDuration::seconds(s))).unwrap_or_default();
    let last = pod.filter(|pod| pod::ended(pod).is_none()).map(|pod| format!(": {}", pod::waits_for(pod)));
    format!("no verdict{within}{}", last.unwrap_or_default())
}

fn failure(job: &Job, ended: &ContainerStateTerminated, log: Option<&str>) -> Evidence {
    let report = report(ended.into(), log);
    let summary = if ended.reason.as_deref() == Some("OOMKilled") {
        let limit = memory(job).map(|limit| format!(" (its limit is {limit})")).unwrap_or_default();
        let report = report.map(|report| format!(": {report}")).unwrap_or_default();
        Some(format!("the test ran out of memory{limit}{report}").chars().take(512).collect())
    } else {
        report
    };
    let kept = log.or(ended.message.as_deref()).map(log::tail).filter(|kept| !kept.is_empty());
    Evidence { job: name(job), exit_code: Some(ended.exit_code), summary, log: kept }
}

/// The report on standard output, else the one in the termination message.
fn report(ended: Option<&ContainerStateTerminated>, log: Option<&str>) -> Option<String> {
    let message = ended.and_then(|ended| ended.message.as_deref());
    log.and_then(summarise).or_else(|| message.and_then(summarise))
}

fn memory(job: &Job) -> Option<&str> {
    let containers = &job.spec.as_ref()?.template.spec.as_ref()?.containers;
    let limits = containers.first()?.resources.as_ref()?.limits.as_ref()?;
    limits.get("memory").map(|quantity| quantity.0.as_str())
}

fn condition<'a>(job: &'a Job, kind: &str) -> Option<&'a JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|condition| condition.type_ == kind && condition.status == "True")
}

fn words(condition: Option<&JobCondition>) -> String {
    let reason = condition.and_then(|c| c.reason.as_deref()).unwrap_or("no reason is given");
    match condition.and_then(|c| c.message.as_deref()).map(|message| log::line(message, 240)) {
        Some(message) if !message.is_empty() => format!("{reason}: {message}"),
        _ => reason.into(),
    }
}

fn name(job: &Job) -> String {
    job.metadata.name.clone().unwrap_or_default()
}
