//! What people and machines do to the cluster.

use chrono::TimeDelta;
use planner::{
    Policy,
    world::{Blocker, Decision, Freeze, Order},
};

use super::{Behaviour, Metrics, Model, Pods, Test, rev};

impl Model {
    /// The workload's template names version `n`.
    pub fn wish(&mut self, n: u32) -> &mut Self {
        let since = self.clock;
        if let Some(load) = &mut self.load {
            (load.wish, load.since) = (rev(n), since);
        }
        self
    }

    /// How version `n` behaves from now on.
    pub fn behaves(&mut self, n: u32, change: impl FnOnce(&mut Behaviour)) -> &mut Self {
        change(self.behaviours.entry(rev(n).digest).or_default());
        self
    }

    pub fn pods_of(&mut self, n: u32, pods: Pods) -> &mut Self {
        self.behaves(n, |b| b.pods = pods)
    }

    pub fn metrics_of(&mut self, n: u32, metrics: Metrics) -> &mut Self {
        self.behaves(n, |b| b.metrics = metrics)
    }

    pub fn test_of(&mut self, n: u32, gate: &str, test: Test) -> &mut Self {
        self.behaves(n, |b| {
            b.tests.insert(gate.into(), test);
        })
    }

    /// Somebody decides about the release under way, or else the last one.
    pub fn decide(&mut self, action: Order) -> &mut Self {
        self.decide_as("ann", &[], action)
    }

    pub fn approve(&mut self, by: &str, gate: &str) -> &mut Self {
        self.decide_as(by, &[], Order::Approve(gate.into()))
    }

    pub fn reject(&mut self, by: &str, gate: &str) -> &mut Self {
        self.decide_as(by, &[], Order::Reject(gate.into()))
    }

    /// The same by somebody in these groups.
    pub fn decide_as(&mut self, by: &str, groups: &[&str], action: Order) -> &mut Self {
        let decision = self.decision(by, groups, action);
        self.make(decision)
    }

    /// The same by somebody who may decide it, or may not.
    pub fn decide_if(&mut self, may: bool, by: &str, action: Order) -> &mut Self {
        let refused = (!may).then(|| format!("{by} may not"));
        let decision = Decision { refused, ..self.decision(by, &[], action) };
        self.make(decision)
    }

    fn decision(&mut self, by: &str, groups: &[&str], action: Order) -> Decision {
        let about = self.release.as_ref().or(self.last.as_ref()).unwrap();
        let (release, digest) = (about.name.clone(), about.to.as_ref().unwrap().digest.clone());
        self.serial += 1;
        let uid = format!("decision-{}", self.serial);
        let (by, groups) = (by.to_owned(), groups.iter().map(|g| (*g).to_owned()).collect());
        let at = self.now();
        Decision { uid, by, groups, action, comment: None, release, digest, at, refused: None }
    }

    fn make(&mut self, decision: Decision) -> &mut Self {
        if decision.action == Order::Retry {
            if self.release.is_none() {
                self.failed.remove(&decision.digest);
            }
            self.oracle.forgive(&decision.release, &decision.digest);
        }
        self.oracle_hears(&decision);
        self.decisions.push(decision);
        self
    }

    pub fn delete_policy(&mut self) -> &mut Self {
        self.deleting = true;
        self.gone |= !self.finalizer;
        self
    }

    /// The policy is made again, by the same name, after it was removed.
    pub fn policy_again(&mut self) -> &mut Self {
        (self.deleting, self.gone, self.finalizer) = (false, false, false);
        (self.release, self.last, self.due) = (None, None, Some(self.clock));
        self.history.clear();
        self
    }

    /// Somebody changes the policy; what a release keeps from when it began, the one under way keeps.
    pub fn change_policy(&mut self, change: impl FnOnce(&mut Policy)) -> &mut Self {
        let mut policy = self.changed.take().unwrap_or_else(|| self.policy.clone());
        change(&mut policy);
        self.changed = Some(policy).filter(|p| *p != self.policy);
        if self.release.is_none() {
            self.take_up_policy();
        }
        self
    }

    /// From the next release on the policy is what it was changed to; what counts at once it has already.
    pub(super) fn take_up_policy(&mut self) {
        if let Some(changed) = self.changed.take() {
            let now = &self.policy;
            self.policy =
                Policy { suspend: now.suspend, replicas: now.replicas, depends_on: now.depends_on.clone(), ..changed };
        }
    }

    /// Somebody makes the routes such that nothing can be written, or mends them.
    pub fn unroutable(&mut self, on: bool) {
        let trouble = Blocker { reason: "RouteFilters".into(), message: "HTTPRoute shop has filters".into() };
        self.routes.trouble = on.then_some(trouble);
    }

    /// From now on nothing rises, for so many seconds or until somebody ends it.
    pub fn freeze(&mut self, seconds: Option<i64>) -> &mut Self {
        let until = seconds.map(|s| self.now() + TimeDelta::seconds(s));
        let (reason, by) = ("year-end closing".into(), "annotation sluice.dev/freeze of Namespace web".into());
        self.freezes.push(Freeze { from: Some(self.now()), until, reason, by });
        self
    }
}
