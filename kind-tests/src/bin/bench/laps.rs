//! Load whose failed requests are counted from one moment to the next.

use anyhow::{Context, Result};
use apps::report::{Counts, Report};
use kind_tests::{app::App, load::Running, prelude::*};

/// Requests a second, each on a connection of its own.
const RATE: u32 = 100;
/// Seconds of answers that are waited for before a count, so that nothing of what was done is still to come.
const AFTER: u32 = 8;

/// Load on an application.
pub struct Laps {
    load: Running,
    name: String,
    last: Counts,
}

/// The requests between two moments.
pub struct Lap {
    /// Sent.
    pub sent: u64,
    /// Without an answer, or answered with an error by another version than the bad one.
    pub failed: u64,
}

impl Laps {
    /// Begins to send to the Service of an application of this name.
    ///
    /// # Errors
    ///
    /// When no answers come.
    pub async fn start(ns: &Namespace, app: &App, name: &str) -> Result<Self> {
        let load = Load::on(ns, app).rate(RATE).fresh(1.0).start().await?;
        let mut laps = Self { load, name: name.into(), last: Counts::default() };
        laps.last = laps.counts(&laps.report().await?)?;
        Ok(laps)
    }

    /// The requests since the last lap, or the start, and some seconds more; `what` goes into a URL.
    ///
    /// # Errors
    ///
    /// When the load does not tell.
    pub async fn lap(&mut self, what: &str) -> Result<Lap> {
        self.lap_but(what, "").await
    }

    /// The same, where errors that this version answered are no failures: they are counted apart.
    ///
    /// # Errors
    ///
    /// When the load does not tell.
    pub async fn lap_but(&mut self, what: &str, bad: &str) -> Result<Lap> {
        self.load.sample(what, u64::from(AFTER * RATE)).await?;
        self.end(what, bad).await
    }

    /// The requests since the last lap, without a second more: for when there may be no answers.
    ///
    /// # Errors
    ///
    /// When the load does not tell.
    pub async fn so_far(&mut self, what: &str) -> Result<Lap> {
        self.end(what, "").await
    }

    async fn end(&mut self, what: &str, bad: &str) -> Result<Lap> {
        let report = self.report().await?;
        let now = self.counts(&report)?;
        let since = now.since(&self.last);
        let errors: u64 = since.identities.iter().filter(|i| i.version != bad).map(|i| i.answers().errors).sum();
        self.last = now;
        let lap = Lap { sent: since.total.sent, failed: since.total.failed + errors };
        crate::progress::say(&format!("  {what}: {} of {} requests failed", lap.failed, lap.sent));
        for failure in report.failures.iter().rev().take(usize::try_from(lap.failed.min(5))?) {
            println!("         {:?} {}", failure.cause, failure.detail);
        }
        Ok(lap)
    }

    /// Everything so far.
    ///
    /// # Errors
    ///
    /// When the load does not tell.
    pub async fn report(&self) -> Result<Report> {
        self.load.report().await
    }

    /// Answers of a version so far.
    ///
    /// # Errors
    ///
    /// When the load does not tell.
    pub async fn answers_of(&self, version: &str) -> Result<u64> {
        let counts = self.counts(&self.report().await?)?;
        Ok(counts.identities.iter().filter(|i| i.version == version).map(|i| i.answers().all()).sum())
    }

    /// Answers of all versions since the last lap.
    ///
    /// # Errors
    ///
    /// When the load does not tell.
    pub async fn since_last(&self) -> Result<u64> {
        Ok(self.counts(&self.report().await?)?.since(&self.last).total.answered)
    }

    /// How many pods answered as this version so far.
    ///
    /// # Errors
    ///
    /// When the load does not tell.
    pub async fn pods_of(&self, version: &str) -> Result<usize> {
        let counts = self.counts(&self.report().await?)?;
        Ok(counts.identities.iter().filter(|i| i.version == version).count())
    }

    /// When a version last answered on a connection of its own, in Unix milliseconds.
    ///
    /// # Errors
    ///
    /// When it never did.
    pub async fn last_of(&self, version: &str) -> Result<u64> {
        let counts = self.counts(&self.report().await?)?;
        let last = counts.identities.iter().filter(|i| i.version == version).filter_map(|i| i.last_fresh_ms).max();
        last.with_context(|| format!("finding an answer of version {version}"))
    }

    fn counts(&self, report: &Report) -> Result<Counts> {
        Ok(report
            .targets
            .get(&self.name)
            .with_context(|| format!("counts of the load on {}", self.name))?
            .counts
            .clone())
    }
}
