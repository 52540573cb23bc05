//! One pass over one policy: observe, plan, act, remember.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use crds::RolloutPolicy;
use futures::FutureExt as _;
use kube::{ResourceExt, runtime::controller::Action as Requeue};
use planner::{Plan, plan, plan::ROUTE_PENDING};
use tracing::{
    Instrument as _, Span, error_span, field,
    field::{debug, display},
    info_span,
};

use crate::{
    act::{act, housekeeping},
    api::{self, Error},
    context::{CONTEST, Contest, Context},
    observe::{Observed, observe},
    remember::{Written, remember, tell_failure},
    sensitivity,
};

/// The longest pause after a failed pass.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Passes in a row that failed before the policy's status says so: what lasts shorter is nobody's concern.
const WORTH_TELLING: u32 = 2;

/// One pass, counted and timed; what makes passes fail again and again is said in the policy's status.
pub async fn reconcile(cached: Arc<RolloutPolicy>, context: Arc<Context>) -> Result<Requeue, Error> {
    let began = tokio::time::Instant::now();
    context.telemetry.begun();
    // A defect that one object brings out must not take the controller away from all others.
    let passing = pass(&cached, &context).instrument(span(&cached));
    let result = AssertUnwindSafe(passing).catch_unwind().await.unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Error::Invalid(format!(
            "this policy brings out a defect of the controller, please report it: {}",
            what.unwrap_or("panic")
        )))
    });
    let outcome = match &result {
        Ok(_) => "done",
        Err(error) if error.is_conflict() => "conflict",
        Err(_) => "failed",
    };
    context.telemetry.passed(outcome, began.elapsed());
    if let Err(error) = &result
        && !error.is_conflict()
        && context.failures(&key(&cached)) >= WORTH_TELLING
    {
        tell_failure(&context, &cached, error).await;
    }
    result
}

/// What every line of the log says that is written in a pass.
fn span(policy: &RolloutPolicy) -> Span {
    let (namespace, name) = (policy.namespace().unwrap_or_default(), policy.name_any());
    // Of the highest level: whatever is logged, it is logged with this.
    error_span!("pass", namespace, policy = name, release = field::Empty, revision = field::Empty, phase = field::Empty)
}

/// As far as it is known once the world was looked at.
fn tell_release(context: &Context, observed: &Observed) {
    let Some(release) = &observed.world.release else { return };
    let span = Span::current();
    span.record("release", release.name.as_str()).record("phase", debug(release.journal.phase));
    if let Some(to) = &release.to {
        span.record("revision", display(&to.revision));
    }
    if let Some(release) = observed.releases.active() {
        context.traces.concerns(release);
    }
}

fn key(policy: &RolloutPolicy) -> String {
    format!("{}/{}", policy.namespace().unwrap_or_default(), policy.name_any())
}

/// Reads, a pure decision, writes in order up to the first error, one status at most.
async fn pass(cached: &RolloutPolicy, context: &Arc<Context>) -> Result<Requeue, Error> {
    let (name, namespace) = (cached.name_any(), cached.namespace().unwrap_or_default());
    let key = key(cached);
    let Some(policy) = api::get(&context.kube.of::<RolloutPolicy>(&namespace), &name).await? else {
        context.forget(&key);
        return Ok(Requeue::await_change());
    };
    let observed = observe(context, policy).instrument(info_span!("observe")).await?;
    tell_release(context, &observed);
    let plan = plan(&observed.policy, &observed.world, context.now());
    housekeeping(context, &observed).instrument(info_span!("housekeeping")).await?;
    act(context, &observed, &plan.actions).await?;
    let sight = sensitivity::look(context, &observed);
    let written = remember(context, &observed, &plan, &sight).instrument(info_span!("remember")).await?;
    context.went_well(&key);
    // Nothing else would say that the API server can be asked again.
    let unreviewed = observed.unreviewed.then(|| chrono::TimeDelta::seconds(2));
    let others = [sight.again(), contested(context, &key), taken_up(context, &observed, &plan), unreviewed];
    Ok(requeue(&observed, &plan, &written, others.into_iter().flatten().min()))
}

/// When to look again at what somebody else writes again and again: when that is over, nothing else would say so, and routes are not
/// watched, so that nothing else would say that they have to be put right once more.
fn contested(context: &Context, key: &str) -> Option<chrono::TimeDelta> {
    let contests = [(Contest::Replicas, CONTEST), (Contest::Routes, chrono::TimeDelta::seconds(5))];
    contests.into_iter().filter(|(what, _)| context.contested_by(key, *what).is_some()).map(|(_, again)| again).min()
}

/// When to ask again whether a route was taken up: gateways need a tenth of a second, and routes are not watched, since a cluster
/// may not know their kinds.
fn taken_up(context: &Context, observed: &Observed, plan: &Plan) -> Option<chrono::TimeDelta> {
    let release = observed.world.release.as_ref()?;
    plan.waiting.as_ref().filter(|w| w.reason == ROUTE_PENDING)?;
    let waited = context.waited(&format!("{}/{}", observed.namespace(), release.name), ROUTE_PENDING);
    let soon = waited < chrono::TimeDelta::seconds(10);
    Some(chrono::TimeDelta::milliseconds(if soon { 200 } else { 2_000 }))
}

fn requeue(observed: &Observed, plan: &Plan, written: &Written, other: Option<chrono::TimeDelta>) -> Requeue {
    // One's own writes come back through the watches and wake the loop at once; this is for when they do not.
    if !plan.actions.is_empty() {
        return Requeue::requeue(Duration::from_millis(300));
    }
    if *written == Written::Journal {
        return Requeue::requeue(Duration::from_secs(1));
    }
    // A route of the policy's own is to be as the policy says, and routes are not watched.
    let own = observed.routes.as_ref().is_some_and(|live| live.held.is_some());
    let own = own.then(|| chrono::TimeDelta::seconds(60));
    let soonest = [plan.requeue, observed.settles_in, own].into_iter().flatten().min();
    // What blocks a beginning, or keeps a share from being written, may be an object of a kind that is not watched.
    let trouble = observed.world.routes.as_ref().is_some_and(|r| r.trouble.is_some());
    let stalled = plan.waiting.as_ref().is_some_and(|w| w.stalled);
    let blocked = !observed.world.blockers.is_empty() || (trouble && stalled);
    let fallback = blocked.then(|| chrono::TimeDelta::seconds(30));
    match [soonest, fallback, other].into_iter().flatten().min().map(|d| d.to_std().unwrap_or_default()) {
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
