//! Whether the version that is waited for serves: decided from the objects alone.
//!
//! An older version is never taken for it. The status of a policy says which generation of the workload it speaks of, and
//! the digest that this generation wishes for; only where that is the generation that stands now does anything count, and
//! what serves must be of that digest.

use crds::{
    Release,
    journal::{Cause, Journal, Phase},
};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;

use crate::{
    decide,
    facts::{Facts, journal, step},
    failure::Exit,
    words::short_images,
};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A version with a container of this image.
    Image(String),
    /// The revision of this digest, in full or its first eight digits.
    Digest(String),
    /// What the workload wishes for at the beginning.
    Wish,
}

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not there yet, and why.
    Waits(String),
    /// It is over, with this code and these words.
    Ends(Exit, String),
}

use Standing::{Ends, Waits};

/// The version that the workload wishes for.
#[derive(Clone, Debug, PartialEq)]
struct Target {
    digest: String,
    /// The pod template, by which a change of the workload is told from one of its ConfigMaps.
    template: String,
}

/// Remembers what was wished for.
#[derive(Clone, Debug)]
pub struct Judge {
    wanted: Wanted,
    promoted: bool,
    no_person: bool,
    target: Option<Target>,
    /// A release of the target was seen.
    begun: bool,
}

impl Judge {
    /// Nothing was seen yet.
    pub fn new(wanted: Wanted, promoted: bool, no_person: bool) -> Self {
        Self { wanted, promoted, no_person, target: None, begun: false }
    }

    /// Looks at what is known now.
    pub fn standing(&mut self, facts: &Facts) -> Standing {
        let named = format!("Deployment {}", facts.policy.spec.workload.name);
        let Some(workload) = &facts.workload else { return Waits(format!("{named} does not exist")) };
        let status = facts.policy.status.clone().unwrap_or_default();
        let images = images(workload);
        if let Wanted::Image(image) = &self.wanted
            && !images.contains(image)
        {
            return self.other(format!("{named} wishes for {}, not for {image}", images.join(", ")));
        }
        let seen = status.workload.as_ref().map(|w| w.observed_generation);
        if seen.is_none() || seen != workload.metadata.generation {
            return Waits(format!("the controller has not seen the newest {named} yet"));
        }
        let Some(digest) = status.workload.as_ref().and_then(|w| w.digest.clone()) else {
            return self.waits(facts, format!("what {named} wishes for is not known"));
        };
        if let Wanted::Digest(wanted) = &self.wanted
            && !decide::same(&digest, wanted)
        {
            return self
                .other(format!("{named} wishes for revision {digest} ({}), not for {wanted}", short_images(&images)));
        }
        if let Some(superseded) = self.aim(&digest, workload, &named) {
            return superseded;
        }
        self.stands(facts, &digest, &short_images(&images))
    }

    /// The workload wishes for something else: not yet for this, or no more.
    fn other(&self, words: String) -> Standing {
        if self.target.is_some() {
            Ends(Exit::Superseded, format!("superseded: {words}"))
        } else {
            Waits(format!("{words} yet"))
        }
    }

    /// Fixes the revision that is waited for; an end where it has changed.
    fn aim(&mut self, digest: &str, workload: &Deployment, named: &str) -> Option<Standing> {
        let template = template(workload);
        if let (Wanted::Wish, Some(target)) = (&self.wanted, &self.target)
            && target.digest != digest
            // A ConfigMap that is applied right after the workload belongs to it, until a release has begun.
            && (self.begun || target.template != template)
        {
            let words =
                format!("superseded: {named} wishes for revision {digest} now, not for {} any more", target.digest);
            return Some(Ends(Exit::Superseded, words));
        }
        if self.target.as_ref().is_none_or(|t| t.digest != digest) {
            (self.target, self.begun) = (Some(Target { digest: digest.into(), template }), false);
        }
        None
    }

    /// Where the revision stands that the workload wishes for.
    fn stands(&mut self, facts: &Facts, digest: &str, images: &str) -> Standing {
        let status = facts.policy.status.clone().unwrap_or_default();
        let of = |r: &Release| r.spec.to.as_ref().is_some_and(|to| to.digest.as_str() == digest);
        let what = format!("revision {} ({images})", short(digest));
        let active = facts.active();
        self.begun |= active.is_some_and(of);
        let serves = status.stable.as_ref().is_some_and(|s| s.digest.as_str() == digest);
        if serves && facts.phase() == "Settled" {
            return Ends(Exit::Done, format!("{what} is delivered and serves"));
        }
        match active {
            Some(release) if of(release) => self.under_way(facts, release, &what),
            Some(other) => Waits(format!("release {} goes first: {}", other.name_any(), told(other))),
            None => self.at_rest(facts, digest, &what),
        }
    }

    fn under_way(&self, facts: &Facts, release: &Release, what: &str) -> Standing {
        let (name, journal) = (release.name_any(), journal(release));
        match journal.phase {
            Phase::Held | Phase::Inconclusive => {
                let why = why(journal);
                Ends(
                    Exit::Person,
                    format!(
                        "release {name} is {:?}: {why}; a person must decide: retry, promote or abort",
                        journal.phase
                    ),
                )
            }
            Phase::Warm | Phase::Succeeded if self.promoted && journal.outcome.is_none() => {
                Ends(Exit::Done, format!("all traffic goes to {what}; release {name} is in {:?}", journal.phase))
            }
            _ => self.waits(facts, format!("release {name}: {}", told(release))),
        }
    }

    /// No release is under way: it ended, or has not begun.
    fn at_rest(&self, facts: &Facts, digest: &str, what: &str) -> Standing {
        let status = facts.policy.status.clone().unwrap_or_default();
        let stalled = status.waiting.as_ref().is_some_and(|w| w.stalled);
        let last = facts.releases.last().filter(|r| r.spec.to.as_ref().is_some_and(|to| to.digest.as_str() == digest));
        let ended =
            last.map(journal).filter(|j| j.finished() && j.phase != Phase::Succeeded && stalled && !starts_over(j));
        if let (Some(journal), Some(release)) = (ended, last) {
            let words = format!(
                "{what} does not serve: release {} ended as {:?}: {}",
                release.name_any(),
                journal.phase,
                why(journal)
            );
            return Ends(code(journal), words);
        }
        if stalled && let Some(failed) = status.failed.iter().find(|f| f.digest == digest) {
            let words = format!(
                "{what} does not serve: it failed in release {} at {}, and nobody decided Retry",
                failed.release,
                failed.at.format("%Y-%m-%dT%H:%M:%SZ")
            );
            return Ends(Exit::Bad, words);
        }
        self.waits(facts, format!("{what}: {}", facts.phase()))
    }

    /// Not there yet; with what the policy itself waits for, where it says so.
    fn waits(&self, facts: &Facts, words: String) -> Standing {
        let waiting = facts.policy.status.as_ref().and_then(|s| s.waiting.as_ref());
        let Some(waiting) = waiting else { return Waits(words) };
        let words =
            format!("{words}; waits for {}: {}", waiting.reason, waiting.message.lines().next().unwrap_or_default());
        if waiting.stalled && self.no_person { Ends(Exit::Person, words) } else { Waits(words) }
    }
}

/// Whether another attempt follows by itself, whatever that waits for.
fn starts_over(journal: &Journal) -> bool {
    journal.outcome.as_ref().is_some_and(|o| matches!(o.reason, Cause::PolicyChanged | Cause::Retried))
}

/// How a release that ended otherwise than by success ends the wait.
fn code(journal: &Journal) -> Exit {
    let cause = journal.outcome.as_ref().map(|o| format!("{:?}", o.reason)).unwrap_or_default();
    match (journal.phase, cause.as_str()) {
        (Phase::RolledBack, _) | (_, "Aborted" | "Rejected") => Exit::Bad,
        (Phase::Inconclusive | Phase::Held, _) => Exit::Person,
        (_, "NewerVersion" | "WishWithdrawn") => Exit::Superseded,
        _ => Exit::Error,
    }
}

fn why(journal: &Journal) -> String {
    let outcome = journal.outcome.as_ref().map(|o| o.message.as_str());
    let waiting = journal.waiting.as_ref().map(|w| w.message.as_str());
    outcome.or(waiting).unwrap_or("it does not say why").lines().next().unwrap_or_default().into()
}

fn told(release: &Release) -> String {
    let journal = journal(release);
    let weight = journal.split.map(|s| format!(", weight {}", s.wanted)).unwrap_or_default();
    match step(release) {
        Some((k, all)) => format!("{:?}, step {k} of {all}{weight}", journal.phase),
        None => format!("{:?}", journal.phase),
    }
}

fn short(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(8).collect()
}

fn images(workload: &Deployment) -> Vec<String> {
    let template = workload.spec.as_ref().and_then(|s| s.template.spec.as_ref());
    template.into_iter().flat_map(|t| &t.containers).filter_map(|c| c.image.clone()).collect()
}

fn template(workload: &Deployment) -> String {
    let template = workload.spec.as_ref().map(|s| &s.template);
    serde_json::to_value(template).map(|t| crds::digest::hash(&t)).unwrap_or_default()
}
