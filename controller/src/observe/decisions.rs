//! What people decided, as far as it may be heeded: made while somebody vouched for its author, and by somebody who may.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use crds::{Decision, DecisionAction};
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
};
use kube::{Api, ResourceExt, api::PostParams};
use planner::{
    Digest,
    world::{self, Order, World},
};

use crate::{
    api::{self, Error},
    context::Context,
};

/// Name of the admission policy that makes decisions trustworthy, and of its binding.
const PROTECTION: &str = "sluice-decisions";
/// Reviews of one pass, at most; the others wait for the next.
const MOST_REVIEWS: usize = 32;
/// How long a review may take: evidence that turns a release round must not wait behind it.
const DEADLINE: Duration = Duration::from_secs(2);

/// The decisions of a pass.
#[derive(Debug, Default)]
pub struct Decisions {
    /// Those that count, or whose author may not make them, oldest first.
    pub heard: Vec<world::Decision>,
    /// Why some are ignored, since nobody vouches for their authors.
    pub unprotected: Option<String>,
    /// Some could not be reviewed yet.
    pub waiting: bool,
}

/// Reads the decisions about the release under way, or about the last one, that were not heeded yet.
pub async fn decisions(context: &Arc<Context>, key: &str, namespace: &str, world: &World) -> Result<Decisions, Error> {
    let all = api::list(&context.kube.of::<Decision>(namespace), "").await?;
    let mut new: Vec<_> = all.iter().filter_map(decision).filter(|d| is_new(world, d)).collect();
    new.sort_by(|a, b| (a.at, &a.uid).cmp(&(b.at, &b.uid)));
    context.keep_reviews(key, &new.iter().map(|d| d.uid.as_str()).collect());
    if new.is_empty() {
        return Ok(Decisions::default());
    }
    let Some(since) = protected_since(context).await? else {
        let why = format!(
            "{} ignored: the ValidatingAdmissionPolicy sluice-decisions or its binding is missing or does not deny, so that nothing vouches for who made them; install the chart with admission.enabled=true, and decide again",
            so_many(new.len())
        );
        tracing::warn!(%namespace, "{why}");
        return Ok(Decisions { unprotected: Some(why), ..Decisions::default() });
    };
    let before = new.len();
    new.retain(|d| d.at >= since);
    let older = before - new.len();
    let unprotected = (older > 0).then(|| {
        format!(
            "{} ignored: nothing vouches for who made them, before the ValidatingAdmissionPolicy sluice-decisions was there; decide again",
            so_many(older)
        )
    });
    let (heard, waiting) = reviewed(context, key, namespace, new).await;
    Ok(Decisions { heard, unprotected, waiting })
}

fn so_many(count: usize) -> String {
    if count == 1 { "1 decision is".into() } else { format!("{count} decisions are") }
}

/// Whether a decision can still have an effect.
fn is_new(world: &World, decision: &world::Decision) -> bool {
    let about = |r: &&world::Release| r.name == decision.release;
    match world.release.as_ref().filter(about) {
        Some(active) => !active.journal.orders.heeded.contains(&decision.uid),
        // After the end only another attempt, and the way back, can be ordered.
        None if !matches!(decision.action, Order::Retry | Order::Rollback) || world.release.is_some() => false,
        None => world.last.as_ref().filter(about).is_some_and(|l| !l.journal.orders.heeded.contains(&decision.uid)),
    }
}

/// Those that were reviewed, in their order up to the first that cannot be; and whether any is left. What was decided later must not
/// come first.
async fn reviewed(
    context: &Arc<Context>,
    key: &str,
    namespace: &str,
    new: Vec<world::Decision>,
) -> (Vec<world::Decision>, bool) {
    let (mut heard, mut asked) = (Vec::new(), 0);
    for mut decision in new {
        let refused = match context.review(key, &decision.uid) {
            Some(known) => known,
            None if asked == MOST_REVIEWS => return (heard, true),
            None => {
                asked += 1;
                match review(context, namespace, &decision).await {
                    Ok(refused) => refused,
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(%namespace, release = decision.release, by = decision.by, error, "a decision waits until it is known whether its author may make it");
                        return (heard, true);
                    }
                }
            }
        };
        context.reviewed(key, &decision.uid, refused.clone());
        decision.refused = refused;
        heard.push(decision);
    }
    (heard, false)
}

/// Why the author may not decide this; `None` when they may.
async fn review(context: &Arc<Context>, namespace: &str, decision: &world::Decision) -> Result<Option<String>, Error> {
    let verb = verb(&decision.action);
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(decision.by.clone()),
            groups: Some(decision.groups.clone()),
            resource_attributes: Some(ResourceAttributes {
                group: Some(crds::names::GROUP.into()),
                resource: Some("releases".into()),
                namespace: Some(namespace.to_owned()),
                name: Some(decision.release.clone()),
                verb: Some(verb.into()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(context.kube.client());
    let params = PostParams::default();
    let what = || format!("asking whether {} may {verb} release {}", decision.by, decision.release);
    let asked = tokio::time::timeout(DEADLINE, api::once(what, api.create(&params, &review))).await;
    let answer = asked.map_err(|_| Error::Invalid(format!("{}: no answer within {DEADLINE:?}", what())))??;
    let status = answer.status.unwrap_or_default();
    if status.allowed {
        return Ok(None);
    }
    // An authorizer that could not find out has not said no.
    if let Some(trouble) = status.evaluation_error.filter(|_| status.denied != Some(true)) {
        return Err(Error::Invalid(format!("{}: {trouble}", what())));
    }
    let with = match decision.groups.as_slice() {
        [] => "without any group".to_owned(),
        groups => format!("with the groups {}", groups.join(", ")),
    };
    Ok(Some(format!(
        "{} may not {verb} it, {with}; a right by a group counts when spec.groups of the decision names the group",
        decision.by
    )))
}

/// The verb on releases that an action needs.
fn verb(action: &Order) -> &'static str {
    match action {
        Order::Approve(_) => "approve",
        Order::Reject(_) => "reject",
        Order::Pause => "pause",
        Order::Resume => "resume",
        Order::SkipStep => "skipstep",
        Order::Promote => "promote",
        Order::Abort => "abort",
        Order::Retry => "retry",
        Order::Rollback => "rollback",
    }
}

/// A decision as the planner takes it; `None` when its digest has no form.
fn decision(object: &Decision) -> Option<world::Decision> {
    let spec = &object.spec;
    let gate = || spec.gate.clone().unwrap_or_default();
    Some(world::Decision {
        uid: object.uid()?,
        by: spec.by.clone(),
        groups: spec.groups.clone(),
        action: match spec.action {
            DecisionAction::Approve => Order::Approve(gate()),
            DecisionAction::Reject => Order::Reject(gate()),
            DecisionAction::Pause => Order::Pause,
            DecisionAction::Resume => Order::Resume,
            DecisionAction::SkipStep => Order::SkipStep,
            DecisionAction::Promote => Order::Promote,
            DecisionAction::Abort => Order::Abort,
            DecisionAction::Retry => Order::Retry,
            DecisionAction::Rollback => Order::Rollback,
        },
        comment: spec.comment.clone(),
        release: spec.release.clone(),
        digest: Digest::parse(&spec.digest)?,
        at: made_at(object)?,
        refused: None,
    })
}

/// Since when the admission policy ties every decision to its author: from the younger of the policy and its binding on. `None`
/// while one of them is missing or the binding does not deny.
async fn protected_since(context: &Arc<Context>) -> Result<Option<DateTime<Utc>>, Error> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(context.kube.client());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(context.kube.client());
    let (policy, binding) = (api::get(&policies, PROTECTION).await?, api::get(&bindings, PROTECTION).await?);
    let (Some(policy), Some(binding)) = (policy, binding) else { return Ok(None) };
    let actions = binding.spec.as_ref().and_then(|s| s.validation_actions.clone()).unwrap_or_default();
    let denies = actions.iter().any(|a| a == "Deny");
    Ok(made_at(&policy).max(made_at(&binding)).filter(|_| denies))
}

fn made_at(object: &impl ResourceExt) -> Option<DateTime<Utc>> {
    object.creation_timestamp().and_then(|t| DateTime::from_timestamp(t.0.as_second(), 0))
}
