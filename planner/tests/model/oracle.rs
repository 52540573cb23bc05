//! What must be so at every tick, whatever the plans were: told from the cluster, not from the planner.

use std::collections::{BTreeMap, BTreeSet};

use analysis::Verdict;
use planner::{
    Digest, Journal, NewRelease, RevisionId,
    journal::{LOOKS, Phase, Purpose, TIMELINE},
    picks::Picks,
    policy::{Place, Shares},
    split,
    world::Selects,
};

use super::{Model, Owner, Pods};

/// What the oracle remembers.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// A move of routes that fails requests.
    pub hasty: Option<&'static str>,
    /// Callers are served by us: from here on they always are.
    pub served: bool,
    /// Somebody else meddles with the Service until then, so what answers is not ours to promise.
    pub contested_until: i64,
    /// Pods are down by themselves until then.
    down_until: i64,
    /// Since when routes send callers to a version of which no pod is ready.
    lost_since: Option<i64>,
    /// Versions that may have live requests.
    proven: BTreeSet<Digest>,
    /// Versions with evidence against them, with the pods and members they had when that was known.
    pub(super) condemned: BTreeMap<Digest, (u32, usize)>,
    /// Releases after which a person wants another attempt.
    forgiven: BTreeSet<String>,
    /// The release, its old revision's pods, its step and since when that is in force.
    before: Option<Before>,
    /// When a revision's pods were last reached by callers, and how many it was to have.
    reached: BTreeMap<RevisionId, (i64, u32)>,
    /// Who approved.
    pub(super) approvals: super::people::Approvals,
    /// Since when the warm period lasts.
    warm_since: Option<i64>,
}

#[derive(Clone, Debug)]
struct Before {
    release: String,
    from: u32,
    step: Option<u32>,
    in_force: Option<i64>,
}

impl Oracle {
    pub(super) fn begins(&mut self, new: &NewRelease) {
        let Some(to) = &new.to else { return };
        assert!(!self.condemned.contains_key(&to.digest), "a version that failed begins again without a Retry");
        if !new.fast {
            self.proven.remove(&to.digest);
        }
    }

    /// A person wants another attempt.
    pub fn forgive(&mut self, release: &str, digest: &Digest) {
        self.forgiven.insert(release.into());
        self.condemned.remove(digest);
    }
}

impl Model {
    pub(super) fn audit(&mut self) {
        self.learn();
        let mut broken: Vec<String> = self.oracle.hasty.take().map(str::to_owned).into_iter().collect();
        self.callers_are_answered(&mut broken);
        self.nobody_unproven_answers(&mut broken);
        self.shares_are_kept(&mut broken);
        self.nothing_rises_after_a_fail(&mut broken);
        self.steps_are_held(&mut broken);
        self.pods_that_served_are_drained(&mut broken);
        self.nobody_is_passed_over(&mut broken);
        assert!(broken.is_empty(), "at {} s: {broken:#?}\n{}", self.clock, self.story());
    }

    fn count(&self, id: &RevisionId, what: impl Fn(&super::PodLife) -> bool) -> usize {
        self.pods.values().filter(|p| p.owner == Owner::Revision(id.clone()) && what(p)).count()
    }

    fn learn(&mut self) {
        let down = |m: &Self, d: &Digest| m.behaviours.get(d).is_some_and(|b| !matches!(b.pods, Pods::ReadyAfter(_)));
        let release = self.release.clone();
        let serving = release.as_ref().is_some_and(|r| {
            matches!(
                r.journal.phase,
                Phase::Promoting | Phase::Warm | Phase::RollingBack | Phase::Held | Phase::Inconclusive
            )
        });
        let to = release.as_ref().and_then(|r| r.to.as_ref()).filter(|_| serving);
        if self.stable.iter().chain(to).any(|r| down(self, &r.digest)) {
            self.oracle.down_until = self.clock + 10;
        }
        // What is given back is the user's: its pods serve, or not, by themselves, also those of an earlier template
        // while the newest one does not come up.
        let wish = self.load.as_ref().is_some_and(|l| down(self, &l.wish.digest));
        let own = |p: &super::PodLife| matches!(p.owner, Owner::Workload(_)) && self.is_down(p);
        if self.deleting && (wish || self.pods.values().any(own)) {
            self.oracle.down_until = self.clock + 10;
        }
        // A template that the user changes after the Service was given back rolls out by itself, with whatever quota there is.
        let given_back = self.deleting && self.apex.as_ref().is_some_and(|a| a.selects == Selects::Users);
        if given_back && self.load.as_ref().is_some_and(|l| self.clock < l.since + 10) {
            self.oracle.down_until = self.clock + 10;
        }
        // We never write these while our mark is on the Service.
        let meddled = |a: &super::Service| match a.selects {
            Selects::Garbled => true,
            Selects::Users => a.marked && self.stable.is_some(),
            _ => false,
        };
        if self.apex.as_ref().is_some_and(meddled) {
            self.oracle.contested_until = self.clock + 2;
        }
        let lost = self.given().is_some_and(|s| self.ready_of(&Owner::Revision(s.candidate.clone())).is_empty());
        self.oracle.lost_since = lost.then(|| self.oracle.lost_since.unwrap_or(self.clock));
        let Some(release) = release else { return };
        let Some(to) = &release.to else { return };
        let against = release.journal.outcome.as_ref().is_some_and(|o| o.reason.condemns());
        if against && !self.oracle.forgiven.contains(&release.name) {
            let pods = self.replicas_of(&to.revision);
            let members = self.joined(&to.revision);
            self.oracle.condemned.entry(to.digest.clone()).or_insert((pods, members));
        }
        let trusted = release.purpose == Purpose::Adopt && !self.policy.gate_first;
        let gates = self.policy.gates.iter().filter(|g| g.at == Place::Traffic && (!release.fast || g.always));
        let passed = gates
            .filter(|g| g.window().is_none() || !release.is_bound_to_no_calendar())
            .all(|g| release.journal.gate(&g.name, Place::Traffic, None).is_some_and(|r| r.verdict == Verdict::Pass));
        if trusted || (passed && release.journal.phase > Phase::Preparing) {
            self.oracle.proven.insert(to.digest.clone());
        }
    }

    /// Its pods that answer for another revision, or what routes send to it in percent.
    pub(super) fn joined(&self, id: &RevisionId) -> usize {
        let routed = self.routes.in_force.as_ref().filter(|s| s.candidate == *id).map_or(0, |s| s.percent as usize);
        routed.max(self.count(id, |p| p.ends.is_none() && !p.members_of.is_empty()))
    }

    pub(super) fn replicas_of(&self, id: &RevisionId) -> u32 {
        self.live.get(id).and_then(|l| l.replicas).unwrap_or(0)
    }

    fn callers_are_answered(&self, broken: &mut Vec<String>) {
        let uninstalled = (self.deleting && self.load.is_none()) || self.namespace_terminating;
        let excused = uninstalled || self.clock <= self.oracle.down_until || self.clock <= self.oracle.contested_until;
        let Some(apex) = self.apex.as_ref().filter(|_| self.oracle.served && !excused) else { return };
        if !apex.endpoints.iter().any(|p| self.pods.get(p).is_some_and(|p| self.ready(p))) {
            broken.push(format!("nobody answers callers: the Service selects {:?}", apex.selects));
        }
        // A pod that dies can be seen and answered only afterwards, by a controller that is there.
        if self.oracle.lost_since.is_some_and(|at| self.clock > at + 2) && !self.away {
            broken.push(format!("routes send callers to nobody: {:?}", self.routes.in_force));
        }
    }

    fn nobody_unproven_answers(&self, broken: &mut Vec<String>) {
        let Some(apex) = self.apex.as_ref().filter(|_| self.clock > self.oracle.contested_until) else { return };
        let mut versions = BTreeSet::new();
        for pod in self.answering().iter().filter_map(|p| self.pods.get(p)) {
            let id = match &pod.owner {
                Owner::Revision(id) => id.to_string(),
                // Before it is taken over, and after it is given back, what the user runs is the user's.
                Owner::Workload(_) if self.stable.is_none() || apex.selects == Selects::Users => continue,
                Owner::Workload(hash) => hash[1..].to_owned(),
            };
            if !self.oracle.proven.iter().any(|d| d.id().as_str() == id) {
                broken.push(format!("an unproven version answers callers: {id}"));
            }
            versions.insert(id);
        }
        if versions.len() > 2 {
            broken.push(format!("three versions answer callers: {versions:?}"));
        }
    }

    fn shares_are_kept(&mut self, broken: &mut Vec<String>) {
        let Some(release) = self.release.as_ref().filter(|r| r.purpose == Purpose::Update) else {
            self.oracle.before = None;
            return;
        };
        let (Some(from), Some(to)) = (&release.from, &release.to) else { return };
        let journal = &release.journal;
        let members = self.count(&to.revision, |p| p.ends.is_none() && p.members_of.contains(&from.revision));
        let weight = |k: u32| self.policy.steps()[k as usize - 1].weight;
        let most = match (journal.phase, journal.step) {
            (Phase::Shifting, Some(k)) => split::members(self.replicas_of(&from.revision), weight(k)) as usize,
            (Phase::Pending | Phase::Preparing | Phase::Gating, _) => 0,
            _ => usize::MAX,
        };
        let routed = self.routes.in_force.as_ref().filter(|s| s.candidate == to.revision).map_or(0, |s| s.percent);
        let picks = self.routes.in_force.as_ref().filter(|s| s.candidate == to.revision).map(|s| &s.picks);
        let odd = |picks: &&Picks| match (journal.phase, journal.step) {
            // A gateway may still be at the step before.
            (Phase::Shifting, Some(k)) => {
                let steps = &self.policy.steps()[..k as usize];
                steps.iter().rev().take(2).all(|s| !picks.within(&s.picks))
            }
            // Copies of all requests come on top of the requests themselves.
            (Phase::Warm, _) => picks.mirror.is_some(),
            _ => false,
        };
        if let Some(odd) = picks.filter(odd) {
            broken.push(format!("routes send {odd} in {:?} {:?}, which nobody asks for", journal.phase, journal.step));
        }
        let asked = match (journal.phase, journal.step) {
            (Phase::Shifting, Some(k)) => weight(k).percent(),
            (Phase::Pending | Phase::Preparing | Phase::Gating, _) => 0,
            _ => 100,
        };
        if routed > asked {
            broken.push(format!(
                "routes send {routed} % in {:?} {:?}, {asked} are asked for",
                journal.phase, journal.step
            ));
        }
        if members > most {
            broken.push(format!(
                "{members} members in {:?} {:?}, at most {most} are asked for",
                journal.phase, journal.step
            ));
        }
        let now = self.replicas_of(&from.revision);
        if let Some(before) = self.oracle.before.as_ref().filter(|b| b.release == release.name)
            && now < before.from
            && journal.phase != Phase::Warm
        {
            broken.push(format!("the stable revision went from {} to {now} pods in {:?}", before.from, journal.phase));
        }
    }

    fn nothing_rises_after_a_fail(&mut self, broken: &mut Vec<String>) {
        for (digest, (pods, members)) in self.oracle.condemned.clone() {
            let id = digest.id();
            let now = self.replicas_of(&id);
            let joined = self.joined(&id);
            if now > pods || joined > members {
                broken.push(format!("{id} has failed and rises: {pods} to {now} pods, {members} to {joined} members"));
            }
            self.oracle.condemned.insert(digest, (now.min(pods), joined.min(members)));
        }
    }

    /// After callers stopped reaching a revision, none of its pods ends before open connections had their time.
    fn pods_that_served_are_drained(&mut self, broken: &mut Vec<String>) {
        let uninstalled = (self.deleting && self.load.is_none()) || self.namespace_terminating;
        let time = (self.policy.propagation + self.policy.drain).num_seconds();
        for (id, live) in &self.live {
            let now = live.replicas.unwrap_or(0);
            let answering = self.answering();
            let mut owners = answering.iter().filter_map(|p| self.pods.get(p)).map(|p| &p.owner);
            if owners.any(|o| *o == Owner::Revision(id.clone())) {
                self.oracle.reached.insert(id.clone(), (self.clock, now));
            } else if let Some((last, before)) = self.oracle.reached.get_mut(id) {
                let theirs = self.oracle.down_until.max(self.oracle.contested_until);
                let excused = uninstalled || self.apex.is_none() || *last <= theirs;
                if now < *before && self.clock - *last < time && !excused {
                    broken.push(format!("{id} loses pods {} s after callers reached it", self.clock - *last));
                }
                *before = now;
            }
        }
    }

    /// Steps and the warm period last as long as the policy says, counted from when the cluster was seen to be so.
    fn steps_are_held(&mut self, broken: &mut Vec<String>) {
        let Some(release) = self.release.clone().filter(|r| r.purpose == Purpose::Update) else { return };
        let (Some(from), Some(to)) = (&release.from, &release.to) else { return };
        let journal = &release.journal;
        let before = self.oracle.before.take().filter(|b| b.release == release.name);
        if let Some(before) = &before
            && let Some(k) = before.step
            && before.step != journal.step
            && matches!(journal.phase, Phase::Shifting | Phase::Promoting)
        {
            let ordered = journal.orders.promote || journal.orders.skipped == Some(k);
            let held = before.in_force.map_or(0, |since| self.clock - since);
            let bake = (self.policy.steps()[k as usize - 1].bake + self.policy.propagation).num_seconds();
            if held < bake && !ordered {
                broken.push(format!("step {k} was held for {held} s, not {bake}"));
            }
            if self.policy.shares == Shares::Routes && self.routes.contested.is_some() && !ordered {
                broken.push(format!("step {k} ended while somebody wrote the routes again and again"));
            }
        }
        let owner = Owner::Revision(to.revision.clone());
        let answers = self.answering().iter().any(|p| self.pods.get(p).is_some_and(|p| p.owner == owner));
        let copied = self.routes.in_force.as_ref().is_some_and(|s| s.candidate == to.revision);
        let in_force = (answers || copied) && journal.step.is_some();
        let since = before.filter(|b| b.step == journal.step).and_then(|b| b.in_force);
        self.oracle.before = Some(Before {
            release: release.name.clone(),
            from: self.replicas_of(&from.revision),
            step: journal.step,
            in_force: since.or(in_force.then_some(self.clock)),
        });
        let warm = journal.phase == Phase::Warm;
        let since = warm.then(|| self.oracle.warm_since.unwrap_or(self.clock));
        self.oracle.warm_since = since;
        if let Some(since) = since
            && journal.draining
            && !journal.drain_early
            && self.clock - since < self.policy.warm_for().num_seconds()
        {
            broken.push("the old revision is drained before the warm period is over".into());
        }
    }
}

/// A journal fits its schema.
pub fn bounded(journal: &Journal) {
    let numbers = journal.analysis.looks.iter().filter(|look| look.samples.values().any(|s| s.value.is_some()));
    assert!(journal.timeline.len() <= TIMELINE && numbers.count() <= LOOKS && journal.analysis.looks.len() <= 1000);
    assert!(journal.gates.len() <= 64 && journal.orders.heeded.len() <= 64);
    assert!(journal.orders.approvals.len() <= 64 && journal.gates.iter().all(|g| g.approvals.len() <= 10));
    let longest = |texts: &mut dyn Iterator<Item = &String>| texts.map(|t| t.chars().count()).max().unwrap_or(0);
    assert!(longest(&mut journal.timeline.iter().map(|e| &e.message)) <= 512);
    assert!(longest(&mut journal.gates.iter().map(|g| &g.message)) <= 1024);
    assert!(longest(&mut journal.waiting.iter().map(|w| &w.message)) <= 1024);
    assert!(longest(&mut journal.outcome.iter().map(|o| &o.message)) <= 1024);
}
