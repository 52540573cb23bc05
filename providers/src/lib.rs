//! Routes in front of a Service: what they say, and what to write into them. No client, no I/O, no time.
//!
//! Between releases a route sends everything to the Service that callers use, as its owner wrote it. For a release, what it sends
//! there is divided: a part goes on to that Service, which selects the stable revision, and the candidate's share goes to the
//! candidate's own Service. Documents are untyped, so fields that this program does not know survive.

mod gateway_api;
mod istio;
mod pair;

use planner::{RevisionId, world::Share};
use serde_json::{Value, json};

pub use gateway_api::GatewayApi;
pub use istio::Istio;

/// Whose routes they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The namespace of policy, Services and routes.
    pub namespace: String,
    /// The Service that callers use.
    pub apex: String,
    /// The policy: its revisions' Services are called `<policy>-<id>`.
    pub policy: String,
}

/// What a route says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The largest share that any of its rules sends to a candidate.
    pub share: Option<Share>,
    /// Its rules do not all say the same.
    pub uneven: bool,
    /// Why no share may be written into it, or raised.
    pub trouble: Option<Unusable>,
}

/// Why nothing can be read from a route, or written into it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unusable {
    /// One word for programs.
    pub reason: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// One way in which routes are written. The law that all keep: what was written is what is read, and writing no share gives back
/// the document as it was.
pub trait Provider {
    /// What the route says, also where it says what it should not: a share that is there must be seen to be taken back.
    fn read(&self, route: &Value) -> Reading;

    /// The JSON patch (RFC 6902) after which the route says so; empty when it does already. It holds for the version of the object
    /// that was read. Taking a share back is possible whatever else a route says.
    ///
    /// # Errors
    ///
    /// When that share cannot be written into it.
    fn write(&self, route: &Value, want: Option<&Share>) -> Result<Vec<Value>, Unusable>;

    /// Why what is written may not be in force, as far as the route's own status tells.
    fn pending(&self, route: &Value) -> Option<String>;
}

impl Names {
    /// The Service of a revision.
    pub fn service_of(&self, revision: &RevisionId) -> String {
        format!("{}-{revision}", self.policy)
    }

    /// The revision whose Service this is, if it is one of ours.
    fn revision(&self, service: &str) -> Option<RevisionId> {
        RevisionId::parse(service.strip_prefix(&self.policy)?.strip_prefix('-')?)
    }
}

impl Unusable {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

impl Reading {
    /// What several rules, or several routes, say together.
    pub fn together(all: &[Self]) -> Self {
        let differ = all.windows(2).any(|two| two[0].share != two[1].share);
        let share = all.iter().filter_map(|r| r.share.clone()).max_by_key(|s| s.percent);
        let trouble = all.iter().find_map(|r| r.trouble.clone());
        Self { share, uneven: differ || all.iter().any(|r| r.uneven), trouble }
    }
}

/// A share of nobody, to see whether one could be written.
fn trial() -> Share {
    Share { candidate: RevisionId::nobody(), percent: 1 }
}

/// Lists of backends, each with its path in the document.
type Lists<'a> = Vec<(String, &'a Vec<Value>)>;

/// A patch that replaces lists, for the version of the object that was read.
fn patch(route: &Value, lists: Vec<(String, Vec<Value>)>) -> Vec<Value> {
    let lists = lists.into_iter().map(|(path, list)| (path, Value::Array(list)));
    let mut changed = lists.filter(|(path, new)| route.pointer(path) != Some(new)).peekable();
    if changed.peek().is_none() {
        return Vec::new();
    }
    let version = route.pointer("/metadata/resourceVersion").cloned().unwrap_or(Value::Null);
    let test = json!({ "op": "test", "path": "/metadata/resourceVersion", "value": version });
    let replace = changed.map(|(path, value)| json!({ "op": "replace", "path": path, "value": value }));
    std::iter::once(test).chain(replace).collect()
}

fn name(route: &Value) -> String {
    let text = |path| route.pointer(path).and_then(Value::as_str).unwrap_or("?");
    format!("{} {}", text("/kind"), text("/metadata/name"))
}
