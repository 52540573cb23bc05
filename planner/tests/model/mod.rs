//! A small model of a cluster: it does what plans say, lets time pass, and complains as soon as a promise is broken.
//!
//! One tick is one second. Pods take time, endpoints follow readiness and selectors one tick later, tests and metrics answer
//! by version. A pass is made when something that the planner can see has changed, or when the last plan asked for one.

mod act;
mod cluster;
mod controller;
mod deeds;
mod fixtures;
mod log;
mod oracle;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use planner::{
    Digest, Journal, Policy, RevisionId, Waiting, World,
    journal::{Phase, RevisionRef},
    picks::Picks,
    world::{Blocker, Decision, Freeze, PastRelease, Release, RunKey, Selects, Share},
};

pub use cluster::{Owner, PodLife, Pods};
pub use fixtures::{
    approval, asking, blue_green, canary, copying, gate, matching, measured, rev, routed, seen_by_proxies, step,
    tested, window,
};

/// What the metrics say of a version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metrics {
    Good,
    Bad,
    Silent,
}

/// What a gate's test says of a version.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    Passes,
    Fails,
    /// It never starts.
    Hangs,
    /// It is evicted again and again.
    Breaks,
}

/// How a version behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    pub pods: Pods,
    pub metrics: Metrics,
    /// By gate; tests that are not named pass.
    pub tests: BTreeMap<String, Test>,
}

/// A Deployment of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    pub digest: Digest,
    pub replicas: Option<u32>,
    pub complete: bool,
    pub recorded: bool,
    pub left_serving: bool,
}

/// The user's Deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    pub replicas: u32,
    pub wish: RevisionRef,
    pub since: i64,
    pub readable: bool,
}

/// The Service that callers use.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub selects: Selects,
    pub capacity: Option<u32>,
    pub marked: bool,
    pub endpoints: BTreeSet<String>,
}

/// Routes in front of the Service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteLife {
    /// What is written.
    pub share: Option<Share>,
    /// Requests that rules pick out, and since when those rules are as they are: made in one write, put to use in another, put out
    /// of use and taken away in two more.
    pub laid: Vec<((RevisionId, Picks), i64)>,
    /// What the proxies do: what was written a tick before.
    pub in_force: Option<Share>,
    /// The policy holds the route itself, and it is not there, or another than the policy says.
    pub astray: bool,
    /// Somebody has made them such that nothing can be written.
    pub trouble: Option<Blocker>,
    /// Who writes them again and again.
    pub contested: Option<String>,
    /// How proxies treat requests for the Service, as a number.
    pub treated: u32,
    /// How they treat those for a revision's own Service, and since when.
    pub copies: BTreeMap<RevisionId, (u32, i64)>,
    /// Nothing of that can be written.
    pub untreatable: bool,
}

/// The cluster, the policy and everything that a controller would remember.
#[derive(Clone, Debug)]
pub struct Model {
    pub policy: Policy,
    /// What the policy says since the release under way began.
    pub changed: Option<Policy>,
    pub start: DateTime<Utc>,
    /// Seconds since the start.
    pub clock: i64,
    pub behaviours: BTreeMap<Digest, Behaviour>,
    pub live: BTreeMap<RevisionId, Live>,
    pub pods: BTreeMap<String, PodLife>,
    /// When a pod of a revision was ready for the first time.
    pub(super) answers: BTreeMap<RevisionId, i64>,
    pub load: Option<Load>,
    pub apex: Option<Service>,
    /// Routes in front of the Service, under a policy whose shares they make.
    pub routes: RouteLife,
    pub release: Option<Release>,
    pub last: Option<Release>,
    pub history: Vec<PastRelease>,
    pub stable: Option<RevisionRef>,
    pub failed: BTreeSet<Digest>,
    pub decisions: Vec<Decision>,
    /// What a webhook says that orders the candidate back.
    pub ordered_back: Option<String>,
    pub runs: BTreeMap<(String, RunKey), i64>,
    pub unsettled: BTreeMap<String, String>,
    pub blockers: Vec<Blocker>,
    pub freezes: Vec<Freeze>,
    pub failing: bool,
    pub deleting: bool,
    pub finalizer: bool,
    /// Nobody but us has set the policy's number of replicas.
    pub capacity_is_ours: bool,
    pub namespace_terminating: bool,
    /// The workload's `minReadySeconds`.
    pub min_ready: i64,
    /// Nothing gets more pods: a quota.
    pub quota: bool,
    /// No object of a revision can be made: an admission webhook says no.
    pub refused: bool,
    /// Execute only so many actions of the next pass, and forget its journal.
    pub crash_after: Option<usize>,
    /// Who changed the workload last.
    pub author: Option<String>,
    /// Why the workload asks for the emergency way.
    pub emergency: Option<String>,
    /// Why nobody may take it.
    pub no_emergency: Option<String>,
    /// Requests to the Service per second, for what is counted.
    pub requests: u64,
    /// What the proxies give to the candidate, in percent, whatever is written.
    pub gives: Option<u64>,
    /// The looks do not speak of this metric.
    pub unspoken: Option<String>,
    /// The controller is away.
    pub away: bool,
    /// The policy object is gone.
    pub gone: bool,
    /// Crash in this pass, after so many actions.
    pub crash_at: Option<(u32, usize)>,
    pub passes: u32,
    /// How many actions each pass had.
    pub planned: Vec<usize>,
    /// Effects and journals that were written.
    pub writes: u32,
    pub effects: u32,
    /// Lines for people.
    pub log: Vec<String>,
    pub finished: Vec<(String, Phase)>,
    pub waiting: Option<Waiting>,
    pub(super) due: Option<i64>,
    pub(super) seen: Option<Box<(Policy, World)>>,
    pub(super) serial: u32,
    pub oracle: oracle::Oracle,
}

impl Model {
    /// A workload of revision 1 with four pods behind its Service; the policy was just made.
    pub fn new(policy: Policy) -> Self {
        let mut model = Self {
            start: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
            clock: 0,
            behaviours: BTreeMap::new(),
            live: BTreeMap::new(),
            pods: BTreeMap::new(),
            answers: BTreeMap::new(),
            load: Some(Load { replicas: 4, wish: rev(1), since: -100, readable: true }),
            apex: Some(Service { selects: Selects::Users, capacity: None, marked: false, endpoints: BTreeSet::new() }),
            routes: RouteLife::default(),
            release: None,
            last: None,
            history: Vec::new(),
            stable: None,
            failed: BTreeSet::new(),
            decisions: Vec::new(),
            ordered_back: None,
            runs: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            blockers: Vec::new(),
            freezes: Vec::new(),
            failing: false,
            deleting: false,
            finalizer: false,
            capacity_is_ours: false,
            namespace_terminating: false,
            min_ready: 0,
            quota: false,
            refused: false,
            crash_after: None,
            author: None,
            emergency: None,
            no_emergency: None,
            requests: 200,
            gives: None,
            unspoken: None,
            away: false,
            gone: false,
            crash_at: None,
            passes: 0,
            planned: Vec::new(),
            writes: 0,
            effects: 0,
            log: Vec::new(),
            finished: Vec::new(),
            waiting: None,
            due: Some(0),
            seen: None,
            serial: 0,
            oracle: oracle::Oracle::default(),
            changed: None,
            policy,
        };
        model.away = true;
        (0..10).for_each(|_| model.tick());
        model.away = false;
        model.clock = 0;
        model.pods.values_mut().for_each(|p| p.born -= 10);
        model
    }

    /// The workload has been taken over and nothing is left to do.
    pub fn adopted(policy: Policy) -> Self {
        let mut model = Self::new(policy);
        model.settle();
        assert_eq!(model.finished, [("shop-11111111-1".to_owned(), Phase::Succeeded)], "{}", model.story());
        model.oracle.served = true;
        model
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.start + TimeDelta::seconds(self.clock)
    }

    // Time.

    /// One second: the cluster moves, then the controller looks if there is something to see.
    pub fn tick(&mut self) {
        self.clock += 1;
        self.cluster_moves();
        if !self.away && !self.gone {
            self.controller_looks();
        }
        self.audit();
    }

    pub fn run(&mut self, seconds: i64) -> &mut Self {
        (0..seconds).for_each(|_| self.tick());
        self
    }

    /// Until something is so; fails with the whole story when it does not come within `seconds`.
    #[track_caller]
    pub fn until(&mut self, what: &str, seconds: i64, so: impl Fn(&Self) -> bool) -> &mut Self {
        for _ in 0..seconds {
            if so(self) {
                return self;
            }
            self.tick();
        }
        assert!(so(self), "not within {seconds} s: {what}\n{}", self.story());
        self
    }

    /// Until the active release is in a phase.
    #[track_caller]
    pub fn until_phase(&mut self, phase: Phase) -> &mut Self {
        self.until(&format!("{phase:?}"), 3000, |m| m.phase() == Some(phase))
    }

    /// Until the active release is in a step and it is in force.
    #[track_caller]
    pub fn until_step(&mut self, k: u32) -> &mut Self {
        self.until(&format!("step {k} in force"), 3000, |m| {
            m.journal().is_some_and(|j| j.step == Some(k) && j.applied_at.is_some())
        })
    }

    /// Until the last release ended in a phase.
    #[track_caller]
    pub fn until_finished(&mut self, phase: Phase) -> &mut Self {
        let before = self.finished.len();
        self.until("the release ends", 3000, |m| m.finished.len() > before);
        assert_eq!(self.finished.last().unwrap().1, phase, "{}", self.story());
        self
    }

    /// Until nothing is left to do, or only a person can act; then planning again changes nothing.
    #[track_caller]
    pub fn settle(&mut self) -> &mut Self {
        let mut quiet = 0;
        for _ in 0..6000 {
            let (writes, effects) = (self.writes, self.effects);
            self.tick();
            let stalled = self.waiting.as_ref().is_some_and(|w| w.stalled);
            // While a release waits for a person, the metrics are looked at all the same.
            let idle = if self.release.is_some() { stalled && self.effects == effects } else { self.writes == writes };
            quiet = if idle { quiet + 1 } else { 0 };
            if quiet > 40 || self.gone {
                self.assert_nothing_to_do();
                return self;
            }
        }
        panic!("it never comes to rest\n{}", self.story());
    }

    // What can be asked.

    pub fn journal(&self) -> Option<&Journal> {
        self.release.as_ref().map(|r| &r.journal)
    }

    pub fn phase(&self) -> Option<Phase> {
        self.journal().map(|j| j.phase)
    }

    pub fn last_journal(&self) -> &Journal {
        &self.last.as_ref().unwrap().journal
    }

    pub fn serves(&self) -> String {
        self.stable.as_ref().map_or("-".into(), |s| s.revision.to_string())
    }

    pub fn reason(&self) -> &str {
        self.waiting.as_ref().map_or("", |w| w.reason.as_str())
    }

    pub fn says(&self) -> &str {
        self.waiting.as_ref().map_or("", |w| w.message.as_str())
    }

    pub fn replicas(&self, n: u32) -> u32 {
        self.live.get(&rev(n).revision).and_then(|l| l.replicas).unwrap_or(0)
    }

    /// Pods of version `n` that callers reach.
    pub fn reached(&self, n: u32) -> usize {
        let owner = Owner::Revision(rev(n).revision);
        self.answering().iter().filter(|p| self.pods.get(*p).is_some_and(|p| p.owner == owner)).count()
    }

    /// What the routes send to version `n`, in percent.
    pub fn routed(&self, n: u32) -> u32 {
        let share = self.routes.in_force.as_ref().filter(|s| s.candidate == rev(n).revision);
        share.map_or(0, |s| s.percent)
    }

    /// What of callers' requests, and not only of copies, routes send past the Service.
    pub fn given(&self) -> Option<&Share> {
        self.routes.in_force.as_ref().filter(|s| s.percent > 0 || !s.picks.matches.is_empty())
    }

    /// Pods that callers reach: behind the Service, and where routes send them.
    pub fn answering(&self) -> BTreeSet<String> {
        let routed = self.given().into_iter().flat_map(|s| self.ready_of(&Owner::Revision(s.candidate.clone())));
        self.apex.iter().flat_map(|a| a.endpoints.clone()).chain(routed).collect()
    }
}
