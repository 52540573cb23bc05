//! JSON pointers that look through strings.

use serde_json::Value;

/// The value at an RFC 6901 pointer.
///
/// podinfo's `/echo` answers an array of its backends' bodies as strings. Where the pointer goes on below a
/// string, the string is read as JSON, so `/0/version` finds the version in the first backend's body.
pub fn lookup(value: &Value, pointer: &str) -> Option<Value> {
    if pointer.is_empty() {
        return Some(value.clone());
    }
    let (token, rest) = split(pointer)?;
    let below = match value {
        Value::Object(map) => map.get(&token)?,
        Value::Array(items) => items.get(token.parse::<usize>().ok()?)?,
        Value::String(text) => {
            let inner: Value = serde_json::from_str(text).ok()?;
            // A string in a string is no document.
            return if inner.is_string() { None } else { lookup(&inner, pointer) };
        }
        _ => return None,
    };
    lookup(below, rest)
}

/// A value as text: strings bare, everything else as compact JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn split(pointer: &str) -> Option<(String, &str)> {
    let after = pointer.strip_prefix('/')?;
    let end = after.find('/').unwrap_or(after.len());
    let token = after[..end].replace("~1", "/").replace("~0", "~");
    Some((token, &after[end..]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointers_find_members_and_items() {
        let doc = json!({"a": {"b": [1, 2]}, "x/y": true, "": "empty"});
        assert_eq!(lookup(&doc, "/a/b/1"), Some(json!(2)));
        assert_eq!(lookup(&doc, "/x~1y"), Some(json!(true)));
        assert_eq!(lookup(&doc, "/"), Some(json!("empty")));
        assert_eq!(lookup(&doc, "/a/c"), None);
        assert_eq!(lookup(&doc, "a"), None);
    }

    #[test]
    fn pointers_look_through_bodies_inside_strings() {
        let echo = json!(["{\"version\": \"6.9.1\", \"n\": 3}", "plain"]);
        assert_eq!(lookup(&echo, "/0/version"), Some(json!("6.9.1")));
        assert_eq!(lookup(&echo, "/1"), Some(json!("plain")));
        assert_eq!(lookup(&echo, "/1/version"), None);
        assert_eq!(lookup(&json!("\"\\\"x\\\"\""), "/0"), None);
    }

    #[test]
    fn values_read_as_a_person_would_write_them() {
        assert_eq!(text(&json!("6.9.1")), "6.9.1");
        assert_eq!(text(&json!(3)), "3");
        assert_eq!(text(&json!(null)), "null");
    }
}
