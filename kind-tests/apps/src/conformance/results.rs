//! Results and the two ways to print them.

use std::fmt::Write;
use std::time::Duration;

use super::expect::Unmet;

/// What became of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The check's name.
    pub name: String,
    /// The expectations that were not met; none if it passed.
    pub unmet: Vec<Unmet>,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.unmet.is_empty()
    }
}

/// TAP version 13, with YAML diagnostics below a check that failed.
pub fn tap(outcomes: &[Outcome]) -> String {
    let mut text = format!("TAP version 13\n1..{}\n", outcomes.len());
    for (index, outcome) in outcomes.iter().enumerate() {
        let verdict = if outcome.passed() { "ok" } else { "not ok" };
        let name = outcome.name.replace('\\', "\\\\").replace('#', "\\#");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{verdict} {} - {name}", index + 1);
        if outcome.passed() {
            continue;
        }
        let _ = writeln!(text, "  ---\n  duration_ms: {}\n  unmet:", outcome.took.as_millis());
        for unmet in &outcome.unmet {
            let _ = writeln!(text, "    - expected: {}", scalar(&unmet.expected));
            let _ = writeln!(text, "      got: {}", scalar(&unmet.got));
        }
        text.push_str("  ...\n");
    }
    text
}

/// JUnit's XML, one suite.
pub fn junit(suite: &str, outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let took: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    let (suite, tests) = (xml(suite), outcomes.len());
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuites>\n  <testsuite name=\"{suite}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" \
         skipped=\"0\" time=\"{:.3}\">",
        took.as_secs_f64()
    );
    for outcome in outcomes {
        let (name, seconds) = (xml(&outcome.name), outcome.took.as_secs_f64());
        let case = format!("    <testcase classname=\"{suite}\" name=\"{name}\" time=\"{seconds:.3}\"");
        if outcome.passed() {
            let _ = writeln!(text, "{case}/>");
            continue;
        }
        let lines = outcome.unmet.iter().map(|u| format!("expected: {}\ngot: {}\n", u.expected, u.got));
        let first = outcome.unmet.first().map(|u| format!("expected {}, got {}", u.expected, u.got));
        let message = xml(&first.unwrap_or_default());
        let detail = xml(&lines.collect::<String>());
        let _ = writeln!(text, "{case}>\n      <failure message=\"{message}\">{detail}</failure>\n    </testcase>");
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// A YAML double-quoted scalar; JSON's strings are a subset of them.
fn scalar(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            // XML 1.0 has no way to write other control characters.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let unmet = Unmet { expected: "6.9.1 at /version".into(), got: "a \"b\"\n<c>\u{1}".into() };
        let took = Duration::from_millis(12);
        vec![
            Outcome { name: "ready".into(), unmet: vec![], took },
            Outcome { name: "version #2".into(), unmet: vec![unmet], took },
        ]
    }

    #[test]
    fn tap_has_a_plan_and_says_why_not() {
        let want = "TAP version 13\n1..2\nok 1 - ready\nnot ok 2 - version \\#2\n  ---\n  duration_ms: 12\n  \
                    unmet:\n    - expected: \"6.9.1 at /version\"\n      got: \"a \\\"b\\\"\\n<c>\\u0001\"\n  ...\n";
        assert_eq!(tap(&outcomes()), want);
    }

    #[test]
    fn junit_counts_and_escapes() {
        let text = junit("web", &outcomes());
        for part in [
            "<testsuite name=\"web\" tests=\"2\" failures=\"1\"",
            "<testcase classname=\"web\" name=\"ready\" time=\"0.012\"/>",
            "got a &quot;b&quot;&#10;&lt;c&gt;\u{fffd}\">",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
