//! What is generated from the types: bounded, and the same as what is committed.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs)]

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/sluice/files/crds");

#[test]
fn the_committed_definitions_are_those_of_the_types() {
    let generated: BTreeMap<String, String> = crds::yaml::files().into_iter().collect();
    let committed: BTreeMap<String, String> = fs::read_dir(Path::new(COMMITTED))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&generated), "files in {COMMITTED}: run `make crds`");
    for (name, text) in &generated {
        let differs = text.lines().zip(committed[name].lines()).position(|(now, then)| now != then);
        assert!(committed[name] == *text, "{name} differs from line {:?} on: run `make crds`", differs.map(|n| n + 1));
    }
}

/// The API server estimates the cost of every rule from these bounds, and an object of ours must fit into etcd.
#[test]
fn every_text_list_and_map_has_a_bound() {
    let mut unbounded = Vec::new();
    for definition in crds::all() {
        let plural = definition.spec.names.plural.clone();
        let definition = serde_json::to_value(definition).unwrap();
        walk(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &plural, &mut unbounded);
    }
    assert!(unbounded.is_empty(), "without a bound: {unbounded:#?}");
}

fn walk(schema: &Value, path: &str, unbounded: &mut Vec<String>) {
    let has = |key: &str| !schema[key].is_null();
    let bounded = match schema["type"].as_str() {
        Some("string") => has("maxLength") || has("enum") || has("format"),
        Some("array") => has("maxItems"),
        Some("object") => !schema["additionalProperties"].is_object() || has("maxProperties"),
        _ => true,
    };
    if !bounded {
        unbounded.push(path.to_owned());
    }
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        walk(below, &format!("{path}.{name}"), unbounded);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            walk(&schema[key], &format!("{path}{mark}"), unbounded);
        }
    }
}

#[test]
fn every_field_says_what_it_is_for() {
    let mut silent = Vec::new();
    for definition in crds::all() {
        let plural = definition.spec.names.plural.clone();
        let definition = serde_json::to_value(definition).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        described(schema, &format!("{plural}.spec"), &mut silent);
    }
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

fn described(schema: &Value, path: &str, silent: &mut Vec<String>) {
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if below["description"].is_null() {
            silent.push(path.clone());
        }
        described(below, &path, silent);
        described(&below["items"], &format!("{path}[]"), silent);
    }
}
