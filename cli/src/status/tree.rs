//! The tree of a policy.

use chrono::{DateTime, Utc};
use crds::{
    Release, condition,
    journal::{Journal, Phase, RevisionRef},
    names,
};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use planner::{Emergency, Waiting};

use super::{measured, next, steps::steps};
use crate::{
    facts::{Facts, frozen, journal, parsed},
    paint::{Paint, Tone, of_phase},
    tree::Node,
    words::{age, count, short_images, until},
};

/// So many of the last entries of a timeline are shown.
const LAST: usize = 8;

/// A tree that is drawn with or without colours.
pub struct Tree<'a> {
    facts: &'a Facts,
    now: DateTime<Utc>,
    program: &'a str,
}

/// What is known at this time, as a tree.
pub fn tree<'a>(facts: &'a Facts, now: DateTime<Utc>, program: &'a str) -> Tree<'a> {
    Tree { facts, now, program }
}

impl Tree<'_> {
    /// As text.
    pub fn render(&self, paint: Paint) -> String {
        let mut nodes = self.revisions(paint);
        nodes.extend(self.conditions(paint));
        nodes.extend(self.facts.release().map(|release| self.release(release, paint)));
        nodes.extend(self.waiting(paint));
        nodes.extend(self.next(paint));
        self.head(paint).with(nodes).render(paint)
    }

    fn head(&self, paint: Paint) -> Node {
        let policy = &self.facts.policy;
        let name = format!("{}/{}", policy.namespace().unwrap_or_default(), self.facts.name());
        let phase = self.facts.phase();
        let status = policy.status.as_ref();
        let strategy = status.and_then(|s| s.strategy.clone()).map(|s| format!(", {s}")).unwrap_or_default();
        let moved = match &policy.spec.traffic {
            t if t.service.is_some() => ", plain Service",
            t if t.istio.is_some() => ", Istio",
            t if t.linkerd.is_some() => ", Linkerd",
            _ => ", Gateway API",
        };
        let behind = status.and_then(|s| s.observed_generation) != policy.metadata.generation;
        let behind = if behind { ", the controller has not seen the newest change of the policy" } else { "" };
        let (name, phase) = (paint.on(Tone::Strong, &name), paint.on(of_phase(&phase), &phase));
        Node::new(format!("{name}  {phase}{strategy}{moved}{behind}"))
    }

    fn revisions(&self, paint: Paint) -> Vec<Node> {
        let status = self.facts.policy.status.clone().unwrap_or_default();
        let journal = self.facts.active().map(journal);
        let share = match journal {
            Some(journal) if journal.phase == Phase::Warm => 100,
            Some(journal) => journal.split.map_or(0, |split| split.effective).min(100),
            None => 0,
        };
        let shares = status.candidate.as_ref().map(|_| (100 - share, share));
        let stable = status.stable.as_ref().map(|r| self.revision("stable", r, shares.map(|(s, _)| s), paint));
        let candidate = status.candidate.as_ref().map(|r| self.revision("candidate", r, shares.map(|(_, c)| c), paint));
        stable.into_iter().chain(candidate).collect()
    }

    fn revision(&self, what: &str, revision: &RevisionRef, share: Option<u32>, paint: Paint) -> Node {
        let pods = match &self.facts.pods {
            None => "pods not known: you may not list them".to_owned(),
            Some(pods) => {
                let of: Vec<_> = pods
                    .iter()
                    .filter(|p| p.labels().get(names::REVISION).is_some_and(|r| r == revision.revision.as_str()))
                    .collect();
                let ready = of.iter().filter(|p| is_ready(p)).count();
                let text = format!("{ready} of {} ready", count(of.len(), "pod"));
                paint.on(if ready < of.len() { Tone::Warn } else { Tone::Plain }, &text)
            }
        };
        let share = share.map(|percent| format!(", {percent} % of the traffic")).unwrap_or_default();
        Node::new(format!("{what:<10} {}  {}  {pods}{share}", revision.revision, short_images(&revision.images)))
    }

    /// What is said besides the phase: somebody who writes what Sluice writes, metrics that see too little.
    fn conditions(&self, paint: Paint) -> Vec<Node> {
        let status = self.facts.policy.status.as_ref();
        let told = status.into_iter().flat_map(|s| &s.conditions).filter(|c| match c.type_.as_str() {
            condition::REPLICAS_CONTESTED | condition::ROUTE_CONTESTED => c.status == "True",
            condition::SENSITIVITY => c.status == "False",
            _ => false,
        });
        told.map(|c| Node::new(format!("{}  {}", paint.on(Tone::Warn, &c.reason), c.message))).collect()
    }

    fn release(&self, release: &Release, paint: Paint) -> Node {
        let journal = journal(release);
        let spec = frozen(release);
        let policy = spec.as_ref().and_then(|spec| parsed(&release.spec.policy.name, spec));
        let phase = format!("{:?}", journal.phase);
        let made = release.creation_timestamp().and_then(|t| DateTime::from_timestamp(t.0.as_second(), 0));
        let when = match (journal.finished_at, made) {
            (Some(end), _) => format!(", ended {} ago", age(self.now, end)),
            (None, Some(made)) => format!(", began {} ago", age(self.now, made)),
            (None, None) => String::new(),
        };
        let purpose = match release.spec.purpose {
            crds::journal::Purpose::Adopt => "takes the workload over, ",
            crds::journal::Purpose::Remove => "gives the workload back, ",
            crds::journal::Purpose::Update if release.spec.fast => "goes back to a version that has passed, ",
            crds::journal::Purpose::Update => "",
        };
        let urgent = match &release.spec.emergency {
            Some(Emergency { reason, refused: None }) => format!(", emergency: {}", paint.on(Tone::Warn, reason)),
            Some(Emergency { refused: Some(why), .. }) => format!(", no emergency: {}", paint.on(Tone::Warn, why)),
            None => String::new(),
        };
        let head = format!(
            "release    {}  {purpose}{}, attempt {}{when}{urgent}",
            release.name_any(),
            paint.on(of_phase(&phase), &phase),
            release.spec.attempt
        );
        let way =
            (release.spec.purpose == crds::journal::Purpose::Update).then(|| steps(release, self.now, paint)).flatten();
        let parts = [
            outcome(journal, paint),
            way,
            measured::gates(journal, policy.as_ref(), self.now, paint),
            measured::metrics(journal, spec.as_ref(), paint),
            self.timeline(journal, paint),
        ];
        Node::new(head).with(parts.into_iter().flatten())
    }

    fn timeline(&self, journal: &Journal, paint: Paint) -> Option<Node> {
        let skipped = journal.timeline.len().saturating_sub(LAST);
        let entries = journal.timeline[skipped..].iter().map(|entry| {
            let first = entry.message.lines().next().unwrap_or_default();
            let ago = paint.on(Tone::Dim, &format!("{:>6} ago", age(self.now, entry.at)));
            Node::new(format!("{ago}  {}  {first}", entry.reason))
        });
        (!journal.timeline.is_empty()).then(|| Node::new("timeline").with(entries.collect::<Vec<_>>()))
    }

    fn waiting(&self, paint: Paint) -> Option<Node> {
        let waiting = self.facts.policy.status.as_ref()?.waiting.as_ref()?;
        Some(Node::new(waits_for(waiting, self.now, paint)))
    }

    fn next(&self, paint: Paint) -> Option<Node> {
        let commands = next::commands(self.facts, self.program);
        let nodes = commands.iter().map(|n| Node::new(format!("{}  # {}", paint.on(Tone::Strong, &n.command), n.why)));
        (!commands.is_empty()).then(|| Node::new("you can").with(nodes.collect::<Vec<_>>()))
    }
}

/// One sentence: what is waited for, until when, and whether that takes a person.
pub(super) fn waits_for(waiting: &Waiting, now: DateTime<Utc>, paint: Paint) -> String {
    let first = waiting.message.lines().next().unwrap_or_default();
    let until = waiting.until.map(|at| format!(", {}", until(now, at))).unwrap_or_default();
    let (tone, person) = if waiting.stalled { (Tone::Warn, " (a person is needed)") } else { (Tone::Busy, "") };
    format!("waits for  {}: {first}{until}{person}", paint.on(tone, &waiting.reason))
}

fn outcome(journal: &Journal, paint: Paint) -> Option<Node> {
    let outcome = journal.outcome.as_ref()?;
    let phase = format!("{:?}", outcome.phase);
    let mut lines = outcome.message.lines();
    let head = format!(
        "outcome  {} {:?}: {}",
        paint.on(of_phase(&phase), &phase),
        outcome.reason,
        lines.next().unwrap_or_default()
    );
    Some(Node::new(head).with(lines.take(10).map(Node::new).collect::<Vec<_>>()))
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
    let mut ready = conditions.filter(|c| c.type_ == "Ready" && c.status == "True");
    pod.metadata.deletion_timestamp.is_none() && ready.next().is_some()
}
