//! Text by a template of the user's: minijinja, of which only what cannot grow is let in.
//!
//! A template is written by whoever may write a channel, and rendered in a controller that serves others as well. So it has
//! no variables of its own, no arithmetic and no filter that makes a text longer; it stops after so many instructions and so
//! many bytes.

use std::io;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, filters, value::Serde};
use serde_json::{Value as Json, json};

use crate::{Failure, Notice, Step, Text, clean, examples, images, links, words};

/// The longest template, in bytes.
const LONGEST: usize = 4 * 1024;
/// The longest result, in bytes.
const OUTPUT: usize = 16 * 1024;
/// How many instructions one rendering may take.
const FUEL: u64 = 20_000;
/// The only statements: without variables of its own a template cannot make a text that doubles again and again.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
const OPERATORS: [char; 3] = ['*', '+', '~'];

/// A template that has been tried: it renders with everything known, and with everything unknown that can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
}

/// Why a text is no template.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
#[error("the template{} {what}; {remedy}", .line.map_or(String::new(), |line| format!(", line {line},")))]
pub struct TemplateError {
    /// Where, counted from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Template {
    /// Reads a template and tries it with notices of every kind.
    ///
    /// # Errors
    ///
    /// It is too long, is no template, uses what there is not, or fails for some notice.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        if source.len() > LONGEST {
            let what = format!("has {} bytes", source.len());
            return Err(fault(None, what, &format!("at most {LONGEST} are taken: say less")));
        }
        only_what_is_let_in(source)?;
        let template = Self { source: source.to_owned() };
        for notice in trials() {
            let rendered = template.render(&notice)?;
            if rendered.trim().is_empty() {
                let what = format!("makes an empty text of a notice of the kind {:?}", notice.kind);
                return Err(fault(None, what, "write at least a first line for it, outside {% if %}"));
            }
        }
        Ok(template)
    }

    /// The text of a notice: the first line is its title, and the rest is said as it is. If the template fails, the default
    /// text, which says so.
    pub fn text(&self, notice: &Notice) -> Text {
        match self.render(notice) {
            Ok(rendered) if !rendered.trim().is_empty() => {
                let text = Text::from_lines(&rendered);
                Text { links: links::found(&text.summary, &links::beginnings(&self.source)), ..text }
            }
            Ok(_) => default_with(notice, "made an empty text"),
            Err(error) => default_with(notice, &format!("failed: {error}")),
        }
    }

    fn render(&self, notice: &Notice) -> Result<String, TemplateError> {
        let environment = environment();
        let template = environment.template_from_str(&self.source).map_err(|error| read(&error))?;
        let mut output = Output(Vec::new());
        match template.render_captured_to(Value::from(Serde(context(notice))), &mut output) {
            Ok(_) => Ok(String::from_utf8_lossy(&output.0).into_owned()),
            Err(error) => Err(read(&error)),
        }
    }
}

fn default_with(notice: &Notice, what: &str) -> Text {
    let note = clean::cut(&clean::line(&format!("This is the default text: the channel's template {what}")), 500);
    Text { note: Some(note), ..Text::of(notice) }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(|out, state, value| match value.is_none() {
        true => Ok(()),
        false => minijinja::escape_formatter(out, state, value),
    });
    environment.add_filter("short", |image: &str| images::short(image));
    environment.add_filter("first_line", |text: &str| words::first_line(text).to_owned());
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("length", filters::length);
    environment
}

/// What a template can name: the fields of the notice, of which those that are not known are none, and the default text.
fn context(notice: &Notice) -> Json {
    let text = Text::of(notice);
    let mut context = json!(notice);
    for optional in ["cluster", "old", "new", "source", "author", "emergency", "step"] {
        known(&mut context, optional, Json::Null);
    }
    for list in ["failures", "next"] {
        known(&mut context, list, json!([]));
    }
    for (list, fields) in [("failures", ["value", "bound", "samples", "detail"].as_slice()), ("next", &["command"])] {
        for item in context[list].as_array_mut().into_iter().flatten() {
            fields.iter().for_each(|field| known(item, field, Json::Null));
        }
    }
    context["title"] = text.title.into();
    context["summary"] = text.summary.into();
    context
}

fn known(object: &mut Json, field: &str, default: Json) {
    if object.get(field).is_none() {
        object[field] = default;
    }
}

/// Notices that a template has to get along with: everything known, nothing known, and what is typical.
fn trials() -> Vec<Notice> {
    let failure = Failure {
        what: "w".into(),
        value: Some("1".into()),
        bound: Some("2".into()),
        samples: Some(3),
        detail: Some("d".into()),
    };
    let bare = Failure { what: "w".into(), value: None, bound: None, samples: None, detail: None };
    let typical = examples::typical().into_iter().map(|(_, notice)| notice);
    let full = typical.clone().find(|notice| !notice.next.is_empty()).unwrap_or_else(examples::example);
    let full = Notice {
        emergency: Some("e".into()),
        step: Some(Step { number: 1, of: 2, weight: 3 }),
        failures: vec![failure],
        ..full
    };
    let unknown = Notice {
        cluster: None,
        old: None,
        new: None,
        source: None,
        author: None,
        emergency: None,
        step: None,
        failures: vec![bare],
        next: vec![crate::Next { words: "w".into(), command: None }],
        ..full.clone()
    };
    [full, unknown].into_iter().chain(typical).collect()
}

/// Refuses statements that keep something, and operators that make texts longer.
fn only_what_is_let_in(source: &str) -> Result<(), TemplateError> {
    for (at, _) in source.match_indices("{%") {
        let rest = source[at + 2..].trim_start_matches(['-', '+']).trim_start();
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if !STATEMENTS.contains(&word.as_str()) {
            let what = format!("has the statement {{% {} %}}", clean::cut(&clean::line(&word), 40));
            return Err(fault(
                Some(line_at(source, at)),
                what,
                "only {% if %} and {% for %} are taken, with {% elif %} and {% else %}",
            ));
        }
    }
    let mut tag: Option<Option<char>> = None; // in a tag; the quote that is open there
    let mut before = ' ';
    for (at, c) in source.char_indices() {
        tag = match (tag, before, c) {
            (None, '{', '{' | '%') => Some(None),
            (Some(None), '}', '}') | (Some(None), '%', '}') => None,
            (Some(None), _, '"' | '\'') => Some(Some(c)),
            (Some(Some(quote)), _, _) if c == quote && before != '\\' => Some(None),
            (inside, ..) => inside,
        };
        if tag.is_some() && OPERATORS.contains(&c) && before != '%' {
            let what = format!("has {c} inside a tag");
            return Err(fault(
                Some(line_at(source, at)),
                what,
                "templates do not calculate: write values one after the other",
            ));
        }
        before = if before == '\\' && c == '\\' { ' ' } else { c };
    }
    Ok(())
}

fn line_at(source: &str, at: usize) -> usize {
    source[..at].matches('\n').count() + 1
}

fn fault(line: Option<usize>, what: String, remedy: &str) -> TemplateError {
    TemplateError { line, what, remedy: remedy.to_owned() }
}

/// What minijinja found, in words for whoever wrote the template.
fn read(error: &minijinja::Error) -> TemplateError {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let (what, remedy) = match error.kind() {
        ErrorKind::UndefinedError => (
            "uses a value that there is not".into(),
            "docs/messages.md lists the fields; those that may be unknown belong inside {% if %}",
        ),
        ErrorKind::UnknownFilter => {
            (format!("has an unknown filter: {detail}"), "there are short, first_line, upper, lower and length")
        }
        ErrorKind::OutOfFuel => ("takes too long".into(), "use fewer loops"),
        ErrorKind::WriteFailure => {
            (format!("makes more than {OUTPUT} bytes"), "say less; `message | first_line` is one line")
        }
        ErrorKind::SyntaxError => (format!("cannot be read: {detail}"), "it is a template of Jinja"),
        _ => (format!("fails: {detail}"), "docs/messages.md has an example that works"),
    };
    fault(error.line(), clean::cut(&clean::line(&what), 300), remedy)
}

/// Takes so many bytes and no more.
struct Output(Vec<u8>);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT {
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
mod tests;
