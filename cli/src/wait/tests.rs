use serde_json::json;

use super::*;
use crate::fixtures::{Shop, ago, digest, revision};

const IMAGE: &str = "registry.example.com/team/shop:2";

fn image() -> Judge {
    Judge::new(Wanted::Image(IMAGE.into()), false, false)
}

fn wish() -> Judge {
    Judge::new(Wanted::Wish, false, false)
}

/// Version 2 serves.
fn delivered() -> Shop {
    let journal = json!({ "phase": "Succeeded", "finishedAt": ago(1) });
    Shop::settled().deployed(2, 4).seen(2, 4).release(2, journal).says(json!({ "stable": revision(2) }))
}

fn ended(phase: &str, reason: &str) -> Shop {
    let outcome = json!({ "phase": phase, "reason": reason, "message": "so it is" });
    let journal = json!({ "phase": phase, "outcome": outcome, "finishedAt": ago(1) });
    let waiting = json!({ "reason": phase, "message": "so it is", "stalled": true });
    Shop::settled().deployed(2, 4).seen(2, 4).release(2, journal).says(json!({ "phase": phase, "waiting": waiting }))
}

#[track_caller]
fn waits(standing: Standing, why: &str) {
    let Standing::Waits(words) = standing else { panic!("{standing:?}") };
    assert!(words.contains(why), "{words}");
}

#[track_caller]
fn ends(standing: Standing, wanted: Exit) {
    let Standing::Ends(exit, words) = &standing else { panic!("{standing:?}") };
    assert_eq!(*exit, wanted, "{words}");
}

#[test]
fn a_version_that_serves_is_there() {
    ends(image().standing(&delivered().facts()), Exit::Done);
    ends(wish().standing(&delivered().facts()), Exit::Done);
    for digest in [digest(2), "00000002".into()] {
        ends(Judge::new(Wanted::Digest(digest), false, false).standing(&delivered().facts()), Exit::Done);
    }
}

#[test]
fn an_older_version_that_serves_is_never_taken_for_the_one_that_is_waited_for() {
    // Nothing was deployed yet.
    waits(image().standing(&Shop::settled().facts()), "not for registry.example.com/team/shop:2 yet");
    waits(
        Judge::new(Wanted::Digest(digest(2)), false, false).standing(&Shop::settled().facts()),
        "wishes for revision",
    );
    // It was deployed, and the controller has not seen it: everything it says is of the version before.
    let unseen = Shop::settled().deployed(2, 4);
    waits(image().standing(&unseen.facts()), "has not seen the newest Deployment shop yet");
    waits(wish().standing(&unseen.facts()), "has not seen");
    // It has seen it, and not begun.
    waits(image().standing(&unseen.clone().seen(2, 4).says(json!({ "phase": "Pending" })).facts()), "Pending");
    // The watch of the Deployment is behind that of the policy.
    waits(wish().standing(&Shop::settled().seen(2, 4).facts()), "has not seen");
}

#[test]
fn it_is_not_there_before_the_release_is_over_unless_that_is_enough() {
    let warm = Shop::settled()
        .deployed(2, 4)
        .seen(2, 4)
        .release(2, json!({ "phase": "Warm" }))
        .says(json!({ "phase": "Warm" }));
    waits(image().standing(&warm.facts()), "Warm");
    ends(Judge::new(Wanted::Wish, true, false).standing(&warm.facts()), Exit::Done);
    let promoting = Shop::settled()
        .deployed(2, 4)
        .seen(2, 4)
        .release(2, json!({ "phase": "Promoting" }))
        .says(json!({ "phase": "Promoting" }));
    waits(Judge::new(Wanted::Wish, true, false).standing(&promoting.facts()), "Promoting");
}

#[test]
fn a_version_that_is_stable_and_whose_pods_are_away_does_not_serve() {
    let waiting = json!({ "reason": "StableNotReady", "message": "0 of 4 pods are ready" });
    let down = delivered().says(json!({ "phase": "StableNotReady", "waiting": waiting }));
    waits(image().standing(&down.facts()), "0 of 4 pods are ready");
}

#[test]
fn the_code_says_how_it_ended() {
    for (phase, reason, exit) in [
        ("RolledBack", "AnalysisFailed", Exit::Bad),
        ("RolledBack", "ConformanceFailed", Exit::Bad),
        ("Superseded", "Aborted", Exit::Bad),
        ("Inconclusive", "NoEvidence", Exit::Person),
    ] {
        ends(image().standing(&ended(phase, reason).facts()), exit);
    }
    for phase in ["Held", "Inconclusive"] {
        let journal = json!({ "phase": phase, "heldIn": "Shifting" });
        let held = Shop::settled().deployed(2, 4).seen(2, 4).release(2, journal).says(json!({ "phase": phase }));
        ends(image().standing(&held.facts()), Exit::Person);
    }
}

#[test]
fn what_failed_before_its_record_was_pruned_is_still_bad() {
    let waiting = json!({ "reason": "RolledBack", "message": "revision 00000002 has failed before", "stalled": true });
    let failed = json!([{ "digest": digest(2), "release": "shop-00000002-1", "at": ago(9000) }]);
    let shop = Shop::settled()
        .deployed(2, 4)
        .seen(2, 4)
        .says(json!({ "phase": "RolledBack", "waiting": waiting, "failed": failed }));
    ends(image().standing(&shop.facts()), Exit::Bad);
}

#[test]
fn a_version_that_ended_earlier_and_is_about_to_be_tried_again_is_waited_for() {
    let outcome = json!({ "phase": "Superseded", "reason": "NewerVersion", "message": "x" });
    let again = Shop::settled()
        .deployed(2, 6)
        .seen(2, 6)
        .release(2, json!({ "phase": "Superseded", "outcome": outcome, "finishedAt": ago(1) }));
    let waiting = json!({ "reason": "Settling", "message": "it rests" });
    waits(image().standing(&again.says(json!({ "phase": "Settling", "waiting": waiting })).facts()), "Settling");
}

#[test]
fn a_version_that_starts_over_under_a_changed_policy_is_waited_for_whatever_holds_it() {
    for reason in ["PolicyChanged", "Retried"] {
        let waiting = json!({ "reason": "Suspended", "message": "the policy is suspended", "stalled": true });
        let suspended = ended("Superseded", reason).says(json!({ "phase": "Suspended", "waiting": waiting }));
        waits(image().standing(&suspended.facts()), "the policy is suspended");
        ends(Judge::new(Wanted::Wish, false, true).standing(&suspended.facts()), Exit::Person);
    }
}

#[test]
fn another_wish_supersedes_only_what_was_wished_for_before() {
    for mut judge in [image(), wish(), Judge::new(Wanted::Digest(digest(2)), false, false)] {
        waits(judge.standing(&Shop::shifting().facts()), "step 1 of 2, weight 20");
        ends(judge.standing(&Shop::shifting().deployed(3, 5).seen(3, 5).facts()), Exit::Superseded);
    }
}

#[test]
fn a_config_map_applied_right_after_the_workload_belongs_to_it() {
    let mut judge = wish();
    waits(
        judge.standing(&Shop::settled().deployed(2, 4).seen(2, 4).says(json!({ "phase": "Settling" })).facts()),
        "Settling",
    );
    // The same template with another digest.
    let other = Shop::settled().deployed(2, 4).seen(7, 4).says(json!({ "phase": "Settling" }));
    waits(judge.standing(&other.facts()), "revision 00000007");
    let begun = other.release(7, json!({ "phase": "Preparing" }));
    waits(judge.standing(&begun.facts()), "Preparing");
    ends(judge.standing(&begun.seen(8, 4).facts()), Exit::Superseded);
}

#[test]
fn another_release_goes_first() {
    let shop = Shop::shifting().deployed(3, 5).seen(3, 5);
    waits(Judge::new(Wanted::Wish, false, false).standing(&shop.facts()), "release shop-00000002-1 goes first");
}

#[test]
fn a_pause_is_waited_through_unless_nobody_is_there_to_end_it() {
    let waiting = json!({ "reason": "PauseStep", "message": "step 1 pauses here", "stalled": true });
    let paused = Shop::shifting().says(json!({ "waiting": waiting }));
    waits(image().standing(&paused.facts()), "PauseStep");
    ends(Judge::new(Wanted::Wish, false, true).standing(&paused.facts()), Exit::Person);
    waits(Judge::new(Wanted::Wish, false, true).standing(&Shop::shifting().facts()), "Bake");
}
