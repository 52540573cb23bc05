//! Passes in words: one line each.

use planner::{Action, Plan, journal::Journal, world::Selects};

use super::Model;

impl Model {
    /// Everything that happened, for the message of a test that fails.
    pub fn story(&self) -> String {
        let notes = self.release.as_ref().or(self.last.as_ref()).map(|r| {
            let entry = |e: &planner::journal::Entry| {
                format!("  {:>5}s {}: {}", (e.at - self.start).num_seconds(), e.reason, e.message)
            };
            r.journal.timeline.iter().map(entry).collect::<Vec<_>>().join("\n")
        });
        let from = self.log.len().saturating_sub(120);
        format!("{}\nthe release's own timeline:\n{}", self.log[from..].join("\n"), notes.unwrap_or_default())
    }

    pub(super) fn write_down(&mut self, plan: &Plan) {
        let active = plan.journal.as_ref().or(self.journal());
        let place = active.map_or("settled".into(), place);
        let mut what: Vec<_> = plan.actions.iter().map(words).collect();
        if let Some(waiting) = &plan.waiting {
            let stalled = if waiting.stalled { "!" } else { "" };
            what.push(format!("waits: {}{stalled}", waiting.reason));
        } else if plan.actions.is_empty() {
            what.push(if plan.journal.is_some() { "moves on".into() } else { "nothing to do".into() });
        }
        let line = format!("{place:<14} {}", what.join(", "));
        let said = self.log.last().is_some_and(|l| l.ends_with(&line));
        // The same wait again is no news.
        if !said || !plan.actions.is_empty() {
            self.log.push(format!("{:>4}s {line}", self.clock));
        }
    }
}

fn place(journal: &Journal) -> String {
    let step = journal.step.map_or(String::new(), |k| format!(" {k}"));
    format!("{:?}{step}", journal.phase)
}

fn words(action: &Action) -> String {
    match action {
        Action::AddFinalizer => "finalizer".into(),
        Action::FillReplicas(n) => format!("replicas: {n}"),
        Action::CreateRelease(new) => {
            let name = |r: &Option<planner::journal::RevisionRef>| r.as_ref().map_or("-".into(), |r| id(&r.revision));
            let fast = if new.fast { ", fast" } else { "" };
            format!("new {:?} {} -> {} ({}{fast})", new.purpose, name(&new.from), name(&new.to), new.attempt)
        }
        Action::EnsureRevision { revision, replicas } => format!("make {} with {replicas}", id(&revision.revision)),
        Action::ScaleRevision { revision, replicas } => format!("{} to {replicas} pods", id(revision)),
        Action::SetMembers { candidate, pods, .. } => format!("{} members of {}", pods.len(), id(candidate)),
        Action::SetApex { selects, .. } => format!("select {}", selector(selects)),
        Action::MakeRoute => "make route".into(),
        Action::SetRoutes(None) => "routes as they were".into(),
        Action::SetRoutes(Some(share)) => format!("routes send {share} to {}", id(&share.candidate)),
        Action::LayRoutes(share) => format!("lay down rules for {share} to {}", id(&share.candidate)),
        Action::TidyRoutes => "take out the rules that sleep".into(),
        Action::EnsureSettings(None) => "settings of the Service".into(),
        Action::EnsureSettings(Some(revision)) => format!("settings of {}", id(revision)),
        Action::ScaleWorkload(n) => format!("workload to {n}"),
        Action::StartRun(key) => format!("test {} ({})", key.gate, key.attempt),
        Action::DeleteRevision(revision) => format!("delete {}", id(revision)),
        Action::LeaveServing(revision) => format!("leave {} serving", id(revision)),
        Action::DeleteRelease(name) => format!("delete release {name}"),
        Action::ReleaseFinalizers => "release finalizers".into(),
    }
}

fn selector(selects: &Selects) -> String {
    match selects {
        Selects::Users => "users".into(),
        Selects::Serving(revision) => id(revision),
        Selects::Only(revision) => format!("only {}", id(revision)),
        Selects::Nobody => "nobody".into(),
        Selects::Hash(_) => "workload".into(),
        Selects::Garbled => "?".into(),
    }
}

fn id(revision: &planner::RevisionId) -> String {
    format!("v{}", &revision.as_str()[..1])
}
