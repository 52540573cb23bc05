//! The committed test vectors are reproduced, and a file that is damaged in any way is noticed.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../examples/check_vectors/check/mod.rs"]
mod check;

use serde_json::{Value, json};

const VECTORS: &str = include_str!("../vectors.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn malformed(text: &str) -> String {
    check::run(text).err().unwrap().to_string()
}

/// How many cases the file has, counted without the check.
fn cases(file: &Value) -> usize {
    file.as_object().unwrap().values().filter_map(Value::as_array).map(Vec::len).sum()
}

/// Pointers to all numbers of a value.
fn numbers(value: &Value, at: &str) -> Vec<String> {
    match value {
        Value::Object(fields) => fields.iter().flat_map(|(key, v)| numbers(v, &format!("{at}/{key}"))).collect(),
        Value::Array(list) => list.iter().enumerate().flat_map(|(i, v)| numbers(v, &format!("{at}/{i}"))).collect(),
        Value::Number(_) => vec![at.to_owned()],
        _ => vec![],
    }
}

#[test]
fn every_case_of_the_committed_file_is_reproduced() {
    let report = check::run(VECTORS).unwrap();
    assert_eq!(report.failed(), 0, "{report}");
    assert_eq!(report.cases.len(), cases(&vectors()), "{report}");
    assert_eq!(report.cases.len(), 59);
}

#[test]
fn no_value_is_near_enough_only_because_it_is_near_0() {
    let report = check::run(VECTORS).unwrap();
    let far: Vec<_> = report.cases.iter().filter(|case| case.worst > 1e-9).map(|case| &case.group).collect();
    assert!(far.is_empty(), "{far:?}");
}

#[test]
fn an_outcome_that_is_off_by_a_millionth_is_noticed_in_every_group() {
    let whole = vectors();
    for (group, list) in whole.as_object().unwrap().iter().filter(|(_, value)| value.is_array()) {
        // Inputs that are changed are noticed by the outcomes, outcomes by themselves; at least one is an outcome.
        let noticed = numbers(list, "").into_iter().any(|pointer| {
            let mut damaged = list.clone();
            let number = damaged.pointer_mut(&pointer).unwrap();
            *number = json!(number.as_f64().unwrap() * (1.0 + 1e-6) + 1e-6);
            check::run(&json!({ group: damaged }).to_string()).is_ok_and(|report| report.failed() == 1)
        });
        assert!(noticed, "{group}");
    }
}

#[test]
fn what_differs_is_named_with_both_values_and_the_error() {
    let mut damaged = vectors();
    *damaged.pointer_mut("/spending/1/g").unwrap() = json!(0.46);
    let report = check::run(&damaged.to_string()).unwrap();
    assert_eq!(report.failed(), 1);
    let text = report.to_string();
    let wanted = "spending 2: differs: /g expected 4.6e-1, got 4.5e-1, relative error 2.2e-2\n";
    assert!(text.contains(wanted), "{text}");
    assert!(text.ends_with("59 cases checked, 1 differ\n"), "{text}");
}

#[test]
fn a_verdict_that_is_another_is_noticed() {
    for (pointer, other) in [
        ("/burn_rate/0/fires", json!(true)),
        ("/kayenta_mann_whitney/0/classification_either", json!("Low")),
        ("/x_test/0/looks/0/boundary", json!(3)),
        ("/merging/0/ebh_rejected", json!([1])),
    ] {
        let mut damaged = vectors();
        *damaged.pointer_mut(pointer).unwrap() = other;
        assert_eq!(check::run(&damaged.to_string()).unwrap().failed(), 1, "{pointer}");
    }
}

#[test]
fn a_value_that_is_missing_or_that_nobody_asked_for_is_refused() {
    let mut file = vectors();
    file["phi"][0].as_object_mut().unwrap().remove("phi");
    assert_eq!(malformed(&file.to_string()), "phi case 1: /phi is missing");
    let mut file = vectors();
    file["phi"][0]["omen"] = json!(1);
    assert_eq!(malformed(&file.to_string()), "phi case 1: /omen is neither an input nor an outcome");
    let mut file = vectors();
    file["phi"][0]["x"] = json!("none");
    assert!(malformed(&file.to_string()).starts_with("phi case 1: /x: invalid type"));
}

#[test]
fn a_group_that_is_not_known_is_refused_by_name() {
    assert_eq!(malformed(r#"{"entrails": [{"omen": 1}]}"#), r#"unknown group "entrails""#);
}

#[test]
fn a_file_that_is_no_object_of_groups_is_refused() {
    assert!(malformed("").starts_with("not a JSON object"));
    assert!(malformed("[]").starts_with("not a JSON object"));
    assert_eq!(malformed(r#"{"_about": "nothing"}"#), "there are no cases in it");
    assert_eq!(malformed(r#"{"phi": 3}"#), "phi: a list of cases was expected");
    assert_eq!(malformed(r#"{"phi": [3]}"#), "phi case 1: an object was expected");
}
