//! Starting a run of a gate's test, or asking its webhook.

use std::sync::Arc;

use chrono::TimeDelta;
use k8s_openapi::{api::batch::v1::Job, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Resource, ResourceExt};
use planner::world::RunKey;

use crate::{
    api::{self, Error},
    context::Context,
    gates::{self, JobInput, Target},
    observe::{self, Observed},
    webhooks::{self, Question},
};

/// Begins a run: creates its Job, or asks its webhook; one that has begun already is the same.
pub async fn start(context: &Arc<Context>, observed: &Observed, key: &RunKey) -> Result<(), Error> {
    let (Some(object), Some(release)) = (observed.releases.active(), &observed.world.release) else {
        return Err(Error::Changed("the release that asked for the test has ended".into()));
    };
    let Some(to) = &release.to else { return Ok(()) };
    let namespace = observed.namespace();
    let frozen = observed.releases.plan(release);
    let gate = frozen.iter().flat_map(|p| p.gates.iter().flatten()).find(|g| g.name == key.gate);
    let since = release.journal.gate(&key.gate, key.at, key.step).map_or(context.now(), |r| r.since);
    let timeout =
        gate.map_or(TimeDelta::minutes(10), |g| TimeDelta::from_std(g.timeout().0).unwrap_or(TimeDelta::hours(1)));
    let left = since + timeout - context.now();
    let traceparent = context.traces.traceparent(object, key);
    if let Some((webhook, about)) = gate.and_then(|g| g.webhook.clone()).zip(observed.about(release)) {
        let (release, weight) = (observed.release_key(release), observe::weight(release));
        webhooks::ask(
            context,
            Question { release, about, key: key.clone(), weight, webhook, since, left, traceparent },
        );
        return Ok(());
    }
    let suite = match observe::suite(context, &namespace, gate).await? {
        Ok(suite) => suite,
        // It was there when the pass began; the next pass says that it is missing.
        Err(why) => return Err(Error::Changed(why)),
    };
    let (policy, ports) = (observed.object.name_any(), observed.ports());
    let (candidate, stable) = (observed.host(to), release.from.as_ref().map(|from| observed.host(from)));
    let job = gates::job(&JobInput {
        release: &release.name,
        policy: &policy,
        policy_uid: &observed.object.uid().unwrap_or_default(),
        namespace: &namespace,
        owner: owner(object),
        key,
        suite: &suite,
        timeout: left.max(TimeDelta::seconds(1)),
        candidate: Target { host: &candidate, ports: &ports },
        stable: stable.as_deref().map(|host| Target { host, ports: &ports }),
        revision: to.revision.as_str(),
        digest: to.digest.as_str(),
        traceparent: traceparent.as_deref(),
    });
    api::create(&context.kube.of::<Job>(&namespace), &job).await
}

fn owner(release: &crds::Release) -> OwnerReference {
    OwnerReference {
        api_version: crds::Release::api_version(&()).into_owned(),
        kind: crds::Release::kind(&()).into_owned(),
        name: release.name_any(),
        uid: release.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}
