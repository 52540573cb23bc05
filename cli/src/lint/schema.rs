//! A document against the schema of its kind: every field is known and has the form that the definition asks for.

use std::sync::LazyLock;

use crds::{GoDuration, duration::EXPECTED};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value};

use super::Fault;

static DEFINITIONS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let of = |crd: CustomResourceDefinition| serde_json::to_value(crd).unwrap_or_default();
    crds::all().into_iter().map(of).collect()
});

/// What does not fit.
pub fn faults(document: &Value) -> Vec<Fault> {
    let kind = document["kind"].as_str().unwrap_or_default();
    let kinds: Vec<_> = DEFINITIONS.iter().filter_map(|d| d["spec"]["names"]["kind"].as_str()).collect();
    let Some(definition) = DEFINITIONS.iter().find(|d| d["spec"]["names"]["kind"] == kind) else {
        let words = format!("there is no kind {kind}{}; there are: {}", near(kind, &kinds), kinds.join(", "));
        return vec![Fault::new("kind", words)];
    };
    let version = definition["spec"]["versions"][0]["name"].as_str().unwrap_or_default();
    let wanted = format!("{}/{version}", crds::names::GROUP);
    let mut found = Vec::new();
    if document["apiVersion"] != wanted.as_str() {
        found.push(Fault::new("apiVersion", format!("is {}, and this program knows {wanted}", document["apiVersion"])));
    }
    if document.pointer("/metadata/name").or(document.pointer("/metadata/generateName")).is_none() {
        found.push(Fault::new("metadata.name", "is required"));
    }
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    match document.get("spec") {
        Some(spec) => walk(spec, &schema["properties"]["spec"], "spec", &mut found),
        None => found.push(Fault::new("spec", "is required")),
    }
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    for key in document.as_object().into_iter().flat_map(Map::keys).filter(|key| !known.contains(&key.as_str())) {
        found.push(Fault::new(
            key,
            format!("there is no such field{}; there are: {}", near(key, &known), known.join(", ")),
        ));
    }
    found
}

fn walk(value: &Value, schema: &Value, path: &str, found: &mut Vec<Fault>) {
    if value.is_null() {
        // The API server takes what is null as not there, except where it may be.
        return;
    }
    let either = schema["x-kubernetes-int-or-string"] == true;
    let wanted = schema["type"].as_str().unwrap_or_default();
    if !either && !wanted.is_empty() && !fits(value, wanted) {
        return found.push(Fault::new(path, format!("must be {}, and is {}", article(wanted), shown(value))));
    }
    if let Some(choices) = schema["enum"].as_array()
        && !choices.contains(value)
    {
        let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
        let close = near(value.as_str().unwrap_or_default(), &choices);
        found.push(Fault::new(path, format!("is {}{close}; it can be: {}", shown(value), choices.join(", "))));
    }
    match value {
        Value::Object(map) => object(map, schema, path, found),
        Value::Array(list) => {
            bounds(list.len(), schema, ["minItems", "maxItems"], "entries", path, found);
            for (i, item) in list.iter().enumerate() {
                walk(item, &schema["items"], &format!("{path}[{i}]"), found);
            }
        }
        Value::String(text) => string(text, schema, path, found),
        Value::Number(number) => range(number.as_f64().unwrap_or_default(), schema, path, found),
        _ => {}
    }
}

fn object(map: &Map<String, Value>, schema: &Value, path: &str, found: &mut Vec<Fault>) {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let free = schema["x-kubernetes-preserve-unknown-fields"] == true;
    for (key, value) in map {
        let below = format!("{path}.{key}");
        match (properties.get(key), schema.get("additionalProperties")) {
            (Some(schema), _) => walk(value, schema, &below, found),
            (None, Some(schema)) if schema.is_object() => walk(value, schema, &below, found),
            _ if free || (properties.is_empty() && schema["additionalProperties"] != false) => {}
            _ => {
                let known: Vec<_> = properties.keys().map(String::as_str).collect();
                let words = format!("there is no such field{}; there are: {}", near(key, &known), known.join(", "));
                found.push(Fault::new(&below, words));
            }
        }
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if map.get(key).is_none_or(Value::is_null) {
            found.push(Fault::new(&format!("{path}.{key}"), "is required"));
        }
    }
    bounds(map.len(), schema, ["minProperties", "maxProperties"], "entries", path, found);
}

fn string(text: &str, schema: &Value, path: &str, found: &mut Vec<Fault>) {
    bounds(text.chars().count(), schema, ["minLength", "maxLength"], "characters", path, found);
    if let Some(pattern) = schema["pattern"].as_str()
        && regex::Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text))
    {
        found.push(Fault::new(path, format!("{text:?} does not match {pattern}")));
    }
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let message = rule["message"].as_str().unwrap_or_default();
        let broken = match message {
            EXPECTED => text.parse::<GoDuration>().is_err(),
            _ => matches(rule["rule"].as_str().unwrap_or_default()).is_some_and(|regex| !regex.is_match(text)),
        };
        if broken {
            found.push(Fault::new(path, format!("{text:?}: {message}")));
        }
    }
}

/// The pattern of a rule that is nothing but a pattern.
fn matches(rule: &str) -> Option<regex::Regex> {
    let pattern = rule.strip_prefix("self.matches('")?.strip_suffix("')").filter(|p| !p.contains('\''))?;
    regex::Regex::new(pattern).ok()
}

fn range(number: f64, schema: &Value, path: &str, found: &mut Vec<Fault>) {
    let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
        let words = match (least, most) {
            (Some(least), Some(most)) => format!("must be {least} to {most}"),
            (Some(least), None) => format!("must be at least {least}"),
            (_, most) => format!("must be at most {}", most.unwrap_or_default()),
        };
        found.push(Fault::new(path, format!("is {number}, and {words}")));
    }
}

fn bounds(length: usize, schema: &Value, keys: [&str; 2], what: &str, path: &str, found: &mut Vec<Fault>) {
    let bound = |key: &str| schema[key].as_u64().and_then(|n| usize::try_from(n).ok());
    if bound(keys[0]).is_some_and(|least| length < least) {
        found.push(Fault::new(path, format!("has {length} {what}, and needs at least {}", schema[keys[0]])));
    }
    if bound(keys[1]).is_some_and(|most| length > most) {
        found.push(Fault::new(path, format!("has {length} {what}, and may have at most {}", schema[keys[1]])));
    }
}

fn fits(value: &Value, wanted: &str) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    }
}

fn article(kind: &str) -> &str {
    match kind {
        "object" => "an object",
        "array" => "a list",
        "string" => "a text (in quotes where it looks like something else)",
        "boolean" => "true or false",
        "integer" => "a whole number",
        other => other,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".into(),
        Value::Array(_) => "a list".into(),
        other => other.to_string(),
    }
}

/// The name that was perhaps meant.
pub(super) fn near(name: &str, known: &[&str]) -> String {
    let close = known.iter().map(|k| (strsim::jaro_winkler(name, k), k)).max_by(|a, b| a.0.total_cmp(&b.0));
    close.filter(|(like, _)| *like > 0.8).map(|(_, k)| format!(" (did you mean {k}?)")).unwrap_or_default()
}
