//! Launches requests at a fixed rate, whatever becomes of the answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::header::HeaderMap;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::client::Client;
use super::options::{MAX_REQUESTS, Options};
use super::recorder::{End, Recorder};
use crate::clock;
use crate::report::{Counts, EndedBy, Mark, Report, State};
use crate::spread::Share;

/// A run of the load generator. Clones share it.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rate: f64,
    fresh: Share,
    started: Instant,
    until: Instant,
    cap: u64,
    launched: AtomicU64,
    clients: Vec<Arc<Client>>,
    recorder: Recorder,
    stage: watch::Sender<(State, Option<EndedBy>)>,
}

impl Engine {
    /// Starts sending in the background.
    ///
    /// # Errors
    ///
    /// When a target cannot be asked, or the caps do not allow it.
    pub fn start(options: &Options) -> Result<Engine, String> {
        options.check()?;
        let headers: HeaderMap = options.headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect();
        let clients = options
            .targets
            .iter()
            .map(|target| Client::new(&target.url, headers.clone(), options.kept, options.timeout).map(Arc::new));
        let clients = clients.collect::<Result<Vec<_>, _>>()?;
        let names = options.targets.iter().map(|t| (t.name.clone(), t.url.to_string()));
        let started = clock::now();
        let engine = Engine(Arc::new(Shared {
            rate: options.rate,
            fresh: options.fresh,
            started,
            until: started + options.duration,
            cap: MAX_REQUESTS,
            launched: AtomicU64::new(0),
            clients,
            recorder: Recorder::new(clock::unix_ms(), names),
            stage: watch::Sender::new((State::Running, None)),
        }));
        tokio::spawn(engine.clone().run());
        Ok(engine)
    }

    /// Everything counted so far.
    pub fn report(&self) -> Report {
        let (state, ended_by) = *self.0.stage.borrow();
        Report {
            now_ms: clock::unix_ms(),
            state,
            ended_by,
            rate: self.0.rate,
            fresh_share: self.0.fresh.as_f64(),
            ..self.0.recorder.report()
        }
    }

    /// The counts alone.
    pub fn counts(&self) -> BTreeMap<String, Counts> {
        self.0.recorder.counts()
    }

    /// Names this moment; nothing if there are too many marks.
    pub fn mark(&self, name: &str) -> Option<Mark> {
        self.0.recorder.mark(name, clock::unix_ms())
    }

    /// Stops sending, waits for what is outstanding (a timeout at most) and tells the final counts.
    pub async fn stop(&self) -> Report {
        self.0.end(EndedBy::Request);
        self.finished().await
    }

    /// Waits until nothing is sent any more and nothing is outstanding.
    pub async fn finished(&self) -> Report {
        let mut stage = self.0.stage.subscribe();
        // The sender lives as long as this engine.
        let _ = stage.wait_for(|(state, _)| *state == State::Finished).await;
        self.report()
    }

    async fn run(self) {
        let mut senders = JoinSet::new();
        for target in 0..self.0.clients.len() {
            senders.spawn(Arc::clone(&self.0).send(target));
        }
        while senders.join_next().await.is_some() {}
        self.0.stage.send_modify(|stage| stage.0 = State::Finished);
    }
}

impl Shared {
    /// Sends to one target until the end, then waits for the outstanding.
    async fn send(self: Arc<Self>, target: usize) {
        let mut stage = self.stage.subscribe();
        let mut outstanding = JoinSet::new();
        for n in 0.. {
            let due = self.started + Duration::from_secs_f64(n as f64 / self.rate);
            tokio::select! {
                biased;
                _ = stage.wait_for(|(state, by)| stops(*state, *by)) => break,
                () = sleep_until(due.min(self.until)) => {}
            }
            if due >= self.until {
                self.end(EndedBy::Duration);
                break;
            }
            if self.launched.fetch_add(1, Ordering::Relaxed) >= self.cap {
                self.end(EndedBy::RequestCap);
                break;
            }
            let fresh = self.fresh.scattered(n);
            self.recorder.launched(target, fresh, clock::now().duration_since(due));
            outstanding.spawn(Arc::clone(&self).request(target, n, fresh));
            while outstanding.try_join_next().is_some() {}
        }
        while outstanding.join_next().await.is_some() {}
    }

    async fn request(self: Arc<Self>, target: usize, n: u64, fresh: bool) {
        let launched = clock::now();
        let client = &self.clients[target];
        let outcome = if fresh { client.fresh(n).await } else { client.kept(n).await };
        let took = clock::now().duration_since(launched);
        let end = End { target, fresh, at_ms: clock::unix_ms(), took };
        self.recorder.ended(end, outcome);
    }

    /// No more requests. The first reason stays.
    fn end(&self, by: EndedBy) {
        self.stage.send_if_modified(|stage| {
            let first = stage.0 == State::Running;
            if first {
                *stage = (State::Stopping, Some(by));
            }
            first
        });
    }
}

/// The end of the duration is every sender's own business: each launches what is due before it.
fn stops(state: State, by: Option<EndedBy>) -> bool {
    state != State::Running && by != Some(EndedBy::Duration)
}
