//! Autoscalers and people who scale.

use planner::{
    journal::Phase,
    policy::{Policy, Step, Strategy},
    world::Order,
};

use crate::model::*;

#[test]
fn scaling_up_during_a_release_applies_to_every_serving_revision_and_down_waits_until_it_is_over() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(2);
    m.policy.replicas = Some(6);
    m.until("six and six", 60, |m| (m.reached(1), m.reached(2)) == (6, 6));
    m.policy.replicas = Some(3);
    m.until_phase(Phase::Warm);
    assert_eq!((m.replicas(1), m.replicas(2)), (6, 6), "{}", m.story());
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!((m.replicas(1), m.replicas(2)), (0, 3), "{}", m.story());
}

#[test]
fn scaling_is_followed_when_nothing_is_under_way() {
    let mut m = Model::adopted(canary());
    for n in [7, 2, 5] {
        m.policy.replicas = Some(n);
        m.settle();
        assert_eq!((m.replicas(1), m.reached(1)), (n, n as usize));
    }
    assert_eq!(m.finished.len(), 1);
}

#[test]
fn a_workload_that_somebody_scales_up_again_returns_to_zero_and_its_pods_answer_nobody() {
    let mut m = Model::adopted(canary());
    m.load.as_mut().unwrap().replicas = 4;
    m.run(10).settle();
    assert_eq!((m.load.as_ref().unwrap().replicas, m.reached(1), m.replicas(1)), (0, 4, 4));
    m.wish(2).until_step(1);
    m.load.as_mut().unwrap().replicas = 4;
    m.until_finished(Phase::Succeeded);
    assert_eq!(m.load.as_ref().unwrap().replicas, 0);
}

#[test]
fn as_many_pods_take_over_as_the_workload_has_and_the_policys_number_applies_afterwards() {
    let mut m = Model::new(canary());
    m.policy.replicas = Some(2);
    m.until_phase(Phase::Warm);
    assert_eq!((m.replicas(1), m.reached(1)), (4, 4));
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!((m.replicas(1), m.reached(1)), (2, 2), "{}", m.story());
}

#[test]
fn a_single_pod_makes_a_share_of_half() {
    let mut m = Model::new(canary());
    m.load.as_mut().unwrap().replicas = 1;
    m.run(5).until_finished(Phase::Succeeded).settle();
    m.wish(2).until_step(1);
    assert_eq!((m.reached(1), m.reached(2), m.journal().unwrap().split.unwrap().effective), (1, 1, 50));
    m.until_finished(Phase::Succeeded);
}

#[test]
fn scaling_down_during_a_release_does_not_wedge_a_step_that_counts_the_pods_that_serve() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_phase(Phase::Preparing);
    m.policy.replicas = Some(1);
    m.until_step(2);
    assert_eq!((m.reached(1), m.reached(2)), (4, 4), "{}", m.story());
    m.until_finished(Phase::Succeeded).settle();
    assert_eq!((m.replicas(1), m.replicas(2)), (0, 1));
}

#[test]
fn a_workload_scaled_up_by_somebody_raises_a_capacity_that_only_we_have_set_and_never_lowers_it() {
    let mut m = Model::adopted(canary());
    m.capacity_is_ours = true;
    for (asked, becomes) in [(6, 6), (2, 6), (7, 7)] {
        m.load.as_mut().unwrap().replicas = asked;
        m.run(5).settle();
        assert_eq!((m.policy.replicas, m.replicas(1), m.load.as_ref().unwrap().replicas), (Some(becomes), becomes, 0));
    }
    m.capacity_is_ours = false;
    m.load.as_mut().unwrap().replicas = 9;
    m.run(5).settle();
    assert_eq!((m.policy.replicas, m.load.as_ref().unwrap().replicas), (Some(7), 0));
}

#[test]
fn pods_of_the_next_step_start_while_a_step_still_holds_and_answer_nobody_before_it() {
    let mut m = Model::adopted(canary());
    m.wish(2).until_step(1);
    m.until("the pods of step 2 are started", 60, |m| m.replicas(2) == 4);
    assert_eq!((m.journal().unwrap().step, m.reached(2)), (Some(1), 1), "{}", m.story());
    m.run(3);
    assert_eq!((m.journal().unwrap().step, m.reached(2)), (Some(1), 1), "{}", m.story());
    m.until_finished(Phase::Succeeded);
}

#[test]
fn no_pod_is_started_ahead_of_a_pause_or_of_metrics_that_speak_against_the_version() {
    let paused = Step { pause: true, ..step(20, 30) };
    let strategy = Strategy::Canary(vec![paused, step(50, 30)]);
    let mut m = Model::adopted(Policy { strategy, ..canary() });
    m.wish(2).until_step(1).run(200);
    assert_eq!((m.reason(), m.replicas(2)), ("PauseStep", 1), "{}", m.story());
    m.decide(Order::Resume).until_finished(Phase::Succeeded);

    let mut m = Model::adopted(canary());
    m.metrics_of(2, Metrics::Bad).wish(2).until_step(1);
    m.until_phase(Phase::RollingBack);
    assert_eq!(m.replicas(2), 1, "{}", m.story());
}
