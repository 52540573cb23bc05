//! What `docs/messages.md` says is what the code does. `make docs` writes its table anew.
#![forbid(unsafe_code)]

use std::{env, fs};

use messages::{Failure, Kind, Notice, Step, Template, Text, examples};
use serde_json::Value;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/messages.md");
const BEGIN: &str = "<!-- Generated from the code by `make docs`; do not edit. -->\n";
const END: &str = "<!-- End of what is generated. -->";

fn page() -> String {
    fs::read_to_string(PAGE).unwrap_or_else(|error| panic!("{PAGE}: {error}"))
}

fn typical(name: &str) -> Notice {
    examples::typical().into_iter().find(|(n, _)| *n == name).expect(name).1
}

/// Every kind: what it is said of, and an example of it.
fn kinds() -> Vec<(Kind, &'static str, Notice)> {
    let of = |kind, message: &str| Notice { kind, message: message.into(), ..examples::example() };
    vec![
        (Kind::Started, "a release begins", typical("started")),
        (Kind::Step, "a step begins or ends", typical("step")),
        (Kind::GatePassed, "a gate passed", of(Kind::GatePassed, "gate conformance: 38 passed")),
        (Kind::ApprovalNeeded, "people are asked", typical("approval-needed")),
        (Kind::Decision, "a person decided", of(Kind::Decision, "Pause by ann@example.com: lunch")),
        (Kind::Promoted, "all traffic goes over", of(Kind::Promoted, "all traffic goes to 90c238e4")),
        (Kind::Succeeded, "a release ended well", typical("succeeded")),
        (Kind::Failed, "something speaks against the version", typical("conformance-failed")),
        (Kind::RolledBack, "the version is out", typical("rolled-back")),
        (Kind::Inconclusive, "there was no evidence in time", typical("inconclusive")),
        (Kind::Superseded, "something newer or a person ended it", of(Kind::Superseded, "a newer version: 1f0a6c2e")),
        (Kind::Stalled, "nothing will happen until a person acts", of(Kind::Stalled, "the share is held at 20 %")),
        (Kind::Other, "anything else", of(Kind::Other, "pods are ready")),
    ]
}

fn table() -> String {
    let mut out = "| kind | when | first line | without a filter |\n|---|---|---|---|\n".to_owned();
    for (kind, when, notice) in kinds() {
        let told = if messages::Filter::default().takes(&notice) { "told" } else { "not told" };
        out += &format!("| `{kind:?}` | {when} | {} | {told} |\n", Text::of(&notice).title);
    }
    out
}

#[test]
fn the_table_of_kinds_is_what_is_said() {
    let page = page();
    let (head, rest) = page.split_once(BEGIN).expect(BEGIN);
    let (_, tail) = rest.split_once(END).expect(END);
    let generated = format!("{head}{BEGIN}{}{END}{tail}", table());
    if env::var_os("WRITE_DOCS").is_some() {
        // In one step, since the other tests read it meanwhile.
        let new = format!("{PAGE}.{}", std::process::id());
        fs::write(&new, &generated).and_then(|()| fs::rename(&new, PAGE)).expect("written");
    } else {
        assert!(page == generated, "docs/messages.md is not what is said: run `make docs`\n{}", table());
    }
}

/// The content of the blocks of code in this language.
fn blocks(language: &str) -> Vec<String> {
    let page = page();
    let begin = format!("```{language}\n");
    page.split(&begin).skip(1).filter_map(|rest| rest.split("```").next().map(str::to_owned)).collect()
}

#[test]
fn the_template_of_the_page_makes_what_the_page_says() {
    let template = Template::parse(&blocks("jinja")[0]).unwrap_or_else(|error| panic!("{error}"));
    let text = template.text(&typical("rolled-back"));
    assert_eq!(format!("{}\n{}\n", text.title, text.summary), blocks("text")[0]);
}

#[test]
fn every_field_is_on_the_page() {
    let failure = Failure {
        what: "w".into(),
        value: Some("v".into()),
        bound: Some("b".into()),
        samples: Some(1),
        detail: Some("d".into()),
    };
    let full = Notice {
        emergency: Some("e".into()),
        step: Some(Step { number: 1, of: 2, weight: 3 }),
        failures: vec![failure],
        ..typical("rolled-back")
    };
    let page = page();
    let (_, fields) = page.split_once("| field | |").expect("the table of fields");
    let (fields, _) = fields.split_once("\n\n").expect("its end");
    let document = serde_json::to_value(&full).expect("JSON");
    let inner = |value: &Value| value.as_object().into_iter().flat_map(|o| o.keys().cloned()).collect::<Vec<_>>();
    for key in inner(&document) {
        assert!(fields.contains(&format!("`{key}`")), "{key} is not on the page");
        let one = if document[&key].is_array() { &document[&key][0] } else { &document[&key] };
        for part in inner(one) {
            assert!(fields.contains(&format!("`.{part}`")), "{key}.{part} is not on the page");
        }
    }
}

#[test]
fn the_refusal_of_the_page_is_one() {
    let refusal = messages::answer(messages::Format::Slack, 200, br#"{"ok":false,"error":"not_in_channel"}"#);
    assert_eq!(format!("{}\n", refusal.expect_err("a refusal")), blocks("text")[1]);
}
