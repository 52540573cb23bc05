//! Runs of the gates' tests: the Jobs of the active release and what became of them.

use std::{collections::BTreeMap, sync::Arc};

use analysis::Verdict;
use crds::{ConformanceSuite, RolloutPolicySpec, gate::Gate, names, suite::SuiteSpec};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{ResourceExt, api::LogParams};
use planner::{
    journal::GateRecord,
    policy::Asks,
    world::{Release, Run, RunKey},
};

use super::{
    Observed,
    webhooks::{is_webhook, key},
};
use crate::{
    api::{self, Error},
    context::Context,
    gates,
};

/// What became of every run of a Job whose verdict is still open.
pub async fn runs(
    context: &Arc<Context>,
    observed: &Observed,
    release: &Release,
    frozen: Option<&RolloutPolicySpec>,
) -> Result<BTreeMap<RunKey, Run>, Error> {
    let (namespace, mut runs) = (&observed.namespace(), BTreeMap::new());
    let test = |g: &planner::policy::Gate| matches!(g.asks, Asks::Test { .. });
    let runs_none = |r: &GateRecord| observed.policy.gates.iter().any(|g| g.name == r.name && !test(g));
    let job = |r: &&GateRecord| !runs_none(r) && !is_webhook(frozen, r);
    let open: Vec<&GateRecord> =
        release.journal.gates.iter().filter(|r| r.verdict == Verdict::Unknown).filter(job).collect();
    if open.is_empty() {
        return Ok(runs);
    }
    let jobs = api::list(&context.kube.of::<Job>(namespace), &format!("{}={}", names::RELEASE, release.name)).await?;
    for record in open {
        let key = key(record);
        match jobs.iter().find(|j| gates::key_of(j).as_ref() == Some(&key)) {
            Some(job) => {
                let run = read(context, namespace, &key, job).await?;
                runs.insert(key, run);
            }
            None => {
                let gate = observed.object.spec.gates.iter().flatten().find(|g| g.name == record.name);
                if let Err(why) = suite(context, namespace, gate).await? {
                    runs.insert(key, Run::Going(why));
                }
            }
        }
    }
    Ok(runs)
}

async fn read(context: &Arc<Context>, namespace: &str, key: &RunKey, job: &Job) -> Result<Run, Error> {
    let pods_api = context.kube.of::<Pod>(namespace);
    let pods = api::list(&pods_api, &format!("batch.kubernetes.io/job-name={}", job.name_any())).await?;
    let Some(pod) = gates::wants_log(job, &pods) else { return Ok(gates::read(key, job, &pods, None)) };
    let params = LogParams {
        container: Some(gates::CONTAINER.into()),
        tail_lines: Some(gates::LOG_LINES),
        limit_bytes: Some(1 << 20),
        ..LogParams::default()
    };
    // A log that cannot be had is no reason to wait: the exit code is the verdict.
    let log = api::repeat(|| format!("reading the log of pod {pod}"), || pods_api.logs(&pod, &params)).await.ok();
    Ok(gates::read(key, job, &pods, log.as_deref()))
}

/// The test of a gate, or why there is none.
pub async fn suite(
    context: &Arc<Context>,
    namespace: &str,
    gate: Option<&Gate>,
) -> Result<Result<SuiteSpec, String>, Error> {
    let Some(gate) = gate else { return Ok(Err("the policy no longer has this gate".into())) };
    if let Some(job) = &gate.job {
        return Ok(Ok(job.clone()));
    }
    let name = gate.suite.as_ref().map_or("", |s| s.name.as_str());
    let found = api::get(&context.kube.of::<ConformanceSuite>(namespace), name).await?;
    Ok(found
        .map(|s| s.spec)
        .ok_or_else(|| format!("ConformanceSuite {name} does not exist in namespace {namespace}: create it")))
}
