//! What a release costs, so that it does not grow unseen.

use chrono::TimeDelta;
use planner::{
    journal::Phase,
    policy::{Policy, Strategy},
};

use crate::model::*;

/// Passes, effects and journal writes of one good release.
fn cost(policy: Policy) -> (u32, u32, u32) {
    let mut m = Model::adopted(policy);
    let (passes, effects, writes) = (m.passes, m.effects, m.writes);
    m.wish(2).until_finished(Phase::Succeeded).settle();
    let effects = m.effects - effects;
    (m.passes - passes, effects, m.writes - writes - effects)
}

fn with_steps(n: i32) -> Policy {
    let steps = (1..=n).map(|i| step(i * 50 / n, 20)).collect();
    Policy { strategy: Strategy::Canary(steps), analysis: None, warm: TimeDelta::seconds(30), ..canary() }
}

#[test]
fn a_good_release_costs_passes_and_writes_in_proportion_to_its_steps() {
    let costs: Vec<_> = (1..=10).map(|n| (n, cost(with_steps(n)))).collect();
    for (steps, (passes, effects, journals)) in &costs {
        println!("{steps} steps: {passes} passes, {effects} effects, {journals} journal writes");
    }
    let per_step = |i: usize| costs[i].1.0 - costs[i - 1].1.0;
    let (first, last) = (costs[1].1.0, costs[9].1.0);
    assert!((1..10).all(per_step_is_small(&per_step)), "{costs:?}");
    assert!(last - first <= 8 * 14, "{costs:?}");
}

fn per_step_is_small<'a>(per_step: &'a dyn Fn(usize) -> u32) -> impl FnMut(usize) -> bool + 'a {
    move |i| per_step(i) <= 14
}

#[test]
fn a_good_release_of_two_steps_without_metrics_stays_within_its_budget() {
    let (passes, effects, journals) = cost(with_steps(2));
    assert!(passes <= 90 && effects <= 13 && journals <= 60, "{passes} passes, {effects} effects, {journals} journals");
}

#[test]
fn a_settled_policy_costs_nothing() {
    let mut m = Model::adopted(canary());
    let before = (m.passes, m.writes);
    m.run(3600);
    assert_eq!((m.passes, m.writes), before);
}
