//! What the API server says when it refuses.

use serde_json::{Value, json};

use super::kinds::{Key, Kind};

/// A refusal, which becomes a `Status` object.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    pub causes: Vec<Value>,
    details: Value,
}

impl Failure {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), causes: Vec::new(), details: json!({}) }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        self.details = json!({"name": name, "group": kind.group, "kind": kind.resource});
        self
    }

    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{kind} \"{name}\" not found")).about(kind, name)
    }

    /// A path that nothing serves, such as a kind whose definition is not installed.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub fn already_exists(key: &Key) -> Self {
        let message = format!("{} \"{}\" already exists", key.kind, key.name);
        Self::new(409, "AlreadyExists", message).about(key.kind, &key.name)
    }

    pub fn conflict(key: &Key, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{}\": {why}", key.kind, key.name);
        Self::new(409, "Conflict", message).about(key.kind, &key.name)
    }

    /// The answer to a write that was based on an older version.
    pub fn stale(key: &Key) -> Self {
        Self::conflict(
            key,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub fn invalid(key: &Key, field: &str, why: &str) -> Self {
        let message = format!("{}.{} \"{}\" is invalid: {field}: {why}", key.kind.kind, key.kind.group, key.name);
        Self::new(422, "Invalid", message).about(key.kind, &key.name).with_cause("FieldValueInvalid", why, field)
    }

    pub fn forbidden(key: &Key, why: &str) -> Self {
        let message = format!("{} \"{}\" is forbidden: {why}", key.kind, key.name);
        Self::new(403, "Forbidden", message).about(key.kind, &key.name)
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn expired() -> Self {
        Self::new(410, "Expired", "too old resource version")
    }

    pub fn with_cause(mut self, reason: &str, message: &str, field: &str) -> Self {
        self.causes.push(json!({"reason": reason, "message": message, "field": field}));
        self
    }

    /// One of the failures that a fault plan injects, by its HTTP code.
    pub fn injected(code: u16) -> Self {
        let (reason, message) = match code {
            403 => ("Forbidden", "injected: forbidden"),
            409 => ("Conflict", "Operation cannot be fulfilled: the object has been modified (injected)"),
            410 => ("Expired", "injected: too old resource version"),
            422 => ("Invalid", "injected: invalid"),
            429 => ("TooManyRequests", "injected: too many requests"),
            503 => ("ServiceUnavailable", "injected: unavailable"),
            504 => ("Timeout", "injected: the server did not answer in time"),
            _ => ("InternalError", "injected: internal error"),
        };
        Self::new(code, reason, message)
    }

    pub fn body(&self) -> Value {
        let mut details = self.details.clone();
        if !self.causes.is_empty() {
            details["causes"] = json!(self.causes);
        }
        if self.code == 429 {
            details["retryAfterSeconds"] = json!(1);
        }
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
            "details": details,
        })
    }
}
