//! Routes that a policy holds as a whole: made as it has them, and put right where they are not so any more, with the share that
//! they have.
//!
//! An API server fills in what a document leaves out, and which fields those are changes with the kind's version. So a route is not
//! compared with what the policy says, but with what the API server made of that when it was written last.

use std::collections::BTreeMap;

use planner::{picks::Picks, world::Share};
use serde_json::{Map, Value, json};

use crate::{Names, Provider, Unusable, array, guarded, name, rules::Rules};

/// A route as a policy holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    /// Its version, with the group.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Labels that it must have.
    pub labels: BTreeMap<String, String>,
    /// Annotations that it must have.
    pub annotations: BTreeMap<String, String>,
    /// Its spec. Rules that name no backend send to the Service that callers use.
    pub spec: Value,
}

/// What was written for a policy's route, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    base: Value,
    rest: Value,
}

impl Own {
    /// The undivided route, under the name of the Service, which has these ports.
    ///
    /// # Errors
    ///
    /// When it is not known where a rule sends.
    pub fn base(&self, provider: &dyn Provider, names: &Names, ports: &[i64]) -> Result<Value, Unusable> {
        let mut metadata = json!({ "name": names.apex, "namespace": names.namespace, "labels": self.labels });
        if !self.annotations.is_empty() {
            metadata["annotations"] = json!(self.annotations);
        }
        let bare = json!({
            "apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, "spec": self.spec,
        });
        provider.filled(bare, ports)
    }
}

impl Made {
    /// What came of writing the base with whatever share.
    pub fn new(provider: &dyn Provider, base: &Value, live: &Value) -> Self {
        Self { base: base["spec"].clone(), rest: rest(provider, live)["spec"].take() }
    }

    /// Whether it is what this base came to.
    fn is_of(&self, base: &Value) -> bool {
        self.base == base["spec"]
    }
}

/// Whether a route is not, or may not be, the base with some share.
pub fn is_astray(provider: &dyn Provider, live: &Value, base: &Value, made: Option<&Made>) -> bool {
    let as_made = made.is_some_and(|made| made.is_of(base) && made.rest == rest(provider, live)["spec"]);
    !as_made || MARKS.iter().any(|marks| marked(live, base, marks) != live["metadata"][marks])
}

/// The patch after which the route is the base with the share that it has, and the rules that were laid down; empty where it says so
/// already.
///
/// # Errors
///
/// When that share cannot be written into the base.
pub fn restored(provider: &dyn Provider, live: &Value, base: &Value, known: &[Picks]) -> Result<Vec<Value>, Unusable> {
    let reading = provider.read(live, known);
    let mut wanted = in_place(live, base);
    for (candidate, picks) in reading.asleep.into_iter().flat_map(|asleep| asleep.laid) {
        let patch = provider.lay(&wanted, &Share { candidate, percent: 0, picks })?;
        apply(&mut wanted, &patch);
    }
    // All of it is what rules say that nobody knows.
    if let Some(share) = reading.share.filter(|share| share.percent < 100) {
        let patch = provider.write(&wanted, Some(&share))?;
        apply(&mut wanted, &patch);
    }
    let spec =
        (wanted["spec"] != live["spec"]).then(|| json!({ "op": "replace", "path": "/spec", "value": wanted["spec"] }));
    let marks = MARKS.iter().filter(|marks| wanted["metadata"][**marks] != live["metadata"][**marks]);
    let marks = marks
        .map(|marks| json!({ "op": "add", "path": format!("/metadata/{marks}"), "value": wanted["metadata"][*marks] }));
    Ok(guarded(live, spec.into_iter().chain(marks).collect()))
}

/// The live object as it would be with the base written into it.
pub fn in_place(live: &Value, base: &Value) -> Value {
    let mut wanted = live.clone();
    wanted["spec"] = base["spec"].clone();
    for marks in MARKS {
        let value = marked(live, base, marks);
        if value != live["metadata"][marks] {
            wanted["metadata"][marks] = value;
        }
    }
    wanted
}

const MARKS: [&str; 2] = ["labels", "annotations"];

/// Labels, or annotations, with those of the base.
fn marked(live: &Value, base: &Value, marks: &str) -> Value {
    let Some(ours) = base["metadata"][marks].as_object() else { return live["metadata"][marks].clone() };
    let mut all = live["metadata"][marks].as_object().cloned().unwrap_or_default();
    all.extend(ours.clone());
    all.into()
}

/// The route without any share, and without rules that sleep.
fn rest(provider: &dyn Provider, live: &Value) -> Value {
    let mut rest = live.clone();
    // Taking a share back is always possible.
    let patch = provider.write(&rest, None).unwrap_or_default();
    apply(&mut rest, &patch);
    let patch = provider.tidy(&rest);
    apply(&mut rest, &patch);
    rest
}

/// What a provider writes are replacements of what is there.
fn apply(route: &mut Value, patch: &[Value]) {
    for change in patch.iter().filter(|change| change["op"] == "replace") {
        if let Some(there) = change["path"].as_str().and_then(|path| route.pointer_mut(path)) {
            *there = change["value"].clone();
        }
    }
}

/// A route whose rules without backends send to the Service, which has these ports.
pub(crate) fn filled<S: Rules>(spelling: &S, mut route: Value, ports: &[i64]) -> Result<Value, Unusable> {
    let bare = |rule: &Value| array(rule, &format!("/{}", S::BACKENDS)).is_empty() && !spelling.ends(rule);
    let lists = || S::PATHS.iter().filter(|path| route.pointer(path).is_some_and(Value::is_array));
    if lists().any(|path| array(&route, path).iter().any(bare)) && ports.len() != 1 {
        let all = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let words = format!(
            "a rule of the policy's {} has no {}, and the Service has {} ports ({all}), so it is not known where the rule sends: give it one",
            name(&route),
            S::BACKENDS,
            ports.len()
        );
        return Err(Unusable::new("RouteIncomplete", words));
    }
    let backend = ports.first().map(|port| spelling.to_apex(*port));
    let paths: Vec<_> = lists().copied().collect();
    for path in paths {
        let rules = route.pointer_mut(path).and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten().filter(|rule| bare(rule)).filter_map(Value::as_object_mut) {
            fill(rule, S::BACKENDS, backend.as_ref());
        }
    }
    Ok(route)
}

fn fill(rule: &mut Map<String, Value>, backends: &str, backend: Option<&Value>) {
    if let Some(backend) = backend {
        rule.insert(backends.to_owned(), json!([backend]));
    }
}
