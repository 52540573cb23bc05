//! `status --watch`: the tree drawn anew at every change, or a line per change.

use std::{future::pending, time::Duration};

use chrono::{DateTime, Utc};
use crds::{RolloutPolicy, journal::Entry};
use kube::ResourceExt;
use tokio::time::{MissedTickBehavior, interval};

use super::tree::{tree, waits_for};
use crate::{
    app::App,
    facts::{Facts, journal},
    failure::{Exit, Failure},
    live::{Besides, Live},
    paint::Paint,
};

/// Shows it until it is interrupted, or the policy is gone.
///
/// # Errors
/// When it may not be watched.
pub async fn run(app: &mut App, policy: RolloutPolicy) -> Result<Exit, Failure> {
    let mut live = Live::start(app, &policy.name_any(), &policy.spec.workload.name, Besides::Pods);
    // Ages and times that are left go on while nothing changes.
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (on_terminal, mut seen) = (app.screen.live, Seen::default());
    if on_terminal {
        app.screen.data("\u{1b}[2J")?;
    }
    loop {
        let tick = async { if on_terminal { ticks.tick().await } else { pending().await } };
        tokio::select! {
            changed = live.changed() => changed?,
            _ = tick => {}
        }
        let Some(known) = live.facts() else { continue };
        let Some(facts) = known else {
            app.screen.say(&format!("RolloutPolicy {} was deleted", policy.name_any()));
            return Ok(Exit::Done);
        };
        if on_terminal {
            let mut picture = tree(&facts, app.now(), app.program).render(app.screen.paint);
            picture.extend(live.trouble().map(|trouble| format!("not up to date: {trouble}\n")));
            app.screen.redraw(&picture)?;
        } else {
            for line in seen.news(&facts, app.now()) {
                app.screen.data(&format!("{line}\n"))?;
            }
        }
    }
}

/// What was printed already.
#[derive(Debug, Default)]
pub struct Seen {
    release: Option<String>,
    last: Option<Entry>,
    phase: String,
    waiting: String,
}

impl Seen {
    /// Lines about what is new: entries of the timeline, another phase, something else that is waited for.
    pub fn news(&mut self, facts: &Facts, now: DateTime<Utc>) -> Vec<String> {
        let stamp = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ");
        let mut lines = Vec::new();
        if let Some(release) = facts.release() {
            let name = release.name_any();
            if self.release.as_ref() != Some(&name) {
                (self.release, self.last) = (Some(name.clone()), None);
            }
            let timeline = &journal(release).timeline;
            let known = self.last.as_ref().and_then(|last| timeline.iter().rposition(|entry| entry == last));
            for entry in &timeline[known.map_or(0, |i| i + 1)..] {
                let first = entry.message.lines().next().unwrap_or_default();
                lines.push(format!("{} {name} {}: {first}", stamp(entry.at), entry.reason));
            }
            self.last = timeline.last().cloned().or(self.last.take());
        }
        let phase = facts.phase();
        if self.phase != phase {
            lines.push(format!("{} {} {phase}", stamp(now), facts.name()));
            self.phase = phase;
        }
        let waiting = facts.policy.status.as_ref().and_then(|s| s.waiting.as_ref());
        let (key, line) = waiting.map_or_else(Default::default, |w| {
            (
                format!("{} {:?}", w.reason, w.until),
                waits_for(w, now, Paint(false)).replacen("waits for  ", "waits for ", 1),
            )
        });
        if self.waiting != key {
            lines.extend((!line.is_empty()).then(|| format!("{} {} {line}", stamp(now), facts.name())));
            self.waiting = key;
        }
        lines
    }
}
