//! The way of a release: what is done, where it is, what is to come.

use chrono::{DateTime, Utc};
use crds::{
    Release,
    journal::{Journal, Phase},
};
use planner::{
    Policy,
    policy::{Step, Strategy},
};

use crate::{
    facts::{frozen, journal, parsed},
    paint::{Paint, Tone},
    tree::Node,
    words::{age, span, until},
};

/// How far something on the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Done,
    Now,
    Stopped,
    ToCome,
}

impl Mark {
    fn put(self, paint: Paint, words: &str) -> Node {
        let (sign, tone) = match self {
            Self::Done => ("✔", Tone::Good),
            Self::Now => ("●", Tone::Busy),
            Self::Stopped => ("✘", Tone::Bad),
            Self::ToCome => ("○", Tone::Dim),
        };
        let words = if self == Self::ToCome { paint.on(Tone::Dim, words) } else { words.into() };
        Node::new(format!("{} {words}", paint.on(tone, sign)))
    }
}

/// The way; none where its plan cannot be read.
pub(super) fn steps(release: &Release, now: DateTime<Utc>, paint: Paint) -> Option<Node> {
    let journal = journal(release);
    let policy = parsed(&release.spec.policy.name, &frozen(release)?)?;
    let mut nodes = vec![
        at(journal, Phase::Preparing)
            .put(paint, &stage("prepare", "pods of the candidate", journal, Phase::Preparing, now)),
    ];
    let traffic = policy.gates.iter().filter(|g| g.at == planner::policy::Place::Traffic).count();
    let gates = if traffic == 0 { "nothing is tested".to_owned() } else { "tests before live traffic".to_owned() };
    nodes.push(at(journal, Phase::Gating).put(paint, &stage("gates", &gates, journal, Phase::Gating, now)));
    if !release.spec.fast {
        nodes.extend((1..).zip(policy.steps()).map(|(k, step)| one(k, step, &policy, journal, now, paint)));
    }
    nodes.push(
        at(journal, Phase::Promoting)
            .put(paint, &stage("promotion", "all traffic goes over", journal, Phase::Promoting, now)),
    );
    let bake = match &policy.strategy {
        Strategy::BlueGreen { bake, .. } if !bake.is_zero() => "the new version is watched, the old one kept",
        _ => "the old version is kept",
    };
    let warm = format!("{bake} for {}", span(policy.warm_for().max(policy.drain)));
    nodes.push(at(journal, Phase::Warm).put(paint, &stage("warm", &warm, journal, Phase::Warm, now)));
    Some(Node::new("way").with(nodes))
}

/// The phase that a release has come to, whatever it is called now that it ended.
fn reached(journal: &Journal) -> Phase {
    match journal.phase {
        Phase::Succeeded => Phase::Succeeded,
        phase if phase < Phase::Succeeded => phase,
        _ => journal.held_in.unwrap_or(match (journal.step, journal.served) {
            (Some(_), _) | (None, true) => Phase::Shifting,
            (None, false) => Phase::Gating,
        }),
    }
}

fn ended(journal: &Journal) -> bool {
    journal.phase > Phase::Succeeded
}

fn at(journal: &Journal, phase: Phase) -> Mark {
    match reached(journal).cmp(&phase) {
        std::cmp::Ordering::Greater => Mark::Done,
        std::cmp::Ordering::Equal if ended(journal) => Mark::Stopped,
        std::cmp::Ordering::Equal => Mark::Now,
        std::cmp::Ordering::Less => Mark::ToCome,
    }
}

fn stage(name: &str, what: &str, journal: &Journal, phase: Phase, now: DateTime<Utc>) -> String {
    let since = journal.entered_at.filter(|_| journal.phase == phase);
    format!("{name:<10} {what}{}", since.map(|at| format!(", for {}", age(now, at))).unwrap_or_default())
}

fn one(k: u32, step: &Step, policy: &Policy, journal: &Journal, now: DateTime<Utc>, paint: Paint) -> Node {
    let mark = match at(journal, Phase::Shifting) {
        Mark::Done | Mark::ToCome => at(journal, Phase::Shifting),
        here => match journal.step.unwrap_or(1).cmp(&k) {
            std::cmp::Ordering::Greater => Mark::Done,
            std::cmp::Ordering::Equal => here,
            std::cmp::Ordering::Less => Mark::ToCome,
        },
    };
    let pause = if step.pause { ", then a person's Resume" } else { "" };
    let mut words = format!("{:<10} {step}, held {}{pause}", format!("step {k}"), span(step.bake));
    if mark == Mark::Now && journal.phase == Phase::Shifting {
        words.push_str(&match journal.applied_at {
            None => "; not in force yet".into(),
            Some(applied) => match applied + policy.propagation + step.bake {
                end if end > now => format!("; in force, {}", until(now, end)),
                _ => "; in force, baked".into(),
            },
        });
    }
    mark.put(paint, &words)
}
