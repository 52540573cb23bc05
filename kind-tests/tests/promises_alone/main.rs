//! The promises that disturb the controller or Prometheus, one at a time, after all others.
#![forbid(unsafe_code)]

mod freeze_all;
mod notifications;
mod promise_08_killed;
mod promise_09_upgrade;
mod promise_10_prometheus_away;
mod traces;

use tokio::sync::{Mutex, MutexGuard};

/// Held by a test while it disturbs what all of them need.
async fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::const_new(());
    ONE.lock().await
}
