use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::fixtures::{Shop, now, revision};

fn shown(shops: &[Shop], shape: Shape) -> String {
    let facts: Vec<_> = shops.iter().map(Shop::facts).collect();
    let policies: Vec<_> = facts.iter().map(|f| f.policy.clone()).collect();
    let releases: Vec<_> = facts.iter().rev().flat_map(|f| f.releases.clone()).collect();
    lines(&policies, &releases, shape, now(), Paint(false))
}

#[test]
fn each_policy_is_one_line() {
    assert_snapshot!(shown(&[Shop::shifting()], Shape::default()));
    assert_snapshot!("settled", shown(&[Shop::settled()], Shape::default()));
}

#[test]
fn more_columns_and_the_namespace_where_asked_for() {
    assert_snapshot!(shown(&[Shop::rolled_back()], Shape { spaces: true, wide: true }));
}

#[test]
fn a_release_that_changes_no_image_is_told_by_its_revisions() {
    let mut same = revision(2);
    same["images"] = revision(1)["images"].clone();
    let text = shown(&[Shop::shifting().says(json!({ "candidate": same }))], Shape::default());
    assert!(text.contains("shop:1 (00000001)") && text.contains("shop:1 (00000002)"), "{text}");
}

#[test]
fn a_policy_that_nobody_has_seen_says_so() {
    let mut facts = Shop::settled().facts();
    facts.policy.status = None;
    let text = lines(&[facts.policy], &[], Shape::default(), now(), Paint(false));
    assert!(text.contains("NotSeen"), "{text}");
}
