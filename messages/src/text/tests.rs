use super::*;
use crate::{Failure, Kind, Next, Version, clean::length, examples};

fn typical(name: &str) -> Notice {
    let all = examples::typical();
    all.into_iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no example {name}")).1
}

fn titles() -> Vec<(&'static str, String)> {
    examples::typical().into_iter().map(|(name, notice)| (name, Text::of(&notice).title)).collect()
}

#[test]
fn a_phone_shows_where_which_version_what_became_of_it_and_why() {
    let expected = [
        ("started", "[prod-eu] shop/front: release of 1.3.0 began"),
        ("emergency", "[prod-eu] shop/front: emergency release of 1.3.0 began"),
        ("step", "[prod-eu] shop/front: 1.3.0 at 50 % (step 2 of 3)"),
        (
            "approval-needed",
            "[prod-eu] shop/front: 1.3.0 needs approval - gate signoff needs 2 approvals; it asks members of release-managers",
        ),
        ("succeeded", "[prod-eu] shop/front: 1.3.0 is stable"),
        (
            "conformance-failed",
            "[prod-eu] shop/front: 1.3.0 failed - gate conformance: exit code 1, 37 passed, 1 failed: checkout refuses an expired card",
        ),
        (
            "rolled-back",
            "[prod-eu] shop/front: 1.3.0 rolled back - error rate 4.1 %, at most 1 % allowed (1,240 requests)",
        ),
        (
            "inconclusive",
            "[prod-eu] shop/front: 1.3.0 inconclusive - no requests to measure for 15m: metric success-rate has no samples",
        ),
        ("taken-over", "[prod-eu] shop/front: taken over, front 1.2.0 (and 1 more) is stable"),
    ];
    let seen = titles();
    for ((name, title), (expected_name, expected)) in seen.iter().zip(expected) {
        assert_eq!((*name, title.as_str()), (expected_name, expected));
    }
    assert_eq!(seen.len(), expected.len());
}

#[test]
fn without_a_name_of_the_cluster_the_first_line_begins_with_the_workload() {
    let notice = Notice { cluster: None, ..typical("rolled-back") };
    let title = "shop/front: 1.3.0 rolled back - error rate 4.1 %, at most 1 % allowed (1,240 requests)";
    assert_eq!(Text::of(&notice).title, title);
}

#[test]
fn every_notice_names_what_a_reader_asks_for() {
    for (name, notice) in examples::typical() {
        let text = Text::of(&notice);
        let value = |fact: &str| text.facts.iter().find(|f| f.name == fact).map(|f| f.value.as_str());
        assert_eq!(value("Cluster"), Some("prod-eu"), "{name}");
        assert_eq!(value("Workload"), Some("shop/front"), "{name}");
        assert_eq!(value("Source"), Some("main@sha1:4f2a91c"), "{name}");
        assert_eq!(value("Changed by"), Some("ann@example.com"), "{name}");
        if name != "taken-over" {
            assert_eq!(value("Images"), Some("shop/front 1.2.0 → 1.3.0"), "{name}");
            assert_eq!(value("Revision"), Some("670c7218 → 90c238e4"), "{name}");
        }
    }
}

#[test]
fn why_a_version_failed_is_said_with_value_bound_and_count() {
    let text = Text::of(&typical("rolled-back"));
    let rate = Fact { name: "error rate".into(), value: "4.1 %, at most 1 % allowed (1,240 requests)".into() };
    assert_eq!(text.facts[0], rate);
    assert!(text.summary.contains("somebody decides Retry"), "{}", text.summary);
}

#[test]
fn what_a_test_printed_stands_in_the_log_and_nowhere_else() {
    let text = Text::of(&typical("conformance-failed"));
    let log = text.log.expect("a log");
    assert_eq!(log.title, "conformance printed last:");
    assert!(log.text.ends_with("# 1 test of 38 failed"), "{}", log.text);
    assert!(text.facts.iter().all(|fact| !fact.value.contains("# 1 test")));
    let message = Notice { message: "the test failed\nline one\nline two".into(), ..examples::example() };
    let log = Text::of(&message).log.expect("a log");
    assert_eq!(log.text, "line one\nline two");
}

#[test]
fn a_command_is_said_once_and_never_cut() {
    let text = Text::of(&typical("approval-needed"));
    assert!(!text.summary.contains("kubectl"), "{}", text.summary);
    assert_eq!(text.next[0].words, "To approve:");
    let command = "kubectl sluice approve front-90c238e4-1 --gate signoff -n shop";
    assert_eq!(text.next[0].command.as_deref(), Some(command));
    let long = Next { words: "to try".into(), command: Some("x".repeat(501)) };
    let text = Text::of(&Notice { next: vec![long], ..examples::example() });
    assert_eq!(text.next[0].command, None);
}

#[test]
fn a_version_is_called_by_what_differs() {
    let title = |old: &[&str], new: &[&str]| {
        let of = |images: &[&str]| Version {
            revision: "90c238e4".into(),
            digest: String::new(),
            images: images.iter().map(|i| (*i).to_owned()).collect(),
        };
        let notice = Notice { cluster: None, old: Some(of(old)), new: Some(of(new)), ..typical("succeeded") };
        Text::of(&notice).title
    };
    assert_eq!(title(&["a:1"], &["a:1"]), "shop/front: revision 90c238e4 is stable");
    assert_eq!(title(&["a:1", "b:1"], &["a:2", "b:2"]), "shop/front: 2 is stable");
    assert_eq!(title(&["a:1", "b:1", "c:1"], &["a:2", "b:3", "c:4"]), "shop/front: a 2 (and 2 more) is stable");
    assert_eq!(title(&["r.example/a:1"], &["s.example/a:1"]), "shop/front: 1 from s.example is stable");
}

#[test]
fn what_the_first_line_says_is_not_said_again_unless_it_may_be_cut_there() {
    assert_eq!(Text::of(&typical("approval-needed")).summary, "");
    assert_eq!(Text::of(&typical("conformance-failed")).summary, "The candidate is being taken back.");
    let message = format!("gate conformance: {}", "a long reason, ".repeat(10));
    let long = Notice { message, ..typical("conformance-failed") };
    assert!(Text::of(&long).summary.starts_with("Gate conformance: a long reason, "), "{}", Text::of(&long).summary);
}

#[test]
fn several_failures_are_counted_in_the_first_line_and_told_one_by_one() {
    let failure = |what: usize| Failure {
        what: format!("metric-{what}"),
        value: Some("3".into()),
        bound: Some("at least 5".into()),
        samples: Some(1),
        detail: None,
    };
    let notice = Notice { cluster: None, failures: (0..7).map(failure).collect(), ..typical("rolled-back") };
    let text = Text::of(&notice);
    assert!(
        text.title.ends_with("rolled back - metric-0 3, at least 5 needed (1 request), and 6 more"),
        "{}",
        text.title
    );
    assert_eq!(text.facts[4].name, "metric-4");
    assert_eq!((text.facts[5].name.as_str(), text.facts[5].value.as_str()), ("Also failed", "2 more"));
}

#[test]
fn an_emergency_says_so_and_why() {
    let text = Text::of(&typical("emergency"));
    assert!(text.summary.ends_with("It is an emergency: bakes and analysis are skipped."), "{}", text.summary);
    assert_eq!(text.facts[0].name, "Emergency");
    assert_eq!(text.facts[0].value, "CVE-2026-1234 is being exploited");
}

#[test]
fn what_follows_depends_on_where_the_release_stands() {
    let of =
        |kind, phase: &str| Text::of(&Notice { kind, phase: phase.into(), ..typical("conformance-failed") }).summary;
    assert!(of(Kind::Failed, "RollingBack").ends_with("is being taken back."));
    assert!(of(Kind::RolledBack, "Held").ends_with("kept until somebody decides."));
    assert!(of(Kind::Stalled, "Shifting").ends_with("Nothing happens until a person acts."));
    assert!(of(Kind::Inconclusive, "Inconclusive").ends_with("This is no verdict on the version."));
}

#[test]
fn every_part_is_bounded_whatever_comes() {
    let huge = "x\u{1b}[31m\u{202e}\n".repeat(20_000);
    let failure = Failure {
        what: huge.clone(),
        value: Some(huge.clone()),
        bound: Some(huge.clone()),
        samples: Some(u64::MAX),
        detail: Some(huge.clone()),
    };
    let notice = Notice {
        message: huge.clone(),
        workload: huge.clone(),
        cluster: Some(huge.clone()),
        source: Some(huge.clone()),
        failures: vec![failure; 30],
        next: vec![Next { words: huge.clone(), command: Some("a".into()) }; 30],
        ..typical("rolled-back")
    };
    let text = Text::of(&notice);
    assert!(length(&text.title) <= TITLE && !text.title.contains('\n'));
    assert!(length(&text.summary) <= SUMMARY);
    assert!(text.facts.len() <= FACTS && text.next.len() <= NEXT);
    assert!(text.facts.iter().all(|f| length(&f.name) <= NAME && length(&f.value) <= VALUE));
    let log = text.log.as_ref().expect("a log");
    assert!(length(&log.text) <= LOG && log.text.lines().count() <= LOG_LINES);
    assert!(!text.plain().contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn an_empty_notice_still_has_a_title() {
    assert_eq!(Text::from_lines(" \n ").title, "Sluice");
    let text = Text::from_lines("one\n\ntwo\nthree\n");
    assert_eq!((text.title.as_str(), text.summary.as_str()), ("one", "two\nthree"));
}
