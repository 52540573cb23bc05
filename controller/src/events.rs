//! Events for people: one per transition, never one per pass, and never in the way of a release.

use std::sync::Arc;

use crds::Release;
use kube::{
    Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use planner::{Journal, journal::Entry};
use tracing::Instrument as _;

use crate::{api::DEADLINE, context::Context, observe::Observed};

/// Reasons that mean trouble.
const WARNINGS: [&str; 13] = [
    "ConformanceFailed",
    "AnalysisFailed",
    "PodsFailed",
    "PodsNotStarted",
    "GateTimeout",
    "NoEvidence",
    "RolledBack",
    "Inconclusive",
    "Aborted",
    "Rejected",
    "RollbackOrdered",
    "Emergency",
    "EmergencyRefused",
];

/// Publishes what is new in the timeline, on the release and on the policy.
pub fn publish(context: &Arc<Context>, observed: &Observed, release: &Release, before: &Journal, next: &Journal) {
    let new: Vec<Entry> = next.entries_after(before.noted()).map(|(_, entry)| entry.clone()).collect();
    if new.is_empty() {
        return;
    }
    let reporter = Reporter { controller: "sluice".into(), instance: context.instance.clone() };
    let client = context.kube.client();
    let mut about = observed.object.object_ref(&());
    about.resource_version = None;
    let related = release.object_ref(&());
    let published = async move {
        for entry in new {
            let event = event(&entry, related.clone());
            // One that knew the last event would count another of its reason as the same, and leave out what it says.
            let recorder = Recorder::new(client.clone(), reporter.clone());
            // An event that is lost loses nothing: the timeline has it.
            if let Ok(Err(error)) = tokio::time::timeout(DEADLINE, recorder.publish(&event, &about)).await {
                tracing::warn!(%error, reason = entry.reason, "an event could not be published");
            }
        }
    };
    tokio::spawn(published.in_current_span());
}

fn event(entry: &Entry, related: k8s_openapi::api::core::v1::ObjectReference) -> Event {
    let warning = WARNINGS.contains(&entry.reason.as_str());
    Event {
        type_: if warning { EventType::Warning } else { EventType::Normal },
        reason: entry.reason.clone(),
        note: Some(entry.message.chars().take(1000).collect()),
        action: entry.reason.clone(),
        secondary: Some(related),
    }
}
