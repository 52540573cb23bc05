//! The identity of a revision: SHA-256 over canonical JSON (RFC 8785) of the pod template and the configuration it uses.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use planner::Digest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::names;

/// Raised when the same inputs would have to be told apart from what an older version made of them.
const SCHEME: u32 = 1;

/// ConfigMaps that the cluster puts into every namespace: they change for reasons of their own and are never part of a revision.
const FOLLOWED: [&str; 4] =
    ["kube-root-ca.crt", "istio-ca-root-cert", "linkerd-identity-trust-roots", "openshift-service-ca.crt"];

/// A reference to a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The ConfigMap.
    pub name: String,
    /// The pod starts without it.
    pub optional: bool,
}

/// ConfigMaps that a pod template names and whose content belongs to a revision.
pub fn references(template: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    let mut copy = template.clone();
    each_reference(&mut copy, &mut |object, key| {
        let name = object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let optional = object.get("optional").and_then(Value::as_bool).unwrap_or(false);
        if !name.is_empty() && !FOLLOWED.contains(&name.as_str()) {
            found.insert(Reference { name, optional });
        }
    });
    found
}

/// The template with the names of ConfigMaps replaced.
pub fn renamed(template: &Value, names: &BTreeMap<String, String>) -> Value {
    let mut copy = template.clone();
    each_reference(&mut copy, &mut |object, key| {
        if let Some(new) = object.get(key).and_then(Value::as_str).and_then(|old| names.get(old)) {
            object.insert(key.into(), json!(new));
        }
    });
    copy
}

type Visit<'a> = &'a mut dyn FnMut(&mut serde_json::Map<String, Value>, &str);

/// Visits every object of a pod template that names a ConfigMap in its key `name`.
fn each_reference(template: &mut Value, visit: Visit<'_>) {
    let Some(spec) = template.get_mut("spec") else { return };
    for volume in items(spec, "volumes") {
        at(volume.get_mut("configMap"), visit);
        if let Some(projected) = volume.get_mut("projected") {
            items(projected, "sources").for_each(|source| at(source.get_mut("configMap"), visit));
        }
    }
    for list in ["initContainers", "containers"] {
        for container in items(spec, list) {
            items(container, "envFrom").for_each(|from| at(from.get_mut("configMapRef"), visit));
            items(container, "env").for_each(|env| at(env.pointer_mut("/valueFrom/configMapKeyRef"), visit));
        }
    }
}

fn items<'a>(object: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

fn at(reference: Option<&mut Value>, visit: Visit<'_>) {
    if let Some(object) = reference.and_then(Value::as_object_mut) {
        visit(object, "name");
    }
}

/// The content of a ConfigMap that counts.
pub fn content(map: &ConfigMap) -> Value {
    json!({ "data": map.data.clone().unwrap_or_default(), "binaryData": map.binary_data.clone().unwrap_or_default() })
}

/// The template without what says how it is to be delivered and not what it is: the annotation [`names::EMERGENCY`]. Adding it, or
/// taking it off, makes no other version.
pub fn delivered(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
        && annotations.remove(names::EMERGENCY).is_some()
        && annotations.is_empty()
    {
        // As it would be had there never been one.
        metadata.remove("annotations");
    }
    template
}

/// The digest of a pod template, as the API server returned it, and the configuration it uses.
pub fn revision(template: &Value, configs: &BTreeMap<String, Value>) -> Digest {
    let mut template = delivered(template);
    // The API server writes this field as null or leaves it out, by version.
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
    }
    let text = hash(&json!({ "scheme": SCHEME, "template": template, "configMaps": configs }));
    // A hash in hexadecimal always has the form of a digest; the fallback is never taken.
    Digest::parse(&format!("sha256:{text}")).unwrap_or_else(|| unreachable!("a SHA-256 has 64 hexadecimal digits"))
}

/// Hexadecimal SHA-256 of a value in canonical form.
pub fn hash(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 8785 for what pod templates hold: strings, booleans, null, integers; keys sorted by their UTF-16 units.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Images of the containers of a pod template, in their order.
pub fn images(template: &Value) -> Vec<String> {
    let containers = template.pointer("/spec/containers").and_then(Value::as_array);
    containers.into_iter().flatten().filter_map(|c| Some(c.get("image")?.as_str()?.to_owned())).take(32).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn template() -> Value {
        json!({
            "metadata": { "labels": { "app": "shop" }, "creationTimestamp": null },
            "spec": {
                "volumes": [
                    { "name": "a", "configMap": { "name": "files" } },
                    { "name": "b", "projected": { "sources": [{ "configMap": { "name": "kube-root-ca.crt" } }, { "configMap": { "name": "more", "optional": true } }] } },
                ],
                "initContainers": [{ "name": "i", "image": "i:1", "envFrom": [{ "configMapRef": { "name": "first" } }] }],
                "containers": [{ "name": "c", "image": "c:1", "env": [{ "name": "X", "valueFrom": { "configMapKeyRef": { "name": "keys", "key": "x" } } }] }],
            },
        })
    }

    #[test]
    fn every_place_that_names_a_config_map_is_found() {
        let names: Vec<_> = references(&template()).into_iter().map(|r| (r.name, r.optional)).collect();
        assert_eq!(
            names,
            [("files".into(), false), ("first".into(), false), ("keys".into(), false), ("more".into(), true)]
        );
    }

    #[test]
    fn renaming_changes_only_the_names_that_are_given() {
        let names = BTreeMap::from([("keys".to_owned(), "shop-keys-1".to_owned())]);
        let new = renamed(&template(), &names);
        assert_eq!(new.pointer("/spec/containers/0/env/0/valueFrom/configMapKeyRef/name").unwrap(), "shop-keys-1");
        assert_eq!(new.pointer("/spec/volumes/0/configMap/name").unwrap(), "files");
    }

    #[test]
    fn the_digest_follows_content_and_not_the_order_of_keys() {
        let one: Value = serde_json::from_str(r#"{"spec":{"b":1,"a":[true,"x"]}}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"spec":{"a":[true,"x"],"b":1}}"#).unwrap();
        let none = BTreeMap::new();
        assert_eq!(revision(&one, &none), revision(&two, &none));
        let three: Value = serde_json::from_str(r#"{"spec":{"a":["x",true],"b":1}}"#).unwrap();
        assert_ne!(revision(&one, &none), revision(&three, &none));
        let config = BTreeMap::from([("keys".to_owned(), json!({ "data": { "x": "1" } }))]);
        assert_ne!(revision(&one, &none), revision(&one, &config));
    }

    #[test]
    fn an_emergency_is_no_part_of_the_version() {
        let none = BTreeMap::new();
        let plain = template();
        let with = |annotations: Value| {
            let mut template = template();
            template["metadata"]["annotations"] = annotations;
            template
        };
        let urgent = with(json!({ "sluice.dev/emergency": "CVE-2026-1234" }));
        assert_eq!((revision(&urgent, &none), delivered(&urgent)), (revision(&plain, &none), plain.clone()));
        let both = with(json!({ "sluice.dev/emergency": "fire", "sluice.dev/author": "ann" }));
        let other = with(json!({ "sluice.dev/author": "ann" }));
        assert_eq!((revision(&both, &none), delivered(&both)), (revision(&other, &none), other.clone()));
        assert_ne!(revision(&other, &none), revision(&plain, &none));
    }

    #[test]
    fn the_digest_of_a_known_template_never_changes() {
        // Stored digests of running revisions depend on this value: a change of it would start releases everywhere.
        let digest = revision(&template(), &BTreeMap::new());
        assert_eq!(digest.as_str(), "sha256:43e87b2b3ec1f617c72c894ca772a68354f603456ed903aa18b37a5f6681403c");
    }
}
