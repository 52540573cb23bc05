//! Rollback webhooks: asked again and again while the candidate has live traffic. Only 2xx means something.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
};

use crds::{RolloutPolicy, webhook::RollbackWebhook};
use kube::runtime::reflector::ObjectRef;
use planner::journal::Phase;
use tokio::time::sleep;
use tracing::Instrument as _;

use super::{
    About, Asked, Task,
    body::body,
    meaning::{Meaning, meaning, words},
};
use crate::{
    context::Context,
    outbound::{Letter, Problem, Reply},
};

/// A rollback webhook that is being asked.
pub(super) struct Watched {
    policy: String,
    stand: Stand,
    _task: Task,
}

impl Watched {
    /// The policy's namespace and name.
    pub(super) fn policy(&self) -> &str {
        &self.policy
    }
}

/// Where a release stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stand {
    /// Its phase.
    pub phase: Phase,
    /// The step, counted from 1, while there is one.
    pub step: Option<u32>,
    /// The candidate's share of the traffic, in percent.
    pub weight: u32,
}

/// Has every webhook asked beside the loop from now on, and no other; one that is being asked hears of the new stand when it is asked
/// next. `release` is what the memory between passes knows the release by.
pub fn watch(context: &Arc<Context>, release: &str, about: &About, webhooks: &[RollbackWebhook], stand: Stand) {
    let mut memory = context.webhooks.memory();
    let names: BTreeSet<&str> = webhooks.iter().map(|w| w.name.as_str()).collect();
    memory.watches.retain(|(of, name), _| of != release || names.contains(name.as_str()));
    for webhook in webhooks {
        let id = (release.to_owned(), webhook.name.clone());
        if let Some(known) = memory.watches.get_mut(&id) {
            known.stand = stand;
            continue;
        }
        let asking = until_ordered(Arc::downgrade(context), release.to_owned(), about.clone(), webhook.clone());
        let task = Task(tokio::spawn(asking.in_current_span()).abort_handle());
        memory.watches.insert(id, Watched { policy: about.key(), stand, _task: task });
    }
}

async fn until_ordered(context: Weak<Context>, release: String, about: About, webhook: RollbackWebhook) {
    let (title, mut last) = (format!("rollback webhook {}", webhook.name), None);
    loop {
        let stand = context.upgrade().and_then(|c| Some((stand(&c, &release, &webhook.name)?, c)));
        let asking = stand.map(|(stand, c)| (c.post.clone(), letter(&c, &title, &about, &webhook, stand)));
        let Some((post, letter)) = asking else { return };
        let reply = post.post(letter).await;
        let Some(context) = context.upgrade() else { return };
        let (order, result, trouble) = heard(&title, reply);
        context.telemetry.asked("rollback", result);
        if let Some(order) = order {
            context.webhooks.memory().orders.insert(release, order);
            let policy = ObjectRef::<RolloutPolicy>::new(&about.policy).within(&about.namespace);
            // Nobody listens only while the controller ends.
            let _ = context.wake.unbounded_send(policy);
            return;
        }
        if let Some(why) = trouble.as_ref().filter(|_| trouble != last) {
            tracing::warn!(webhook = webhook.name, why, "a rollback webhook cannot be heard");
        }
        last = trouble;
        drop(context);
        sleep(webhook.interval.0).await;
    }
}

/// Where the release stands; `None`, and the webhook is asked no longer, where nothing is left to ask about.
fn stand(context: &Context, release: &str, webhook: &str) -> Option<Stand> {
    let id = (release.to_owned(), webhook.to_owned());
    if context.webhooks.gone(release, context.now()) {
        context.webhooks.memory().watches.remove(&id);
        return None;
    }
    context.webhooks.memory().watches.get(&id).map(|watched| watched.stand)
}

/// The order, if there is one, what it means for the metrics, and why the receiver could not be heard, where it could not.
fn heard(title: &str, reply: Result<Reply, Problem>) -> (Option<String>, &'static str, Option<String>) {
    match reply {
        Err(problem) => (None, "nothing", Some(problem.message)),
        Ok(reply) => match meaning(reply.answer.status) {
            Meaning::Pass => (Some(words(title, &reply)), "order", None),
            Meaning::Fail => (None, "none", None),
            Meaning::Nothing => (None, "nothing", Some(words(title, &reply))),
        },
    }
}

fn letter(context: &Context, title: &str, about: &About, webhook: &RollbackWebhook, stand: Stand) -> Letter {
    let at = context.now();
    let asked = Asked::Rollback { name: webhook.name.clone(), stand };
    Letter {
        namespace: about.namespace.clone(),
        endpoint: webhook.webhook.endpoint.clone(),
        whose: format!("{title} of RolloutPolicy {}/{}", about.namespace, about.policy),
        content_type: "application/json",
        body: body(about, &asked, &webhook.webhook.metadata, at).to_string().into_bytes(),
        at,
        traceparent: None,
    }
}
