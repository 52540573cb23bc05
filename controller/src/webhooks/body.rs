//! What receivers are sent: Flagger's body, and what Sluice knows besides.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use planner::{
    journal::{Phase, RevisionRef},
    policy::Place,
    world::RunKey,
};
use serde_json::{Value, json};

use super::Stand;
use crate::outbound::flagger::{self, Subject};

/// A release that receivers are asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Namespace of everything.
    pub namespace: String,
    /// The policy.
    pub policy: String,
    /// The Release.
    pub release: String,
    /// Its UID.
    pub uid: String,
    /// The candidate.
    pub to: RevisionRef,
    /// What tests are told in their environment, such as `SLUICE_CANDIDATE_URL`.
    pub variables: Vec<(String, String)>,
}

impl About {
    /// Namespace and name of the policy.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.policy)
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Whether a gate passes.
    Gate {
        /// The run.
        key: RunKey,
        /// The candidate's share of the traffic, in percent.
        weight: u32,
    },
    /// Whether the candidate is to be taken back.
    Rollback {
        /// The webhook.
        name: String,
        /// Where the release stands.
        stand: Stand,
    },
}

impl Asked {
    /// Where the release stands, in Flagger's word. Flagger asks before a rollout as `Waiting` and later as `Progressing`.
    fn phase(&self) -> &'static str {
        match self {
            Self::Gate { key, .. } if key.at == Place::Start => flagger::phase(Phase::Pending),
            Self::Gate { .. } => flagger::phase(Phase::Shifting),
            Self::Rollback { stand, .. } => flagger::phase(stand.phase),
        }
    }

    /// The question's own part; the same question has the same `id`.
    fn own(&self, uid: &str) -> Value {
        match self {
            Self::Gate { key: RunKey { gate, at, step, attempt }, weight } => {
                let place = step.map_or_else(|| word(*at), |step| format!("step-{step}"));
                json!({
                    "type": "gate", "id": format!("{uid}/{gate}/{place}/{attempt}"), "gate": gate, "place": word(*at),
                    "step": step, "weight": weight, "attempt": attempt,
                })
            }
            Self::Rollback { name, stand } => json!({
                "type": "rollback", "id": format!("{uid}/{name}"), "webhook": name, "step": stand.step,
                "weight": stand.weight,
            }),
        }
    }
}

fn word(place: Place) -> String {
    match place {
        Place::Start => "start",
        Place::Traffic => "traffic",
        Place::Step => "step",
        Place::Promotion => "promotion",
    }
    .into()
}

/// The body of a question that is asked at a time.
pub fn body(about: &About, asked: &Asked, metadata: &BTreeMap<String, String>, at: DateTime<Utc>) -> Value {
    let metadata = metadata.iter().map(|(key, value)| (key.clone(), filled(value, &about.variables))).collect();
    let checksum = about.to.revision.to_string();
    let subject =
        Subject { name: &about.policy, namespace: &about.namespace, checksum: &checksum, metadata: &metadata };
    let mut body = flagger::payload(&subject, asked.phase());
    let url = |whose: &str| about.variables.iter().find(|(name, _)| name == whose).map(|(_, value)| value);
    let ours = json!({
        "release": about.release, "revision": checksum, "digest": about.to.digest.as_str(), "images": about.to.images,
        "candidate": url("SLUICE_CANDIDATE_URL"), "stable": url("SLUICE_STABLE_URL"),
        "at": at.to_rfc3339_opts(SecondsFormat::Millis, true),
    });
    for part in [ours, asked.own(&about.uid)] {
        let Value::Object(part) = part else { continue };
        body.extend(part.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(body)
}

/// A text with `$(NAME)` replaced by the variable of that name; others stay as they are, as in a container's command.
fn filled(text: &str, variables: &[(String, String)]) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(from) = rest.find("$(") {
        let (before, name) = (&rest[..from], &rest[from + 2..]);
        let found = name.find(')').and_then(|end| {
            let value = variables.iter().find(|(known, _)| *known == name[..end])?;
            Some((value.1.as_str(), &name[end + 1..]))
        });
        let (value, after) = found.unwrap_or(("$(", name));
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use planner::Digest;

    fn about() -> About {
        let digest = Digest::parse(&format!("sha256:3f9c01d2{}", "0".repeat(56))).unwrap();
        let variables = [
            ("SLUICE_CANDIDATE_HOST", "front-3f9c01d2.shop.svc"),
            ("SLUICE_CANDIDATE_URL", "http://front-3f9c01d2.shop.svc:80"),
        ];
        About {
            namespace: "shop".into(),
            policy: "front".into(),
            release: "front-3f9c01d2-1".into(),
            uid: "8e2b6a0c".into(),
            to: RevisionRef::new(digest, vec!["front:2".into()]),
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_250).unwrap()
    }

    #[test]
    fn a_gate_is_asked_with_flaggers_body_and_what_sluice_knows_besides() {
        let key = RunKey { gate: "load".into(), at: Place::Step, step: Some(2), attempt: 1 };
        let cmd = "hey -z 1m -host $(SLUICE_CANDIDATE_HOST) $(SLUICE_CANDIDATE_URL)/ $(OTHER) $(";
        let metadata = BTreeMap::from([("cmd".to_owned(), cmd.to_owned())]);
        let body = body(&about(), &Asked::Gate { key, weight: 20 }, &metadata, at());
        let digest = format!("sha256:3f9c01d2{}", "0".repeat(56));
        let cmd = "hey -z 1m -host front-3f9c01d2.shop.svc http://front-3f9c01d2.shop.svc:80/ $(OTHER) $(";
        assert_eq!(
            body,
            json!({
                "name": "front", "namespace": "shop", "phase": "Progressing", "checksum": "3f9c01d2",
                "metadata": { "cmd": cmd },
                "type": "gate", "id": "8e2b6a0c/load/step-2/1", "gate": "load", "place": "step", "step": 2, "weight": 20,
                "attempt": 1, "release": "front-3f9c01d2-1", "revision": "3f9c01d2", "digest": digest,
                "images": ["front:2"], "candidate": "http://front-3f9c01d2.shop.svc:80", "at": "2023-11-14T22:13:20.250Z",
            })
        );
    }

    #[test]
    fn a_gate_at_the_start_waits_and_a_rollback_webhook_is_told_where_the_release_stands() {
        let none = BTreeMap::new();
        let key = RunKey { gate: "may-start".into(), at: Place::Start, step: None, attempt: 2 };
        let start = body(&about(), &Asked::Gate { key, weight: 0 }, &none, at());
        assert_eq!((&start["phase"], &start["id"]), (&json!("Waiting"), &json!("8e2b6a0c/may-start/start/2")));
        assert!(start.get("step").is_none() && start.get("metadata").is_none(), "{start}");
        let asked =
            Asked::Rollback { name: "watch".into(), stand: Stand { phase: Phase::Warm, step: None, weight: 100 } };
        let back = body(&about(), &asked, &none, at());
        assert_eq!((&back["phase"], &back["type"]), (&json!("Finalising"), &json!("rollback")));
        assert_eq!((&back["webhook"], &back["weight"]), (&json!("watch"), &json!(100)));
    }
}
