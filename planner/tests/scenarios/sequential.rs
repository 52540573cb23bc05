//! Metrics that are counted: decided by tests over the whole release.

use analysis::{Alpha, CountedMetric, Rate, Sequential, release};
use chrono::{DateTime, TimeDelta, Utc};
use planner::{
    journal::{Cause, Phase},
    looks::MOST_BYTES,
    policy::{Policy, Strategy},
};

use crate::model::*;

fn canary_tested() -> Model {
    Model::adopted(tested(canary()))
}

#[test]
fn a_good_version_goes_through_all_steps_and_its_counts_are_those_of_the_whole_release() {
    let mut m = canary_tested();
    m.wish(2).until_step(2);
    let looks = m.journal().unwrap().analysis.looks.clone();
    assert!(!looks.is_empty() && looks.iter().all(|l| l.step == 1 && l.is_counted()), "{looks:?}");
    m.until_finished(Phase::Succeeded).settle();
    let steps: Vec<_> = m.last_journal().analysis.looks.iter().map(|l| l.step).collect();
    assert!(steps.contains(&1) && steps.contains(&2) && steps.contains(&3), "{steps:?}");
}

#[test]
fn no_request_is_counted_twice_and_none_of_a_step_is_left_out() {
    let mut m = canary_tested();
    m.wish(2).until_finished(Phase::Succeeded).settle();
    let looks = &m.last_journal().analysis.looks;
    for pair in looks.windows(2) {
        let (before, after) = (pair[0].window.unwrap(), pair[1].window.unwrap());
        let same = pair[0].step == pair[1].step;
        assert!(if same { after.after == before.until } else { after.after > before.until }, "{pair:?}");
    }
}

#[test]
fn a_bad_version_is_taken_back_within_two_looks_of_its_first_step() {
    let mut m = canary_tested();
    m.metrics_of(2, Metrics::Bad).wish(2).until_finished(Phase::RolledBack).settle();
    let journal = m.last_journal();
    let outcome = journal.outcome.as_ref().unwrap();
    assert_eq!(outcome.reason, Cause::AnalysisFailed);
    assert!(outcome.message.contains("success-rate: canary fails 20 % of "), "{}", outcome.message);
    assert!(journal.analysis.looks.iter().all(|l| l.step == 1) && journal.analysis.looks.len() <= 2, "{journal:?}");
    assert_eq!((m.serves().as_str(), m.replicas(1), m.replicas(2)), ("11111111", 4, 0), "{}", m.story());
}

#[test]
fn a_version_that_turns_bad_after_promotion_is_taken_back() {
    for policy in [canary(), blue_green()] {
        let mut m = Model::adopted(tested(policy));
        m.wish(2).until_phase(Phase::Warm).metrics_of(2, Metrics::Bad).until_finished(Phase::RolledBack).settle();
        assert_eq!(m.serves(), "11111111", "{}", m.story());
    }
}

#[test]
fn too_few_requests_end_inconclusive_and_never_promoted() {
    let mut m = canary_tested();
    m.requests = 2;
    m.wish(2).until_finished(Phase::Inconclusive).settle();
    let outcome = m.last_journal().outcome.as_ref().unwrap();
    assert_eq!(outcome.reason, Cause::NoEvidence);
    assert!(outcome.message.contains("of the 100 requests that a step needs"), "{}", outcome.message);
    assert_eq!((m.serves().as_str(), m.failed.len()), ("11111111", 0));
}

#[test]
fn the_last_step_waits_for_a_verdict_and_the_ones_before_it_do_not() {
    let mut m = canary_tested();
    // Enough for the least of each step, and too little to see a regression by the end.
    m.requests = 20;
    m.wish(2).until_step(2);
    let step = |m: &Model| m.journal().and_then(|j| j.step);
    let left = m.journal().unwrap().applied_at.unwrap() + TimeDelta::seconds(33);
    m.until("the bake is over", 100, |m| m.now() > left + TimeDelta::seconds(15));
    assert_eq!((step(&m), m.reason()), (Some(2), "NoEvidence"), "{}", m.story());
    assert!(m.says().contains("too little to tell"), "{}", m.says());
    let mut dwindles = m.clone();
    m.until_finished(Phase::Succeeded);
    dwindles.requests = 1;
    dwindles.until_finished(Phase::Inconclusive);
}

#[test]
fn no_data_holds_a_step_and_evidence_that_comes_in_time_lets_it_go_on() {
    let mut m = canary_tested();
    m.wish(2).until_step(1).metrics_of(2, Metrics::Silent).run(60);
    assert_eq!((m.journal().unwrap().step, m.reason()), (Some(1), "NoEvidence"), "{}", m.story());
    m.metrics_of(2, Metrics::Good).until_finished(Phase::Succeeded);
}

#[test]
fn a_look_at_another_time_than_was_asked_for_counts_nothing() {
    let mut m = canary_tested();
    m.wish(2).until_step(1).run(9);
    let journal = m.journal().unwrap().clone();
    let due = planner::next_look(&m.policy, &journal).unwrap();
    m.clock = (due - m.start).num_seconds();
    let mut world = m.observe();
    let counted = |world: &planner::World| {
        planner::plan(&m.policy, world, due).journal.unwrap().analysis.looks.iter().any(|l| l.is_counted())
    };
    assert!(world.look.is_some() && counted(&world), "{:?}", world.look);
    world.look.as_mut().unwrap().window.as_mut().unwrap().after.0 -= 1;
    assert!(!counted(&world));
}

#[test]
fn a_crash_between_any_two_actions_changes_no_verdict() {
    for (metrics, phase) in [(Metrics::Good, Phase::Succeeded), (Metrics::Bad, Phase::RolledBack)] {
        let tell = |crash| {
            let mut m = Model::new(tested(canary()));
            m.crash_at = crash;
            m.settle().metrics_of(2, metrics).wish(2).until_finished(phase).settle();
            m
        };
        let planned = tell(None).planned;
        for (pass, actions) in planned.iter().enumerate().filter(|(_, actions)| **actions > 0) {
            tell(Some((pass as u32 + 1, actions / 2)));
        }
    }
}

/// A release of a day in one step, with so many counted metrics and a look every second.
fn day(metrics: usize) -> (usize, usize) {
    let day = TimeDelta::hours(24);
    let names: Vec<String> = (0..metrics).map(|i| format!("latency-p{:02}", 50 + i)).collect();
    let counted = |name: &String| CountedMetric {
        name: name.clone(),
        limit: Rate::new(0.01).ok(),
        tolerance: release::Tolerance::default(),
    };
    let steps = vec![release::Step { weight: 0.2, seconds: day.num_seconds() as f64 }];
    let mut analysis = measured();
    analysis.interval = TimeDelta::seconds(1);
    analysis.plan.metrics =
        names.iter().map(|name| analysis::Metric { name: name.clone(), objective: Default::default() }).collect();
    analysis.plan.sequential =
        Some(Sequential::new(Alpha::HUNDREDTH, steps, names.iter().map(counted).collect(), 100).unwrap());
    let long = Strategy::Canary(vec![planner::policy::Step { bake: day, ..step(20, 30) }]);
    let mut m = Model::adopted(Policy { strategy: long, analysis: Some(analysis), ..canary() });
    m.requests = 50;
    m.wish(2).until_step(1);
    let end = m.journal().unwrap().applied_at.unwrap() + day;
    let mut world = m.observe();
    let mut look: Option<DateTime<Utc>> = planner::next_look(&m.policy, &world.release.as_ref().unwrap().journal);
    while let Some(at) = look.filter(|at| *at < end) {
        m.clock = (at - m.start).num_seconds();
        world.look = m.look();
        let journal = planner::plan(&m.policy, &world, at).journal.unwrap();
        look = planner::next_look(&m.policy, &journal);
        world.release.as_mut().unwrap().journal = journal.clone();
        m.release.as_mut().unwrap().journal = journal;
    }
    let looks = &m.journal().unwrap().analysis.looks;
    (looks.len(), serde_json::to_string(looks).unwrap().len())
}

#[test]
fn the_looks_of_a_day_fit_their_room_and_stay_dense() {
    for (metrics, fewest) in [(1, 250), (2, 200), (5, 100), (16, 50)] {
        let (looks, bytes) = day(metrics);
        println!("{metrics} metrics: {looks} looks in {bytes} bytes");
        assert!(bytes <= MOST_BYTES && looks >= fewest, "{metrics} metrics: {looks} looks in {bytes} bytes");
    }
}
