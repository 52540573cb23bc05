//! Histories that branch: what a cluster is at the moment at which a client could die, and a cluster that goes on from there.
//!
//! All that a process knows ends with it, so nothing but the cluster itself is taken along: objects, models, requests under
//! way to applications, chance. A branch is the same as a run from the start up to the crash, without running it again.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::{Clock, Cluster, Crash, Fault, Moment, Shared, State, Tasks};

/// How much of the request log is taken along, for dumps.
const LOG: usize = 50;

/// The state of a cluster at one moment, without its clients.
pub struct Branch {
    state: State,
    elapsed: Moment,
}

type See = Box<dyn FnMut(Vec<Crash>, Branch) + Send>;

/// Who wants to see the branches of one identity.
pub struct Branching {
    identity: String,
    see: See,
    /// The write whose answer is under way or was taken.
    answered: Option<u64>,
}

impl Cluster {
    /// Shows every crash that an identity could suffer at a write: before it is sent, when it is applied and its answer is
    /// lost, and when the answer was taken and the next request is on its way. Where that is the next write, the crash
    /// after the one and the crash before the other are the same.
    pub fn on_crash_points(&self, identity: &str, see: impl FnMut(Vec<Crash>, Branch) + Send + 'static) {
        let branching = Branching { identity: identity.to_owned(), see: Box::new(see), answered: None };
        self.with(|state| state.branching = Some(branching));
    }

    /// Goes on from a branch, in this runtime; the process that has crashed stays dead.
    pub fn resume(branch: Branch, dead: &str) -> Self {
        let Branch { mut state, elapsed } = branch;
        let (clock, dirty) = (Clock::at(elapsed), Arc::new(Notify::new()));
        state.store.rebase(clock, dirty.clone());
        state.faults.kill(dead);
        let sends = state.traffic.running;
        let shared = Shared { state: Mutex::new(state), clock, dirty, crashed: Notify::new() };
        let cluster = Self { shared: Arc::new(shared), tasks: Arc::new(Tasks::default()) };
        cluster.start();
        if sends {
            cluster.send_requests();
        }
        cluster
    }
}

impl State {
    fn branch(&self) -> Branch {
        let elapsed = self.store.clock.elapsed();
        let last = self.log.len().saturating_sub(LOG);
        let state = Self {
            store: self.store.branch(),
            world: self.world.clone(),
            traffic: self.traffic.clone(),
            faults: self.faults.clone(),
            log: self.log[last..].to_vec(),
            wire: self.wire.clone(),
            rng: self.rng.clone(),
            latency: self.latency,
            allows: Box::new(|_| true),
            branching: None,
        };
        Branch { state, elapsed }
    }

    fn show(&mut self, crashes: &[(Option<u64>, Fault)]) {
        let Some(mut branching) = self.branching.take() else { return };
        let identity = &branching.identity;
        let named = |(write, fault): &(Option<u64>, Fault)| {
            write.map(|write| Crash { identity: identity.clone(), write, fault: *fault })
        };
        let crashes: Vec<_> = crashes.iter().filter_map(named).collect();
        if !crashes.is_empty() {
            (branching.see)(crashes, self.branch());
        }
        self.branching = Some(branching);
    }

    /// A request arrives, perhaps a write: what was answered before has been taken note of.
    pub fn request_arrives(&mut self, identity: &str, write: Option<u64>) {
        if let Some(mine) = self.branching.as_mut().filter(|b| b.identity == identity) {
            let answered = mine.answered.take();
            self.show(&[(answered, Fault::CrashAfterAnswer), (write, Fault::CrashBefore)]);
        }
    }

    pub fn request_is_applied(&mut self, identity: &str, write: Option<u64>) {
        if let Some(mine) = self.branching.as_mut().filter(|b| b.identity == identity) {
            mine.answered = write;
            self.show(&[(write, Fault::CrashAfter)]);
        }
    }
}
