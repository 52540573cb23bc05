//! What the cluster does by itself: Deployments, pods, endpoints, Jobs; and what can be seen of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use planner::{
    RevisionId, World,
    journal::Evidence,
    picks::Picks,
    policy::{Place, Shares},
    world::{Apex, Asleep, Pod, Revision, Routes, Run, RunKey, Selects, Settings, Share, Trouble, Wish, Workload},
};

use super::{Model, RouteLife, Test};

/// How a version's pods behave; in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pods {
    ReadyAfter(i64),
    Crash,
    /// Ready for three seconds of every ten, and crashed for the rest.
    Flap,
    NeverReady,
    ImageMissing,
    /// They were ready and are not now.
    Down,
}

/// Whose pod it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    Revision(RevisionId),
    /// The user's own ReplicaSet, by the hash of its template.
    Workload(String),
}

/// A pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodLife {
    pub owner: Owner,
    pub born: i64,
    pub ends: Option<i64>,
    pub members_of: BTreeSet<RevisionId>,
}

/// How long a pod takes to end.
const GRACE: i64 = 2;
/// How long a test runs.
const TEST: i64 = 5;
/// How long a wish must rest.
const SETTLE: i64 = 5;

impl Model {
    pub(super) fn cluster_moves(&mut self) {
        self.routes.in_force.clone_from(&self.routes.share);
        let listed = self.selected();
        if let Some(apex) = &mut self.apex {
            apex.endpoints = listed;
        }
        let clock = self.clock;
        let answering: Vec<_> = self.live.keys().filter(|id| self.answers_now(id)).cloned().collect();
        for id in answering {
            self.answers.entry(id).or_insert(clock);
        }
        self.pods.retain(|_, p| p.ends.is_none_or(|at| at > clock));
        let pods = &self.pods;
        self.live.retain(|id, l| {
            l.replicas.is_some()
                || l.complete
                || l.recorded
                || pods.values().any(|p| p.owner == Owner::Revision(id.clone()))
        });
        let wanted: Vec<_> =
            self.live.iter().map(|(id, l)| (Owner::Revision(id.clone()), l.replicas.unwrap_or(0))).collect();
        for (owner, replicas) in wanted {
            self.scale_to(&owner, replicas);
        }
        let Some(load) = &self.load else {
            let theirs: BTreeSet<_> = self.workload_hashes();
            theirs.into_iter().for_each(|h| self.scale_to(&Owner::Workload(h), 0));
            return;
        };
        let (hash, replicas) = (hash(&load.wish.revision), load.replicas);
        self.scale_to(&Owner::Workload(hash.clone()), replicas);
        let fresh = self.ready_of(&Owner::Workload(hash.clone())).len() as u32;
        if fresh >= replicas {
            let old = self.workload_hashes();
            old.into_iter().filter(|h| *h != hash).for_each(|h| self.scale_to(&Owner::Workload(h), 0));
        }
    }

    fn answers_now(&self, id: &RevisionId) -> bool {
        !self.ready_of(&Owner::Revision(id.clone())).is_empty()
    }

    fn workload_hashes(&self) -> BTreeSet<String> {
        let hash = |p: &PodLife| match &p.owner {
            Owner::Workload(hash) => Some(hash.clone()),
            Owner::Revision(_) => None,
        };
        self.pods.values().filter_map(hash).collect()
    }

    fn scale_to(&mut self, owner: &Owner, replicas: u32) {
        let mut mine: Vec<_> = self.pods.iter().filter(|(_, p)| p.owner == *owner && p.ends.is_none()).collect();
        mine.sort_by_key(|(name, p)| (!self.ready(p), std::cmp::Reverse(p.born), *name));
        let have = mine.len() as u32;
        let surplus: Vec<String> =
            mine.iter().rev().take(have.saturating_sub(replicas) as usize).map(|(n, _)| (*n).clone()).collect();
        for name in surplus {
            self.pods.get_mut(&name).unwrap().ends = Some(self.clock + GRACE);
        }
        if self.quota || self.namespace_terminating {
            return;
        }
        for _ in have..replicas {
            self.serial += 1;
            let name = match owner {
                Owner::Revision(id) => format!("{}-{:03}", &id.as_str()[..1], self.serial),
                Owner::Workload(hash) => format!("own-{hash}-{:03}", self.serial),
            };
            let pod = PodLife { owner: owner.clone(), born: self.clock, ends: None, members_of: BTreeSet::new() };
            self.pods.insert(name, pod);
        }
    }

    /// Somebody kills a pod of ours; another one comes.
    pub fn kill_one(&mut self, id: &RevisionId) {
        let alive = |p: &PodLife| p.owner == Owner::Revision(id.clone()) && p.ends.is_none();
        let ends = self.clock + GRACE;
        if let Some(pod) = self.pods.values_mut().find(|p| alive(p)) {
            pod.ends = Some(ends);
        }
    }

    fn behaviour(&self, owner: &Owner) -> Pods {
        let of = |id: &str| self.behaviours.iter().find(|(d, _)| d.id().as_str() == id).map(|(_, b)| b.pods);
        match owner {
            Owner::Revision(id) => of(id.as_str()),
            Owner::Workload(hash) => of(&hash[1..]),
        }
        .unwrap_or(Pods::ReadyAfter(2))
    }

    fn fresh(&self, pod: &PodLife) -> bool {
        let lately = match self.behaviour(&pod.owner) {
            Pods::ReadyAfter(s) => self.clock < pod.born + s + self.min_ready,
            _ => self.min_ready > 3,
        };
        self.ready(pod) && lately
    }

    pub(super) fn ready(&self, pod: &PodLife) -> bool {
        let age = self.clock - pod.born;
        pod.ends.is_none()
            && match self.behaviour(&pod.owner) {
                Pods::ReadyAfter(s) => age >= s,
                Pods::Flap => (2..5).contains(&(age % 10)),
                _ => false,
            }
    }

    /// Whatever its age, it is not ready.
    pub(super) fn is_down(&self, pod: &PodLife) -> bool {
        !matches!(self.behaviour(&pod.owner), Pods::ReadyAfter(_))
    }

    pub(super) fn ready_of(&self, owner: &Owner) -> BTreeSet<String> {
        let pods = self.pods.iter().filter(|(_, p)| p.owner == *owner && self.ready(p));
        pods.map(|(n, _)| n.clone()).collect()
    }

    /// The ready pods that the apex selects now.
    pub(super) fn selected(&self) -> BTreeSet<String> {
        let Some(apex) = &self.apex else { return BTreeSet::new() };
        let matches = |p: &PodLife| match (&apex.selects, &p.owner) {
            (Selects::Users, _) => true,
            (Selects::Serving(id), Owner::Revision(of)) => of == id || p.members_of.contains(id),
            (Selects::Only(id), Owner::Revision(of)) => of == id,
            (Selects::Hash(hash), Owner::Workload(of)) => of == hash,
            _ => false,
        };
        self.pods.iter().filter(|(_, p)| self.ready(p) && matches(p)).map(|(n, _)| n.clone()).collect()
    }

    fn trouble(&self, pod: &PodLife) -> Option<Trouble> {
        match self.behaviour(&pod.owner) {
            Pods::Crash | Pods::Flap if self.clock > pod.born + 2 && !self.ready(pod) => {
                Some(Trouble::Failed("container app exits with code 1".into()))
            }
            Pods::ImageMissing => Some(Trouble::NotStarted("image shop:x cannot be pulled".into())),
            _ => None,
        }
    }

    /// What an honest observer would tell.
    pub fn observe(&self) -> World {
        World {
            deleting: self.deleting,
            finalizer: self.finalizer,
            capacity_is_ours: self.capacity_is_ours,
            namespace_terminating: self.namespace_terminating,
            workload: self.load.as_ref().map(|_| self.workload()),
            apex: self.apex.as_ref().map(|a| Apex {
                selects: a.selects.clone(),
                endpoints: a.endpoints.clone(),
                capacity: a.capacity,
                marked: a.marked,
            }),
            routes: (self.policy.shares == Shares::Routes).then(|| self.routes_now()),
            revisions: self.live.keys().map(|id| (id.clone(), self.revision(id))).collect(),
            stable: self.stable.clone(),
            ordered_back: self.ordered_back.clone(),
            release: self.release.clone(),
            plan_changed: self.changed.is_some(),
            last: self.last.clone(),
            history: self.history.clone(),
            failed: self.failed.clone(),
            runs: self.runs_now(),
            look: self.look(),
            decisions: self.decisions_now(),
            unsettled: self.unsettled.clone(),
            blockers: self.blockers.clone(),
            freezes: self.freezes.clone(),
            no_emergency: self.no_emergency.clone(),
            failing: self.failing,
        }
    }

    fn routes_now(&self) -> Routes {
        let RouteLife { share, laid, in_force, astray, trouble, contested, .. } = self.routes.clone();
        let pending = (share != in_force).then(|| "the gateway has not taken it up".into());
        let sleepers: Vec<_> = laid.iter().filter(|(of, _)| !self.used(of)).collect();
        let asleep = sleepers.iter().map(|(_, at)| at + self.policy.propagation.num_seconds()).max().map(|at| Asleep {
            laid: laid.iter().map(|(of, _)| of.clone()).collect(),
            known_at: self.start + TimeDelta::seconds(at),
            known: self.clock >= at,
        });
        let settings = self.settings();
        Routes { share, uneven: false, astray, asleep, at_once: false, pending, trouble, contested, settings }
    }

    fn settings(&self) -> Settings {
        let RouteLife { treated, copies, .. } = &self.routes;
        let as_ever = |id: &RevisionId| copies.get(id).map_or(0, |(of, _)| *of) == *treated;
        let late = copies.iter().filter(|(_, (_, at))| !self.waited(*at));
        let known_at = |at: i64| self.start + TimeDelta::seconds(at) + self.policy.propagation;
        Settings {
            apex_differs: false,
            differ: self.live.keys().filter(|id| !as_ever(id)).cloned().collect(),
            known_at: late.map(|(id, (_, at))| (id.clone(), known_at(*at))).collect(),
        }
    }

    /// Rules that pick requests out are laid down, put to use, put out of use and taken out; each has to be known before the next.
    pub(super) fn set_routes(&mut self, want: Option<&Share>) {
        let before = self.routes.share.clone();
        self.routes.share = want.cloned();
        let laid = self.routes.laid.clone();
        for (at, (of, since)) in laid.iter().enumerate() {
            let was = before.as_ref().is_some_and(|s| uses(s, of));
            if was != self.used(of) {
                if !was && !self.waited(*since) {
                    self.oracle.hasty = Some("rules are put to use before every proxy knows them");
                }
                self.routes.laid[at].1 = self.clock;
            }
        }
        let picking = want.filter(|s| !s.picks.is_none());
        if picking.is_some_and(|s| !laid.iter().any(|(of, _)| uses(s, of))) {
            self.oracle.hasty = Some("rules are put to use that were not laid down");
        }
    }

    pub(super) fn lay_routes(&mut self, share: &Share) {
        let of = (share.candidate.clone(), share.picks.clone());
        if !self.routes.laid.iter().any(|(there, _)| *there == of) {
            self.routes.laid.push((of, self.clock));
        }
    }

    pub(super) fn tidy_routes(&mut self) {
        let (used, asleep): (Vec<_>, Vec<_>) = self.routes.laid.clone().into_iter().partition(|(of, _)| self.used(of));
        if asleep.iter().any(|(_, at)| !self.waited(*at) && self.load.is_some()) {
            self.oracle.hasty = Some("rules are taken out before every proxy knows that they are out of use");
        }
        self.routes.laid = used;
    }

    fn used(&self, of: &(RevisionId, Picks)) -> bool {
        self.routes.share.as_ref().is_some_and(|s| uses(s, of))
    }

    fn waited(&self, at: i64) -> bool {
        self.clock >= at + self.policy.propagation.num_seconds()
    }

    fn workload(&self) -> Workload {
        let load = self.load.as_ref().unwrap();
        let hash = hash(&load.wish.revision);
        let pods = self.pods.values().filter(|p| matches!(p.owner, Owner::Workload(_))).count() as u32;
        let ready = self.ready_of(&Owner::Workload(hash.clone())).len() as u32;
        let settled = self.clock >= load.since + SETTLE;
        Workload {
            replicas: load.replicas,
            pods,
            ready,
            rolled_out: ready == load.replicas && pods == ready,
            hash: Some(hash),
            wish: load.readable.then(|| Wish {
                revision: load.wish.clone(),
                settled,
                author: self.author.clone(),
                emergency: self.emergency.clone(),
            }),
        }
    }

    fn revision(&self, id: &RevisionId) -> Revision {
        let live = &self.live[id];
        let mine = self.pods.iter().filter(|(_, p)| p.owner == Owner::Revision(id.clone()));
        let pods = mine.map(|(name, p)| {
            let trouble = self.trouble(p);
            let (terminating, members_of) = (p.ends.is_some(), p.members_of.clone());
            (name.clone(), Pod { ready: self.ready(p), fresh: self.fresh(p), terminating, members_of, trouble })
        });
        Revision {
            digest: live.digest.clone(),
            replicas: live.replicas,
            complete: live.complete,
            recorded: live.recorded,
            pods: pods.collect(),
            left_serving: live.left_serving,
        }
    }

    fn runs_now(&self) -> BTreeMap<RunKey, Run> {
        let Some(release) = &self.release else { return BTreeMap::new() };
        let ours = self.runs.iter().filter(|((name, _), _)| *name == release.name);
        ours.map(|((_, key), since)| (key.clone(), self.run_now(key, *since))).collect()
    }

    fn run_now(&self, key: &RunKey, since: i64) -> Run {
        let to = self.release.as_ref().and_then(|r| r.to.as_ref());
        let said = to.and_then(|t| self.behaviours.get(&t.digest)).and_then(|b| b.tests.get(&key.gate));
        let evidence = |code, log: &str| Evidence {
            job: format!("{}-{}", key.gate, key.attempt),
            exit_code: Some(code),
            summary: None,
            log: Some(log.into()),
        };
        match said.unwrap_or(&Test::Passes) {
            Test::Hangs => Run::Going("the Job's image cannot be pulled".into()),
            _ if key.at != Place::Start && !self.known_at(since) => Run::Failed(evidence(7, "connection refused\n")),
            _ if self.clock < since + TEST => Run::Going("the Job runs".into()),
            Test::Passes => Run::Passed(evidence(0, "all good\n")),
            Test::Fails => Run::Failed(evidence(1, "checkout\nrefuses an expired card\n")),
            Test::Breaks => Run::Broken("the pod was evicted".into()),
        }
    }

    /// Whether every node knew the candidate's Service at that time.
    fn known_at(&self, time: i64) -> bool {
        let to = self.release.as_ref().and_then(|r| r.to.as_ref());
        let since = to.and_then(|t| self.answers.get(&t.revision));
        since.is_some_and(|at| time >= at + self.policy.propagation.num_seconds())
    }

    fn decisions_now(&self) -> Vec<planner::world::Decision> {
        let about = |r: &Option<planner::world::Release>| r.as_ref().map(|r| r.name.clone());
        let names = [about(&self.release), about(&self.last)];
        self.decisions.iter().filter(|d| names.contains(&Some(d.release.clone()))).cloned().collect()
    }
}

/// The `pod-template-hash` of a version of the user's Deployment.
pub fn hash(id: &RevisionId) -> String {
    format!("h{id}")
}

/// Whether a share takes the rules that were laid down for a candidate.
fn uses(share: &Share, (candidate, picks): &(RevisionId, Picks)) -> bool {
    share.candidate == *candidate && !share.picks.is_none() && share.picks.within(picks)
}
