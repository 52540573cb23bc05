use super::*;
use crate::metrics::tests::request;
use proptest::prelude::*;

const QUERY: &str = r#"sum(rate(errors_total{shop="{{ shop }}",pod=~"{{ workload }}-.*",revision="{{ revision }}"}[{{ window }}])) > {{ floor }}"#;

fn template(query: &str) -> MetricTemplateSpec {
    let variable = |name: &str, kind, default: Option<&str>| Variable {
        name: name.into(),
        kind,
        default: default.map(Into::into),
    };
    MetricTemplateSpec {
        query: query.into(),
        variables: vec![
            variable("shop", VariableType::LabelValue, None),
            variable("floor", VariableType::Number, Some("0")),
            variable("past", VariableType::Duration, Some("5m")),
        ],
    }
}

fn values(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn rendered(query: &str, given: &[(&str, &str)]) -> Result<String, String> {
    render("basket-errors", &template(query), &values(given), &request())
}

#[test]
fn values_stand_where_their_names_stood() {
    insta::assert_snapshot!(rendered(QUERY, &[("shop", "eu"), ("floor", "1e-3")]).unwrap(), @r#"sum(rate(errors_total{shop="eu",pod=~"frontend-.*",revision="3f9c01d2"}[60s])) > 1e-3"#);
}

#[test]
fn what_a_policy_gets_wrong_is_said() {
    for (given, words) in [
        (&[][..], "needs a value for shop"),
        (
            &[("shop", "eu"), ("colour", "red")],
            "the variable colour, which it does not have: it takes shop, floor, past",
        ),
        (&[("shop", "eu"), ("floor", "NaN")], "floor for MetricTemplate basket-errors must be a number"),
        (&[("shop", "eu"), ("floor", "1) or vector(1")], "must be a number"),
        (&[("shop", "eu"), ("past", "5")], "must be a duration"),
    ] {
        let error = rendered(QUERY, given).unwrap_err();
        assert!(error.contains(words) && error.contains("basket-errors"), "{given:?}: {error}");
    }
}

#[test]
fn what_a_template_gets_wrong_is_said() {
    for (query, words) in [
        ("up{a=\"{{ colour }}\"}", "uses {{ colour }}, which is no variable"),
        ("up{a={{ shop }}}", "between double quotes"),
        ("up # {{ shop }}", "between double quotes"),
        ("up{a=\"\\{{ shop }}\"}", "backslash"),
        ("up{a=\"{{ shop\"}", "close it"),
        ("up{a=\"{{ shop }\"}", "close it"),
        ("{% for i in range(99999) %}a{% endfor %}", "tag"),
        ("up{# comment #}", "tag or a comment"),
        ("{{ 'a' * 99999999 }}", "nothing but the name"),
        ("{{ shop|upper }}", "nothing but the name"),
        ("{{{ shop }}}", "nothing but the name"),
    ] {
        let error = rendered(query, &[("shop", "eu")]).unwrap_err();
        assert!(error.contains(words), "{query}: {error}");
    }
}

#[test]
fn numbers_and_durations_are_inserted_as_they_were_written() {
    let query = r#"up{le="{{ floor }}"} offset {{ past }}"#;
    assert_eq!(rendered(query, &[("shop", "eu"), ("floor", "1.0")]).unwrap(), r#"up{le="1.0"} offset 5m"#);
}

#[test]
fn strings_with_escapes_before_a_variable_are_fine() {
    assert_eq!(rendered(r#"up{a=~"\\.{{ shop }}"}"#, &[("shop", "eu")]).unwrap(), r#"up{a=~"\\.eu"}"#);
    assert_eq!(rendered(r#"up{a="\"{{ shop }}"}"#, &[("shop", "eu")]).unwrap(), r#"up{a="\"eu"}"#);
}

#[test]
fn a_query_that_grows_too_long_is_refused() {
    let long = "x".repeat(LONGEST);
    let error = rendered("up{a=\"{{ shop }}\"}", &[("shop", &long)]).unwrap_err();
    assert!(error.contains("more than 16 KiB"), "{error}");
}

/// Reads a string as PromQL's lexer and Go's unquote do; gives its value and what follows the closing quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut chars = text.char_indices();
    let quote = chars.next()?.1;
    let mut value = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some((value, &text[at + 1..])),
            '\n' if quote != '`' => return None,
            '\\' if quote != '`' => match chars.next()?.1 {
                '\\' => value.push('\\'),
                'n' => value.push('\n'),
                'x' => {
                    let digits: String = [chars.next()?.1, chars.next()?.1].iter().collect();
                    value.push(char::from(u8::from_str_radix(&digits, 16).ok()?));
                }
                other if other == quote => value.push(other),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    None
}

proptest! {
    #[test]
    fn a_label_value_reads_back_as_itself_and_cannot_end_its_string(
        value in prop_oneof![any::<String>(), r#"[\\"'`{}%#nx\n\r 0-9]{0,40}"#],
        quote in prop::sample::select(vec!['"', '\'', '`']),
    ) {
        let query = format!("up{{a={quote}{{{{ shop }}}}{quote}}} or down");
        let out = rendered(&query, &[("shop", &value)]).unwrap();
        let (read, rest) = unquote(out.strip_prefix("up{a=").unwrap()).unwrap();
        prop_assert_eq!(rest, "} or down");
        if quote != '`' {
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn no_template_and_no_value_panics(query in any::<String>(), value in any::<String>()) {
        let _ = rendered(&query, &[("shop", &value)]);
    }
}
