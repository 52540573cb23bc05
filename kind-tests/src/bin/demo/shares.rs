//! The share of the traffic that the candidate really had, by the load's counts.

use std::collections::{BTreeMap, VecDeque};

use apps::report::{Counts, Report};
use crds::journal::{Journal, Phase, Split};

use crate::{identity::Identities, sight::Service};

/// The share that is shown is that of the new connections of this time, in milliseconds.
const WINDOW_MS: u64 = 3_000;

type ByService = BTreeMap<String, Counts>;

/// What the load counted lately.
#[derive(Default)]
pub struct Recent(VecDeque<(u64, ByService)>);

impl Recent {
    /// Takes up what was counted until now.
    pub fn take(&mut self, report: &Report) {
        let counts = report.targets.iter().map(|(name, target)| (name.clone(), target.counts.clone()));
        self.0.push_back((report.now_ms, counts.collect()));
        // The oldest that is left is the newest that is at least a whole window old.
        while self.0.get(1).is_some_and(|(at, _)| at + WINDOW_MS <= report.now_ms) {
            self.0.pop_front();
        }
    }

    /// The counts of the last window.
    pub fn counts(&self, service: &str) -> Option<Counts> {
        let (then, now) = (&self.0.front()?.1, &self.0.back()?.1);
        Some(now.get(service)?.since(then.get(service)?))
    }

    fn now(&self, service: &str) -> Option<(u64, &Counts)> {
        let (at, counts) = self.0.back()?;
        Some((*at, counts.get(service)?))
    }
}

/// What was counted while one step of a service was in force.
pub struct Step {
    /// The service.
    pub service: String,
    /// The step, counted from 1.
    pub step: u32,
    /// What the policy asked for, and what the pods made of it.
    pub split: Split,
    /// Whether routes make it, and not numbers of pods.
    pub routed: bool,
    candidate: String,
    first: Counts,
    last: Counts,
}

impl Step {
    /// New connections that the candidate answered, and all.
    pub fn share(&self, identities: &Identities) -> (u64, u64) {
        identities.share(&self.service, &self.candidate, &self.last.since(&self.first))
    }
}

/// The steps of all services, in the order in which they came into force.
#[derive(Default)]
pub struct Steps(pub Vec<Step>);

impl Steps {
    /// Takes up where a release stands. The journal must have been read after the counts.
    pub fn take(&mut self, of: &Service, candidate: &str, journal: &Journal, recent: &Recent) {
        let (Phase::Shifting, Some(step), Some(split), Some(applied)) =
            (journal.phase, journal.step, journal.split, journal.applied_at)
        else {
            return;
        };
        let service = of.name.as_str();
        let in_force = u64::try_from(applied.timestamp_millis()).unwrap_or(u64::MAX);
        let Some((_, counts)) = recent.now(service).filter(|(at, _)| *at >= in_force) else { return };
        let same = |s: &&mut Step| s.service == service && s.step == step && s.candidate == candidate;
        match self.0.iter_mut().find(same) {
            Some(known) => known.last = counts.clone(),
            None => self.0.push(Step {
                service: service.into(),
                step,
                split,
                routed: of.routed(),
                candidate: candidate.into(),
                first: counts.clone(),
                last: counts.clone(),
            }),
        }
    }
}
