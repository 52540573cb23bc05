//! What the API server wrote down of the controller's requests, and what the chart allows it.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// A verb on a resource, such as `patch apps/deployments` or `patch pods/status`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// API group; empty for the core.
    pub group: String,
    /// The resource, with its subresource.
    pub resource: String,
    /// The verb.
    pub verb: String,
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let group = if self.group.is_empty() { "core" } else { &self.group };
        write!(f, "{} {group}/{}", self.verb, self.resource)
    }
}

/// The API server's audit log, where the cluster is local: `LOCALK8S_DIR` says where.
pub fn log_path() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("LOCALK8S_DIR")?).join("log/audit.log");
    path.exists().then_some(path)
}

/// What a user asked for, and which of it was forbidden, by the audit log's text (one JSON event a line).
///
/// # Errors
///
/// When a line is no event.
pub fn used(log: &str, user: &str) -> Result<(BTreeSet<Right>, BTreeSet<Right>)> {
    let (mut used, mut forbidden) = (BTreeSet::new(), BTreeSet::new());
    for line in log.lines().filter(|line| line.contains(user)) {
        let event: Value =
            serde_json::from_str(line).with_context(|| format!("a line of the audit log: {line:.200}"))?;
        if event["user"]["username"] != user || event["objectRef"].is_null() {
            continue;
        }
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let subresource = text("/objectRef/subresource");
        let slash = if subresource.is_empty() { "" } else { "/" };
        let right = Right {
            group: text("/objectRef/apiGroup"),
            resource: format!("{}{slash}{subresource}", text("/objectRef/resource")),
            verb: text("/verb"),
        };
        // Not by the code: what is created in a namespace that is being deleted is also answered with 403.
        if event["annotations"]["authorization.k8s.io/decision"] == "forbid" {
            forbidden.insert(right.clone());
        }
        used.insert(right);
    }
    Ok((used, forbidden))
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it was received.
    pub at: DateTime<Utc>,
    /// The pod that sent it, where it was one; empty otherwise.
    pub pod: String,
    /// The verb, as rights name it.
    pub verb: String,
    /// The resource, with its subresource; empty for paths such as `/version`.
    pub resource: String,
    /// The namespace, where there is one; empty otherwise.
    pub namespace: String,
}

impl Request {
    /// Whether it is answered for as long as somebody listens.
    pub fn is_watch(&self) -> bool {
        self.verb == "watch"
    }

    /// Whether it may change something.
    pub fn is_write(&self) -> bool {
        ["create", "update", "patch", "delete", "deletecollection"].contains(&self.verb.as_str())
    }

    /// Whether it is about the lease by which a leader is elected.
    pub fn is_of_lease(&self) -> bool {
        self.resource == "leases"
    }

    /// Whether it is about an event, which tells people and changes nothing.
    pub fn is_of_event(&self) -> bool {
        self.resource == "events"
    }
}

/// The requests of a user, each once, in the order in which they ended; a watch when it began.
///
/// # Errors
///
/// When a line is no event.
pub fn requests(log: &str, user: &str) -> Result<Vec<Request>> {
    let mut requests = Vec::new();
    for line in log.lines().filter(|line| line.contains(user)) {
        let event: Value =
            serde_json::from_str(line).with_context(|| format!("a line of the audit log: {line:.200}"))?;
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let verb = text("/verb");
        let counts = if verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
        if event["user"]["username"] != user || event["stage"] != counts {
            continue;
        }
        let at = text("/requestReceivedTimestamp");
        let subresource = text("/objectRef/subresource");
        let slash = if subresource.is_empty() { "" } else { "/" };
        requests.push(Request {
            at: at.parse().with_context(|| format!("the time of a request in the audit log: {at:?}"))?,
            pod: text("/user/extra/authentication.kubernetes.io~1pod-name/0"),
            verb,
            resource: format!("{}{slash}{subresource}", text("/objectRef/resource")),
            namespace: text("/objectRef/namespace"),
        });
    }
    Ok(requests)
}

/// What the Roles and ClusterRoles among these documents allow, one right for each verb, resource and group.
pub fn allowed(documents: &[Value]) -> BTreeSet<Right> {
    let roles = documents.iter().filter(|d| d["kind"] == "Role" || d["kind"] == "ClusterRole");
    let rules = roles.filter_map(|role| role["rules"].as_array()).flatten();
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut allowed = BTreeSet::new();
    for rule in rules {
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                for verb in strings(&rule["verbs"]) {
                    allowed.insert(Right { group: group.clone(), resource: resource.clone(), verb });
                }
            }
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_are_read_by_user_with_their_subresource() {
        let event = |user: &str, decision: &str| {
            json!({ "user": { "username": user }, "verb": "patch", "annotations": { "authorization.k8s.io/decision": decision },
                "objectRef": { "apiGroup": "sluice.dev", "resource": "releases", "subresource": "status" } })
            .to_string()
        };
        let log = [event("me", "allow"), event("you", "allow")].join("\n");
        let (used, forbidden) = super::used(&log, "me").unwrap();
        assert_eq!(used.iter().map(ToString::to_string).collect::<Vec<_>>(), ["patch sluice.dev/releases/status"]);
        assert!(forbidden.is_empty());
        assert_eq!(super::used(&event("me", "forbid"), "me").unwrap().1.len(), 1);
    }

    #[test]
    fn a_request_is_counted_once_and_a_watch_when_it_begins() {
        let event = |verb: &str, stage: &str| {
            json!({ "stage": stage, "verb": verb, "requestReceivedTimestamp": "2026-11-21T09:52:08.974880Z",
                "user": { "username": "me", "extra": { "authentication.kubernetes.io/pod-name": ["sluice-1"] } },
                "objectRef": { "resource": "leases", "namespace": "here" } })
            .to_string()
        };
        let log = [
            event("watch", "ResponseStarted"),
            event("watch", "ResponseComplete"),
            event("get", "ResponseStarted"),
            event("get", "ResponseComplete"),
            event("update", "ResponseComplete"),
        ];
        let requests = requests(&log.join("\n"), "me").unwrap();
        assert_eq!(requests.iter().map(|r| r.verb.as_str()).collect::<Vec<_>>(), ["watch", "get", "update"]);
        assert_eq!((requests[0].pod.as_str(), requests[0].namespace.as_str()), ("sluice-1", "here"));
        assert!(requests[0].is_watch() && requests[2].is_write() && requests[2].is_of_lease());
    }

    #[test]
    fn rules_are_taken_apart() {
        let role = json!({ "kind": "Role", "rules": [{ "apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["get", "list"] }] });
        assert_eq!(allowed(&[role]).len(), 4);
    }
}
