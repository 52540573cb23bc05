//! Notices as nobody would wish for them.

use chrono::DateTime;
use messages::{Failure, Kind, Next, Notice, Severity, Step, Version, examples};
use proptest::{collection::vec, option, prelude::*, sample::select};

/// Signs and words that some receiver reads as more than text.
const HOSTILE: [&str; 24] = [
    "<!channel>",
    "<!here|x>",
    "<@U0123456789>",
    "<https://evil.example|click>",
    "@everyone",
    "@here",
    "<@&42>",
    "<at>Ann</at>",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "**bold**",
    "_under_",
    "~~struck~~",
    "||spoiler||",
    "```",
    "`code`",
    "&lt;!channel&gt;",
    "\\",
    "\n# heading\n- list\n1. list\n> quote",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{202e}rtl",
    "😀",
    ":smile:",
    "漢字かな交じり文",
];

pub fn text() -> impl Strategy<Value = String> {
    let hostile = select(&HOSTILE[..]).prop_map(str::to_owned);
    let many = (select(&HOSTILE[..]), 1usize..800).prop_map(|(text, times)| text.repeat(times));
    let word = prop_oneof![4 => "[ -~]{0,40}", 3 => hostile, 2 => any::<String>(), 1 => many];
    vec(word, 0..4).prop_map(|words| words.join(" "))
}

fn version() -> impl Strategy<Value = Version> {
    (text(), text(), vec(text(), 0..5)).prop_map(|(revision, digest, images)| Version { revision, digest, images })
}

fn failure() -> impl Strategy<Value = Failure> {
    (text(), option::of(text()), option::of(text()), option::of(any::<u64>()), option::of(text()))
        .prop_map(|(what, value, bound, samples, detail)| Failure { what, value, bound, samples, detail })
}

fn next() -> impl Strategy<Value = Next> {
    (text(), option::of(text())).prop_map(|(words, command)| Next { words, command })
}

pub fn kind() -> impl Strategy<Value = Kind> {
    use Kind::*;
    select(vec![
        Started,
        Step,
        GatePassed,
        ApprovalNeeded,
        Decision,
        Promoted,
        Succeeded,
        Failed,
        RolledBack,
        Inconclusive,
        Superseded,
        Stalled,
        Other,
    ])
}

pub fn notice() -> impl Strategy<Value = Notice> {
    let what = (kind(), select(vec![Severity::Info, Severity::Warning, Severity::Error]), text(), text());
    let names = (text(), text(), text(), text(), option::of(text()));
    let versions =
        (option::of(version()), option::of(version()), option::of(text()), option::of(text()), option::of(text()));
    let more = (vec(failure(), 0..8), vec(next(), 0..8), any::<u32>(), 0i64..4_102_444_800, any::<bool>());
    (what, names, versions, more).prop_map(|(what, names, versions, more)| {
        let step = Some(Step { number: more.2, of: 3, weight: 50 }).filter(|_| more.4);
        Notice {
            at: DateTime::from_timestamp(more.3, 7).expect("a time"),
            kind: what.0,
            severity: what.1,
            phase: what.2,
            message: what.3,
            namespace: names.0,
            policy: names.1,
            workload: names.2,
            release: names.3,
            cluster: names.4,
            old: versions.0,
            new: versions.1,
            source: versions.2,
            author: versions.3,
            emergency: versions.4,
            step,
            failures: more.0,
            next: more.1,
            attempt: more.2,
            ..examples::example()
        }
    })
}
