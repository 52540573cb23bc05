//! Label selectors (as query strings and as objects) and the one field selector that is used.

use serde_json::Value;

use super::{failure::Failure, object};

#[derive(Clone, Debug, PartialEq)]
enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Term {
    fn matches(&self, labels: &Value) -> bool {
        let value = |key: &str| labels.get(key).and_then(Value::as_str);
        match self {
            Self::In(key, set) => value(key).is_some_and(|found| set.iter().any(|v| v == found)),
            Self::NotIn(key, set) => value(key).is_none_or(|found| set.iter().all(|v| v != found)),
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
        }
    }
}

/// All terms must hold; no term matches everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    terms: Vec<Term>,
    name: Option<String>,
    namespace: Option<String>,
}

impl Selector {
    /// From the query parameters `labelSelector` and `fieldSelector`.
    pub fn parse(labels: &str, fields: &str) -> Result<Self, Failure> {
        let mut selector = Self::default();
        for term in split(labels) {
            selector.terms.push(parse_term(term)?);
        }
        for term in split(fields) {
            match term.split_once('=') {
                Some(("metadata.name", name)) => {
                    selector.name = Some(name.trim_start_matches('=').to_owned());
                }
                Some(("metadata.namespace", namespace)) => {
                    selector.namespace = Some(namespace.trim_start_matches('=').to_owned());
                }
                _ => {
                    let message = format!("field label not supported: {term}");
                    return Err(Failure::bad_request(message));
                }
            }
        }
        Ok(selector)
    }

    /// From a map of labels, as in a Service's `spec.selector`.
    pub fn equal(labels: &Value) -> Self {
        let terms = labels.as_object().into_iter().flatten();
        let terms = terms.map(|(key, value)| Term::In(key.clone(), vec![value.as_str().unwrap_or("").to_owned()]));
        Self { terms: terms.collect(), ..Self::default() }
    }

    /// From a LabelSelector object.
    pub fn of(selector: &Value) -> Self {
        let mut built = Self::equal(&selector["matchLabels"]);
        for expression in object::items(selector, "/matchExpressions") {
            let key = object::text(expression, "/key").to_owned();
            let values = object::items(expression, "/values");
            let values = values.iter().filter_map(Value::as_str);
            let values = values.map(str::to_owned).collect();
            built.terms.push(match object::text(expression, "/operator") {
                "In" => Term::In(key, values),
                "NotIn" => Term::NotIn(key, values),
                "Exists" => Term::Exists(key),
                _ => Term::Absent(key),
            });
        }
        built
    }

    pub fn matches(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let named = |wanted: &Option<String>, field: &str| wanted.as_ref().is_none_or(|w| metadata[field] == **w);
        named(&self.name, "name") && named(&self.namespace, "namespace") && self.matches_labels(&metadata["labels"])
    }

    pub fn matches_labels(&self, labels: &Value) -> bool {
        self.terms.iter().all(|term| term.matches(labels))
    }
}

/// Splits at the commas that are not inside parentheses.
fn split(selector: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = selector.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|p| !p.is_empty()).collect()
}

fn parse_term(term: &str) -> Result<Term, Failure> {
    let owned = |text: &str| text.trim().to_owned();
    let set = |text: &str| {
        let text = text.trim().trim_start_matches('(').trim_end_matches(')');
        text.split(',').map(owned).collect::<Vec<_>>()
    };
    if let Some(key) = term.strip_prefix('!') {
        return Ok(Term::Absent(owned(key)));
    }
    if let Some((key, values)) = term.split_once(" notin ") {
        return Ok(Term::NotIn(owned(key), set(values)));
    }
    if let Some((key, values)) = term.split_once(" in ") {
        return Ok(Term::In(owned(key), set(values)));
    }
    if let Some((key, value)) = term.split_once("!=") {
        return Ok(Term::NotIn(owned(key), vec![owned(value)]));
    }
    if let Some((key, value)) = term.split_once('=') {
        let value = value.trim_start_matches('=');
        return Ok(Term::In(owned(key), vec![owned(value)]));
    }
    if term.contains(char::is_whitespace) {
        let message = format!("unable to parse requirement: {term}");
        return Err(Failure::bad_request(message));
    }
    Ok(Term::Exists(owned(term)))
}
