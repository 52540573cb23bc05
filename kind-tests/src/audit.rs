//! What the API server wrote down of the controller's requests, and what the chart allows it.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context, Result};
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
    fn rules_are_taken_apart() {
        let role = json!({ "kind": "Role", "rules": [{ "apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["get", "list"] }] });
        assert_eq!(allowed(&[role]).len(), 4);
    }
}
