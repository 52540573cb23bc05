//! Asking a gate's webhook until it says something, or the gate's time is over.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use crds::{RolloutPolicy, webhook::Webhook};
use kube::runtime::reflector::ObjectRef;
use planner::world::{Run, RunKey};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument as _;

use super::{
    About, Asked, Call, Task,
    body::body,
    meaning::{Meaning, evidence, meaning, pause, words},
};
use crate::{
    context::Context,
    outbound::{Letter, Post, Problem, Reply},
};

/// What a gate's webhook is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the memory between passes knows the release by.
    pub release: String,
    /// The release.
    pub about: About,
    /// The run.
    pub key: RunKey,
    /// The candidate's share of the traffic, in percent.
    pub weight: u32,
    /// The receiver and what it is sent.
    pub webhook: Webhook,
    /// When the gate was first asked.
    pub since: DateTime<Utc>,
    /// What is left of the gate's timeout.
    pub left: TimeDelta,
    /// The span that the receiver's own are a part of, in W3C's words.
    pub traceparent: Option<String>,
}

/// Asks beside the loop, unless it is being asked or was answered; the policy is woken up at every news.
pub fn ask(context: &Arc<Context>, question: Question) {
    let id = (question.release.clone(), question.key.clone());
    let mut memory = context.webhooks.memory();
    if memory.calls.get(&id).is_some_and(|call| call.since == question.since) {
        return;
    }
    let since = question.since;
    let Ok(left) = question.left.to_std() else {
        let run = Run::Going("its time was over before it could be asked".into());
        memory.calls.insert(id, Call { policy: question.about.key(), since, run, _task: None });
        return;
    };
    let (policy, run) = (question.about.key(), Run::Going(format!("webhook {} is being asked", question.key.gate)));
    let (weak, end) = (Arc::downgrade(context), Instant::now() + left);
    let asking = async move {
        // What was last said stays said when the time is over.
        let _ = timeout_at(end, until_answered(&weak, &question)).await;
    };
    // The task's first news waits for this lock.
    let task = Task(tokio::spawn(asking.in_current_span()).abort_handle());
    memory.calls.insert(id, Call { policy, since, run, _task: Some(task) });
}

async fn until_answered(context: &Weak<Context>, question: &Question) {
    let policy = ObjectRef::<RolloutPolicy>::new(&question.about.policy).within(&question.about.namespace);
    // Another attempt follows upon a failure: asked at once, it would only say the same.
    let attempt = question.key.attempt;
    sleep(if attempt > 1 { pause(attempt - 1, None) } else { Duration::ZERO }).await;
    for tries in 1.. {
        let Some((post, letter)) = context.upgrade().and_then(|c| next(&c, question)) else { return };
        let reply = post.post(letter).await;
        let Some(context) = context.upgrade() else { return };
        let (run, result, again) = heard(&question.key.gate, reply, tries);
        context.telemetry.asked("gate", result);
        context.webhooks.tell(&question.release, &question.key, question.since, run);
        // Nobody listens only while the controller ends.
        let _ = context.wake.unbounded_send(policy.clone());
        drop(context);
        let Some(again) = again else { return };
        sleep(again).await;
    }
}

/// What is sent next; the question ends where nothing is left to ask about, and a release that is seen again is asked about anew.
fn next(context: &Context, question: &Question) -> Option<(Arc<dyn Post>, Letter)> {
    if context.webhooks.gone(&question.release, context.now()) {
        context.webhooks.memory().calls.remove(&(question.release.clone(), question.key.clone()));
        return None;
    }
    Some((context.post.clone(), letter(context, question)))
}

/// What came of asking: for the release, for the metrics, and after which pause to ask again, if so.
fn heard(gate: &str, reply: Result<Reply, Problem>, tries: u32) -> (Run, &'static str, Option<Duration>) {
    let webhook = format!("webhook {gate}");
    let (happened, after) = match reply {
        Err(problem) => (problem.message, pause(tries, None)),
        Ok(reply) => match meaning(reply.answer.status) {
            Meaning::Pass => return (Run::Passed(evidence(&webhook, &reply)), "pass", None),
            Meaning::Fail => return (Run::Failed(evidence(&webhook, &reply)), "fail", None),
            Meaning::Nothing => (words(&webhook, &reply), pause(tries, reply.answer.retry_after)),
        },
    };
    let words = format!("{happened}; it is asked again in {}s", after.as_secs());
    (Run::Going(words), "nothing", Some(after))
}

fn letter(context: &Context, question: &Question) -> Letter {
    let Question { about, key, weight, webhook, traceparent, .. } = question;
    let asked = Asked::Gate { key: key.clone(), weight: *weight };
    let at = context.now();
    Letter {
        namespace: about.namespace.clone(),
        endpoint: webhook.endpoint.clone(),
        whose: format!("gate {} of RolloutPolicy {}/{}", key.gate, about.namespace, about.policy),
        content_type: "application/json",
        body: body(about, &asked, &webhook.metadata, at).to_string().into_bytes(),
        at,
        traceparent: traceparent.clone(),
    }
}
