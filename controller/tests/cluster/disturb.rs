//! Observers, admission, and everything that goes wrong on purpose.

use std::future::Future;

use serde_json::Value;

use super::{Cluster, Crash, Entry, Fault, Store, Write};

impl Cluster {
    /// Calls a function after every accepted write; what it returns is collected in `violations`.
    pub fn on_write(&self, observer: impl FnMut(&Write<'_>, &Store) -> Vec<String> + Clone + Send + 'static) {
        self.with(|state| state.store.observers.push(Box::new(observer)));
    }

    /// Asks a function before every write of a client; an error is a 403.
    pub fn admission(&self, ask: impl FnMut(&Write<'_>, &Store) -> Result<(), String> + Send + 'static) {
        self.with(|state| state.store.admission.push(Box::new(ask)));
    }

    /// Answers access reviews, given their `spec`. Without it everything is allowed.
    pub fn access(&self, allows: impl FnMut(&Value) -> bool + Send + 'static) {
        self.with(|state| state.allows = Box::new(allows));
    }

    pub fn violations(&self) -> Vec<String> {
        self.shared.lock().store.violations.clone()
    }

    /// Plans a fault at the k-th write of an identity, counted from 1 since the beginning.
    pub fn fault(&self, identity: &str, write: u64, fault: Fault) {
        self.with(|state| state.faults.at_write(identity, write, fault));
    }

    /// Plans a fault at the n-th request of an identity, reads included.
    pub fn fault_at_request(&self, identity: &str, request: u64, fault: Fault) {
        self.with(|state| state.faults.at_request(identity, request, fault));
    }

    /// Forgets all planned faults of an identity; its counts go on.
    pub fn clear_faults(&self, identity: &str) {
        self.with(|state| state.faults.clear(identity));
    }

    /// Answers 403 to a verb on a resource (`patch` on `services`) until it is granted again.
    pub fn refuse(&self, identity: &str, verb: &str, resource: &str) {
        self.with(|state| state.faults.refuse(identity, verb, resource));
    }

    pub fn grant(&self, identity: &str, verb: &str, resource: &str) {
        self.with(|state| state.faults.grant(identity, verb, resource));
    }

    /// The writes of an identity so far, as fault plans count them.
    pub fn writes(&self, identity: &str) -> u64 {
        self.shared.lock().faults.writes(identity)
    }

    /// The next crash that was not yet asked for.
    pub async fn crash(&self) -> Crash {
        loop {
            let pending = {
                let mut state = self.shared.lock();
                let crashes = &mut state.faults.crashes;
                (!crashes.is_empty()).then(|| crashes.remove(0))
            };
            match pending {
                Some(crash) => return crash,
                None => self.shared.crashed.notified().await,
            }
        }
    }

    /// Runs something until it ends or a crash point is reached, and drops it then.
    pub async fn until_crash<T>(&self, work: impl Future<Output = T>) -> Result<T, Crash> {
        tokio::select! {
            biased;
            crash = self.crash() => Err(crash),
            done = work => Ok(done),
        }
    }

    /// Ends every watch of an identity.
    pub fn cut_watches(&self, identity: &str) {
        self.with(|state| state.store.hub.cut(identity));
    }

    /// Ends every watch of an identity with 410, and forgets the history that it would go on from.
    pub fn expire_watches(&self, identity: &str) {
        self.with(|state| {
            state.store.compact();
            state.store.hub.expire(identity);
        });
    }

    /// Holds back all watch events of an identity until `thaw_watches`.
    pub fn freeze_watches(&self, identity: &str) {
        self.with(|state| state.store.hub.freeze(identity));
    }

    pub fn thaw_watches(&self, identity: &str) {
        self.with(|state| state.store.hub.thaw(identity));
    }

    /// The request log.
    pub fn log(&self) -> Vec<Entry> {
        self.shared.lock().log.clone()
    }
}
