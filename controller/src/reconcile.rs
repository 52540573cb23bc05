//! One pass over one policy: observe, plan, act, remember.

use std::{sync::Arc, time::Duration};

use crds::RolloutPolicy;
use kube::{ResourceExt, runtime::controller::Action as Requeue};
use planner::{Plan, plan};

use crate::{
    act::{act, housekeeping},
    api::{self, Error},
    context::Context,
    observe::{Observed, observe},
    remember::{Written, remember},
};

/// The longest pause after a failed pass.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One pass: reads, a pure decision, writes in order up to the first error, one status at most.
pub async fn reconcile(cached: Arc<RolloutPolicy>, context: Arc<Context>) -> Result<Requeue, Error> {
    let (name, namespace) = (cached.name_any(), cached.namespace().unwrap_or_default());
    let key = format!("{namespace}/{name}");
    let Some(policy) = api::get(&context.kube.of::<RolloutPolicy>(&namespace), &name).await? else {
        context.forget(&key);
        return Ok(Requeue::await_change());
    };
    let observed = observe(&context, policy).await?;
    let plan = plan(&observed.policy, &observed.world, context.now());
    housekeeping(&context, &observed).await?;
    act(&context, &observed, &plan.actions).await?;
    let written = remember(&context, &observed, &plan).await?;
    context.went_well(&key);
    Ok(requeue(&observed, &plan, &written))
}

fn requeue(observed: &Observed, plan: &Plan, written: &Written) -> Requeue {
    // One's own writes come back through the watches and wake the loop at once; this is for when they do not.
    if !plan.actions.is_empty() {
        return Requeue::requeue(Duration::from_millis(300));
    }
    if *written == Written::Journal {
        return Requeue::requeue(Duration::from_secs(1));
    }
    let soonest = [plan.requeue, observed.settles_in].into_iter().flatten().min();
    // What blocks a beginning may be an object of a kind that is not watched.
    let blocked = !observed.world.blockers.is_empty();
    let fallback = blocked.then(|| chrono::TimeDelta::seconds(30));
    match soonest.or(fallback).map(|d| d.to_std().unwrap_or_default()) {
        Some(after) => Requeue::requeue(after.max(Duration::from_millis(20))),
        None => Requeue::await_change(),
    }
}

/// How long to wait after a failed pass: a conflict is looked at again at once, other errors ever more slowly.
pub fn pause_after(name: &str, namespace: &str, error: &Error, context: &Context) -> Requeue {
    let key = format!("{namespace}/{name}");
    if error.is_conflict() {
        return Requeue::requeue(Duration::from_millis(50));
    }
    let failures = context.failed(&key);
    tracing::warn!(policy = %key, failures, error = error as &dyn std::error::Error, "the pass stopped half way and starts over");
    let pause = Duration::from_millis(250).saturating_mul(2u32.saturating_pow(failures.min(10)));
    Requeue::requeue(pause.min(LONGEST_PAUSE))
}
