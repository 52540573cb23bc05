//! Runs that ended.

use super::*;
use planner::journal::Evidence;

const TAP: &str = "1..2\nok 1 - a\nnot ok 2 - checkout refuses an expired card\n";

fn evidence(exit_code: i32) -> Evidence {
    Evidence { job: job_name("frontend-8b1e77a0-1", &key()), exit_code: Some(exit_code), summary: None, log: None }
}

#[test]
fn a_test_that_ended_with_0_passed() {
    let pods = [ended(0, "Completed", "")];
    assert_eq!(wants_log(&complete(), &pods).as_deref(), Some("frontend-x-abcde"));
    let passed = |log| read(&key(), &complete(), &pods, log);
    assert_eq!(passed(None), Run::Passed(evidence(0)));
    let summary = Some("1 passed".to_owned());
    assert_eq!(passed(Some("ok 1 - a\n")), Run::Passed(Evidence { summary, ..evidence(0) }));
}

#[test]
fn a_job_that_is_complete_passed_although_its_pod_is_gone() {
    assert_eq!(wants_log(&complete(), &[]), None);
    assert_eq!(read(&key(), &complete(), &[], None), Run::Passed(evidence(0)));
}

#[test]
fn a_test_that_ended_with_something_else_failed() {
    let pods = [ended(1, "Error", "")];
    for job in [running(), backoff()] {
        assert_eq!(wants_log(&job, &pods).as_deref(), Some("frontend-x-abcde"));
        let expected = Evidence {
            summary: Some("1 passed, 1 failed: checkout refuses an expired card".into()),
            log: Some(TAP.trim_end().into()),
            ..evidence(1)
        };
        assert_eq!(read(&key(), &job, &pods, Some(TAP)), Run::Failed(expected));
    }
}

#[test]
fn without_a_log_the_termination_message_is_evidence() {
    let run = read(&key(), &backoff(), &[ended(2, "Error", TAP)], None);
    let Run::Failed(evidence) = run else { panic!("{run:?}") };
    assert_eq!(evidence.summary.as_deref(), Some("1 passed, 1 failed: checkout refuses an expired card"));
    assert_eq!(evidence.log.as_deref(), Some(TAP.trim_end()));
}

#[test]
fn a_long_log_is_kept_to_its_last_4_kib() {
    let log = "é".repeat(10_000);
    let run = read(&key(), &backoff(), &[ended(1, "Error", "")], Some(&log));
    let Run::Failed(evidence) = run else { panic!("{run:?}") };
    assert_eq!(evidence.log.unwrap().len(), 4096);
}

#[test]
fn a_test_that_ran_out_of_memory_failed() {
    let mut job = backoff();
    let containers = &mut job.spec.as_mut().unwrap().template.spec.as_mut().unwrap().containers;
    containers[0].resources = Some(serde_json::from_value(json!({"limits": {"memory": "128Mi"}})).unwrap());
    let run = read(&key(), &job, &[ended(137, "OOMKilled", "")], None);
    let summary = Some("the test ran out of memory (its limit is 128Mi)".to_owned());
    assert_eq!(run, Run::Failed(Evidence { summary, ..evidence(137) }));
}

#[test]
fn a_test_killed_by_itself_failed() {
    let run = read(&key(), &backoff(), &[ended(139, "Error", "")], None);
    assert_eq!(run, Run::Failed(evidence(139)));
}

#[test]
fn a_deadline_is_no_evidence() {
    let job = failed("DeadlineExceeded", "Job was active longer than specified deadline");
    broken(&job, &[], "no verdict within 10m");
    broken(&job, &[ended(137, "Error", "")], "no verdict within 10m");
    broken(&job, &[waiting("ImagePullBackOff", "not found")], "no verdict within 10m: image registry");
}

#[test]
fn whoever_told_the_test_to_stop_made_it_end() {
    let mut evicted =
        pod(json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}));
    broken(&backoff(), std::slice::from_ref(&evicted), "its pod was ended: Evicted: The node was low");
    evicted.status.as_mut().unwrap().container_statuses = ended(137, "Error", "").status.unwrap().container_statuses;
    broken(&backoff(), &[evicted], "Evicted");
    broken(&backoff(), &[deleted(ended(143, "Error", ""), END)], "its pod was deleted");
    broken(&backoff(), &[disrupted(ended(137, "Error", ""), "PreemptionByScheduler", START)], "PreemptionByScheduler");
    let policy =
        || failed("PodFailurePolicy", "Pod shop/x has condition DisruptionTarget matching FailJob rule at index 0");
    broken(&policy(), &[], "disrupted: PodFailurePolicy: Pod shop/x has condition");
    broken(&policy(), &[disrupted(ended(137, "Error", ""), "TerminationByKubelet", START)], "TerminationByKubelet");
}

#[test]
fn a_test_that_was_told_to_stop_and_ends_with_0_did_not_pass() {
    broken(&complete(), &[deleted(ended(0, "Completed", ""), END)], "its pod was deleted");
    broken(
        &complete(),
        &[disrupted(ended(0, "Completed", ""), "EvictionByEvictionAPI", START)],
        "EvictionByEvictionAPI",
    );
}

#[test]
fn an_end_long_before_the_pod_went_counts() {
    let pods = [disrupted(deleted(ended(1, "Error", ""), LATER), "DeletionByTaintManager", LATER)];
    assert_eq!(read(&key(), &backoff(), &pods, None), Run::Failed(evidence(1)));
    let pods = [deleted(ended(0, "Completed", ""), LATER)];
    assert_eq!(read(&key(), &complete(), &pods, None), Run::Passed(evidence(0)));
}

#[test]
fn a_run_without_a_result_is_broken() {
    broken(&backoff(), &[], "its pod was gone before its result was read: BackoffLimitExceeded");
    broken(&backoff(), &[pod(json!({"phase": "Failed"}))], "its test has no result");
    broken(&backoff(), &[ended(128, "StartError", "exec: \"/run\": not found")], "could not be started: exec");
    broken(&backoff(), &[ended(137, "ContainerStatusUnknown", "")], "lost sight");
    broken(&backoff(), &[ended(0, "Completed", "")], "another container of its pod failed");
    let mut job = created();
    job.metadata.deletion_timestamp = serde_json::from_value(json!(END)).unwrap();
    broken(&job, &[], "the Job was deleted");
}

#[test]
fn only_the_jobs_own_newest_pod_counts() {
    let mut other = ended(1, "Error", "");
    other.metadata.owner_references.as_mut().unwrap()[0].uid = "another".into();
    other.metadata.creation_timestamp = serde_json::from_value(json!(LATER)).unwrap();
    let pods = [other, ended(0, "Completed", "")];
    assert_eq!(read(&key(), &complete(), &pods, None), Run::Passed(evidence(0)));
}

#[test]
fn the_job_of_another_run_answers_nothing() {
    let other = RunKey { attempt: 2, ..key() };
    assert!(matches!(read(&other, &complete(), &[], None), Run::Broken(why) if why.contains("another run")));
}
