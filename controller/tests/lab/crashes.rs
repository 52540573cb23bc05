//! A scenario with a crash at every write of the controller, and the same end demanded of every history.
//!
//! Up to the crash all histories are one. It is run once, and at each crash point a history branches off, in which the
//! controller dies, comes back after a while, and the rest of the scenario follows.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    thread,
    time::Duration,
};

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::runtime::Builder;

use super::Lab;
use crate::cluster::{Branch, Crash};

const SEED: u64 = 7;
/// How long the controller is away.
const AWAY: Duration = Duration::from_secs(20);

/// A part of a scenario.
pub enum Step {
    /// Something a user does, at once.
    Do(fn(&Lab)),
    /// Time goes by; a history that branches off in the meantime waits anew.
    Wait(for<'a> fn(&'a Lab) -> BoxFuture<'a, ()>),
}

/// A history that begins with a crash, and all crashes that it begins with.
struct Point {
    crashes: Vec<Crash>,
    /// The step in which it happens.
    step: usize,
    branch: Branch,
}

/// Runs a scenario undisturbed, then on from each write and kind of crash; every history must end alike.
pub fn survives_a_crash_at_every_write(scenario: &[Step]) {
    let (expected, writes) = in_virtual_time(async || undisturbed(scenario, |_| {}).await);
    let (points, histories) = sync_channel::<Point>(2);
    let (histories, failed, survived) = (Mutex::new(histories), AtomicBool::new(false), AtomicUsize::new(0));
    let work = || {
        let failed = FailedOnPanic(&failed);
        let next = || histories.lock().unwrap().recv();
        while let Ok(point) = next() {
            // Whoever waits for room to send goes on when another history has failed.
            if !failed.0.load(Ordering::Relaxed) {
                let crashes = point.crashes.len();
                in_virtual_time(async || crashed(scenario, point, &expected).await);
                survived.fetch_add(crashes, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| drop(scope.spawn(work)));
        let send = move |point| points.send(point).unwrap();
        let again = in_virtual_time(async || undisturbed(scenario, send).await);
        assert_eq!(again, (expected.clone(), writes), "one seed, two histories");
    });
    assert_eq!(survived.into_inner() as u64, 3 * writes, "a crash before, at and after every write");
}

/// The end without a crash, and the number of writes; shows all crash points on the way.
async fn undisturbed(scenario: &[Step], mut see: impl FnMut(Point) + Send + 'static) -> (Value, u64) {
    let lab = Lab::new(SEED).controller(Duration::from_secs(5));
    let step = Arc::new(AtomicUsize::new(0));
    let now = step.clone();
    lab.cluster.on_crash_points("controller", move |crashes, branch| {
        see(Point { crashes, step: now.load(Ordering::Relaxed), branch });
    });
    for (index, part) in scenario.iter().enumerate() {
        step.store(index, Ordering::Relaxed);
        part.run(&lab).await;
    }
    lab.nothing_went_wrong();
    (lab.outcome(), lab.cluster.writes("controller"))
}

async fn crashed(scenario: &[Step], point: Point, expected: &Value) {
    let Point { crashes, step, branch } = point;
    println!("{crashes:?}");
    let lab = Lab::resume(branch).controller_in(AWAY, AWAY);
    for part in &scenario[step..] {
        part.run(&lab).await;
    }
    lab.nothing_went_wrong();
    let end = lab.outcome();
    assert_eq!(end, *expected, "{crashes:?} changed the end\n{}", lab.cluster.dump());
}

impl Step {
    async fn run(&self, lab: &Lab) {
        match self {
            Self::Do(act) => act(lab),
            Self::Wait(wait) => wait(lab).await,
        }
    }
}

/// Nothing here waits for the outside, so the runtime has a clock and no sockets.
fn in_virtual_time<T>(run: impl AsyncFnOnce() -> T) -> T {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(run())
}

struct FailedOnPanic<'a>(&'a AtomicBool);

impl Drop for FailedOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
