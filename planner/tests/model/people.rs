//! Who approved and who refused, as anybody could count it who only reads the decisions and the policy.

use std::collections::{BTreeMap, BTreeSet};

use planner::{
    journal::{GateRecord, Phase, Purpose},
    policy::{Gate, Place},
    world::{Decision, Order, Release},
};

use super::Model;

/// By release and gate: everybody who approved, each time they did.
pub type Approvals = BTreeMap<(String, String), Vec<String>>;

impl Model {
    /// Whether the gate of a record asks people.
    pub fn asks_people(&self, record: &GateRecord) -> bool {
        self.policy.gates.iter().any(|g| g.name == record.name && g.approval().is_some())
    }

    fn counts(&self, decision: &Decision, name: &str, release: &Release) -> bool {
        let Some(people) = self.policy.gates.iter().find(|g| g.name == name).and_then(Gate::approval) else {
            return false;
        };
        let listed = people.users.contains(&decision.by) || decision.groups.iter().any(|g| people.groups.contains(g));
        let listed = listed || (people.users.is_empty() && people.groups.is_empty());
        let foreign = release.author.as_ref().is_some_and(|a| *a != decision.by);
        let approves = matches!(decision.action, Order::Approve(_));
        decision.refused.is_none() && listed && (foreign || !people.not_author || !approves)
    }

    pub(super) fn oracle_hears(&mut self, decision: &Decision) {
        let Some(release) = self.release.clone().filter(|r| r.name == decision.release) else { return };
        let Some(to) = release.to.clone().filter(|to| to.digest == decision.digest) else { return };
        match &decision.action {
            Order::Approve(gate) if self.counts(decision, gate, &release) => {
                let key = (release.name, gate.clone());
                self.oracle.approvals.entry(key).or_default().push(decision.by.clone());
            }
            Order::Reject(gate) if self.counts(decision, gate, &release) && rejectable(&release) => {
                let now = (self.replicas_of(&to.revision), self.joined(&to.revision));
                self.oracle.condemned.entry(to.digest).or_insert(now);
            }
            _ => {}
        }
    }

    /// No release gets past a gate that asks people before as many of them as it wants have approved this very release.
    pub(super) fn nobody_is_passed_over(&self, broken: &mut Vec<String>) {
        let Some(release) = self.release.as_ref().filter(|r| r.purpose == Purpose::Update) else { return };
        for gate in &self.policy.gates {
            let Some(people) = gate.approval() else { continue };
            let asked = self.times_passed(gate, release);
            let all =
                self.oracle.approvals.get(&(release.name.clone(), gate.name.clone())).cloned().unwrap_or_default();
            let different = all.iter().collect::<BTreeSet<_>>().len();
            if asked > 0 && (different < people.needed || all.len() < asked * people.needed) {
                broken.push(format!(
                    "gate {} let {} pass {asked} times with {all:?}, in {:?} {:?}",
                    gate.name, release.name, release.journal.phase, release.journal.step
                ));
            }
        }
    }

    /// How often a gate must have been passed to be where the release is.
    fn times_passed(&self, gate: &Gate, release: &Release) -> usize {
        let journal = &release.journal;
        let steps = self.policy.steps().len() as u32;
        let before = |k: u32| (1..k).filter(|j| gate.covers(Some(*j))).count();
        let full = matches!(journal.phase, Phase::Promoting | Phase::Warm);
        let skips = release.fast && !gate.always;
        match gate.at {
            Place::Start => {
                usize::from(matches!(journal.phase, Phase::Preparing | Phase::Gating | Phase::Shifting) || full)
            }
            Place::Traffic if skips => 0,
            Place::Traffic => usize::from(journal.phase == Phase::Shifting || full),
            Place::Step if full && !release.fast => match journal.orders.promote || release.is_emergency() {
                true => before(steps + 1).min(1),
                false => before(steps + 1),
            },
            Place::Step => journal.step.map_or(0, before),
            Place::Promotion => usize::from(full),
        }
    }
}

/// What was said on the way back, after a Fail, or of what runs already, changes nothing.
fn rejectable(release: &Release) -> bool {
    let turned = matches!(release.journal.phase, Phase::RollingBack | Phase::Held);
    release.purpose == Purpose::Update && !turned
}
