//! Queries from MetricTemplates.
//!
//! A template is PromQL with variables in double braces and nothing else: no tags, no filters, no expressions. So what it costs is
//! bounded by its length, and a value can only ever be a value.

use std::{collections::BTreeMap, io};

use crds::{
    duration::GoDuration,
    metric::{MetricTemplateSpec, Variable, VariableType},
};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use super::{
    Request,
    queries::{escaped, window},
};

/// The longest query, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// The query of a template for one look, with the values that a policy gives.
///
/// # Errors
/// A sentence for people: a variable is unknown or has no value or not one of its type, or the template is not one.
pub fn render(
    name: &str,
    template: &MetricTemplateSpec,
    values: &BTreeMap<String, String>,
    request: &Request,
) -> Result<String, String> {
    let mut context = given(request);
    if let Some(unknown) = values.keys().find(|key| !template.variables.iter().any(|v| v.name == **key)) {
        return Err(format!(
            "the policy gives MetricTemplate {name} the variable {unknown}, which it does not have: {}",
            takes(&template.variables)
        ));
    }
    for variable in &template.variables {
        let value = values.get(&variable.name).or(variable.default.as_ref()).ok_or_else(|| {
            format!("MetricTemplate {name} needs a value for {0}: give it in template.variables.{0}", variable.name)
        })?;
        let value = typed(variable.kind, value)
            .map_err(|expected| format!("the value of {} for MetricTemplate {name} {expected}", variable.name))?;
        context.insert(variable.name.clone(), value);
    }
    check(template, &context).map_err(|wrong| format!("MetricTemplate {name} {wrong}"))?;
    fill(&template.query, context).map_err(|wrong| format!("MetricTemplate {name} {wrong}"))
}

fn given(request: &Request) -> BTreeMap<String, String> {
    [
        ("namespace", escaped(&request.namespace)),
        ("policy", escaped(&request.policy)),
        ("workload", escaped(&request.workload)),
        ("service", escaped(&request.service)),
        ("revision", escaped(&request.revision)),
        ("window", window(request.window)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn takes(variables: &[Variable]) -> String {
    match variables {
        [] => "it takes none".into(),
        some => format!("it takes {}", some.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ")),
    }
}

/// A value as it is inserted.
fn typed(kind: VariableType, value: &str) -> Result<String, String> {
    match kind {
        VariableType::LabelValue => Ok(escaped(value)),
        VariableType::Number => value
            .parse::<f64>()
            .is_ok_and(f64::is_finite)
            .then(|| value.to_owned())
            .ok_or_else(|| "must be a number, such as 0.5".into()),
        VariableType::Duration => value
            .parse::<GoDuration>()
            .map(|duration| duration.to_string())
            .map_err(|_| "must be a duration, such as 30s".into()),
    }
}

/// Where in PromQL a place is.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Nothing,
    Quotes(u8),
    Comment,
}

/// Checks that double braces hold one known name each, and that label values stand inside strings.
fn check(template: &MetricTemplateSpec, known: &BTreeMap<String, String>) -> Result<(), String> {
    let text = template.query.as_bytes();
    let is_label = |name: &str| template.variables.iter().any(|v| v.name == name && v.kind == VariableType::LabelValue);
    let (mut inside, mut at) = (Inside::Nothing, 0);
    while let Some(&byte) = text.get(at) {
        match (inside, byte, text.get(at + 1)) {
            (_, b'{', Some(b'%' | b'#')) => {
                return Err("has a tag or a comment of a template language: only {{ name }} is replaced".into());
            }
            (_, b'{', Some(b'{')) => {
                let (name, length) = placeholder(&template.query[at..])?;
                if !known.contains_key(name) {
                    let names: Vec<_> = known.keys().map(String::as_str).collect();
                    return Err(format!("uses {{{{ {name} }}}}, which is no variable: there are {}", names.join(", ")));
                }
                if is_label(name) && !matches!(inside, Inside::Quotes(_)) {
                    return Err(format!("must have {{{{ {name} }}}} between double quotes: it is a label value"));
                }
                at += length;
                continue;
            }
            (Inside::Quotes(quote), b'\\', Some(next)) if quote != b'`' => {
                if *next == b'{' && text.get(at + 2) == Some(&b'{') {
                    return Err("has a backslash right before {{: a variable is a whole value, so remove it".into());
                }
                at += 1;
            }
            (Inside::Quotes(quote), byte, _) if byte == quote => inside = Inside::Nothing,
            (Inside::Comment, b'\n', _) => inside = Inside::Nothing,
            (Inside::Nothing, b'"' | b'\'' | b'`', _) => inside = Inside::Quotes(byte),
            (Inside::Nothing, b'#', _) => inside = Inside::Comment,
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// The name in the double braces that a text begins with, and their length.
fn placeholder(text: &str) -> Result<(&str, usize), String> {
    let end = text.find("}}").ok_or("has {{ without }}: close it")?;
    let name = text[2..end].trim_matches(' ');
    let good = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    if good {
        Ok((name, end + 2))
    } else {
        Err("may hold nothing but the name of a variable in double braces, such as {{ revision }}".into())
    }
}

fn fill(query: &str, context: BTreeMap<String, String>) -> Result<String, String> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let template = environment.template_from_str(query).map_err(|e| format!("cannot be read: {}", e.kind()))?;
    let context = Value::from_pairs(context);
    let mut out = Bounded(Vec::new());
    template.render_captured_to(context, &mut out).map_err(|error| match error.kind() {
        ErrorKind::WriteFailure => {
            format!("gives a query of more than {} KiB: shorten it or its values", LONGEST / 1024)
        }
        other => format!("cannot be filled in: {other}"),
    })?;
    String::from_utf8(out.0).map_err(|_| "does not give text".into())
}

/// Takes as much as a query may be long.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
