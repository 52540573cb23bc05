//! Paths of fields, in the notation of `managedFields`, and the sets of them that managers own.
//!
//! Lists are maps or sets by the name of their field: a table for what is used here, not the OpenAPI schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// `f:spec`, `k:{"name":"app"}` or `v:"x"`, from the outside in.
pub type Path = Vec<String>;
pub type Fields = BTreeSet<Path>;

enum Shape {
    Struct,
    Keyed(&'static [&'static str]),
    Set,
    Atomic,
}

fn shape(field: &str, value: &Value) -> Shape {
    match (field, value) {
        ("selector" | "nodeSelector" | "labelSelector", _) => Shape::Atomic,
        (_, Value::Object(fields)) if !fields.is_empty() => Shape::Struct,
        ("finalizers", Value::Array(_)) => Shape::Set,
        (_, Value::Array(items)) => {
            let keys: &[&str] = match field {
                "conditions" => &["type"],
                "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" => &["name"],
                "volumeMounts" => &["mountPath"],
                "ownerReferences" => &["uid"],
                "ports" if items.iter().any(|item| item.get("containerPort").is_some()) => {
                    &["containerPort", "protocol"]
                }
                "ports" => &["port", "protocol"],
                _ => return Shape::Atomic,
            };
            Shape::Keyed(keys)
        }
        _ => Shape::Atomic,
    }
}

fn key_of(item: &Value, keys: &[&str]) -> Value {
    let pairs = keys.iter().map(|key| {
        let absent = if *key == "protocol" { json!("TCP") } else { Value::Null };
        let value = item.get(*key).cloned().unwrap_or(absent);
        ((*key).to_owned(), value)
    });
    Value::Object(pairs.collect())
}

/// The fields that an object states, without those that only the API server writes.
pub fn leaves(object: &Value) -> Fields {
    const METADATA: [&str; 4] = ["labels", "annotations", "finalizers", "ownerReferences"];
    let mut found = Fields::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        let at = vec![format!("f:{name}")];
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                for part in METADATA {
                    if let Some(value) = value.get(part) {
                        let at = vec!["f:metadata".to_owned(), format!("f:{part}")];
                        collect(part, value, at, &mut found);
                    }
                }
            }
            _ => collect(name, value, at, &mut found),
        }
    }
    found
}

fn collect(field: &str, value: &Value, at: Path, found: &mut Fields) {
    let inner = |step: String| {
        let mut path = at.clone();
        path.push(step);
        path
    };
    match (shape(field, value), value) {
        (Shape::Struct, Value::Object(fields)) => {
            for (name, value) in fields {
                collect(name, value, inner(format!("f:{name}")), found);
            }
        }
        (Shape::Keyed(keys), Value::Array(items)) => {
            for item in items {
                let at = inner(format!("k:{}", key_of(item, keys)));
                found.insert(at.clone());
                collect("", item, at, found);
            }
        }
        (Shape::Set, Value::Array(items)) => {
            found.extend(items.iter().map(|item| inner(format!("v:{item}"))));
        }
        _ => {
            found.insert(at);
        }
    }
}

/// The position in a list that a step names.
fn position(items: &[Value], step: &str) -> Option<usize> {
    let (kind, wanted) = step.split_once(':')?;
    let wanted: Value = serde_json::from_str(wanted).ok()?;
    items.iter().position(|item| match (kind, &wanted) {
        ("k", Value::Object(keys)) => {
            let names: Vec<_> = keys.keys().map(String::as_str).collect();
            key_of(item, &names) == wanted
        }
        _ => *item == wanted,
    })
}

pub fn get<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |at, step| match at {
        Value::Array(items) => items.get(position(items, step)?),
        _ => at.get(step.strip_prefix("f:")?),
    })
}

/// Whether a field is part of the key of its item, which stays as long as the item does.
pub fn is_key(path: &[String]) -> bool {
    let [.., item, field] = path else {
        return false;
    };
    let key = item.strip_prefix("k:").and_then(|key| serde_json::from_str::<Value>(key).ok());
    let field = field.strip_prefix("f:");
    key.zip(field).is_some_and(|(key, field)| key.get(field).is_some())
}

/// Removes a field, and the parents that it leaves empty.
pub fn remove(object: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else {
        return;
    };
    match object {
        Value::Array(items) => {
            let Some(index) = position(items, step) else {
                return;
            };
            if rest.is_empty() {
                items.remove(index);
            } else {
                remove(&mut items[index], rest);
            }
        }
        Value::Object(fields) => {
            let name = step.strip_prefix("f:").unwrap_or(step);
            if let Some(inner) = fields.get_mut(name) {
                remove(inner, rest);
                let emptied = !rest.is_empty() && (*inner == json!({}) || *inner == json!([]));
                if rest.is_empty() || emptied {
                    fields.remove(name);
                }
            }
        }
        _ => {}
    }
}

/// Lays one object over another: maps and keyed lists are merged, everything else is replaced.
pub fn overlay(field: &str, target: &mut Value, over: &Value) {
    match (shape(field, over), &mut *target, over) {
        (Shape::Struct, Value::Object(fields), Value::Object(new)) => {
            for (name, value) in new {
                overlay(name, fields.entry(name).or_insert(Value::Null), value);
            }
        }
        (Shape::Keyed(keys), Value::Array(items), Value::Array(new)) => {
            for item in new {
                let key = key_of(item, keys);
                match items.iter_mut().find(|found| key_of(found, keys) == key) {
                    Some(found) => overlay("", found, item),
                    None => items.push(item.clone()),
                }
            }
        }
        (Shape::Set, Value::Array(items), Value::Array(new)) => {
            let missing: Vec<_> = new.iter().filter(|n| !items.contains(n)).cloned().collect();
            items.extend(missing);
        }
        (_, Value::Object(_), Value::Object(new)) if new.is_empty() => {}
        _ => *target = over.clone(),
    }
}

/// As `fieldsV1` writes a set.
pub fn render(fields: &Fields) -> Value {
    let mut root = Map::new();
    for path in fields {
        let mut at = &mut root;
        for step in path {
            let next = at.entry(step.clone()).or_insert_with(|| json!({}));
            at = next.as_object_mut().unwrap();
        }
        if path.last().is_some_and(|step| step.starts_with("k:")) {
            at.insert(".".into(), json!({}));
        }
    }
    Value::Object(root)
}

pub fn parse(rendered: &Value) -> Fields {
    fn walk(at: &mut Path, value: &Value, found: &mut Fields) {
        match value.as_object() {
            Some(inner) if !inner.is_empty() => {
                for (step, value) in inner {
                    if step == "." {
                        found.insert(at.clone());
                    } else {
                        at.push(step.clone());
                        walk(at, value, found);
                        at.pop();
                    }
                }
            }
            _ => {
                found.insert(at.clone());
            }
        }
    }
    let mut found = Fields::new();
    if rendered.as_object().is_some_and(|root| !root.is_empty()) {
        walk(&mut Path::new(), rendered, &mut found);
    }
    found
}

/// `.spec.containers[name="app"].image`, as conflicts name it.
pub fn display(path: &[String]) -> String {
    let steps = path.iter().map(|step| match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some((_, inner)) => format!("[{inner}]"),
        None => step.clone(),
    });
    steps.collect()
}
