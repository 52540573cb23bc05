//! Whatever happens, the invariants hold and every release comes to an end or says who can act.

mod crashes;
mod histories;

use analysis::Verdict;
use planner::{
    journal::{GateRecord, Phase},
    policy::Place,
    world::Order,
};
use proptest::prelude::*;

use crate::model::*;
use histories::{behaviour, event, happens, policy};

/// From now on it is always office hours.
fn open_windows(m: &mut Model) {
    let always = window("", Place::Start, "* * * * *", 60).asks;
    let policies = std::iter::once(&mut m.policy).chain(&mut m.changed);
    for gate in policies.flat_map(|p| &mut p.gates).filter(|g| g.window().is_some()) {
        gate.asks = always.clone();
    }
}

/// What only waits for the cluster, or the time, gets what it waits for.
fn heal(m: &mut Model) {
    open_windows(m);
    m.freezes.clear();
    (m.quota, m.away, m.policy.suspend) = (false, false, false);
    m.unroutable(false);
    m.routes.contested = None;
    m.routes.untreatable = false;
    m.load.as_mut().unwrap().readable = true;
    m.crash_after = None;
    m.behaves(1, |b| b.pods = Pods::ReadyAfter(2));
    // What serves; before it is taken over, that is the workload itself.
    let wish = m.load.as_ref().map(|l| l.wish.clone());
    let serving: Vec<_> = m.stable.as_ref().or(wish.as_ref()).iter().map(|s| s.digest.clone()).collect();
    for (digest, behaviour) in &mut m.behaviours {
        if behaviour.metrics == Metrics::Silent {
            behaviour.metrics = Metrics::Good;
        }
        if serving.contains(digest) {
            behaviour.pods = Pods::ReadyAfter(2);
        }
    }
}

#[track_caller]
fn comes_to_rest(m: &mut Model) {
    heal(m);
    if m.deleting {
        // A removal is bounded in time whatever was under way.
        for _ in 0..8 {
            m.run(200);
            heal(m);
        }
        assert!(m.gone && m.routes.share.is_none() && m.routes.laid.is_empty(), "the policy never goes\n{}", m.story());
        return;
    }
    m.run(300);
    heal(m);
    m.settle();
    if let Some(phase) = m.phase() {
        let waiting = m.waiting.as_ref().unwrap();
        assert!(waiting.stalled && !waiting.message.is_empty(), "{phase:?} {}", m.story());
    }
    if m.release.is_none() {
        assert_eq!((&m.routes.share, &m.routes.laid), (&None, &vec![]), "{}", m.story());
        assert!(!m.routes.astray || m.stable.is_none(), "the route is not as the policy has it\n{}", m.story());
    }
    if m.stable.is_some() {
        assert!(m.apex.as_ref().is_some_and(|a| !a.endpoints.is_empty()), "{}", m.story());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(150), failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_invariants_hold_and_it_comes_to_rest(
        policy in policy(),
        versions in proptest::collection::vec(behaviour(), 4),
        schedule in proptest::collection::vec((0i64..60, event()), 1..14),
        adopted in proptest::bool::weighted(0.8),
        ours in any::<bool>(),
        min_ready in prop_oneof![3 => Just(0), 1 => 1i64..9],
    ) {
        let mut m = if adopted { Model::adopted(policy) } else { Model::new(policy) };
        (m.capacity_is_ours, m.min_ready) = (ours, min_ready);
        for (i, behaviour) in versions.into_iter().enumerate() {
            m.behaves(i as u32 + 2, |b| *b = behaviour);
        }
        for (delay, event) in &schedule {
            m.run(*delay);
            happens(&mut m, event);
        }
        comes_to_rest(&mut m);
    }

    #[test]
    fn a_good_version_gets_through_any_policy_when_nothing_happens(policy in policy()) {
        let mut m = Model::adopted(policy);
        m.author = Some("eve".into());
        m.wish(2);
        let mut asked = 0;
        m.run(7);
        while m.release.is_some() && asked < 300 {
            m.run(10);
            asked += 1;
            if asked == 100 {
                open_windows(&mut m);
            }
            if m.reason() == "PauseStep" {
                m.decide(Order::Resume);
            }
            for person in ["ann", "bob"] {
                let gates = m.journal().map_or(&[][..], |j| &j.gates);
                let missing = |r: &&GateRecord| {
                    r.verdict == Verdict::Unknown && m.asks_people(r) && r.approvals.iter().all(|a| a.by != person)
                };
                if let Some(gate) = gates.iter().find(missing).map(|r| r.name.clone()) {
                    m.approve(person, &gate).run(1);
                }
            }
        }
        m.settle();
        prop_assert_eq!(m.serves(), "22222222", "{}", m.story());
        prop_assert_eq!(m.finished.last().unwrap().1, Phase::Succeeded);
    }
}
