//! The generated schemas, read as lists of what must be refused.

use std::collections::BTreeSet;

use serde_json::Value;

/// A place in a definition's schema.
#[derive(Clone, Debug)]
pub struct Place {
    /// The definition.
    pub plural: String,
    /// Below the root, with `*` for the elements of a list and `+` for the values of a map.
    pub path: Vec<String>,
    /// Its schema.
    pub schema: Value,
}

impl Place {
    /// As error messages name it, with `[*]` for any index: `spec.gates[*].name`.
    pub fn field(&self) -> String {
        let mut field = String::new();
        for part in &self.path {
            match part.as_str() {
                "*" | "+" => field.push_str("[*]"),
                name if field.is_empty() => field.push_str(name),
                name => field = format!("{field}.{name}"),
            }
        }
        field
    }

    /// JSON pointers to this place that lead somewhere in a document.
    pub fn pointers(&self, document: &Value) -> Vec<String> {
        let mut found = vec![String::new()];
        for part in &self.path {
            found = found.iter().flat_map(|pointer| below(pointer, document.pointer(pointer), part)).collect();
        }
        found
    }
}

fn below(pointer: &str, value: Option<&Value>, part: &str) -> Vec<String> {
    match (value, part) {
        (Some(Value::Array(list)), "*") => (0..list.len()).map(|i| format!("{pointer}/{i}")).collect(),
        (Some(Value::Object(map)), "+") => map.keys().map(|k| format!("{pointer}/{}", k.replace('/', "~1"))).collect(),
        (Some(Value::Object(map)), name) if map.contains_key(name) => vec![format!("{pointer}/{name}")],
        _ => Vec::new(),
    }
}

/// Every place of every definition.
pub fn places() -> Vec<Place> {
    let mut places = Vec::new();
    for definition in crds::all() {
        let definition = serde_json::to_value(definition).unwrap();
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap().to_owned();
        let schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        walk(&Place { plural, path: Vec::new(), schema }, &mut places);
    }
    places
}

fn walk(place: &Place, places: &mut Vec<Place>) {
    places.push(place.clone());
    let mut go = |name: &str, schema: &Value| {
        let path = place.path.iter().cloned().chain([name.to_owned()]).collect();
        walk(&Place { plural: place.plural.clone(), path, schema: schema.clone() }, places);
    };
    for (name, schema) in place.schema["properties"].as_object().into_iter().flatten() {
        go(name, schema);
    }
    if place.schema["items"].is_object() {
        go("*", &place.schema["items"]);
    }
    if place.schema["additionalProperties"].is_object() {
        go("+", &place.schema["additionalProperties"]);
    }
}

/// A CEL rule, by where it stands and what it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    pub plural: String,
    /// As error messages name the place, with `[*]` for any index.
    pub field: String,
    pub message: String,
}

/// Every CEL rule of every definition.
pub fn rules() -> BTreeSet<Rule> {
    let mut rules = BTreeSet::new();
    for place in places() {
        for rule in place.schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let message = rule["message"].as_str().expect("every rule has a message").to_owned();
            rules.insert(Rule { plural: place.plural.clone(), field: place.field(), message });
        }
    }
    rules
}

/// A field of an error message with `[*]` in place of any index or key.
pub fn any_index(field: &str) -> String {
    let mut plain = String::new();
    let mut inside = false;
    for letter in field.chars() {
        match letter {
            '[' => {
                inside = true;
                plain.push_str("[*]");
            }
            ']' => inside = false,
            other if !inside => plain.push(other),
            _ => {}
        }
    }
    plain
}
