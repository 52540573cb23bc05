//! What the load counted, and what a test says of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use apps::report::{Counts, Identity, Report};
use chrono::{DateTime, Utc};
use crds::journal::Split;

use crate::{
    binomial::interval,
    revision::{Origin, origin},
};

/// All that was counted of one policy's Service.
#[derive(Clone, Debug)]
pub struct Traffic {
    policy: String,
    /// The report it comes from.
    pub report: Report,
    counts: Counts,
}

impl Traffic {
    /// Of the target that is named like the policy.
    ///
    /// # Errors
    ///
    /// When there is no such target.
    pub fn new(policy: &str, report: Report) -> Result<Self> {
        let counts = report.targets.get(policy).with_context(|| format!("load on {policy}"))?.counts.clone();
        Ok(Self { policy: policy.into(), report, counts })
    }

    /// No request failed and none was answered with an error. Prints how many were tried.
    ///
    /// # Errors
    ///
    /// When one was: which, when and why.
    pub fn no_request_failed(&self) -> Result<()> {
        self.no_request_failed_but_by(&[])
    }

    /// No request failed, and only these revisions answered with errors. Prints how many were tried.
    ///
    /// # Errors
    ///
    /// When another did: which, when and why.
    pub fn no_request_failed_but_by(&self, bad: &[&str]) -> Result<()> {
        let all = self.counts.total;
        let errors: u64 = self.identities().filter(|(o, _)| !is_one_of(o, bad)).map(|(_, i)| i.answers().errors).sum();
        println!(
            "{}: {} requests ({} on connections of their own), {} failed, {errors} errors{}, {} tried twice; {}",
            self.policy,
            all.sent,
            self.counts.fresh.sent,
            all.failed,
            if bad.is_empty() { String::new() } else { format!(" not of {bad:?} ({} of all)", all.errors) },
            all.retried,
            self.by_origin()
        );
        let target = &self.report.targets[&self.policy];
        ensure!(
            all.failed == 0 && errors == 0,
            "{} of {} requests failed ({:?}), {errors} were answered with errors ({:?}); the first:\n{}",
            all.failed,
            all.sent,
            target.causes,
            target.statuses,
            self.first_failures()
        );
        ensure!(all.answered > 0, "no request was answered at all");
        Ok(())
    }

    fn first_failures(&self) -> String {
        let failures = self.report.failures.iter().take(12).map(|f| {
            let phase = f.phase.as_deref().unwrap_or("-");
            format!(
                "  {} ms, after mark {phase}: {:?} {} (fresh {})",
                f.at_ms - self.report.started_ms,
                f.cause,
                f.detail,
                f.fresh
            )
        });
        let answers = self.report.error_answers.iter().take(12).map(|e| {
            let phase = e.phase.as_deref().unwrap_or("-");
            format!("  {} ms, after mark {phase}: {} by {}", e.at_ms - self.report.started_ms, e.status, e.hostname)
        });
        failures.chain(answers).collect::<Vec<_>>().join("\n")
    }

    /// This revision answered no request.
    ///
    /// # Errors
    ///
    /// When it did: how many, and when first.
    pub fn never_answered_by(&self, revision: &str) -> Result<()> {
        let by: Vec<_> = self.of(revision).collect();
        let answers: u64 = by.iter().map(|i| i.answers().all()).sum();
        println!("{}: {answers} of {} answers by revision {revision}", self.policy, self.counts.total.answered);
        let first = by.iter().map(|i| i.first_ms).min().map(|at| at - self.report.started_ms);
        ensure!(answers == 0, "revision {revision} gave {answers} answers, the first after {first:?} ms");
        Ok(())
    }

    /// This revision answered requests, the first of them later than this.
    ///
    /// # Errors
    ///
    /// When it answered none, or one before.
    pub fn answered_only_after(&self, revision: &str, at: DateTime<Utc>) -> Result<()> {
        let first = self.of(revision).map(|i| i.first_ms).min().context("an answer of the revision")?;
        let after = i128::from(first) - i128::from(at.timestamp_millis());
        println!("{}: the first answer by revision {revision} came {after} ms after {at}", self.policy);
        ensure!(after >= 0, "revision {revision} answered {} ms before {at}", -after);
        Ok(())
    }

    /// This version answered no request.
    ///
    /// # Errors
    ///
    /// When it did: how many, and when first.
    pub fn never_answered_by_version(&self, version: &str) -> Result<()> {
        let by: Vec<_> = self.counts.identities.iter().filter(|i| i.version == version).collect();
        let answers: u64 = by.iter().map(|i| i.answers().all()).sum();
        println!("{}: {answers} of {} answers by version {version}", self.policy, self.counts.total.answered);
        ensure!(answers == 0, "version {version} gave {answers} answers: {by:?}");
        Ok(())
    }

    /// Who of a revision answered.
    pub fn of<'a>(&'a self, revision: &'a str) -> impl Iterator<Item = &'a Identity> {
        self.identities().filter(move |(o, _)| is_one_of(o, &[revision])).map(|(_, i)| i)
    }

    /// Answers of a revision, good and bad.
    pub fn answers_by(&self, revision: &str) -> u64 {
        self.of(revision).map(|i| i.answers().all()).sum()
    }

    fn identities(&self) -> impl Iterator<Item = (Origin, &Identity)> {
        self.counts.identities.iter().map(|i| (origin(&self.policy, &i.hostname), i))
    }

    fn by_origin(&self) -> String {
        let mut answers: BTreeMap<Origin, u64> = BTreeMap::new();
        for (origin, identity) in self.identities() {
            *answers.entry(origin).or_default() += identity.answers().all();
        }
        answers.iter().map(|(origin, n)| format!("{origin:?} {n}")).collect::<Vec<_>>().join(", ")
    }
}

fn is_one_of(origin: &Origin, revisions: &[&str]) -> bool {
    matches!(origin, Origin::Revision(id) if revisions.contains(&id.as_str()))
}

/// Of the answers on connections of their own, the candidate gave as many as its share of the pods makes likely: the
/// exact binomial interval that is left once in a million. Prints both.
///
/// # Errors
///
/// When it gave more or fewer.
pub fn share_is(policy: &str, candidate: &str, split: Split, counts: &Counts) -> Result<()> {
    let share = f64::from(split.members) / f64::from(split.members + split.stable_pods);
    let pods = format!("{} of {} pods", split.members, split.members + split.stable_pods);
    share_of(policy, candidate, share, &format!("step of {} %, {pods}", split.wanted), counts)
}

/// The same for a share that routes make.
///
/// # Errors
///
/// When the candidate gave more or fewer answers.
pub fn routed_share_is(policy: &str, candidate: &str, split: Split, counts: &Counts) -> Result<()> {
    let share = f64::from(split.effective) / 100.0;
    share_of(policy, candidate, share, &format!("step of {} % by routes", split.wanted), counts)
}

fn share_of(policy: &str, candidate: &str, share: f64, what: &str, counts: &Counts) -> Result<()> {
    let by_candidate = counts.identities.iter().filter(|i| is_one_of(&origin(policy, &i.hostname), &[candidate]));
    let (of, all) = (
        by_candidate.map(|i| i.fresh.all()).sum::<u64>(),
        counts.identities.iter().map(|i| i.fresh.all()).sum::<u64>(),
    );
    let within = interval(all, share);
    println!("{policy}: {what}: {of} of {all} new connections to the candidate, expected {within:?}");
    ensure!(within.contains(&of), "{of} of {all} new connections went to the candidate, expected {within:?}");
    Ok(())
}
