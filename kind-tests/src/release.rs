//! A release on the cluster.

use std::time::Duration;

use anyhow::{Context, Result};
use crds::{
    Release as Object,
    journal::{Journal, Phase},
};

use crate::{
    namespace::Namespace,
    wait::{Seen, secs, wait_for},
};

/// A release.
#[derive(Clone)]
pub struct Release {
    /// Where it is.
    pub ns: Namespace,
    /// Its name.
    pub name: String,
    /// Its policy.
    pub policy: String,
}

impl Release {
    /// The object.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn get(&self) -> Result<Object> {
        Ok(self.ns.api::<Object>().get(&self.name).await?)
    }

    /// Its journal.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn journal(&self) -> Result<Journal> {
        Ok(self.get().await?.status.unwrap_or_default().journal)
    }

    /// Short id of the revision that it delivers.
    ///
    /// # Errors
    ///
    /// When it delivers none.
    pub async fn candidate(&self) -> Result<String> {
        Ok(self.get().await?.spec.to.context("a revision to deliver")?.revision.to_string())
    }

    /// The revision that it takes over from.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn stable(&self) -> Result<String> {
        Ok(self.get().await?.spec.from.context("a revision that served before")?.revision.to_string())
    }

    /// Waits until its journal is as wanted; `cannot` tells when that can never come.
    ///
    /// # Errors
    ///
    /// When it does not come within 90 s, or cannot.
    pub async fn journal_has<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&Journal) -> Option<T>,
    ) -> Result<(T, Journal)> {
        wait_for(&format!("release {} {what}", self.name), secs(90), async || {
            let journal = self.journal().await?;
            match look(&journal) {
                Some(found) => Ok((found, journal)),
                None if journal.finished() => Err(Seen::never(told(&journal))),
                None => Err(Seen::yet(told(&journal))),
            }
        })
        .await
    }

    /// Waits until it is in this phase.
    ///
    /// # Errors
    ///
    /// When it passes it by unseen, or does not come to it.
    pub async fn reaches(&self, phase: Phase) -> Result<Journal> {
        let what = format!("to be {phase:?}");
        Ok(self.journal_has(&what, |j| (j.phase == phase).then_some(())).await?.1)
    }

    /// Waits until this step, counted from 1, is in force, and returns the journal.
    ///
    /// # Errors
    ///
    /// When it passes it by unseen, or does not come to it.
    pub async fn in_force(&self, step: u32) -> Result<Journal> {
        let what = format!("to have step {step} in force");
        let here = |j: &Journal| j.phase == Phase::Shifting && j.step == Some(step) && j.applied_at.is_some();
        Ok(self.journal_has(&what, |j| here(j).then_some(())).await?.1)
    }

    /// Waits until it has ended, and sees to it that it ended as wanted.
    ///
    /// # Errors
    ///
    /// When it ends otherwise, or not within three minutes.
    pub async fn ends_as(&self, phase: Phase) -> Result<Journal> {
        self.ends_within(phase, secs(180)).await
    }

    /// The same with a time of its own.
    ///
    /// # Errors
    ///
    /// When it ends otherwise, or not in time.
    pub async fn ends_within(&self, phase: Phase, time: Duration) -> Result<Journal> {
        wait_for(&format!("release {} to end as {phase:?}", self.name), time, async || {
            let journal = self.journal().await?;
            let ended = journal.finished() || matches!(journal.phase, Phase::Held | Phase::Inconclusive);
            match ended {
                true if journal.phase == phase => Ok(journal),
                true => Err(Seen::never(told(&journal))),
                false => Err(Seen::yet(told(&journal))),
            }
        })
        .await
    }

    /// Waits until it says this word as what it waits for, and returns the sentence.
    ///
    /// # Errors
    ///
    /// When it does not say so.
    pub async fn waits_for(&self, reason: &str) -> Result<String> {
        let said = |j: &Journal| j.waiting.iter().find(|w| w.reason == reason).map(|w| w.message.clone());
        Ok(self.journal_has(&format!("to wait for {reason}"), said).await?.0)
    }
}

fn told(journal: &Journal) -> String {
    let waiting = journal.waiting.as_ref().map(|w| format!(", waiting {}: {}", w.reason, w.message));
    let outcome = journal.outcome.as_ref().map(|o| format!(", {:?} {:?}: {}", o.phase, o.reason, o.message));
    let step = journal.step.map(|s| format!(" step {s}")).unwrap_or_default();
    let force = if journal.applied_at.is_some() { " in force" } else { "" };
    format!("{:?}{step}{force}{}{}", journal.phase, outcome.unwrap_or_default(), waiting.unwrap_or_default())
}
