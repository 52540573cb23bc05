//! The commands that would let a release go on.

use analysis::Verdict;
use crds::{
    Release,
    journal::{Journal, Phase, Purpose},
};
use kube::ResourceExt;

use crate::facts::{Facts, approvals, journal};

/// A command and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// To be typed as it is.
    pub command: String,
    /// What it does.
    pub why: &'static str,
}

/// What a person can do now, the most likely first; nothing where nothing has to be done.
pub fn commands(facts: &Facts, program: &str) -> Vec<Next> {
    let Some(release) = facts.release().filter(|r| r.spec.to.is_some() && r.spec.purpose == Purpose::Update) else {
        return Vec::new();
    };
    let namespace = facts.policy.namespace().unwrap_or_default();
    let command = |verb: &str, rest: &str| format!("{program} {verb} {}{rest} -n {namespace}", facts.name());
    let next = |verb: &str, why| Next { command: command(verb, ""), why };
    let journal = journal(release);
    let waiting = facts.policy.status.as_ref().and_then(|s| s.waiting.as_ref());
    let mut found: Vec<_> = awaited(release, journal)
        .into_iter()
        .flat_map(|gate| {
            let rest = format!(" --gate {gate}");
            [
                Next { command: command("approve", &rest), why: "gives the approval that the gate waits for" },
                Next { command: command("reject", &rest), why: "refuses it, and the version is taken back" },
            ]
        })
        .collect();
    match journal.phase {
        Phase::Held => {
            found.extend([next("retry", "tries the version once more"), next("abort", "takes it out for good")])
        }
        Phase::Inconclusive if !journal.finished() => found.extend([
            next("retry", "tries the version once more"),
            next("promote", "goes on without the evidence"),
            next("abort", "takes it out"),
        ]),
        _ if journal.finished() => {
            let stuck = journal.phase != Phase::Succeeded && waiting.is_some_and(|w| w.stalled);
            found.extend(stuck.then(|| next("retry", "tries the same version once more")));
        }
        Phase::RollingBack | Phase::Promoting | Phase::Warm => {}
        _ if journal.orders.paused => found.push(next("resume", "ends the pause")),
        _ if waiting.is_some_and(|w| w.reason == "PauseStep") => {
            found.push(next("resume", "ends the pause of this step"))
        }
        _ if waiting.is_some_and(|w| matches!(w.reason.as_str(), "Bake" | "Analysis" | "NoEvidence")) => {
            found.push(next("skip", "ends this step now, without its bake and metrics"));
        }
        _ => {}
    }
    if facts.policy.spec.suspend {
        let patch = r#"--type merge -p '{"spec":{"suspend":false}}'"#;
        let command = format!("kubectl patch rolloutpolicy {} {patch} -n {namespace}", facts.name());
        found.insert(0, Next { command, why: "ends the suspension of the policy" });
    }
    found
}

/// The gates that wait for an approval.
fn awaited(release: &Release, journal: &Journal) -> Vec<String> {
    if journal.finished() || journal.outcome.is_some() {
        return Vec::new();
    }
    let open = |name: &String| journal.gates.iter().any(|g| g.name == *name && g.verdict == Verdict::Unknown);
    approvals(release).into_iter().map(|(name, _)| name).filter(open).collect()
}
