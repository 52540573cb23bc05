//! The turn of a replica that stands by: as soon as the lease is free, not at some poll after that.
//!
//! The election itself asks for the lease now and then. With a pause of seconds between two requests, which an idle
//! installation should have, it sees late that the leader was killed, and waits for as long as the lease lasts from
//! then on. A watch sees every renewal at once and costs nothing while nothing happens.

use std::time::Duration;

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::PostParams,
    runtime::{WatchStreamExt as _, watcher, watcher::watch_object},
};
use tokio::time::{Instant, timeout};

/// How long a lease lasts that nobody renews.
pub const LASTS: Duration = Duration::from_secs(15);

/// Why a lease is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {
    /// Its holder ended in order.
    GivenBack,
    /// Its holder has not renewed it for as long as it lasts.
    Expired,
}

/// Waits until the lease of another holder is free. One that was not renewed is taken from its holder: the next in the
/// election finds it free.
///
/// `stands_by` is asked before that, so that a replica which leads by now keeps what it has.
pub async fn free(leases: &Api<Lease>, name: &str, stands_by: impl Fn() -> bool) -> Free {
    let mut seen = watch_object(leases.clone(), name).default_backoff().boxed();
    loop {
        let free = changed_to_free(&mut seen).await;
        if !stands_by() {
            return std::future::pending().await;
        }
        let Some(lease) = free else { return Free::GivenBack };
        if take_from_holder(leases, name, lease).await {
            return Free::Expired;
        }
        // Renewed, or taken by a third: the watch will tell.
    }
}

/// Waits until a lease that was held is held by nobody, or was not changed for as long as it lasts: which it is then.
///
/// Clocks of other machines have no part in it: what counts is when a change was seen here.
async fn changed_to_free(seen: &mut (impl Stream<Item = watcher::Result<Option<Lease>>> + Unpin)) -> Option<Lease> {
    let mut held: Option<(Lease, Instant)> = None;
    loop {
        let left = held.as_ref().map(|(_, since)| LASTS.saturating_sub(since.elapsed()));
        let next = match left {
            Some(left) => timeout(left, seen.next()).await,
            None => Ok(seen.next().await),
        };
        match next {
            Err(_) => return held.map(|(lease, _)| lease),
            Ok(None) => return std::future::pending().await,
            Ok(Some(Ok(Some(lease)))) if is_held(&lease) => {
                if held.as_ref().is_none_or(|(old, _)| version(old) != version(&lease)) {
                    held = Some((lease, Instant::now()));
                }
            }
            Ok(Some(Ok(_))) if held.is_some() => return None,
            // Free from the beginning, so the election has it already; or a watch that is begun anew.
            Ok(Some(_)) => {}
        }
    }
}

fn is_held(lease: &Lease) -> bool {
    lease.spec.as_ref().and_then(|s| s.holder_identity.as_deref()).is_some_and(|holder| !holder.is_empty())
}

fn version(lease: &Lease) -> Option<&str> {
    lease.metadata.resource_version.as_deref()
}

/// Whether the lease was still as it was seen, and now has no holder.
async fn take_from_holder(leases: &Api<Lease>, name: &str, mut lease: Lease) -> bool {
    let holder = lease.spec.as_mut().and_then(|spec| spec.holder_identity.take()).unwrap_or_default();
    // The version that was seen goes with it: a renewal that was missed makes this a conflict.
    match leases.replace(name, &PostParams::default(), &lease).await {
        Ok(_) => {
            tracing::warn!(holder, "the lease was not renewed for {} s: it is taken from its holder", LASTS.as_secs());
            true
        }
        Err(error) => {
            tracing::info!(holder, error = &error as &dyn std::error::Error, "the lease is not taken from its holder");
            false
        }
    }
}
