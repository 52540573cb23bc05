use proptest::prelude::*;

use super::*;

fn text(source: &str) -> Text {
    Template::parse(source).unwrap_or_else(|error| panic!("{error}")).text(&rolled_back())
}

fn rolled_back() -> Notice {
    let rolled = |(name, notice)| (name == "rolled-back").then_some(notice);
    examples::typical().into_iter().find_map(rolled).expect("an example")
}

fn error(source: &str) -> String {
    Template::parse(source).expect_err("a refusal").to_string()
}

#[test]
fn the_first_line_is_the_title_and_the_rest_is_said_as_it_is() {
    let source = "{{ workload | upper }}: {{ kind }} in {{ cluster }}\n{% for f in failures %}{{ f.what }} {{ f.value }}{% endfor %}\n{% if new %}{% for i in new.images %}{{ i | short }} {% endfor %}{% endif %}";
    let text = text(source);
    assert_eq!(text.title, "FRONT: RolledBack in prod-eu");
    assert_eq!(text.summary, "error rate 4.1 %\nshop/front:1.3.0 proxy:7.1");
    assert!(text.facts.is_empty() && text.next.is_empty() && text.note.is_none());
}

#[test]
fn what_is_unknown_is_nothing_and_not_the_word_none() {
    let template = Template::parse("a{{ cluster }}b{{ step }}c").unwrap();
    let unknown = Notice { cluster: None, step: None, ..rolled_back() };
    assert_eq!(template.text(&unknown).title, "abc");
}

#[test]
fn the_default_text_can_be_a_part_of_it() {
    assert_eq!(text("{{ title }}\nSee the runbook. {{ summary }}").title, Text::of(&rolled_back()).title);
}

#[test]
fn an_unknown_field_is_found_when_the_template_is_read_wherever_it_stands() {
    let fields = "docs/messages.md lists the fields; those that may be unknown belong inside {% if %}";
    let said = |line| format!("the template, line {line}, uses a value that there is not; {fields}");
    assert_eq!(error("one\n{{ wrkload }}"), said(2));
    assert_eq!(error("one{% if emergency %}{{ typo }}{% endif %}"), said(1));
    assert_eq!(error("one{% if cluster %}x{% else %}{{ typo }}{% endif %}"), said(1));
    assert_eq!(error("one\n\n{{ new.revision }}"), said(3));
    assert_eq!(error("one{% for f in failures %}{{ f.valeu }}{% endfor %}"), said(1));
    assert_eq!(error("one{% if wrong %}{% endif %}"), said(1));
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_what_to_do() {
    assert!(error("one\n{{ title").starts_with("the template, line 2, cannot be read: "), "{}", error("one\n{{ title"));
    assert_eq!(
        error("one\n{{ title | replace }}"),
        "the template, line 2, has an unknown filter: filter replace is unknown; there are short, first_line, upper, lower and length"
    );
    assert_eq!(
        error("{% if cluster %}x{% endif %}").split(';').next(),
        Some("the template makes an empty text of a notice of the kind ApprovalNeeded")
    );
    assert!(error(&"x".repeat(5_000)).starts_with("the template has 5000 bytes; "));
}

#[test]
fn nothing_that_doubles_is_let_in() {
    for source in [
        "x{% set a = 'x' %}",
        "x{%- set a = 'x' %}",
        "x{%+set a = 'x' %}",
        "x{% include 'x' %}",
        "x{% macro a() %}{% endmacro %}",
        "x{% with a = 'x' %}{% endwith %}",
        "x{% raw %}{% endraw %}",
        "x{# {% set %} #}",
        "x{{ 'a' * 9 }}",
        "x{{ title ~ title }}",
        "x{{ title + title }}",
        "x{{ '\\'}}' ~ title }}",
        "x{{ \"}}\" ~ title }}",
        "x{% if title ~ title %}{% endif %}",
    ] {
        let refused = Template::parse(source).expect_err(source);
        assert!(refused.what.starts_with("has "), "{source}: {refused}");
    }
    assert_eq!(text("* ~5 +1 {{- title -}} {%+ if new %}+{% endif %}").summary, "");
}

#[test]
fn a_template_that_takes_too_long_or_says_too_much_is_refused() {
    let four = "{% for a in message %}".repeat(4) + "{% endfor %}{% endfor %}{% endfor %}{% endfor %}";
    assert!(error(&format!("x{four}")).contains("takes too long"), "{}", error(&format!("x{four}")));
    let loops = "{% for a in message %}".to_owned() + &"{{ summary }}".repeat(200) + "{% endfor %}";
    assert!(error(&format!("x{loops}")).contains("makes more than 16384 bytes"));
}

#[test]
fn a_template_that_fails_later_gives_way_to_the_default_text_which_says_so() {
    let template = Template::parse("{{ title }}{% for c in message %}{% endfor %}");
    let notice = Notice { message: "x".repeat(30_000), ..rolled_back() };
    let text = template.unwrap_or_else(|error| panic!("{error}")).text(&notice);
    let note = text.note.clone().expect("a note");
    assert!(note.starts_with("This is the default text: the channel's template failed: "), "{note}");
    assert_eq!(Text { note: None, ..text }, Text::of(&notice));
}

#[test]
fn what_others_wrote_is_no_template() {
    let notice = Notice { message: "{{ title }}{% set x = 1 %}".into(), ..rolled_back() };
    let template = Template::parse("{{ message }}").unwrap();
    assert_eq!(template.text(&notice).title, "{{ title }}{% set x = 1 %}");
}

proptest! {
    #[test]
    fn no_text_makes_reading_a_template_panic(source in r#"[a-z{}% |'"\\#\n]{0,60}"#) {
        if let Ok(template) = Template::parse(&source) {
            template.text(&rolled_back());
        }
    }
}
