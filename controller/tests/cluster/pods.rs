//! Pods: scheduling, starting, readiness, crashes, endings.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    behaviour::{Behaviour, Ending, JobOutcome},
    clock::Moment,
    kinds::{self, Key},
    object, pod_status,
    store::{By, Store},
    traffic::Server,
    world::{Due, World},
};

const RETRY: Duration = Duration::from_secs(5);
const BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);

/// Where a pod is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Unscheduled,
    Creating,
    /// The image cannot be pulled; the kubelet waits before it tries again.
    PullFailed {
        waiting: bool,
    },
    Running,
    Terminated,
    CrashLoop,
    /// It has run to its end and is not started again.
    Ended,
    /// It was deleted, has exited, and is about to vanish.
    Exited,
}

/// The kubelet's view of one pod.
#[derive(Clone)]
pub struct Run {
    pub stage: Stage,
    pub restarts: i64,
    pub ready: bool,
    pub ip: String,
    pub scheduled: Option<Moment>,
    pub started: Moment,
    pub finished: Moment,
    pub changed_ready: Moment,
    pub exit_code: i64,
    pub evicted: bool,
    pub job: Option<JobOutcome>,
    /// When the stage is left.
    due: Option<Moment>,
    /// When the running container crashes or ends.
    pub ends: Option<Moment>,
    /// When it stops answering, once it was deleted.
    exits: Option<Moment>,
    printed: String,
    /// Who answers requests.
    pub server: Arc<Server>,
    changed: bool,
}

impl Run {
    fn new(world: &mut World, pod: &Value, now: Moment) -> Self {
        let container = &pod["spec"]["containers"][0];
        let image = object::text(container, "/image");
        let of_job = object::controller_of(pod).is_some_and(|owner| owner["kind"] == "Job");
        let args = object::items(container, "/args").iter();
        let args: Vec<_> = args.filter_map(|a| a.as_str().map(str::to_owned)).collect();
        Self {
            stage: Stage::Unscheduled,
            restarts: 0,
            ready: false,
            ip: format!("10.244.{}.{}", world.rng.below(256), world.rng.below(254) + 1),
            scheduled: None,
            started: Moment::ZERO,
            finished: Moment::ZERO,
            changed_ready: now,
            exit_code: 0,
            evicted: false,
            job: of_job.then(|| world.outcome(image, &args)),
            due: Some(now + world.rng.millis(20, 100)),
            ends: None,
            exits: None,
            printed: String::new(),
            server: Arc::new(Server::of(pod)),
            changed: false,
        }
    }

    /// Whether a request that arrives now is answered.
    pub fn answers(&self) -> bool {
        self.ready && self.stage == Stage::Running
    }

    pub fn log(&self) -> Result<String, String> {
        match self.stage {
            Stage::Unscheduled => Err("the pod is not scheduled yet".to_owned()),
            Stage::Creating => Err("container is waiting to start: ContainerCreating".to_owned()),
            Stage::PullFailed { .. } => {
                Err("container is waiting to start: trying and failing to pull image".to_owned())
            }
            _ => Ok(self.printed.clone()),
        }
    }

    fn enter(&mut self, stage: Stage, due: Option<Moment>) {
        self.stage = stage;
        self.due = due;
        self.changed = true;
    }

    fn set_ready(&mut self, ready: bool, now: Moment) {
        if self.ready != ready {
            self.ready = ready;
            self.changed_ready = now;
            self.changed = true;
        }
    }

    /// Leaves the stage whose time has come.
    fn advance(&mut self, behaviour: &Behaviour, now: Moment) {
        let ending = self.job.as_ref().map(|job| job.ending.clone());
        match self.stage {
            Stage::Unscheduled => {
                self.changed = true;
                if behaviour.unschedulable || ending == Some(Ending::Unschedulable) {
                    self.due = Some(now + RETRY);
                } else {
                    self.scheduled = Some(now);
                    self.enter(Stage::Creating, Some(now + behaviour.starts_in));
                }
            }
            Stage::Creating | Stage::PullFailed { waiting: true }
                if behaviour.image_missing || ending == Some(Ending::ImageMissing) =>
            {
                self.enter(Stage::PullFailed { waiting: false }, Some(now + RETRY));
            }
            Stage::PullFailed { waiting: false } => {
                self.enter(Stage::PullFailed { waiting: true }, Some(now + BACK_OFF));
            }
            Stage::Creating | Stage::PullFailed { .. } | Stage::CrashLoop => self.start(behaviour, now),
            Stage::Running => self.leave_running(behaviour, now),
            Stage::Terminated => {
                let wait = BACK_OFF * 2_u32.saturating_pow(self.restarts.min(10) as u32);
                self.enter(Stage::CrashLoop, Some(now + wait.min(LONGEST_BACK_OFF)));
            }
            Stage::Ended | Stage::Exited => self.due = None,
        }
    }

    fn start(&mut self, behaviour: &Behaviour, now: Moment) {
        if self.stage == Stage::CrashLoop {
            self.restarts += 1;
        }
        self.started = now;
        self.printed = match &self.job {
            Some(job) => job.log.clone(),
            None => behaviour.log.clone(),
        };
        self.ends = match &self.job {
            Some(job) if job.ending == Ending::Never => None,
            Some(job) => Some(now + job.after),
            None => behaviour.crashes_in.map(|delay| now + delay),
        };
        let ready = match &self.job {
            Some(_) => Some(now),
            None => behaviour.ready_in.map(|delay| now + delay),
        };
        let next = [ready, self.ends].into_iter().flatten().min();
        self.enter(Stage::Running, next);
    }

    fn leave_running(&mut self, behaviour: &Behaviour, now: Moment) {
        if self.ends.is_none_or(|ends| ends > now) {
            self.set_ready(true, now);
            self.due = self.ends;
            return;
        }
        self.set_ready(false, now);
        self.finished = now;
        match &self.job {
            Some(job) => {
                self.evicted = job.ending == Ending::Evicted;
                self.exit_code = match job.ending {
                    Ending::Exit(code) => code,
                    _ => 137,
                };
                self.enter(Stage::Ended, None);
            }
            None => {
                self.exit_code = behaviour.exit_code;
                self.enter(Stage::Terminated, Some(now + Duration::from_secs(1)));
            }
        }
    }

    /// Makes the container crash now, whatever its image does otherwise.
    pub fn crash(&mut self, now: Moment) {
        if self.stage == Stage::Running {
            self.ends = Some(now);
            self.due = Some(now);
        }
    }

    /// What deletion does. True when the pod may vanish.
    fn end(&mut self, pod: &Value, behaviour: &Behaviour, now: Moment) -> bool {
        let grace = object::count(pod, "/metadata/deletionGracePeriodSeconds").max(0) as u64;
        if grace == 0 || !matches!(self.stage, Stage::Running | Stage::Exited) {
            return true;
        }
        if self.stage == Stage::Exited {
            return self.exits.is_none_or(|gone| gone <= now);
        }
        let drains = behaviour.drains_for.min(Duration::from_secs(grace));
        let exits = *self.exits.get_or_insert(now + drains);
        if exits <= now {
            self.set_ready(false, now);
            self.finished = now;
            self.enter(Stage::Exited, None);
            self.exits = Some(now + Duration::from_millis(300));
        }
        false
    }
}

/// One step of the scheduler and of all kubelets.
pub fn step(world: &mut World, store: &mut Store, due: &mut Due) {
    let now = store.clock.elapsed();
    world.pods.retain(|uid, _| store.with_uid(uid).is_some());
    for key in store.keys(&kinds::PODS) {
        let pod = store.at(&key).unwrap().clone();
        let uid = object::uid(&pod);
        let mut run = match world.pods.remove(uid) {
            Some(run) => run,
            None => Run::new(world, &pod, now),
        };
        if *run.server.labels != pod["metadata"]["labels"] {
            run.server = Arc::new(Server::of(&pod));
        }
        let behaviour = world.behaviour(&run.server.image);
        if object::is_terminating(&pod) {
            if run.end(&pod, &behaviour, now) {
                vanish(store, &key, &pod);
                continue;
            }
            run.exits.into_iter().for_each(|moment| due.at(moment));
        }
        while run.due.is_some_and(|moment| moment <= now) {
            run.advance(&behaviour, now);
        }
        run.due.into_iter().for_each(|moment| due.at(moment));
        if std::mem::take(&mut run.changed) {
            write(store, &key, &pod, &run);
        }
        world.pods.insert(uid.to_owned(), run);
    }
}

fn write(store: &mut Store, key: &Key, pod: &Value, run: &Run) {
    let status = pod_status::of(run, pod, store.clock);
    store.modify("kubelet", key, |pod| {
        if run.scheduled.is_some() {
            object::default(pod, "/spec/nodeName", json!("node-1"));
        }
        pod["status"] = status;
    });
}

fn vanish(store: &mut Store, key: &Key, pod: &Value) {
    if object::items(pod, "/metadata/finalizers").is_empty() {
        store.commit(&By::model("kubelet", "delete"), key, None);
    }
}
