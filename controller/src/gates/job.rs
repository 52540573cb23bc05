//! The Job of a run.

use std::collections::BTreeMap;

use crds::{names, suite::SuiteSpec};
use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule},
        core::v1::{
            Capabilities, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, PodSecurityContext, PodSpec,
            PodTemplateSpec, ResourceRequirements, SeccompProfile, SecurityContext, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::api::ObjectMeta;

use super::{
    CONTAINER, JobInput,
    environment::environment,
    name::{RUN, job_name, written},
};

/// How much longer a Job may run than its gate waits, so that the gate says what it last saw before the Job takes it away.
pub(super) const GRACE: i64 = 20;
/// A finished Job is kept for a day, for whoever wants the whole log.
const KEPT: i32 = 86_400;
/// Files of ConfigMaps can be read and run, and by nobody changed.
const MODE: i32 = 0o555;
/// The only place that a test can write to.
const SCRATCH: &str = "/tmp";

/// The Job of a run. It fails at once: how often a test is tried is the gate's to say, and each try is a Job of its own.
///
/// Its pods carry the release and the gate, and never the policy or the revision: they must not look like pods that serve.
pub fn job(input: &JobInput<'_>) -> Job {
    let mut labels: BTreeMap<String, String> = [
        (names::RELEASE, input.release),
        (names::GATE, &input.key.gate),
        ("app.kubernetes.io/managed-by", names::FIELD_MANAGER),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels.clone()), ..Default::default() }),
        spec: Some(pod(input)),
    };
    labels.insert(names::POLICY.into(), input.policy.into());
    labels.insert(names::POLICY_UID.into(), input.policy_uid.into());
    Job {
        metadata: ObjectMeta {
            name: Some(job_name(input.release, input.key)),
            namespace: Some(input.namespace.into()),
            labels: Some(labels),
            annotations: Some([(RUN.to_owned(), written(input.key))].into()),
            owner_references: Some(vec![input.owner.clone()]),
            ..Default::default()
        },
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            active_deadline_seconds: Some(input.timeout.num_seconds().max(1) + GRACE),
            ttl_seconds_after_finished: Some(KEPT),
            pod_failure_policy: Some(disruption_is_no_verdict()),
            template,
            ..Default::default()
        }),
        status: None,
    }
}

/// Makes the Job's own condition say that its pod was evicted, preempted or lost: that stays known when the pod is gone.
fn disruption_is_no_verdict() -> PodFailurePolicy {
    PodFailurePolicy {
        rules: vec![PodFailurePolicyRule {
            action: "FailJob".into(),
            on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
                type_: "DisruptionTarget".into(),
                status: "True".into(),
            }]),
            on_exit_codes: None,
        }],
    }
}

fn pod(input: &JobInput<'_>) -> PodSpec {
    let suite = input.suite;
    let (volumes, mounts) = files(suite);
    PodSpec {
        restart_policy: Some("Never".into()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
            ..Default::default()
        }),
        containers: vec![Container {
            name: CONTAINER.into(),
            image: Some(suite.image.clone()),
            image_pull_policy: Some("IfNotPresent".into()),
            command: suite.command.clone(),
            args: suite.args.clone(),
            env: Some(environment(input)),
            resources: Some(resources(suite)),
            volume_mounts: Some(mounts),
            termination_message_policy: Some("FallbackToLogsOnError".into()),
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                privileged: Some(false),
                read_only_root_filesystem: Some(true),
                run_as_non_root: Some(true),
                capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".into()]) }),
                ..Default::default()
            }),
            ..Default::default()
        }],
        volumes: Some(volumes),
        ..Default::default()
    }
}

fn resources(suite: &SuiteSpec) -> ResourceRequirements {
    suite.resources.clone().map_or_else(
        || {
            let asked = [("cpu", "50m"), ("memory", "64Mi")].map(|(k, v)| (k.to_owned(), Quantity(v.into())));
            ResourceRequirements { requests: Some(asked.into()), limits: None, claims: None }
        },
        Into::into,
    )
}

/// The suite's files, and scratch space unless they take its place.
fn files(suite: &SuiteSpec) -> (Vec<Volume>, Vec<VolumeMount>) {
    let files = suite.files.as_deref().unwrap_or_default();
    let mut pairs: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(n, file)| {
            let source =
                ConfigMapVolumeSource { name: file.config_map.clone(), default_mode: Some(MODE), ..Default::default() };
            let volume = Volume { name: format!("files-{n}"), config_map: Some(source), ..Default::default() };
            (volume, file.mount_path.clone(), true)
        })
        .collect();
    if !files.iter().any(|file| file.mount_path.trim_end_matches('/') == SCRATCH) {
        let source = EmptyDirVolumeSource { medium: None, size_limit: Some(Quantity("1Gi".into())) };
        let volume = Volume { name: "scratch".into(), empty_dir: Some(source), ..Default::default() };
        pairs.push((volume, SCRATCH.into(), false));
    }
    pairs
        .into_iter()
        .map(|(volume, mount_path, read_only)| {
            let name = volume.name.clone();
            (volume, VolumeMount { name, mount_path, read_only: Some(read_only), ..Default::default() })
        })
        .unzip()
}
