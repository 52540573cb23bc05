//! JUnit XML, as far as it can be relied on: every `testcase`, with `failure`, `error` or `skipped` in it.
//!
//! This is no parser of XML: a report stands among other output, may be cut off, and only four elements matter.

use super::report::Report;

/// Reads every report in a log; `None` when there is none.
pub(super) fn read(log: &str) -> Option<Report> {
    let mut report = Report::default();
    let mut case: Option<Case> = None;
    let mut found = false;
    let mut rest = log;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let (tag, after) = match next(rest) {
            Some(step) => step,
            // Cut off: what is complete counts.
            None => break,
        };
        rest = after;
        match tag {
            Tag::Case { name, closed } => {
                found = true;
                let this = Case { name, outcome: Outcome::Passed };
                if closed {
                    this.count(&mut report);
                } else {
                    case = Some(this);
                }
            }
            Tag::Outcome(outcome) => {
                if let Some(case) = &mut case
                    && case.outcome != Outcome::Failed
                {
                    case.outcome = outcome;
                }
            }
            Tag::End => {
                if let Some(case) = case.take() {
                    case.count(&mut report);
                }
            }
            Tag::Other => {}
        }
    }
    found.then_some(report)
}

struct Case {
    name: String,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

impl Case {
    fn count(self, report: &mut Report) {
        match self.outcome {
            Outcome::Passed => report.passed += 1,
            Outcome::Failed => report.failed.push(self.name),
            Outcome::Skipped => report.skipped += 1,
        }
    }
}

enum Tag {
    /// A test begins; `closed` when it also ends.
    Case { name: String, closed: bool },
    /// The test did not pass.
    Outcome(Outcome),
    /// The test ends.
    End,
    /// Something else, or no tag at all.
    Other,
}

/// What stands at a `<`, and what follows it; `None` when it does not end.
fn next(text: &str) -> Option<(Tag, &str)> {
    for (start, end) in [("<!--", "-->"), ("<![CDATA[", "]]>")] {
        if let Some(rest) = text.strip_prefix(start) {
            return rest.find(end).map(|at| (Tag::Other, &rest[at + end.len()..]));
        }
    }
    let name_end = text[1..].find(|c: char| !(c.is_ascii_alphabetic() || c == '/')).map_or(text.len(), |at| at + 1);
    let outcome = match &text[1..name_end] {
        "/testcase" => return Some((Tag::End, &text[name_end..])),
        "testcase" | "testcase/" => None,
        "failure" | "failure/" | "error" | "error/" => Some(Outcome::Failed),
        "skipped" | "skipped/" => Some(Outcome::Skipped),
        _ => return Some((Tag::Other, &text[1..])),
    };
    let (attributes, after) = until_end(&text[name_end..])?;
    let tag = match outcome {
        Some(outcome) => Tag::Outcome(outcome),
        None => Tag::Case {
            name: attribute(attributes, "name").unwrap_or_else(|| "a test without a name".into()),
            closed: attributes.ends_with('/') || text[1..name_end].ends_with('/'),
        },
    };
    Some((tag, after))
}

/// The attributes up to the `>` that ends the tag, and what follows it.
fn until_end(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some((&text[..at], &text[at + 1..])),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = value[1..].split_once(quote)?;
        if name.trim() == wanted {
            return Some(unescaped(value));
        }
        rest = after;
    }
}

/// Replaces the entities that XML itself has.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest.find(';').and_then(|end| Some((character(&rest[1..end])?, end)));
        let (c, length) = entity.map_or(('&', 1), |(c, end)| (c, end + 1));
        out.push(c);
        rest = &rest[length..];
    }
    out + rest
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::summarise;

    #[test]
    fn failures_errors_and_skips_are_told_apart() {
        let log = r#"Vec<String> a < b
            <testsuite name="a>b"><!-- <testcase name="no"/> -->
            <testcase classname="c" name='it says &quot;a &lt; b&quot; &#x26; &#38; &amp;nbsp;'><error type="t"/></testcase>
            <testcase name="b"><skipped/></testcase>
            <testcase name="c"><system-out><![CDATA[<failure>]]></system-out></testcase>
            <testcase name="d"><skipped message="x"></skipped><failure>no</failure></testcase>
            </testsuite>"#;
        let expected = r#"1 passed, 1 skipped, 2 failed: it says "a < b" & & &nbsp;; d"#;
        assert_eq!(summarise(log).as_deref(), Some(expected));
    }

    #[test]
    fn of_a_report_that_is_cut_off_what_is_complete_counts() {
        let log = r#"<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><fail"#;
        assert_eq!(summarise(log).as_deref(), Some("1 passed, 1 failed: b"));
        assert_eq!(summarise(r#"<testsuite><testcase name="a"#), None);
    }
}
