//! The Test Anything Protocol, versions 12 to 14 (<https://testanything.org/tap-version-14-specification.html>).

use super::report::Report;

/// Reads a report; `None` when there is none. Only the tests at the outermost level count: a test stands for its subtests.
pub(super) fn read(log: &str) -> Option<Report> {
    let mut report = Report::default();
    let (mut is_tap, mut planned, mut tests, mut highest) = (false, None, 0_usize, 0_usize);
    for line in log.lines().map(str::trim_end) {
        if line.starts_with("TAP version ") {
            is_tap = true;
        } else if let Some(plan) = line.strip_prefix("1..") {
            let (count, why) = plan.split_once('#').unwrap_or((plan, ""));
            let Ok(count) = count.trim().parse::<usize>() else { continue };
            is_tap = true;
            planned = planned.or(Some(count));
            if count == 0 {
                report.note = Some(format!("all skipped{}", after(directive(why, "skip").unwrap_or_default())));
            }
        } else if let Some(why) = line.strip_prefix("Bail out!") {
            report.note = Some(format!("gave up{}", after(why)));
        } else if let Some(test) = Test::parse(line) {
            is_tap |= test.number.is_some();
            tests += 1;
            highest = highest.max(test.number.unwrap_or(tests));
            match test.outcome {
                Outcome::Passed => report.passed += 1,
                Outcome::Skipped => report.skipped += 1,
                Outcome::Failed(name) if name.is_empty() => {
                    report.failed.push(format!("test {}", test.number.unwrap_or(tests)));
                }
                Outcome::Failed(name) => report.failed.push(name),
            }
        }
    }
    report.missing = planned.unwrap_or(0).saturating_sub(highest.max(tests));
    is_tap.then_some(report)
}

fn after(why: &str) -> String {
    match why.trim() {
        "" => String::new(),
        why => format!(": {why}"),
    }
}

struct Test {
    number: Option<usize>,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    /// With its description.
    Failed(String),
    Skipped,
}

impl Test {
    /// `ok 1 - description # SKIP why`, everything after the first word optional.
    fn parse(line: &str) -> Option<Self> {
        let (good, rest) = match line.strip_prefix("not ok") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("ok")?),
        };
        if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
            return None;
        }
        let rest = rest.trim_start();
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..digits].parse().ok();
        let rest = if number.is_some() { rest[digits..].trim_start() } else { rest };
        let rest = rest.strip_prefix('-').unwrap_or(rest).trim();
        let (name, comment) = described(rest);
        let outcome = if directive(comment, "skip").is_some() {
            Outcome::Skipped
        } else if good {
            Outcome::Passed
        } else if directive(comment, "todo").is_some() {
            // Known to fail: no failure of this version.
            Outcome::Skipped
        } else {
            Outcome::Failed(name)
        };
        Some(Self { number, outcome })
    }
}

/// A description without its escapes, and the comment after the first `#` that is not escaped.
fn described(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, escaped @ ('\\' | '#'))) => name.push(escaped),
                Some((_, other)) => name.extend(['\\', other]),
                None => name.push('\\'),
            },
            '#' => {
                let comment = &text[at + 1..];
                if directive(comment, "skip").or(directive(comment, "todo")).is_some() {
                    return (name.trim_end().to_owned(), comment);
                }
                name.push('#');
            }
            c => name.push(c),
        }
    }
    (name, "")
}

/// What follows a directive, such as `SKIP`, in whatever case, at the beginning of a comment.
fn directive<'a>(comment: &'a str, word: &str) -> Option<&'a str> {
    let comment = comment.trim_start();
    let start = comment.get(..word.len())?;
    start
        .eq_ignore_ascii_case(word)
        .then(|| comment[word.len()..].trim_start_matches(|c: char| c.is_alphabetic() || c == ':'))
}

#[cfg(test)]
mod tests {
    use super::super::summarise;

    #[test]
    fn versions_12_to_14_are_read() {
        for (log, expected) in [
            ("1..2\nok 1\nnot ok 2\n", "1 passed, 1 failed: test 2"),
            ("TAP version 13\nok 1 a\nnot ok 2 - b # comment\n1..2\n", "1 passed, 1 failed: b # comment"),
            (
                "TAP version 14\n1..2\n# Subtest: a\n    not ok 1 - inner\n    1..1\nok 1 - a # time=1ms\nok 2\n",
                "2 passed",
            ),
            ("TAP version 14\r\n1..1\r\nok 1 - a\r\n", "1 passed"),
            ("1..3\nok\nok # SKIP no database\nnot ok - c # TODO later\n", "1 passed, 2 skipped"),
            ("not ok 1 - a \\# b \\\\ c # todo\nnot ok 2 - a \\# b\n", "0 passed, 1 skipped, 1 failed: a # b"),
        ] {
            assert_eq!(summarise(log).as_deref(), Some(expected), "{log}");
        }
    }

    #[test]
    fn tests_that_did_not_run_are_told() {
        assert_eq!(summarise("1..5\nok 1\nok 2\n").as_deref(), Some("2 passed, 3 not run"));
        assert_eq!(
            summarise("1..5\nok 1\nBail out! no connection\n").as_deref(),
            Some("1 passed, 4 not run; gave up: no connection")
        );
        assert_eq!(summarise("1..0 # Skipped: no browser\n").as_deref(), Some("0 passed; all skipped: no browser"));
    }

    #[test]
    fn the_end_of_a_long_report_is_not_taken_for_a_report_with_gaps() {
        assert_eq!(summarise("ok 99 - a\nok 100 - b\n1..100\n").as_deref(), Some("2 passed"));
    }
}
