//! What annotations ask of Sluice, on objects of other kinds too: freezes and emergencies.

use crds::{freeze, names};
use planner::Emergency;
use serde_json::{Map, Value};

use super::{Fault, schema::near};

const OWN: &str = "metadata.annotations";
const TEMPLATE: &str = "spec.template.metadata.annotations";
const OF_NAMESPACES: [&str; 3] = [names::FREEZE, names::FREEZE_ALL, names::EMERGENCY];

/// Whether any annotation of a document asks something of Sluice.
pub(super) fn ask(document: &Value) -> bool {
    let namespace = document["kind"] == "Namespace";
    let of_ours = |key: &str| OF_NAMESPACES.contains(&key) || (namespace && ours(key));
    own(document).chain(template(document)).any(|(key, _)| of_ours(key))
}

/// What is wrong with them.
pub(super) fn faults(document: &Value) -> Vec<Fault> {
    let own = own(document).filter_map(|(key, value)| fault(OWN, key, value, of_itself(document, key, value)));
    let template = template(document).filter_map(|(key, value)| fault(TEMPLATE, key, value, of_template(key, value)));
    own.chain(template).collect()
}

fn ours(key: &str) -> bool {
    key.split_once('/').is_some_and(|(group, _)| group == names::GROUP)
}

fn own(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    annotations(document.pointer("/metadata/annotations"))
}

/// Those of a Deployment's pods.
fn template(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let deployment = document["kind"] == "Deployment";
    annotations(document.pointer("/spec/template/metadata/annotations").filter(|_| deployment))
}

fn annotations(found: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    found.and_then(Value::as_object).into_iter().flat_map(Map::iter).map(|(key, value)| (key.as_str(), value))
}

fn fault(place: &str, key: &str, value: &Value, wrong: Option<String>) -> Option<Fault> {
    let form = || format!("must be a text, and is {value}: put it in quotes");
    let words = if ours(key) && !value.is_string() { Some(form()) } else { wrong };
    words.map(|words| Fault::new(&format!("{place}[{key}]"), words))
}

fn of_itself(document: &Value, key: &str, value: &Value) -> Option<String> {
    let text = value.as_str().unwrap_or_default();
    if document["kind"] == "Namespace" {
        return of_namespace(key, text);
    }
    match key {
        names::FREEZE | names::FREEZE_ALL => Some("freezes nothing here: it belongs on a Namespace".into()),
        names::EMERGENCY => Some(format!("is not heeded here: why a version is urgent belongs in {TEMPLATE}")),
        _ => None,
    }
}

fn of_namespace(key: &str, text: &str) -> Option<String> {
    match key {
        names::FREEZE | names::FREEZE_ALL => freeze::parse(text, "").err(),
        names::EMERGENCY => {
            let known = ["Allowed", "Forbidden"].contains(&text);
            (!known).then(|| format!("is {text:?}, and counts as Forbidden; it can be: Allowed, Forbidden"))
        }
        key if ours(key) => {
            let (near, all) = (near(key, &OF_NAMESPACES), OF_NAMESPACES.join(", "));
            Some(format!("is not heeded on a Namespace{near}; there are: {all}"))
        }
        _ => None,
    }
}

fn of_template(key: &str, value: &Value) -> Option<String> {
    match key {
        names::EMERGENCY => Emergency::asked(value.as_str().unwrap_or_default(), None).refused,
        names::FREEZE | names::FREEZE_ALL => Some("freezes nothing here: it belongs on a Namespace".into()),
        _ => None,
    }
}
