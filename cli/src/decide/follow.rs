//! Whether the controller has taken a decision up, and what came of it.

use crds::{
    Release,
    journal::{Entry, Journal, Phase},
};
use kube::ResourceExt;

use super::Action;
use crate::facts::{Facts, journal, sequence};

/// A decision that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// UID of the object.
    pub uid: String,
    /// The release it is about.
    pub release: String,
    /// What was decided.
    pub action: Action,
    /// By whom.
    pub by: String,
    /// How many answers to the same decision by the same person there were before.
    pub before: usize,
}

/// What came of a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Followed {
    /// It has an effect: where the release stands.
    Heeded(String),
    /// It has none, and why.
    WithoutEffect(String),
}

/// The entries of the timeline that answer such a decision, with what they say besides.
pub(super) fn answers<'a>(
    release: &'a Release,
    action: Action,
    by: &str,
) -> impl Iterator<Item = (&'a Entry, &'a str)> {
    journal(release).timeline.iter().filter_map(move |entry| {
        let answer = matches!(entry.reason.as_str(), "DecisionHeeded" | "DecisionWithoutEffect");
        Some((entry, besides(&entry.message, action, by).filter(|_| answer)?))
    })
}

/// What follows the decision and the name in a message such as `Approve of gate signoff by ann (1 of 2)`.
fn besides<'a>(message: &'a str, action: Action, by: &str) -> Option<&'a str> {
    let (gate, rest) = message.strip_prefix(&format!("{action:?}"))?.split_once(" by ")?;
    let more = rest.strip_prefix(by)?;
    let ends = more.is_empty() || [" ", ", ", "; ", ": "].iter().any(|end| more.starts_with(end));
    ((gate.is_empty() || gate.starts_with(' ')) && ends).then(|| more.trim_start_matches([' ', ',', ';', ':']))
}

/// What came of it; none while it was not taken up.
pub fn followed(facts: &Facts, made: &Made) -> Option<Followed> {
    let release = facts.releases.iter().find(|r| r.name_any() == made.release)?;
    let journal = journal(release);
    if let Some((entry, more)) = answers(release, made.action, &made.by).skip(made.before).last() {
        return Some(match (entry.reason.as_str(), more) {
            ("DecisionHeeded", "") => Followed::Heeded(stands(journal)),
            ("DecisionHeeded", more) => Followed::Heeded(format!("{more}; {}", stands(journal))),
            (_, "") => Followed::WithoutEffect(why_not(made.action, journal)),
            (_, why) => Followed::WithoutEffect(why.into()),
        });
    }
    if let Some(new) = begun(facts, release, made.action) {
        return Some(Followed::Heeded(format!("release {} has begun", new.name_any())));
    }
    journal.orders.heeded.contains(&made.uid).then(|| Followed::Heeded(stands(journal)))
}

/// The release that a decision about one that has ended calls for.
fn begun<'a>(facts: &'a Facts, old: &Release, action: Action) -> Option<&'a Release> {
    let wanted = match action {
        Action::Retry => old.spec.to.as_ref(),
        Action::Rollback => old.spec.from.as_ref(),
        _ => None,
    }?;
    let later = |r: &&Release| sequence(r) > sequence(old);
    facts.releases.iter().filter(later).find(|r| r.spec.to.as_ref().is_some_and(|to| to.digest == wanted.digest))
}

/// Where the release stands, in a sentence.
fn stands(journal: &Journal) -> String {
    let step =
        journal.step.filter(|_| journal.phase == Phase::Shifting).map(|k| format!(", step {k}")).unwrap_or_default();
    let waiting = journal
        .waiting
        .as_ref()
        .map(|w| format!("; waits for {}: {}", w.reason, w.message.lines().next().unwrap_or_default()));
    let why = journal.outcome.as_ref().map(|o| format!("; {}", o.message.lines().next().unwrap_or_default()));
    format!("it is in {:?}{step}{}", journal.phase, why.or(waiting).unwrap_or_default())
}

/// Why a decision has no effect in this phase.
fn why_not(action: Action, journal: &Journal) -> String {
    let phase = journal.phase;
    let need = match action {
        Action::Pause => "only what comes before promotion can be paused",
        Action::Resume => "nothing is paused; the pause of a step can be ended once its bake is over",
        Action::SkipStep => "only a step can be skipped",
        Action::Promote => "it goes on from the preparation of the candidate to promotion, or from Inconclusive",
        Action::Retry => "only a release that is Held or Inconclusive, or has ended without success, is tried again",
        Action::Abort => "it has turned round already",
        Action::Approve | Action::Reject => "the gate takes no such decision, or not from you",
        Action::Rollback => "only a release that has succeeded is undone, while the version before is kept",
    };
    format!("the release is in {phase:?}, and {need}")
}
