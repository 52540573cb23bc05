//! A route that the policy holds itself.

use planner::{journal::Phase, world::Order};

use crate::model::*;

#[test]
fn it_is_made_before_the_service_leads_to_a_revision() {
    let mut m = Model::new(routed());
    m.oracle.served = true;
    m.routes.astray = true;
    m.until_phase(Phase::Promoting);
    assert!(!m.routes.astray, "{}", m.story());
    m.settle();
}

#[test]
fn what_its_owner_or_anybody_changes_is_put_right_in_every_phase_and_the_share_stays() {
    for phase in [Phase::Preparing, Phase::Gating, Phase::Shifting, Phase::Promoting, Phase::Warm] {
        let mut m = Model::adopted(routed());
        m.wish(2).until_phase(phase);
        if phase == Phase::Shifting {
            m.until_step(1);
        }
        let before = m.routed(2);
        m.routes.astray = true;
        m.until("it is as the policy has it", 10, |m| !m.routes.astray);
        if phase == Phase::Shifting {
            assert_eq!((m.journal().unwrap().step, before, m.routed(2)), (Some(1), 20, 20), "{}", m.story());
        }
        m.until_finished(Phase::Succeeded);
        m.routes.astray = true;
        m.due = Some(m.clock);
        m.until("it is as the policy has it", 10, |m| !m.routes.astray);
    }
}

#[test]
fn one_that_cannot_be_made_is_told_while_nothing_else_is_and_holds_no_way_back() {
    let mut m = Model::adopted(routed());
    m.unroutable(true);
    (m.routes.astray, m.due) = (true, Some(m.clock));
    m.run(5);
    assert_eq!((m.reason(), m.routes.astray, m.reached(1)), ("RouteFilters", true, 4), "{}", m.story());
    m.unroutable(false);
    m.due = Some(m.clock);
    m.wish(2).until_step(1);
    m.unroutable(true);
    m.routes.astray = true;
    m.run(30);
    assert_eq!((m.phase(), m.reason(), m.routed(2)), (Some(Phase::Shifting), "RouteFilters", 20), "{}", m.story());
    m.decide(Order::Abort).until_finished(Phase::Superseded);
    assert_eq!((m.routed(2), m.replicas(2), m.routes.astray), (0, 0, true), "{}", m.story());
}

#[test]
fn a_take_over_waits_for_it_before_the_workload_is_touched() {
    let mut m = Model::new(routed());
    m.oracle.served = true;
    m.until_phase(Phase::Preparing);
    m.unroutable(true);
    m.routes.astray = true;
    m.run(60);
    assert_eq!((m.phase(), m.reason()), (Some(Phase::Preparing), "RouteFilters"), "{}", m.story());
    m.unroutable(false);
    m.settle();
    assert!(!m.routes.astray && m.reached(1) == 4, "{}", m.story());
}

#[test]
fn a_policy_that_is_deleted_leaves_it_as_it_is() {
    let mut m = Model::adopted(routed());
    m.wish(2).until_step(1).delete_policy();
    m.routes.astray = true;
    m.until("the policy is gone", 300, |m| m.gone);
    assert!(m.routes.astray && m.routes.share.is_none(), "{}", m.story());
}
