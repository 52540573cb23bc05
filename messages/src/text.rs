//! The words of a notice, before they are dressed for a receiver: plain text, without any markup.

use crate::{
    Notice, Severity,
    clean::{cut, line, lines, tail},
    facts, words,
};

/// Bounds of each part, in UTF-16 units; receivers have narrower ones.
const TITLE: usize = 200;
const SUMMARY: usize = 4_000;
const FACTS: usize = 16;
const NAME: usize = 60;
const VALUE: usize = 500;
const LOG: usize = 4_096;
const LOG_LINES: usize = 40;
const NEXT: usize = 5;
const COMMAND: usize = 500;

/// What is said of a notice. Nothing in it is markup, and every receiver's body is made so that nothing becomes any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The first line: all that a phone shows. One line of at most 200 characters.
    pub title: String,
    /// A paragraph, or the rest of what a template made: at most 4,000 characters. May be empty.
    pub summary: String,
    /// The addresses in the summary that are links: at most 5, of hosts that a template names itself.
    pub links: Vec<String>,
    /// What a reader compares: at most 16.
    pub facts: Vec<Fact>,
    /// What a test printed last.
    pub log: Option<Log>,
    /// What the reader can do: at most 5.
    pub next: Vec<Todo>,
    /// What went wrong with the text itself, such as a template that failed.
    pub note: Option<String>,
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// At most 60 characters, never empty.
    pub name: String,
    /// At most 500 characters, one line, never empty.
    pub value: String,
}

/// Lines that a test printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Whose they are.
    pub title: String,
    /// At most 40 lines and 4,096 characters, the last ones.
    pub text: String,
}

/// What a reader can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// What for, such as `To let it go on:`.
    pub words: String,
    /// The command, in one line.
    pub command: Option<String>,
}

impl Text {
    /// The default text of a notice.
    pub fn of(notice: &Notice) -> Self {
        Self {
            title: bounded_title(&words::title(notice)),
            summary: cut(&line(&words::summary(notice)), SUMMARY),
            links: Vec::new(),
            facts: facts::of(notice)
                .into_iter()
                .filter_map(|(name, value)| Fact::new(&name, &value))
                .take(FACTS)
                .collect(),
            log: facts::log(notice).and_then(|(title, text)| Log::new(&title, &text)),
            next: notice
                .next
                .iter()
                .filter_map(|next| Todo::new(&next.words, next.command.as_deref()))
                .take(NEXT)
                .collect(),
            note: None,
        }
    }

    /// A text of which the first line is the title, and the rest is said as it is.
    pub fn from_lines(text: &str) -> Self {
        let text = lines(text);
        let (title, rest) = text.trim().split_once('\n').unwrap_or((text.trim(), ""));
        let summary = cut(rest.trim(), SUMMARY);
        Self {
            title: bounded_title(title),
            summary,
            links: Vec::new(),
            facts: Vec::new(),
            log: None,
            next: Vec::new(),
            note: None,
        }
    }

    /// All of it in lines, for receivers that show nothing but text.
    pub fn plain(&self) -> String {
        let mut out = vec![self.title.clone()];
        if !self.summary.is_empty() {
            out.push(self.summary.clone());
        }
        out.extend(self.facts.iter().map(|fact| format!("{}: {}", fact.name, fact.value)));
        if let Some(log) = &self.log {
            out.push(format!("{}\n{}", log.title, log.text));
        }
        for next in &self.next {
            out.push(next.words.clone());
            out.extend(next.command.iter().map(|command| format!("  {command}")));
        }
        out.extend(self.note.clone());
        out.join("\n")
    }
}

fn bounded_title(title: &str) -> String {
    let title = cut(&line(title), TITLE);
    if title.is_empty() { "Sluice".into() } else { title }
}

impl Fact {
    fn new(name: &str, value: &str) -> Option<Self> {
        let (name, value) = (cut(&line(name), NAME), cut(&line(value), VALUE));
        (!name.is_empty() && !value.is_empty()).then_some(Self { name, value })
    }
}

impl Log {
    fn new(title: &str, text: &str) -> Option<Self> {
        let text = tail(&lines(text), LOG_LINES, LOG);
        (!text.trim().is_empty()).then(|| Self { title: cut(&line(title), NAME * 2), text })
    }
}

impl Todo {
    fn new(words: &str, command: Option<&str>) -> Option<Self> {
        let mut words = words::sentence(&line(words));
        let command = command.map(line).filter(|command| !command.is_empty());
        // A command that is cut would do something else.
        let command = command.filter(|command| crate::clean::length(command) <= COMMAND);
        if command.is_some() && words.ends_with('.') {
            words.pop();
            words.push(':');
        }
        (!words.is_empty()).then(|| Self { words: cut(&words, VALUE), command })
    }
}

/// The last line: the release, where it stands and when.
pub(crate) fn origin(notice: &Notice) -> String {
    let attempt = if notice.attempt > 1 { format!(", attempt {}", notice.attempt) } else { String::new() };
    let at = notice.at.format("%Y-%m-%d %H:%M:%S UTC");
    cut(&line(&format!("Sluice · release {}{attempt} · {} · {at}", notice.release, notice.phase)), VALUE)
}

/// A sign for how bad it is, which a colour-blind reader and a phone show as well.
pub(crate) fn sign(notice: &Notice) -> &'static str {
    use crate::Kind::{ApprovalNeeded, Promoted, Succeeded};
    match (notice.severity, notice.kind) {
        (Severity::Error, _) => "🔴",
        (_, ApprovalNeeded) => "✋",
        (Severity::Warning, _) => "⚠️",
        (Severity::Info, Succeeded | Promoted) => "✅",
        (Severity::Info, _) => "🔵",
    }
}

#[cfg(test)]
mod tests;
