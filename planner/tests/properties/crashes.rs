//! A controller that dies between any two actions.

use planner::journal::Phase;

use crate::model::*;

/// What is left of a story, besides times.
fn ending(m: &Model) -> impl PartialEq + std::fmt::Debug + use<> {
    let live: Vec<_> = m.live.iter().map(|(id, l)| (id.clone(), l.replicas, l.left_serving)).collect();
    let apex = m.apex.as_ref().map(|a| (a.selects.clone(), a.marked, a.capacity, a.endpoints.len()));
    let load = m.load.as_ref().map(|l| l.replicas);
    let routes = m.routes.share.clone();
    (live, apex, load, m.finished.clone(), m.serves(), m.gone, m.finalizer, routes)
}

/// Tells a story once for every pass and every number of its actions after which the controller can crash.
fn crashes_everywhere(tell: impl Fn(&mut Model)) -> u32 {
    let mut m = Model::new(canary());
    tell(&mut m);
    let (expected, planned) = (ending(&m), m.planned);
    let mut told = 0;
    for (pass, all) in planned.into_iter().enumerate() {
        for actions in 0..=all {
            let mut m = Model::new(canary());
            m.crash_at = Some((pass as u32 + 1, actions));
            tell(&mut m);
            assert_eq!(ending(&m), expected, "crash in pass {pass} after {actions} actions\n{}", m.story());
            told += 1;
        }
    }
    told
}

#[test]
fn a_crash_between_any_two_actions_changes_nothing_in_the_end() {
    let good = |m: &mut Model| {
        m.settle().wish(2).until_finished(Phase::Succeeded).settle();
    };
    let bad = |m: &mut Model| {
        m.settle().metrics_of(2, Metrics::Bad).wish(2).until_finished(Phase::RolledBack).settle();
    };
    let at_once = |m: &mut Model| {
        m.policy = blue_green();
        m.settle().wish(2).until_phase(Phase::Warm).metrics_of(2, Metrics::Bad);
        m.until_finished(Phase::RolledBack).settle();
    };
    let by_routes = |m: &mut Model| {
        m.policy = routed();
        m.settle().wish(2).until_finished(Phase::Succeeded).settle();
        m.wish(3).until_step(2).metrics_of(3, Metrics::Bad).until_finished(Phase::RolledBack).settle();
        m.wish(4).until_step(1).delete_policy().until("gone", 900, |m| m.gone).run(10);
    };
    let removal = |m: &mut Model| {
        m.settle().delete_policy().until("gone", 900, |m| m.gone).run(10);
    };
    let leaving = |m: &mut Model| {
        m.settle().wish(2).until_step(2).delete_policy().until("gone", 900, |m| m.gone).run(10);
    };
    let told = crashes_everywhere(good)
        + crashes_everywhere(bad)
        + crashes_everywhere(at_once)
        + crashes_everywhere(by_routes)
        + crashes_everywhere(removal)
        + crashes_everywhere(leaving);
    println!("{told} crashes");
}
