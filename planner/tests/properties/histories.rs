//! Policies, versions and what may happen, at random.

use analysis::Verdict;
use chrono::TimeDelta;
use planner::{
    policy::{Approval, Asks, Gate, Place, Policy, Shares, Strategy as Delivery},
    world::{Order, Selects},
};
use proptest::{prelude::*, sample::select};

use crate::model::*;

const PEOPLE: [&str; 4] = ["ann", "bob", "cay", "dan"];

/// What may happen while versions come and go.
#[derive(Clone, Debug)]
pub enum Event {
    Wish(u32),
    Decide(Order),
    /// Somebody approves, or refuses, at a gate; or would, and may not.
    Say {
        person: usize,
        gate: usize,
        approves: bool,
        may: bool,
    },
    /// From now on somebody is known to change the workload, or nobody.
    Author(Option<usize>),
    Suspend(bool),
    /// For so many seconds, or until somebody ends it.
    Freeze(Option<i64>),
    Thaw,
    /// From now on the workload asks for the emergency way, or not; or it may not be taken.
    Emergency(Option<&'static str>),
    NoEmergency(bool),
    /// A version's pods are down for so many seconds.
    Flap(u32, i64),
    Kill(u32),
    Quota(bool),
    Scale(u32),
    WorkloadScaled(u32),
    /// The controller is away for so many seconds.
    Away(i64),
    /// It crashes in its next pass, after so many actions.
    Crash(usize),
    /// Somebody resets the Service's selector.
    Meddle(bool),
    /// Somebody writes the routes as they were before the release.
    Reroute,
    /// The route that the policy holds is changed there, or by somebody else.
    Astray,
    /// Somebody makes routes that cannot be written.
    Unroutable(bool),
    /// Somebody writes the routes again and again, or leaves them alone.
    Contested(bool),
    /// Somebody changes how proxies treat requests for the Service.
    Treat(u32),
    /// Nothing of that can be written for revisions.
    Untreatable(bool),
    Metrics(u32, Metrics),
    WorkloadUnread(bool),
    /// Somebody writes other gates, and another time of warmth.
    Policy(Vec<Gate>, i64),
    Delete,
}

pub fn event() -> impl Strategy<Value = Event> {
    let order = select(vec![
        Order::Pause,
        Order::Resume,
        Order::SkipStep,
        Order::Promote,
        Order::Abort,
        Order::Retry,
        Order::Rollback,
        Order::Resume,
    ]);
    prop_oneof![
        4 => (1u32..6).prop_map(Event::Wish),
        3 => order.prop_map(Event::Decide),
        7 => (0usize..4, 0usize..4, proptest::bool::weighted(0.85), proptest::bool::weighted(0.9))
            .prop_map(|(person, gate, approves, may)| Event::Say { person, gate, approves, may }),
        1 => proptest::option::of(0usize..4).prop_map(Event::Author),
        1 => any::<bool>().prop_map(Event::Suspend),
        2 => proptest::option::of(0i64..200).prop_map(Event::Freeze),
        1 => Just(Event::Thaw),
        2 => select(vec![None, Some(""), Some("fire"), Some("flood")]).prop_map(Event::Emergency),
        1 => any::<bool>().prop_map(Event::NoEmergency),
        2 => (1u32..6, 1i64..90).prop_map(|(n, s)| Event::Flap(n, s)),
        1 => (1u32..6).prop_map(Event::Kill),
        1 => any::<bool>().prop_map(Event::Quota),
        1 => (1u32..8).prop_map(Event::Scale),
        1 => (0u32..6).prop_map(Event::WorkloadScaled),
        1 => (1i64..120).prop_map(Event::Away),
        3 => (0usize..3).prop_map(Event::Crash),
        1 => any::<bool>().prop_map(Event::Meddle),
        1 => Just(Event::Reroute),
        1 => Just(Event::Astray),
        1 => any::<bool>().prop_map(Event::Unroutable),
        1 => any::<bool>().prop_map(Event::Contested),
        1 => (0u32..3).prop_map(Event::Treat),
        1 => any::<bool>().prop_map(Event::Untreatable),
        2 => (2u32..6, metrics()).prop_map(|(n, m)| Event::Metrics(n, m)),
        1 => any::<bool>().prop_map(Event::WorkloadUnread),
        2 => (gates(), 0i64..40).prop_map(|(gates, warm)| Event::Policy(gates, warm)),
        1 => Just(Event::Delete),
    ]
}

fn metrics() -> impl Strategy<Value = Metrics> {
    prop_oneof![5 => Just(Metrics::Good), 2 => Just(Metrics::Bad), 1 => Just(Metrics::Silent)]
}

pub fn behaviour() -> impl Strategy<Value = Behaviour> {
    let pods = prop_oneof![
        6 => (1i64..20).prop_map(Pods::ReadyAfter),
        1 => Just(Pods::Crash),
        1 => Just(Pods::NeverReady),
        1 => Just(Pods::ImageMissing),
    ];
    let test =
        prop_oneof![6 => Just(Test::Passes), 1 => Just(Test::Fails), 1 => Just(Test::Hangs), 1 => Just(Test::Breaks)];
    (pods, metrics(), proptest::collection::vec(test, 4)).prop_map(|(pods, metrics, tests)| Behaviour {
        pods,
        metrics,
        tests: tests.into_iter().enumerate().map(|(i, t)| (format!("gate-{i}"), t)).collect(),
    })
}

fn gates() -> impl Strategy<Value = Vec<Gate>> {
    let places = select(vec![Place::Start, Place::Traffic, Place::Traffic, Place::Step, Place::Promotion]);
    let asks = prop_oneof![3 => (1u32..3).prop_map(|attempts| Asks::Test { attempts }), 2 => people(), 2 => windows()];
    let timeout = prop_oneof![1 => Just(60), 3 => Just(600)];
    proptest::collection::vec((places, asks, timeout, any::<bool>()), 0..4).prop_map(|gates| {
        let named = |(i, (at, asks, seconds, always))| {
            let timeout = TimeDelta::seconds(seconds);
            Gate { asks, always, timeout, ..gate(&format!("gate-{i}"), at) }
        };
        gates.into_iter().enumerate().map(named).collect()
    })
}

fn people() -> impl Strategy<Value = Asks> {
    let users = prop_oneof![2 => Just(vec![]), 1 => Just(vec![PEOPLE[0].to_owned(), PEOPLE[1].to_owned()])];
    (1usize..3, users, proptest::bool::weighted(0.2), any::<bool>()).prop_map(|(needed, users, not_author, late)| {
        Asks::People(Approval { needed, users, groups: vec![], not_author, late_is_reject: late })
    })
}

/// Every few minutes for some of them; or by day, which is many hours away.
fn windows() -> impl Strategy<Value = Asks> {
    let often = (2u32..9, 1i64..9).prop_map(|(every, minutes)| (format!("*/{every} * * * *"), minutes));
    let schedule = prop_oneof![4 => often, 1 => Just(("0 9 * * *".to_owned(), 480))];
    schedule.prop_map(|(schedule, minutes)| window("", Place::Start, &schedule, minutes).asks)
}

/// Weights beyond half are for routes.
fn shares() -> impl Strategy<Value = (Shares, Delivery)> {
    let pods = delivery(50).prop_map(|d| (Shares::Pods { max_error: None }, d));
    prop_oneof![pods, picked().prop_map(|d| (Shares::Routes, d))]
}

/// Routes can also pick requests out, or copy them, before anything else.
fn picked() -> impl Strategy<Value = Delivery> {
    let first = (0i64..30, 1u32..=100)
        .prop_flat_map(|(bake, percent)| select(vec![None, Some(matching(bake)), Some(copying(percent, bake))]));
    let second = (0i64..30).prop_flat_map(|bake| select(vec![None, Some(matching(bake))]));
    (delivery(99), first, second).prop_map(|(delivery, first, second)| match delivery {
        Delivery::Canary(steps) => Delivery::Canary(first.into_iter().chain(second).chain(steps).collect()),
        Delivery::BlueGreen { bake, .. } => Delivery::BlueGreen { bake, before: first },
    })
}

fn delivery(most: i32) -> impl Strategy<Value = Delivery> {
    let steps = proptest::collection::btree_map(1i32..=most, (0i64..30, proptest::bool::weighted(0.15)), 1..4);
    let steps = steps.prop_map(|steps| {
        let made = |(weight, (bake, pause))| planner::policy::Step { pause, ..step(weight, bake) };
        Delivery::Canary(steps.into_iter().map(made).collect())
    });
    prop_oneof![3 => steps, 1 => (0i64..40).prop_map(|s| Delivery::BlueGreen { bake: TimeDelta::seconds(s), before: None })]
}

pub fn policy() -> impl Strategy<Value = Policy> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let times = (0i64..40, 0i64..40, 0i64..6, 0i64..8);
    (shares(), gates(), flags, times, 1usize..4).prop_map(|((shares, strategy), gates, flags, times, history)| {
        let seconds = TimeDelta::seconds;
        Policy {
            shares,
            strategy,
            gates,
            analysis: flags.0.then(measured),
            rollback_inconclusive: flags.1,
            hold_failed: flags.2,
            keep_failed: if flags.3 { seconds(40) } else { TimeDelta::zero() },
            warm: seconds(times.0),
            progress: seconds(20 + times.1),
            propagation: seconds(times.2),
            drain: seconds(times.3),
            history,
            ..canary()
        }
    })
}

pub fn happens(m: &mut Model, event: &Event) {
    match event {
        Event::Wish(n) => {
            m.wish(*n);
        }
        Event::Decide(order) => {
            let about = m.release.as_ref().or(m.last.as_ref());
            if about.is_some_and(|r| r.to.is_some()) {
                m.decide(order.clone());
            }
        }
        Event::Say { person, gate, approves, may } => {
            let about = m.release.as_ref().or(m.last.as_ref());
            if about.is_some_and(|r| r.to.is_some()) {
                // Mostly about what is asked now.
                let asked = m.journal().map_or(vec![], |j| j.gates.iter().filter(|r| m.asks_people(r)).collect());
                let open = asked.iter().filter(|r| r.verdict == Verdict::Unknown).nth(gate % 2);
                let gate = open.map_or(format!("gate-{gate}"), |r| r.name.clone());
                let order = if *approves { Order::Approve(gate) } else { Order::Reject(gate) };
                m.decide_if(*may, PEOPLE[*person], order);
            }
        }
        Event::Author(who) => m.author = who.map(|p| PEOPLE[p].to_owned()),
        Event::Suspend(on) => m.policy.suspend = *on,
        Event::Freeze(seconds) => drop(m.freeze(*seconds)),
        Event::Thaw => m.freezes.clear(),
        Event::Emergency(why) => m.emergency = why.map(str::to_owned),
        Event::NoEmergency(on) => m.no_emergency = on.then(|| "it is forbidden".into()),
        Event::Flap(n, seconds) => {
            let before = m.behaviours.get(&rev(*n).digest).map_or(Pods::ReadyAfter(2), |b| b.pods);
            m.pods_of(*n, Pods::Down).run(*seconds).pods_of(*n, before);
        }
        Event::Kill(n) => {
            let id = rev(*n).revision;
            // One of several: the last one's end is an outage by itself.
            if m.replicas(*n) > 1 && m.reached(*n) > 1 {
                m.kill_one(&id);
            }
        }
        Event::Quota(on) => m.quota = *on,
        Event::Scale(n) => m.policy.replicas = Some(*n),
        Event::WorkloadScaled(n) => {
            // Before it is taken over, the workload's size is the user's business.
            if let Some(load) = m.load.as_mut().filter(|_| m.stable.is_some() && !m.deleting) {
                load.replicas = *n;
            }
        }
        Event::Away(seconds) => {
            m.away = true;
            m.run(*seconds);
            m.away = false;
        }
        Event::Crash(actions) => m.crash_after = Some(*actions),
        Event::Meddle(garbled) => {
            // While it is taken over or given back, the old selector is one that we write ourselves.
            if m.stable.is_some() && !m.deleting && !m.gone {
                m.oracle.contested_until = m.clock + 5;
                m.apex.as_mut().unwrap().selects = if *garbled { Selects::Garbled } else { Selects::Users };
            }
        }
        Event::Reroute => (m.routes.share, m.routes.laid) = (None, vec![]),
        Event::Astray => m.routes.astray = m.policy.shares == Shares::Routes,
        Event::Unroutable(on) => m.unroutable(*on),
        Event::Contested(on) => m.routes.contested = on.then(|| "flux".into()),
        Event::Treat(how) => m.routes.treated = *how,
        Event::Untreatable(on) => m.routes.untreatable = *on,
        Event::Metrics(n, said) => {
            m.metrics_of(*n, *said);
        }
        Event::WorkloadUnread(unread) => m.load.as_mut().unwrap().readable = !unread,
        Event::Policy(gates, warm) => {
            m.change_policy(|p| (p.gates, p.warm) = (gates.clone(), TimeDelta::seconds(*warm)));
        }
        Event::Delete => {
            m.delete_policy();
        }
    }
}
