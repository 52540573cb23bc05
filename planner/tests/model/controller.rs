//! What a controller does between the cluster and the planner: look, plan, act, remember.

use analysis::{Arm, Batch, Counted, Counts, Reason, Sample, ingest::Window};
use chrono::TimeDelta;
use planner::{
    Journal, Plan, World, check,
    journal::{Phase, Purpose},
    plan,
    world::PastRelease,
};

use super::{Metrics, Model, oracle};

impl Model {
    pub(super) fn controller_looks(&mut self) {
        for _ in 0..60 {
            let world = self.observe();
            let due = self.due.is_some_and(|at| at <= self.clock);
            let facts = (self.policy.clone(), world.clone());
            if !due && self.seen.as_deref() == Some(&facts) {
                return;
            }
            self.seen = Some(Box::new(facts));
            self.pass(&world);
            if self.gone || self.due.is_none_or(|at| at > self.clock) {
                return;
            }
        }
        panic!("the controller turns in circles\n{}", self.story());
    }

    fn pass(&mut self, world: &World) {
        let (now, policy) = (self.now(), self.policy.clone());
        let plan = plan(&self.policy, world, now);
        self.passes += 1;
        self.planned.push(plan.actions.len());
        self.write_down(&plan);
        let broken = check(&self.policy, world, &plan, now);
        assert!(broken.is_empty(), "{broken:#?}\n{plan:#?}\n{}", self.story());
        assert_eq!(plan, planner::plan(&self.policy, world, now), "a plan depends on its inputs only");
        let planned = self.crash_at.filter(|(pass, _)| *pass == self.passes).map(|(_, actions)| actions);
        let crash = self.crash_after.take().or(planned);
        let upto = crash.unwrap_or(usize::MAX).min(plan.actions.len());
        let mut done = true;
        for action in &plan.actions[..upto] {
            self.twice(action);
            if !done {
                break;
            }
            done = self.perform(action);
        }
        self.failing = !done;
        self.waiting = plan.waiting.clone();
        if crash.is_some() {
            self.log.push("      the controller crashed".into());
        } else if done {
            self.store(&plan);
        }
        let retry = (!done).then(|| TimeDelta::seconds(1));
        self.due = retry.or(plan.requeue).map(|r| self.clock + r.num_milliseconds().div_ceil_secs());
        let same = crash.is_none() && done && self.observe() == *world && self.policy == policy;
        let at_once = self.due.is_some_and(|at| at <= self.clock);
        assert!(
            !(same && at_once),
            "a plan that changes nothing asks to be called at once: {plan:#?}\n{}",
            self.story()
        );
        if self.due.is_none() && !self.gone && crash.is_some() {
            self.due = Some(self.clock + 1);
        }
    }

    /// The journal, and what follows from a release that has ended.
    fn store(&mut self, plan: &Plan) {
        let (Some(release), Some(journal)) = (&mut self.release, &plan.journal) else { return };
        if release.journal == *journal {
            return;
        }
        self.writes += 1;
        let goes_live =
            release.journal.phase < Phase::Shifting && matches!(journal.phase, Phase::Shifting | Phase::Promoting);
        let heeds = release.purpose == Purpose::Update && !release.rollback;
        assert!(
            !(goes_live && heeds && self.changed.is_some()),
            "it goes live under the policy of before\n{}",
            self.story()
        );
        let release = self.release.as_mut().unwrap();
        oracle::bounded(journal);
        release.journal = journal.clone();
        if !journal.finished() {
            return;
        }
        let ended = self.release.take().unwrap();
        self.take_up_policy();
        self.finished.push((ended.name.clone(), ended.journal.phase));
        if let Some(to) = ended.to.as_ref().filter(|_| ended.journal.condemns()) {
            self.failed.insert(to.digest.clone());
        }
        if ended.journal.phase == Phase::Succeeded && ended.purpose != Purpose::Remove {
            self.stable.clone_from(&ended.to);
            ended.to.iter().for_each(|to| {
                self.failed.remove(&to.digest);
            });
        }
        if let Some(before) = self.last.replace(ended) {
            let to = before.to.as_ref();
            let passed = to.filter(|_| before.journal.phase == Phase::Succeeded).map(|t| t.digest.clone());
            let revision = to.map(|t| t.revision.clone());
            let went_back = before.rollback && before.journal.phase == Phase::Succeeded;
            let taken_back = before.from.as_ref().filter(|_| went_back).map(|f| f.revision.clone());
            let attempt = before.attempt;
            self.history.push(PastRelease { name: before.name, to: revision, passed, taken_back, attempt });
        }
    }

    #[track_caller]
    pub(super) fn assert_nothing_to_do(&self) {
        if self.gone {
            return;
        }
        let world = self.observe();
        let plan = plan(&self.policy, &world, self.now());
        let journal = self.journal();
        assert!(plan.actions.is_empty() && plan.journal.as_ref() == journal, "{plan:#?}\n{}", self.story());
    }

    /// What is measured of the candidate now.
    pub fn look(&self) -> Option<Batch> {
        let analysis = self.policy.analysis.as_ref()?;
        let release = self.release.as_ref()?;
        let due = planner::next_look(&self.policy, &release.journal)?;
        let said = self.behaviours.get(&release.to.as_ref()?.digest).map_or(Metrics::Good, |b| b.metrics);
        let after = planner::counted_after(&self.policy, &release.journal)?;
        let window = Window { after, until: self.now().into() };
        let counted = |m: &analysis::Metric| analysis.plan.sequential.as_ref().is_some_and(|s| s.counts(&m.name));
        let sample = |m: &analysis::Metric| match said {
            Metrics::Silent => Sample::unknown(Reason::NoData, "no series"),
            _ if counted(m) => Sample::counts(Counted::exactly(self.counted(window, &release.journal, said))),
            Metrics::Good => Sample::value(100.0),
            Metrics::Bad => Sample::value(50.0),
        };
        let samples = analysis
            .plan
            .metrics
            .iter()
            .filter(|m| Some(&m.name) != self.unspoken.as_ref())
            .map(|m| (m.name.clone(), sample(m)))
            .collect();
        (due <= self.now()).then(|| Batch { at: self.now(), window: Some(window), step: 0, past: None, samples })
    }

    /// Requests by the split: one of a thousand fails at a good version, one of five at a bad one.
    fn counted(&self, window: Window, journal: &Journal, said: Metrics) -> Counts {
        let all = self.requests * window.until.since(window.after) / 1000;
        let share = self.gives.unwrap_or_else(|| journal.split.map_or(0, |s| u64::from(s.effective)));
        let candidate = all * share / 100;
        let one_of = if said == Metrics::Bad { 5 } else { 1000 };
        let arm = |requests: u64, one_of: u64| Arm::new(requests, requests / one_of).unwrap();
        Counts::new(arm(candidate, one_of), arm(all - candidate, 1000))
    }
}

/// Milliseconds to whole seconds, rounded up.
trait DivCeilSecs {
    fn div_ceil_secs(self) -> i64;
}

impl DivCeilSecs for i64 {
    fn div_ceil_secs(self) -> i64 {
        (self + 999).div_euclid(1000)
    }
}
