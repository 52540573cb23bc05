//! DestinationRules: what proxies do with requests to a Service beside where they send them, such as connection pools and TLS.
//!
//! Istio finds them by the host. A candidate has a Service of its own, so it gets a copy of each rule of the Service that callers use:
//! what is proved with it is then what is promoted. Fields and merging as in Istio's reference,
//! <https://istio.io/latest/docs/reference/config/networking/destination-rule/>.

use planner::RevisionId;
use serde_json::{Value, json};

use super::{spelt, whom};
use crate::{Around, Names, Neighbour, Unusable, array, guarded, pair::Backend};

/// What the controllers of Istio are called in the status of a route of the Gateway API, with something behind it.
const CONTROLLERS: &str = "istio.io/";
/// The longest name that leaves room for a revision's id.
const LONGEST_NAME: usize = 244;

/// The rules for the Service that callers use, and those for the revisions' own Services.
#[derive(Clone, Debug)]
pub struct DestinationRules {
    /// Whose rules they are.
    pub names: Names,
    /// By what ours are known.
    pub marks: Marks,
    /// The `trafficPolicy` for the Service that callers use, where the policy gives it; else rules of the user's count.
    pub given: Option<Value>,
}

/// Labels of objects that are ours.
#[derive(Clone, Debug)]
pub struct Marks {
    /// The key of the policy's name.
    pub policy: &'static str,
    /// The key of the policy's UID, and the UID.
    pub uid: (&'static str, String),
    /// The key of a revision's id.
    pub revision: &'static str,
}

/// One write of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Create this object.
    Create(Value),
    /// Change the object by a JSON patch (RFC 6902), for the version that was read.
    Patch {
        /// Its name.
        name: String,
        /// The operations.
        patch: Vec<Value>,
    },
    /// Delete the object.
    Delete {
        /// Its name.
        name: String,
        /// Its UID.
        uid: Option<String>,
    },
}

impl DestinationRules {
    /// What has to be read, where Istio carries any of these routes out.
    pub fn neighbours<'a>(&self, mut routes: impl Iterator<Item = &'a Value>) -> Option<Neighbour> {
        routes.any(istios).then(|| Neighbour::DestinationRules { namespace: self.names.namespace.clone() })
    }

    /// Why no candidate can be treated as what serves is.
    pub fn trouble(&self, around: &Around) -> Option<Unusable> {
        self.given.as_ref()?;
        let (apex, own) = (&self.names.apex, self.own_name());
        if let Some(rule) = self.users(around).first() {
            let words = format!(
                "DestinationRule {} is for Service {apex}, and so is spec.traffic.istio.trafficPolicy: remove the one from the policy, and candidates get a copy of the rule; or put its settings into the policy and delete the rule",
                name(rule)
            );
            return Some(Unusable::new("RuleTwice", words));
        }
        let taken = rules(around).any(|rule| name(rule) == own && !self.is_own(rule));
        taken.then(|| {
            let words = format!(
                "spec.traffic.istio.trafficPolicy takes a DestinationRule of the name {own}, and there is one that is not Sluice's: give that one another name"
            );
            Unusable::new("RuleTaken", words)
        })
    }

    /// What is to be written for the Service that callers use. A rule that another policy of this name has left there is taken over, or
    /// is the user's by now.
    pub fn for_apex(&self, around: &Around) -> Vec<Change> {
        if self.trouble(around).is_some() {
            return Vec::new();
        }
        let live: Vec<_> = rules(around).filter(|rule| self.is_own(rule)).collect();
        changes(self.own().into_iter().collect(), &live)
    }

    /// What is to be written for a revision's own Service.
    pub fn for_revision(&self, around: &Around, id: &RevisionId) -> Vec<Change> {
        if self.trouble(around).is_some() {
            return Vec::new();
        }
        changes(self.copies(around, id), &self.copies_of(around, id))
    }

    /// The rules of a revision that are there.
    pub fn copies_of<'a>(&self, around: &'a Around, id: &RevisionId) -> Vec<&'a Value> {
        rules(around)
            .filter(|rule| self.is_copy(rule) && label(rule, self.marks.revision) == Some(id.as_str()))
            .collect()
    }

    /// The rules that it should have.
    fn copies(&self, around: &Around, id: &RevisionId) -> Vec<Value> {
        let copy = |rule: &Value| {
            let stem: String = name(rule).chars().take(LONGEST_NAME).collect();
            let mut spec = rule["spec"].clone();
            if let Some(fields) = spec.as_object_mut() {
                fields.remove("subsets");
            }
            let host = rule["spec"]["host"].as_str().unwrap_or_default();
            spec["host"] = spelt(host, &self.names.service_of(id)).into();
            let mut copy = self.rule(&format!("{stem}-{id}"), spec);
            copy["metadata"]["labels"][self.marks.revision] = id.to_string().into();
            copy
        };
        match self.own() {
            Some(own) => vec![copy(&own)],
            None => self.users(around).into_iter().map(copy).collect(),
        }
    }

    /// The rule that the policy asks for.
    fn own(&self) -> Option<Value> {
        let spec = json!({ "host": self.names.apex, "trafficPolicy": self.given.as_ref()? });
        Some(self.rule(&self.own_name(), spec))
    }

    fn own_name(&self) -> String {
        self.names.policy.clone()
    }

    fn rule(&self, name: &str, spec: Value) -> Value {
        let Marks { policy, uid, .. } = &self.marks;
        let labels = json!({ *policy: self.names.policy, uid.0: uid.1, "app.kubernetes.io/managed-by": "sluice" });
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": { "name": name, "namespace": self.names.namespace, "labels": labels }, "spec": spec,
        })
    }

    /// The user's rules for the Service, as Istio follows them: those for the same clients are merged, and the traffic policy of the
    /// one made first counts.
    fn users<'a>(&self, around: &'a Around) -> Vec<&'a Value> {
        let host =
            |rule: &Value| rule["spec"]["host"].as_str().is_some_and(|h| matches!(whom(&self.names, h), Backend::Apex));
        let mut all: Vec<_> = rules(around).filter(|r| host(r) && !self.is_own(r) && !self.is_copy(r)).collect();
        let made = |rule: &Value| rule["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
        all.sort_by_key(|rule| (rule["spec"]["trafficPolicy"].is_null(), made(rule), name(rule).to_owned()));
        let mut counting: Vec<&Value> = Vec::new();
        for rule in all {
            if !counting.iter().any(|other| clients(other) == clients(rule)) {
                counting.push(rule);
            }
        }
        // Copies are made in the same order.
        counting.sort_by_key(|rule| (made(rule), name(rule)));
        counting
    }

    /// Whether a rule is one that we have made for the Service that callers use.
    fn is_own(&self, rule: &Value) -> bool {
        let Marks { policy, uid, revision } = &self.marks;
        let ours = label(rule, policy) == Some(&self.names.policy) && label(rule, revision).is_none();
        let this = label(rule, uid.0) == Some(&uid.1);
        ours && (this || (self.given.is_some() && name(rule) == self.own_name()))
    }

    fn is_copy(&self, rule: &Value) -> bool {
        label(rule, self.marks.policy) == Some(&self.names.policy) && label(rule, self.marks.revision).is_some()
    }
}

/// Whether Istio carries a route out.
fn istios(route: &Value) -> bool {
    let told = |status: &Value| status["controllerName"].as_str().is_some_and(|by| by.starts_with(CONTROLLERS));
    route["kind"] == "VirtualService" || array(route, "/status/parents").iter().any(told)
}

fn rules(around: &Around) -> impl Iterator<Item = &Value> {
    let going = |rule: &&Value| !rule["metadata"]["deletionTimestamp"].is_null();
    around.neighbours.iter().filter(|o| o["kind"] == "DestinationRule").filter(move |rule| !going(rule))
}

/// For whom a rule is: namespaces, and pods among them.
fn clients(rule: &Value) -> (Vec<&str>, &Value) {
    let mut to: Vec<_> = array(rule, "/spec/exportTo").iter().filter_map(Value::as_str).collect();
    to.sort_unstable();
    (to, &rule["spec"]["workloadSelector"])
}

fn label<'a>(rule: &'a Value, key: &str) -> Option<&'a str> {
    rule["metadata"]["labels"][key].as_str()
}

fn name(rule: &Value) -> &str {
    rule["metadata"]["name"].as_str().unwrap_or_default()
}

/// From the rules that are there to those that are wanted.
fn changes(wanted: Vec<Value>, live: &[&Value]) -> Vec<Change> {
    let gone = live.iter().filter(|rule| !wanted.iter().any(|w| name(w) == name(rule)));
    let deleted = gone.map(|rule| Change::Delete {
        name: name(rule).to_owned(),
        uid: rule["metadata"]["uid"].as_str().map(str::to_owned),
    });
    let deleted: Vec<_> = deleted.collect();
    let change = |rule: Value| match live.iter().find(|other| name(other) == name(&rule)) {
        None => Some(Change::Create(rule)),
        Some(live) => {
            let patch = guarded(live, differences(live, &rule));
            (!patch.is_empty()).then(|| Change::Patch { name: name(live).to_owned(), patch })
        }
    };
    wanted.into_iter().filter_map(change).chain(deleted).collect()
}

/// What of ours a rule lacks; other labels of it are not ours.
fn differences(live: &Value, wanted: &Value) -> Vec<Value> {
    let labels = wanted["metadata"]["labels"].as_object().into_iter().flatten();
    let labels = labels.map(|(key, _)| format!("/metadata/labels/{}", key.replace('/', "~1")));
    let fields = labels.chain(["/spec".to_owned()]).filter(|field| live.pointer(field) != wanted.pointer(field));
    fields.map(|field| json!({ "op": "add", "path": field, "value": wanted.pointer(&field) })).collect()
}
