use serde_json::{Value, json};

use super::*;
use crate::fixtures::{Shop, ago, digest, now};

fn made(action: Action, before: usize) -> follow::Made {
    follow::Made { uid: "d".into(), release: "shop-00000002-1".into(), action, by: "ann".into(), before }
}

fn answered(entries: Value) -> Facts {
    let journal = json!({ "phase": "Shifting", "step": 1, "timeline": entries });
    Shop::settled().release(2, journal).facts()
}

fn entry(reason: &str, message: &str) -> Value {
    json!({ "at": ago(5), "reason": reason, "message": message })
}

#[test]
fn a_decision_is_followed_to_its_answer_in_the_timeline() {
    let facts = answered(json!([entry("DecisionHeeded", "Pause by bob"), entry("StepStarted", "Pause by ann")]));
    assert_eq!(followed(&facts, &made(Action::Pause, 0)), None, "somebody else's, or something else");
    let facts = answered(json!([entry("DecisionHeeded", "Pause by ann")]));
    assert_eq!(followed(&facts, &made(Action::Pause, 0)), Some(Followed::Heeded("it is in Shifting, step 1".into())));
    assert_eq!(followed(&facts, &made(Action::Pause, 1)), None, "that was the answer to an earlier one");
}

#[test]
fn a_decision_without_effect_says_why() {
    let facts = answered(json!([entry("DecisionWithoutEffect", "Retry by ann")]));
    let Some(Followed::WithoutEffect(why)) = followed(&facts, &made(Action::Retry, 0)) else { panic!() };
    assert!(why.contains("in Shifting") && why.contains("Held or Inconclusive"), "{why}");
    let facts = answered(json!([entry("DecisionWithoutEffect", "Approve of signoff by ann: ann may not approve")]));
    assert_eq!(
        followed(&facts, &made(Action::Approve, 0)),
        Some(Followed::WithoutEffect("ann may not approve".into()))
    );
}

#[test]
fn an_answer_to_somebody_of_a_longer_name_is_not_ones_own() {
    for other in ["Pause by anna", "Pause by ann@example.com", "Pause by ann:x", "Pauses by ann", "Pause by joe ann"] {
        let facts = answered(json!([entry("DecisionHeeded", other)]));
        assert_eq!(followed(&facts, &made(Action::Pause, 0)), None, "{other}");
    }
    let facts = answered(json!([entry("DecisionHeeded", "Approve of gate signoff by ann (1 of 2)")]));
    let words = "(1 of 2); it is in Shifting, step 1";
    assert_eq!(followed(&facts, &made(Action::Approve, 0)), Some(Followed::Heeded(words.into())));
}

#[test]
fn a_retry_of_what_has_ended_is_heeded_by_a_new_release() {
    assert_eq!(followed(&Shop::rolled_back().facts(), &made(Action::Retry, 0)), None);
    let again = Shop::rolled_back().release(2, json!({ "phase": "Pending" })).facts();
    assert_eq!(
        followed(&again, &made(Action::Retry, 0)),
        Some(Followed::Heeded("release shop-00000002-2 has begun".into()))
    );
    let back = Shop::rolled_back().release(1, json!({ "phase": "Pending" })).facts();
    assert_eq!(
        followed(&back, &made(Action::Rollback, 0)),
        Some(Followed::Heeded("release shop-00000001-2 has begun".into()))
    );
}

#[test]
fn an_answer_that_has_left_the_timeline_is_known_by_the_uid() {
    let journal = json!({ "phase": "Gating", "orders": { "heeded": ["d"], "paused": true } });
    let facts = Shop::settled().release(2, journal).facts();
    assert_eq!(followed(&facts, &made(Action::Pause, 0)), Some(Followed::Heeded("it is in Gating".into())));
}

#[test]
fn what_cannot_have_an_effect_is_refused_before_it_is_made() {
    let of = |shop: Shop, action| idle(action, shop.facts().release().unwrap(), now());
    for action in [Action::Pause, Action::Abort, Action::Approve, Action::Retry] {
        assert_eq!(of(Shop::shifting(), action), None, "{action:?}");
    }
    assert!(of(Shop::shifting(), Action::Rollback).unwrap().contains("`abort` takes it back"));
    assert_eq!(of(Shop::rolled_back(), Action::Retry), None);
    assert!(of(Shop::rolled_back(), Action::Abort).unwrap().contains("RolledBack 45s ago: `retry`"));
    assert_eq!(of(Shop::settled(), Action::Rollback), None);
    assert!(of(Shop::settled(), Action::Pause).unwrap().contains("`rollback`"));
    assert!(of(Shop::settled(), Action::Retry).unwrap().contains("nothing to try again"));
}

#[test]
fn a_digest_is_meant_in_full_or_by_its_first_eight_digits() {
    assert!(same(&digest(2), &digest(2)) && same(&digest(2), "00000002"));
    assert!(!same(&digest(2), "00000003") && !same(&digest(2), "0000") && !same(&digest(2), "sha256:00000002"));
}

#[test]
fn of_many_groups_those_that_are_asked_for_come_first_and_the_systems_own_stay_away() {
    let few = ["a".to_owned(), "system:authenticated".to_owned()];
    assert_eq!(groups_that_matter(&few, &[]), few);
    let mut many: Vec<_> = (0..80).map(|i| format!("g{i}")).collect();
    many.insert(0, "system:authenticated".into());
    let chosen = groups_that_matter(&many, &["g79".into(), "not-mine".into()]);
    assert_eq!((chosen.len(), chosen[0].as_str(), chosen[1].as_str()), (64, "g79", "g0"));
    assert!(!chosen.iter().any(|g| g.starts_with("system:")));
    many.extend(["system:serviceaccounts".to_owned(), "system:masters".into()]);
    let chosen = groups_that_matter(&many, &[]);
    assert_eq!((chosen.len(), chosen[0].as_str(), chosen[63].as_str()), (64, "system:masters", "g62"));
}

#[test]
fn a_gate_that_takes_no_approval_is_named_with_those_that_do() {
    let shop = Shop::shifting()
        .planned("/gates/1", json!({ "name": "signoff", "at": "promotion", "approval": { "groups": ["m"] } }));
    let facts = shop.facts();
    let release = facts.release().unwrap();
    assert_eq!(asked_groups(release, "signoff"), Ok(vec!["m".to_owned()]));
    assert!(asked_groups(release, "conformance").unwrap_err().message.contains("are: signoff"));
    let shifting = Shop::shifting().facts();
    assert!(asked_groups(shifting.release().unwrap(), "x").unwrap_err().message.contains("it has none"));
}
