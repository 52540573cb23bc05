//! What a test's report says, in one sentence.

use super::{junit, log, tap};

/// How many failed tests are named.
const NAMED: usize = 3;
/// The longest name, in characters.
const NAME: usize = 120;
/// The longest sentence, in characters.
const LONGEST: usize = 512;

/// Counts of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) passed: usize,
    /// Names of the tests that failed.
    pub(super) failed: Vec<String>,
    pub(super) skipped: usize,
    /// Tests that were announced and did not run.
    pub(super) missing: usize,
    /// What the test says besides, such as why it gave up.
    pub(super) note: Option<String>,
}

/// One sentence from a report on standard output, JUnit XML or TAP (12, 13 or 14), among whatever else is printed there:
/// "37 passed, 1 failed: checkout refuses an expired card". `None` when there is no report.
pub fn summarise(log: &str) -> Option<String> {
    junit::read(log).or_else(|| tap::read(log)).map(|report| report.sentence())
}

impl Report {
    fn sentence(&self) -> String {
        let mut parts = vec![format!("{} passed", self.passed)];
        for (count, what) in [(self.skipped, "skipped"), (self.missing, "not run"), (self.failed.len(), "failed")] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let mut sentence = parts.join(", ");
        if !self.failed.is_empty() {
            let mut names: Vec<_> = self.failed.iter().take(NAMED).map(|name| log::line(name, NAME)).collect();
            if self.failed.len() > NAMED {
                names.push(format!("and {} more", self.failed.len() - NAMED));
            }
            sentence = format!("{sentence}: {}", names.join("; "));
        }
        if let Some(note) = &self.note {
            sentence = format!("{sentence}; {}", log::line(note, NAME));
        }
        sentence.chars().take(LONGEST).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tap_and_junit_give_the_same_sentence() {
        let tap = "starting\nTAP version 14\n1..3\nok 1 - a\nok 2 - b\nnot ok 3 - checkout refuses an expired card\n  ---\n  ok: no\n  ...\n";
        let junit = r#"starting
            <?xml version="1.0"?><testsuites><testsuite name="s" tests="3" failures="1">
            <testcase name="a"/><testcase name="b" time="1"></testcase>
            <testcase name="checkout refuses an expired card"><failure message="x">402 &lt; 200</failure></testcase>
            </testsuite></testsuites>"#;
        let expected = "2 passed, 1 failed: checkout refuses an expired card";
        assert_eq!(summarise(tap).as_deref(), Some(expected));
        assert_eq!(summarise(junit).as_deref(), Some(expected));
    }

    #[test]
    fn many_failures_are_counted_and_some_are_named() {
        let log: String = (1..=9).map(|n| format!("not ok {n} - t{n}\n")).collect();
        assert_eq!(summarise(&log).as_deref(), Some("0 passed, 9 failed: t1; t2; t3; and 6 more"));
    }

    #[test]
    fn other_logs_have_no_report() {
        for log in ["", "ok  \tgithub.com/x/y\t0.3s\n", "ok\nnot ok\n", "PASS\n<html><testimony></html>", "{\"ok\": 1}"]
        {
            assert_eq!(summarise(log), None, "{log}");
        }
    }

    proptest! {
        #[test]
        fn no_log_panics_and_no_sentence_is_long(
            log in prop_oneof![
                any::<String>(),
                "(<testcase name=\"[a-z<&]{0,9}\"/?>|<failure>|</testcase>|<!\\[CDATA\\[|\\]\\]>|<!--|-->|[\"'<>&é]){0,40}",
                "((not )?ok( [0-9]{1,3})?( - .{0,300})?|1\\.\\.[0-9]{0,30}( # skip)?|Bail out!.*|\\\\#|\n){0,40}",
            ]
        ) {
            prop_assert!(summarise(&log).is_none_or(|s| s.chars().count() <= LONGEST));
        }
    }
}
