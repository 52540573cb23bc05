//! Whatever a notice says, each receiver takes it, and reads nothing as markup that others wrote.
#![forbid(unsafe_code)]

mod checks;

use checks::faults;
use messages::{Format, Notice, Template, Text, body, examples, slack};
use proptest::prelude::*;
use serde_json::{Value, json};

fn taken(format: Format, notice: &Notice, text: &Text) {
    let body = body(format, notice, text);
    let faults = faults(format, &body);
    assert!(faults.is_empty(), "{format:?}: {faults:#?}\n{body:#}");
}

#[test]
fn typical_notices_are_taken_by_every_receiver() {
    for (_, notice) in examples::typical() {
        Format::ALL.into_iter().for_each(|format| taken(format, &notice, &Text::of(&notice)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_notice_says_every_receiver_takes_it(notice in checks::notices::notice()) {
        Format::ALL.into_iter().for_each(|format| taken(format, &notice, &Text::of(&notice)));
    }

    #[test]
    fn whatever_a_template_makes_every_receiver_takes_it(text in checks::notices::text(), notice in checks::notices::notice()) {
        Format::ALL.into_iter().for_each(|format| taken(format, &notice, &Text::from_lines(&text)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_others_write_only_what_the_template_names_is_a_link(notice in checks::notices::notice()) {
        let template = Template::parse("{{ title }}\nSee https://wiki.example/front now\n{{ message }} {{ author }}");
        let text = template.expect("a template").text(&notice);
        prop_assume!(text.note.is_none()); // A message of more than 16 KiB.
        assert_eq!(text.links, ["https://wiki.example/front"]);
        Format::ALL.into_iter().for_each(|format| taken(format, &notice, &text));
        let slack = body(Format::Slack, &notice, &text);
        let link = json!({ "type": "link", "url": "https://wiki.example/front" });
        assert_eq!(&slack["blocks"][1]["elements"][0]["elements"][1], &link);
    }
}

#[test]
fn what_fills_every_bound_is_taken_by_every_receiver() {
    for filler in ["x", "<", "*", "`", "\\", "\"", "漢", "😀", "&", "x\n", "```\n", "\u{301}"] {
        let long = filler.repeat(20_000);
        let failure = messages::Failure {
            what: long.clone(),
            value: Some(long.clone()),
            bound: Some(long.clone()),
            samples: Some(u64::MAX),
            detail: Some(long.clone()),
        };
        let next = messages::Next { words: long.clone(), command: Some(filler.trim().repeat(400 / filler.len())) };
        let images = messages::Version { revision: long.clone(), digest: long.clone(), images: vec![long.clone(); 9] };
        let notice = Notice {
            message: format!("{0}\n{0} {1}\n{0}", filler.trim().repeat(4_000), "y\n".repeat(50)),
            cluster: Some(long.clone()),
            namespace: long.clone(),
            workload: long.clone(),
            policy: "p".into(),
            release: long.clone(),
            source: Some(long.clone()),
            author: Some(long.clone()),
            emergency: Some(long.clone()),
            old: Some(messages::Version { images: vec![], ..images.clone() }),
            new: Some(images),
            failures: vec![failure; 9],
            next: vec![next; 9],
            ..examples::example()
        };
        Format::ALL.into_iter().for_each(|format| taken(format, &notice, &Text::of(&notice)));
    }
}

#[test]
fn a_release_is_one_thread_of_which_the_channel_sees_what_people_must_see() {
    let told = |name: &str, ts| {
        let notice = examples::typical().into_iter().find(|(n, _)| *n == name).expect(name).1;
        let body = slack::thread(slack::message(&notice, &Text::of(&notice)), &notice, "C0123456789", ts);
        assert_eq!(faults(Format::Slack, &body), Vec::<String>::new());
        (body["channel"].clone(), body.get("thread_ts").cloned(), body.get("reply_broadcast").cloned())
    };
    assert_eq!(told("started", None), (json!("C0123456789"), None, None));
    let ts = Some("1795345200.000100");
    assert_eq!(told("step", ts), (json!("C0123456789"), ts.map(Value::from), Some(json!(false))));
    for name in ["conformance-failed", "rolled-back", "approval-needed"] {
        assert_eq!(told(name, ts).2, Some(json!(true)), "{name}");
    }
}

#[test]
fn an_event_says_what_happened_where_and_when() {
    let notice = Notice { cluster: Some("prod eu/1".into()), ..examples::example() };
    let event = body(Format::CloudEvents, &notice, &Text::of(&notice));
    assert_eq!(event["type"], "dev.sluice.release.started.v1");
    assert_eq!(event["source"], "/clusters/prod%20eu%2F1/namespaces/shop/rolloutpolicies/front");
    assert_eq!(event["subject"], "front-90c238e4-1");
    let data: Notice = serde_json::from_value(event["data"].clone()).expect("the notice");
    assert_eq!(data, notice);
    assert_eq!(event["data"]["title"], "[prod eu/1] shop/front: release of 1.3.0 began");
    let nowhere = Notice { cluster: None, ..notice };
    let event = body(Format::CloudEvents, &nowhere, &Text::of(&nowhere));
    assert_eq!(event["source"], "/namespaces/shop/rolloutpolicies/front");
}

/// A payload of an example, changed at one place.
fn spoiled(format: Format, at: &str, value: Value) -> Vec<String> {
    let notice = examples::typical().into_iter().find(|(n, _)| *n == "conformance-failed").expect("an example").1;
    let mut body = body(format, &notice, &Text::of(&notice));
    *body.pointer_mut(at).unwrap_or_else(|| panic!("nothing at {at}")) = value;
    faults(format, &body)
}

#[test]
fn the_checks_refuse_what_the_receivers_refuse() {
    let card = "/attachments/0/content";
    for (format, at, value) in [
        (Format::Slack, "/text", json!("<!channel>")),
        (Format::Slack, "/text", json!("a & b")),
        (Format::Slack, "/blocks/0/text/text", json!("x".repeat(151))),
        (Format::Slack, "/blocks/0/text/text", json!("")),
        (Format::Slack, "/blocks/0/text/type", json!("mrkdwn")),
        (Format::Slack, "/blocks/1/text/text", json!("x".repeat(3_001))),
        (Format::Slack, "/blocks/1/type", json!("sektion")),
        (Format::Slack, "/blocks", json!(vec![json!({ "type": "divider" }); 51])),
        (Format::Slack, "/blocks/2/elements/0/elements/0/type", json!("user")),
        (Format::Slack, "/blocks/2/elements/0/elements/0/text", json!(7)),
        (Format::Slack, "/blocks/2/elements/0", json!({ "type": "text", "text": "x" })),
        (Format::Discord, "/allowed_mentions", json!({ "parse": ["everyone"] })),
        (Format::Discord, "/content", json!("**[x](y)**")),
        (Format::Discord, "/content", json!(format!("**{}**", "x".repeat(1_997)))),
        (Format::Discord, "/embeds/0/description", json!("```\nopen")),
        (Format::Discord, "/embeds/0/description", json!("x".repeat(4_097))),
        (Format::Discord, "/embeds/0/description", json!("# heading")),
        (Format::Discord, "/embeds/0/color", json!(0x1_00_00_00)),
        (Format::Discord, "/embeds/0/fields/0/value", json!("")),
        (Format::Discord, "/embeds/0/fields/0/name", json!("x".repeat(257))),
        (Format::Discord, "/embeds/0/fields", json!(vec![json!({ "name": "x", "value": "x".repeat(500) }); 12])),
        (Format::Teams, "/type", json!("massage")),
        (Format::Teams, "/attachments/0/contentType", json!("application/json")),
        (Format::Teams, &format!("{card}/version"), json!("1.6")),
        (Format::Teams, &format!("{card}/body/0/style"), json!("loud")),
        (Format::Teams, &format!("{card}/body/0/items"), json!("x")),
        (Format::Teams, &format!("{card}/body/1/type"), json!("RichTextBlok")),
        (Format::Teams, &format!("{card}/body/0/items/0/inlines/0/weight"), json!("Heavy")),
        (Format::Teams, &format!("{card}/body/1/inlines/0/colour"), json!("Good")),
        (Format::Teams, &format!("{card}/body/1/inlines/0/text"), json!("two\nlines")),
        (Format::Teams, &format!("{card}/body/1"), json!({ "type": "TextBlock", "text": "**x**" })),
        (Format::Teams, &format!("{card}/fallbackText"), json!("漢".repeat(14_000))),
        (Format::CloudEvents, "/specversion", json!("0.9")),
        (Format::CloudEvents, "/id", json!(7)),
        (Format::CloudEvents, "/time", json!("yesterday")),
    ] {
        let at_or_new = if at.ends_with("/colour") { at.rsplit_once('/').map(|(at, _)| at) } else { None };
        let faults = match at_or_new {
            Some(run) => spoiled(format, run, json!({ "type": "TextRun", "text": "x", "colour": value })),
            None => spoiled(format, at, value.clone()),
        };
        assert!(!faults.is_empty(), "{format:?} {at}: {value} is not seen");
    }
}
