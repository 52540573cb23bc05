//! Good versions.

use chrono::TimeDelta;
use planner::{
    journal::{Cause, Phase},
    policy::{Place, Policy, Shares},
};

use crate::model::*;

#[test]
fn a_running_workload_is_taken_over_and_then_nothing_is_written() {
    let mut m = Model::adopted(canary());
    assert_eq!((m.serves().as_str(), m.reached(1), m.replicas(1)), ("11111111", 4, 4));
    assert_eq!(m.load.as_ref().unwrap().replicas, 0);
    let writes = m.writes;
    m.run(600);
    assert_eq!(m.writes, writes, "{}", m.story());
}

#[test]
fn a_good_canary_passes_its_gates_and_steps_and_is_promoted() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    assert_eq!((m.reached(1), m.reached(2)), (4, 1));
    m.until_step(2);
    assert_eq!((m.reached(1), m.reached(2)), (4, 4));
    m.until_phase(Phase::Warm);
    assert_eq!((m.reached(1), m.reached(2), m.replicas(1)), (0, 4, 4));
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!((m.serves().as_str(), m.replicas(1), m.replicas(2)), ("22222222", 0, 4));
}

#[test]
fn the_warm_period_begins_when_the_switch_has_reached_every_node() {
    let mut m = Model::adopted(canary());
    m.wish(2).until("the switch", 500, |m| (m.reached(1), m.reached(2)) == (0, 4));
    let switched = m.clock;
    m.until_phase(Phase::Warm);
    assert!(m.clock - switched >= 3, "{}", m.story());
}

#[test]
fn without_a_warm_period_the_old_pods_are_still_kept_for_open_connections_to_end() {
    for newer in [false, true] {
        let mut m = Model::adopted(Policy { warm: TimeDelta::zero(), analysis: None, ..canary() });
        m.wish(2).until_phase(Phase::Warm);
        if newer {
            m.wish(3);
            m.load.as_mut().unwrap().since -= 10;
        }
        m.run(4);
        assert_eq!((m.replicas(1), m.reached(1)), (4, 0), "{}", m.story());
        m.until_finished(Phase::Succeeded);
    }
}

#[test]
fn promotion_starts_only_the_pods_that_were_missing_and_restarts_none() {
    let mut m = Model::adopted(canary());
    let before = m.serial;
    m.wish(2).until_finished(Phase::Succeeded).settle();
    assert_eq!(m.serial - before, 4, "{}", m.story());
}

#[test]
fn blue_green_switches_at_once_after_the_gates() {
    let mut m = Model::adopted(blue_green());
    m.wish(2).until_phase(Phase::Gating);
    assert_eq!((m.replicas(2), m.reached(2)), (4, 0));
    m.until_phase(Phase::Warm);
    assert_eq!((m.reached(1), m.reached(2)), (0, 4));
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!(m.serves(), "22222222");
}

#[test]
fn a_change_of_configuration_alone_is_a_digest_like_any_other() {
    // The digest covers ConfigMaps; the image may be the same.
    let mut m = Model::adopted(canary());
    m.wish(2);
    m.load.as_mut().unwrap().wish.images = rev(1).images;
    m.until_finished(Phase::Succeeded);
    assert_eq!(m.serves(), "22222222");
}

#[test]
fn gates_of_all_places_are_asked_in_their_places() {
    let mut late = gate("load", Place::Step);
    late.steps = Some(vec![2]);
    let gates = vec![
        gate("begin", Place::Start),
        gate("conformance", Place::Traffic),
        gate("probe", Place::Step),
        late,
        gate("last", Place::Promotion),
    ];
    let mut m = Model::adopted(Policy { gates, ..canary() });
    m.wish(2).until_finished(Phase::Succeeded);
    let asked: Vec<_> = m.last_journal().gates.iter().map(|g| (g.name.as_str(), g.step)).collect();
    let expected = [
        ("begin", None),
        ("conformance", None),
        ("probe", Some(1)),
        ("probe", Some(2)),
        ("load", Some(2)),
        ("last", None),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn going_back_to_a_retained_revision_skips_bakes_and_gates() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m.wish(1).until_phase(Phase::Preparing);
    assert!(m.release.as_ref().unwrap().fast);
    let began = m.clock;
    m.until_phase(Phase::Warm);
    assert!(m.clock - began < 20 && m.journal().unwrap().gates.is_empty(), "{}", m.story());
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!(m.serves(), "11111111");
}

#[test]
fn a_gate_that_is_always_asked_is_asked_on_the_fast_way_back_too() {
    let mut always = gate("conformance", Place::Traffic);
    always.always = true;
    let mut m = Model::adopted(Policy { gates: vec![always], ..canary() });
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m.test_of(1, "conformance", Test::Fails).wish(1).until_finished(Phase::RolledBack);
    assert_eq!(
        (m.serves().as_str(), m.last_journal().outcome.as_ref().unwrap().reason),
        ("22222222", Cause::ConformanceFailed)
    );
}

#[test]
fn a_revision_that_failed_after_it_had_passed_does_not_come_back_the_fast_way() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_finished(Phase::Succeeded).settle();
    m.wish(3).until_finished(Phase::Succeeded).settle();
    m.metrics_of(2, Metrics::Bad).wish(2).until_phase(Phase::Preparing);
    assert!(m.release.as_ref().unwrap().fast);
    m.until_finished(Phase::RolledBack).settle();
    m.metrics_of(2, Metrics::Good).decide(planner::world::Order::Retry).until_phase(Phase::Preparing);
    assert!(!m.release.as_ref().unwrap().fast, "{}", m.story());
}

#[test]
fn the_first_version_of_a_workload_shipped_with_no_pods_passes_its_gates_before_it_serves() {
    let mut m = Model::new(Policy { gate_first: true, replicas: Some(3), ..canary() });
    m.load.as_mut().unwrap().replicas = 0;
    m.pods.clear();
    m.until_phase(Phase::Gating).run(4);
    assert_eq!((m.replicas(1), m.reached(1)), (3, 0));
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!((m.serves().as_str(), m.reached(1)), ("11111111", 3));
}

#[test]
fn a_first_version_that_fails_its_gates_never_serves_and_the_next_one_is_tried() {
    let mut m = Model::new(Policy { gate_first: true, replicas: Some(3), ..canary() });
    m.load.as_mut().unwrap().replicas = 0;
    m.pods.clear();
    m.test_of(1, "conformance", Test::Fails).until_finished(Phase::RolledBack).settle();
    assert_eq!((m.reason(), m.replicas(1)), ("RolledBack", 0));
    m.wish(2).until_finished(Phase::Succeeded).settle();
    assert_eq!((m.serves().as_str(), m.reached(2)), ("22222222", 3));
}

#[test]
fn a_first_version_behind_gates_is_refused_where_pods_answer_already() {
    let mut m = Model::new(Policy { gate_first: true, replicas: Some(3), ..canary() });
    m.settle();
    assert_eq!((m.reason(), m.reached(1), m.phase()), ("AlreadyServing", 0, Some(Phase::Pending)));
}

#[test]
fn a_step_that_the_pods_cannot_make_is_refused_with_the_number_it_takes() {
    let mut m = Model::adopted(Policy {
        strategy: planner::policy::Strategy::Canary(vec![step(5, 10)]),
        shares: Shares::Pods { max_error: Some(2) },
        ..canary()
    });
    m.wish(2).settle();
    assert_eq!((m.reason(), m.phase()), ("WeightNotPossible", Some(Phase::Pending)));
    assert!(m.says().contains("it takes 13 pods"), "{}", m.says());
    m.policy.replicas = Some(13);
    m.until_finished(Phase::Succeeded);
}

#[test]
fn finished_releases_and_the_revisions_that_only_they_knew_are_pruned() {
    let mut m = Model::adopted(Policy { history: 2, warm: TimeDelta::seconds(5), ..canary() });
    for n in 2..7 {
        m.wish(n).until_finished(Phase::Succeeded).settle();
    }
    let revisions: Vec<_> = m.live.keys().map(|id| id.as_str().chars().next().unwrap()).collect();
    assert_eq!((m.history.len(), revisions), (1, vec!['5', '6']), "{}", m.story());
}

#[test]
fn pods_get_callers_when_they_have_been_ready_for_as_long_as_the_workload_asks() {
    for policy in [canary(), blue_green()] {
        let mut m = Model::adopted(policy);
        m.min_ready = 20;
        m.wish(2);
        let mut first = None;
        while m.serves() != "22222222" || m.release.is_some() {
            m.run(1);
            let owner = Owner::Revision(rev(2).revision);
            let listed = m.apex.iter().flat_map(|a| &a.endpoints).filter_map(|name| m.pods.get(name));
            // They are ready after two seconds.
            let youngest = listed.filter(|pod| pod.owner == owner).map(|pod| m.clock - pod.born - 2).min();
            first = first.or(youngest);
            assert!(youngest.is_none_or(|ready_for| ready_for >= 20), "{youngest:?}\n{}", m.story());
            assert!(m.clock < 2_000, "{}", m.story());
        }
        assert!(first.is_some_and(|ready_for| ready_for < 40), "{first:?}\n{}", m.story());
    }
}

#[test]
fn no_test_begins_before_every_node_has_had_time_to_learn_of_the_candidates_pods() {
    let long = Policy { propagation: TimeDelta::seconds(15), ..canary() };
    for (gates, strategy) in [
        (vec![gate("suite", Place::Traffic)], canary().strategy),
        (vec![gate("suite", Place::Step)], canary().strategy),
        (vec![gate("suite", Place::Promotion)], blue_green().strategy),
    ] {
        let mut m = Model::adopted(Policy { gates, strategy, ..long.clone() });
        m.wish(2).until("the pods are ready", 60, |m| {
            m.observe().revisions.values().any(|r| r.digest == rev(2).digest && r.steady() > 0)
        });
        let ready = m.clock;
        m.until("it waits for the nodes", 5, |m| m.reason() == "Propagation");
        m.until("the test begins", 60, |m| !m.runs.is_empty());
        assert!((15..=17).contains(&(m.clock - ready)), "{} s\n{}", m.clock - ready, m.story());
        m.until_finished(Phase::Succeeded);
    }
}
