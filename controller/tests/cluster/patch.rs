//! JSON merge patch (RFC 7386) and JSON patch (RFC 6902).

use serde_json::{Value, json};

use super::{failure::Failure, object};

/// Merges a patch into an object; null removes.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

/// Performs the operations in order, or none of them.
pub fn json_patch(target: &Value, patch: &Value) -> Result<Value, Failure> {
    let operations = patch.as_array().ok_or_else(|| Failure::bad_request("a JSON patch is a list of operations"))?;
    let mut result = target.clone();
    for operation in operations {
        perform(&mut result, operation).map_err(|why| {
            let message = format!("the server rejected our request due to an error in our request: {why}");
            Failure::new(422, "Invalid", message)
        })?;
    }
    Ok(result)
}

fn perform(target: &mut Value, operation: &Value) -> Result<(), String> {
    let path = object::text(operation, "/path");
    let value = || {
        let value = operation.get("value").cloned();
        value.ok_or_else(|| format!("{path}: no value"))
    };
    let from = object::text(operation, "/from");
    match object::text(operation, "/op") {
        "test" if target.pointer(path) == Some(&value()?) => Ok(()),
        "test" => Err(format!("testing value {path} failed")),
        "add" => add(target, path, value()?),
        "remove" => remove(target, path).map(drop),
        "replace" => {
            let found = target.pointer_mut(path);
            *found.ok_or_else(|| format!("{path}: nothing to replace"))? = value()?;
            Ok(())
        }
        "copy" => {
            let found = target.pointer(from).cloned();
            add(target, path, found.ok_or_else(|| format!("{from}: nothing to copy"))?)
        }
        "move" => {
            let found = remove(target, from)?;
            add(target, path, found)
        }
        other => Err(format!("unknown operation \"{other}\"")),
    }
}

fn parent<'a>(target: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    let (parent, last) = path.rsplit_once('/').ok_or("the path is empty")?;
    let found = target.pointer_mut(parent);
    let found = found.ok_or_else(|| format!("{path}: its parent does not exist"))?;
    Ok((found, last.replace("~1", "/").replace("~0", "~")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *target = value;
        return Ok(());
    }
    match parent(target, path)? {
        (Value::Object(fields), last) => {
            fields.insert(last, value);
            Ok(())
        }
        (Value::Array(items), last) => {
            let index = if last == "-" { Some(items.len()) } else { last.parse().ok() };
            let index = index.filter(|i| *i <= items.len());
            items.insert(index.ok_or_else(|| format!("{path}: no such index"))?, value);
            Ok(())
        }
        _ => Err(format!("{path}: its parent is neither object nor list")),
    }
}

fn remove(target: &mut Value, path: &str) -> Result<Value, String> {
    let missing = || format!("{path}: nothing to remove");
    match parent(target, path)? {
        (Value::Object(fields), last) => fields.remove(&last).ok_or_else(missing),
        (Value::Array(items), last) => {
            let index = last.parse().ok().filter(|i: &usize| *i < items.len());
            Ok(items.remove(index.ok_or_else(missing)?))
        }
        _ => Err(missing()),
    }
}
