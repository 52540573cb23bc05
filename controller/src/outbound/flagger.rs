//! Bodies as Flagger's webhooks have them (github.com/fluxcd/flagger v1.41, `CanaryWebhookPayload` and `CallEventWebhook`), so that
//! receivers written for it need no change: its load tester, and those that tell others of events.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use messages::{Notice, Severity};
use planner::journal::Phase;
use serde_json::{Map, Value, json};

/// What a body is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The policy, for Flagger's canary.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Short id of the candidate; Flagger's own is a hash of the same length. Empty where there is none.
    pub checksum: &'a str,
    /// What the user gives.
    pub metadata: &'a BTreeMap<String, String>,
}

/// Flagger's word for a phase.
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending | Phase::Inconclusive => "Waiting",
        // Flagger says that a canary failed when it is out, and goes on with a newer version without a word.
        Phase::Preparing | Phase::Gating | Phase::Shifting | Phase::RollingBack | Phase::Superseded => "Progressing",
        Phase::Promoting => "Promoting",
        Phase::Warm => "Finalising",
        Phase::Succeeded => "Succeeded",
        Phase::RolledBack | Phase::Held => "Failed",
    }
}

/// What every body has. `metadata` is left out where it is empty.
pub fn payload(about: &Subject<'_>, phase: &str) -> Map<String, Value> {
    let mut body = Map::new();
    for (key, value) in
        [("name", about.name), ("namespace", about.namespace), ("phase", phase), ("checksum", about.checksum)]
    {
        body.insert(key.into(), value.into());
    }
    if !about.metadata.is_empty() {
        body.insert("metadata".into(), json!(about.metadata));
    }
    body
}

/// An event of a release that is in a phase. The user's metadata cannot change what is said of the event.
pub fn event(about: &Subject<'_>, now: Phase, message: &str, warning: bool, at: DateTime<Utc>) -> Value {
    let mut metadata = about.metadata.clone();
    metadata.extend([
        ("eventMessage".to_owned(), message.to_owned()),
        ("eventType".to_owned(), if warning { "Warning" } else { "Normal" }.to_owned()),
        ("timestamp".to_owned(), at.timestamp_millis().to_string()),
    ]);
    Value::Object(payload(&Subject { metadata: &metadata, ..*about }, phase(now)))
}

/// The event of a notice.
pub fn notice(notice: &Notice, metadata: &BTreeMap<String, String>) -> Value {
    let checksum = notice.new.as_ref().map_or("", |version| version.revision.as_str());
    let about = Subject { name: &notice.policy, namespace: &notice.namespace, checksum, metadata };
    // A word that nobody knows is one of a later version, of something under way.
    let now = serde_json::from_value(notice.phase.as_str().into()).unwrap_or(Phase::Shifting);
    event(&about, now, &notice.message, notice.severity != Severity::Info, notice.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_250).unwrap()
    }

    #[test]
    fn an_event_is_as_flaggers_event_webhook_has_it() {
        let metadata = BTreeMap::from([("team".into(), "shop".into()), ("eventType".into(), "Normal".into())]);
        let about = Subject { name: "front", namespace: "shop", checksum: "3f9c01d2", metadata: &metadata };
        let said = event(&about, Phase::RolledBack, "success-rate: 91 should be at least 99", true, at());
        let expected = json!({
            "name": "front", "namespace": "shop", "phase": "Failed", "checksum": "3f9c01d2",
            "metadata": {
                "eventMessage": "success-rate: 91 should be at least 99", "eventType": "Warning",
                "timestamp": "1700000000250", "team": "shop",
            },
        });
        assert_eq!(said, expected);
    }

    #[test]
    fn a_body_without_metadata_has_no_such_field() {
        let about = Subject { name: "front", namespace: "shop", checksum: "", metadata: &BTreeMap::new() };
        let body = Value::Object(payload(&about, "Progressing"));
        assert_eq!(body, json!({ "name": "front", "namespace": "shop", "phase": "Progressing", "checksum": "" }));
    }

    #[test]
    fn a_notice_is_an_event_of_its_phase() {
        let said: Notice = serde_json::from_value(json!({
            "id": "u-3", "number": 3, "at": at(), "kind": "Promoted", "severity": "Info", "reason": "Switched",
            "message": "all new connections go to the candidate", "namespace": "shop", "policy": "front",
            "workload": "front", "release": "front-3f9c01d2-1", "releaseUid": "u", "attempt": 1, "purpose": "Update",
            "new": { "revision": "3f9c01d2", "digest": "sha256:3f", "images": [] }, "phase": "Warm",
        }))
        .unwrap();
        let body = notice(&said, &BTreeMap::new());
        assert_eq!((&body["phase"], &body["checksum"]), (&json!("Finalising"), &json!("3f9c01d2")));
        assert_eq!(body["metadata"]["eventType"], "Normal");
        assert_eq!(body["metadata"]["eventMessage"], "all new connections go to the candidate");
    }

    #[test]
    fn every_phase_has_a_word_that_flagger_knows() {
        let known = ["Waiting", "Progressing", "Promoting", "Finalising", "Succeeded", "Failed"];
        for word in ["Pending", "Preparing", "Gating", "Shifting", "Promoting", "Warm", "Succeeded", "RollingBack"] {
            let ours: Phase = serde_json::from_value(word.into()).unwrap();
            assert!(known.contains(&phase(ours)), "{word}");
        }
        assert_eq!((phase(Phase::Held), phase(Phase::RollingBack)), ("Failed", "Progressing"));
    }
}
