//! Runs, spread over the cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often progress is told.
const TELL: Duration = Duration::from_secs(2);

/// Results of the runs 0, 1, ..., in this order whatever the number of threads. Tells on standard error how far it is.
pub fn runs<T: Send>(threads: usize, label: &str, runs: usize, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = |tells: bool| {
        let mut done = Vec::new();
        let mut told = Instant::now();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= runs {
                return done;
            }
            done.push((number, run(number as u64)));
            if tells && told.elapsed() >= TELL {
                told = Instant::now();
                eprintln!("  {label}: {number} of {runs} runs");
            }
        }
    };
    let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| work(false))).collect();
        let mine = work(true);
        let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<(usize, T)>>| thread.join().expect("a run panicked");
        mine.into_iter().chain(others.into_iter().flat_map(join)).collect()
    });
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, result)| result).collect()
}
