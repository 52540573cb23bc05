//! The committed test vectors are reproduced, and a damaged file is noticed.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../examples/check_vectors/check/mod.rs"]
mod check;

fn malformed(text: &str) -> String {
    check::run(text).err().unwrap().to_string()
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
}
