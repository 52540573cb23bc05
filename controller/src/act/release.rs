//! Making releases, and letting go of them.

use std::{collections::BTreeMap, sync::Arc};

use crds::{Release, ReleaseSpec, RolloutPolicy, names, release::PolicyRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt, api::ObjectMeta};
use planner::{NewRelease, journal::Purpose};
use serde_json::json;

use crate::{
    api::{self, Error},
    context::Context,
    observe::{Observed, SEQUENCE, journal},
};

/// Creates a release under a name that follows from what it is, so that a lost answer never makes a second one.
pub async fn create(context: &Arc<Context>, observed: &Observed, new: &NewRelease) -> Result<(), Error> {
    let policy = &observed.object;
    let plan = serde_json::to_value(&policy.spec).and_then(|v| serde_json::to_string(&v));
    let plan = plan.map_err(|e| Error::Invalid(format!("the policy cannot be written down: {e}")))?;
    let sequence = observed.releases.next_sequence();
    let what = match (&new.to, new.purpose) {
        (Some(to), _) => format!("{}-{}", to.revision, new.attempt),
        (None, _) => format!("remove-{sequence}"),
    };
    let remove = new.purpose == Purpose::Remove;
    let release = Release {
        metadata: ObjectMeta {
            name: Some(format!("{}-{what}", policy.name_any())),
            namespace: policy.namespace(),
            labels: Some(BTreeMap::from([
                (names::POLICY.to_owned(), policy.name_any()),
                (names::POLICY_UID.to_owned(), policy.uid().unwrap_or_default()),
            ])),
            annotations: Some(BTreeMap::from([(SEQUENCE.to_owned(), sequence.to_string())])),
            // A removal must outlive its policy's deletion, so nothing may collect it.
            owner_references: (!remove).then(|| vec![owner(policy)]),
            finalizers: (!remove).then(|| vec![names::FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        },
        spec: ReleaseSpec {
            purpose: new.purpose,
            policy: PolicyRef { name: policy.name_any(), uid: policy.uid().unwrap_or_default() },
            from: new.from.clone(),
            to: new.to.clone(),
            author: new.author.clone(),
            source: source(observed, new),
            attempt: i32::try_from(new.attempt).unwrap_or(i32::MAX),
            plan,
            fast: new.fast,
            rollback: new.rollback,
            emergency: new.emergency.clone(),
        },
        status: None,
    };
    api::create(&context.kube.of::<Release>(&observed.namespace()), &release).await
}

/// What the workload was applied from, where that is what is delivered.
fn source(observed: &Observed, new: &NewRelease) -> Option<String> {
    let wish = observed.world.workload.as_ref()?.wish.as_ref()?;
    let live = observed.workload.as_ref().filter(|_| new.to.as_ref() == Some(&wish.revision))?;
    crate::observe::source(live)
}

fn owner(policy: &RolloutPolicy) -> OwnerReference {
    OwnerReference {
        api_version: RolloutPolicy::api_version(&()).into_owned(),
        kind: RolloutPolicy::kind(&()).into_owned(),
        name: policy.name_any(),
        uid: policy.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// Deletes a finished release.
pub async fn delete(context: &Arc<Context>, observed: &Observed, name: &str) -> Result<(), Error> {
    let api = context.kube.of::<Release>(&observed.namespace());
    if let Some(release) = observed.releases.all().iter().find(|r| r.name_any() == name) {
        let_go(context, release).await?;
    }
    context.forget_release(&format!("{}/{name}", observed.namespace()));
    api::delete(&api, name, None).await
}

/// Finished releases that somebody deleted are let go.
pub async fn housekeeping(context: &Arc<Context>, observed: &Observed) -> Result<(), Error> {
    let gone =
        observed.releases.all().iter().filter(|r| r.meta().deletion_timestamp.is_some() && journal(r).finished());
    for release in gone {
        let_go(context, release).await?;
    }
    Ok(())
}

async fn let_go(context: &Arc<Context>, release: &Release) -> Result<(), Error> {
    let left: Vec<_> = release.finalizers().iter().filter(|f| *f != names::FINALIZER).cloned().collect();
    if left.len() == release.finalizers().len() {
        return Ok(());
    }
    let api = context.kube.of::<Release>(&release.namespace().unwrap_or_default());
    gone_is_fine(api::merge(&api, &release.name_any(), json!({ "metadata": { "finalizers": left } })).await)
}

/// The last thing of a removal: releases first, the policy last, so that a crash in between is picked up again.
pub async fn release_finalizers(context: &Arc<Context>, observed: &Observed) -> Result<(), Error> {
    let api = context.kube.of::<Release>(&observed.namespace());
    for release in observed.releases.all() {
        let_go(context, release).await?;
        if release.spec.purpose == Purpose::Remove {
            api::delete(&api, &release.name_any(), None).await?;
        }
    }
    let policy = &observed.object;
    let left: Vec<_> = policy.finalizers().iter().filter(|f| *f != names::FINALIZER).cloned().collect();
    let api = context.kube.of::<RolloutPolicy>(&observed.namespace());
    gone_is_fine(api::merge(&api, &policy.name_any(), json!({ "metadata": { "finalizers": left } })).await)
}

fn gone_is_fine(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(s) if s.code == 404) => Ok(()),
        other => other,
    }
}
