//! Looks at metrics, which run beside the loop and wake it up.

use std::sync::Arc;

use analysis::Batch;
use chrono::{DateTime, TimeDelta, Utc};
use kube::runtime::reflector::ObjectRef;
use tracing::{Instrument as _, Span, info_span};

use super::Context;
use crate::metrics::{Request, Usual};

/// A look at what a policy's metrics usually are.
#[derive(Clone, Debug, PartialEq)]
pub enum Survey {
    /// Not before this time.
    Due(DateTime<Utc>),
    /// It runs.
    Running,
    /// What it brought.
    Done(Usual),
}

pub(super) enum Pending {
    Running,
    Done(Batch),
}

impl Context {
    /// The finished look of a release, if there is one; it is kept until the next is begun.
    pub fn look(&self, release: &str) -> Option<Batch> {
        match self.memory().looks.get(release) {
            Some(Pending::Done(batch)) => Some(batch.clone()),
            _ => None,
        }
    }

    /// Begins a look beside the loop, unless one runs; the policy is woken up when it is there.
    pub fn begin_look(self: &Arc<Self>, release: &str, request: Request) {
        if matches!(self.memory().looks.get(release), Some(Pending::Running)) {
            return;
        }
        self.memory().looks.insert(release.to_owned(), Pending::Running);
        let (context, release) = (self.clone(), release.to_owned());
        // Of its own trace: the pass that began it does not wait for it.
        let span = info_span!(parent: None, "look", namespace = request.namespace, policy = request.policy, release);
        span.follows_from(Span::current());
        let looking = async move {
            let batch = context.measure.measure(&request).await;
            context.memory().looks.insert(release, Pending::Done(batch));
            let policy = ObjectRef::new(&request.policy).within(&request.namespace);
            // Nobody listens only while the controller ends.
            let _ = context.wake.unbounded_send(policy);
        };
        tokio::spawn(looking.instrument(span));
    }

    /// What is known of the requests that a policy has; a survey may begin after a while.
    pub fn survey(&self, policy: &str, after: TimeDelta) -> Survey {
        let due = self.now() + after;
        self.memory().surveys.entry(policy.to_owned()).or_insert(Survey::Due(due)).clone()
    }

    /// Begins a survey beside the loop; the policy is woken up when it is there.
    pub fn begin_survey(self: &Arc<Self>, key: &str, request: Request) {
        self.memory().surveys.insert(key.to_owned(), Survey::Running);
        let (context, key) = (self.clone(), key.to_owned());
        tokio::spawn(async move {
            let usual = context.measure.usual(&request).await;
            context.memory().surveys.insert(key, Survey::Done(usual));
            let policy = ObjectRef::new(&request.policy).within(&request.namespace);
            // Nobody listens only while the controller ends.
            let _ = context.wake.unbounded_send(policy);
        });
    }

    /// What a survey brought was told; the next one is due after a while, if at all.
    pub fn surveyed(&self, policy: &str, again: Option<TimeDelta>) {
        let due = again.map(|after| Survey::Due(self.now() + after));
        let mut memory = self.memory();
        match due {
            Some(due) => memory.surveys.insert(policy.to_owned(), due),
            None => memory.surveys.remove(policy),
        };
    }
}
