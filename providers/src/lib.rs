//! Routes in front of a Service: what they say, and what to write into them. No client, no I/O, no time.
//!
//! Between releases a route sends everything to the Service that callers use, as its owner wrote it. For a release, what it sends
//! there is divided: a part goes on to that Service, which selects the stable revision, and the candidate's share goes to the
//! candidate's own Service. Documents are untyped, so fields that this program does not know survive.

mod around;
mod cookie;
mod copies;
mod gateway_api;
mod istio;
mod linkerd;
mod own;
mod pair;
mod parents;
mod rivals;
mod rules;

use planner::{RevisionId, picks::Picks, world::Share};
use serde_json::{Value, json};

pub use around::{Around, Neighbour, RouteKind};
pub use gateway_api::GatewayApi;
pub use istio::{Change, DestinationRules, Istio, Marks};
pub use linkerd::Linkerd;
pub use own::{Made, Own, in_place, is_astray, restored};

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
    /// It has rules of ours that match nothing.
    pub asleep: Option<Sleeping>,
    /// Why no share may be written into it, or raised.
    pub trouble: Option<Unusable>,
}

/// Rules of ours that match nothing: not yet, or not any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sleeping {
    /// For whom what would be picked out with the rules that are there.
    pub laid: Vec<(RevisionId, Picks)>,
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
    /// What the route says, also where it says what it should not: a share that is there must be seen to be taken back. `known` is
    /// what the policy's steps pick out, by which rules are known again.
    fn read(&self, route: &Value, known: &[Picks]) -> Reading;

    /// The JSON patch (RFC 6902) after which the route says so; empty when it does already. It holds for the version of the object
    /// that was read. Taking a share back is possible whatever else a route says.
    ///
    /// # Errors
    ///
    /// When that share cannot be written into it.
    fn write(&self, route: &Value, want: Option<&Share>) -> Result<Vec<Value>, Unusable>;

    /// The patch after which the route has the rules that a share takes, such that they match nothing yet; empty where they can
    /// come at once.
    ///
    /// # Errors
    ///
    /// When they cannot be written into it.
    fn lay(&self, _route: &Value, _share: &Share) -> Result<Vec<Value>, Unusable> {
        Ok(Vec::new())
    }

    /// The patch after which it has no rule of ours that matches nothing.
    fn tidy(&self, _route: &Value) -> Vec<Value> {
        Vec::new()
    }

    /// A route, as a policy holds it, with the Service that callers use where a rule names nobody; the Service has these ports.
    ///
    /// # Errors
    ///
    /// When it is not known where a rule sends.
    fn filled(&self, route: Value, ports: &[i64]) -> Result<Value, Unusable>;

    /// Whether rules that pick requests out can come and go under them without making any fail.
    fn at_once(&self) -> bool;

    /// What else has to be read to know what becomes of a route.
    fn neighbours(&self, _route: &Value, _known: &[Picks]) -> Vec<Neighbour> {
        Vec::new()
    }

    /// Why no share would come to be, though nothing in the route itself stands against it.
    fn hindrance(&self, _route: &Value, _around: &Around, _known: &[Picks]) -> Option<Unusable> {
        None
    }

    /// Why what is written may not be in force, as far as statuses tell; `None` where they never do.
    fn pending(&self, _route: &Value, _around: &Around) -> Option<String> {
        None
    }
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
        let uneven = differ || all.iter().any(|r| r.uneven);
        Self { share, uneven, asleep: Sleeping::together(all), trouble }
    }
}

impl Sleeping {
    /// Those of all together: what is laid down everywhere.
    fn together(all: &[Reading]) -> Option<Self> {
        let mut sleeping = all.iter().filter_map(|r| r.asleep.as_ref());
        let first = sleeping.next()?.clone();
        let everywhere =
            |laid: &(RevisionId, Picks)| all.iter().all(|r| r.asleep.as_ref().is_some_and(|s| s.laid.contains(laid)));
        Some(Self { laid: first.laid.into_iter().filter(everywhere).collect() })
    }
}

/// Shares of nobody, to see whether any could be written.
fn trials(known: &[Picks]) -> impl Iterator<Item = Share> {
    let of = |percent, picks: &Picks| Share { candidate: RevisionId::nobody(), percent, picks: picks.clone() };
    let picked = move |picks: &Picks| of(u32::from(picks.sticky.is_some()), picks);
    std::iter::once(of(1, &Picks::default())).chain(known.iter().map(picked))
}

/// Changes for the version of the object that was read; none when nothing changes.
fn guarded(route: &Value, changes: Vec<Value>) -> Vec<Value> {
    if changes.is_empty() {
        return changes;
    }
    let version = route.pointer("/metadata/resourceVersion").cloned().unwrap_or(Value::Null);
    let test = json!({ "op": "test", "path": "/metadata/resourceVersion", "value": version });
    std::iter::once(test).chain(changes).collect()
}

fn array<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn name(route: &Value) -> String {
    let text = |path| route.pointer(path).and_then(Value::as_str).unwrap_or("?");
    format!("{} {}", text("/kind"), text("/metadata/name"))
}
