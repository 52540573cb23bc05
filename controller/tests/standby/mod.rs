//! A replica that stands by, and the lease of the one that leads.

use std::time::Duration;

use controller::lease::{self, Free};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::json;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::cluster::Cluster;

const NAME: &str = "sluice";
const HOLDER: &str = "other";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A lease that another replica holds.
fn held() -> (Cluster, Api<Lease>) {
    let cluster = Cluster::new(7);
    cluster.namespace("system");
    cluster.start();
    let metadata = json!({ "name": NAME, "namespace": "system" });
    cluster.apply(json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
        "spec": { "holderIdentity": HOLDER, "leaseDurationSeconds": 15, "leaseTransitions": 0 },
    }));
    let leases = Api::namespaced(cluster.client("standby"), "system");
    (cluster, leases)
}

fn standing_by(leases: &Api<Lease>) -> JoinHandle<Free> {
    let leases = leases.clone();
    tokio::spawn(async move { lease::free(&leases, NAME, || true).await })
}

/// Whatever this changes in the lease's spec, as its holder.
async fn change(leases: &Api<Lease>, holder: &str, count: i32) {
    let mut lease = leases.get(NAME).await.unwrap();
    let spec = lease.spec.as_mut().unwrap();
    (spec.holder_identity, spec.lease_transitions) = (Some(holder.into()), Some(count));
    leases.replace(NAME, &Default::default(), &lease).await.unwrap();
}

async fn holder(leases: &Api<Lease>) -> Option<String> {
    leases.get(NAME).await.unwrap().spec.unwrap().holder_identity
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_free_at_once() {
    let (_cluster, leases) = held();
    let waiting = standing_by(&leases);
    tokio::time::sleep(secs(3)).await;
    let given = Instant::now();
    change(&leases, "", 1).await;
    assert_eq!(waiting.await.unwrap(), Free::GivenBack);
    assert!(given.elapsed() < secs(1), "{:?}", given.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_renewed_stays_with_its_holder_and_is_free_fifteen_seconds_after_the_last_time() {
    let (_cluster, leases) = held();
    let waiting = standing_by(&leases);
    for renewal in 1..=5 {
        tokio::time::sleep(secs(10)).await;
        change(&leases, HOLDER, renewal).await;
    }
    let last = Instant::now();
    assert!(!waiting.is_finished());
    assert_eq!(waiting.await.unwrap(), Free::Expired);
    let after = last.elapsed().as_secs_f64();
    assert!((15.0..16.0).contains(&after), "{after}");
    assert_eq!(holder(&leases).await, None, "so that the election takes it at its next look");
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_leads_by_now_takes_the_lease_from_nobody() {
    let (_cluster, leases) = held();
    assert!(timeout(secs(60), lease::free(&leases, NAME, || false)).await.is_err());
    assert_eq!(holder(&leases).await.as_deref(), Some(HOLDER));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_not_seen_is_not_undone() {
    let (cluster, leases) = held();
    let waiting = standing_by(&leases);
    tokio::time::sleep(secs(3)).await;
    cluster.freeze_watches("standby");
    change(&leases, HOLDER, 1).await;
    tokio::time::sleep(secs(20)).await;
    assert_eq!(holder(&leases).await.as_deref(), Some(HOLDER), "its version was not the one that was seen");
    assert!(!waiting.is_finished());
    cluster.thaw_watches("standby");
    assert_eq!(waiting.await.unwrap(), Free::Expired, "once it is seen, its time counts");
}
