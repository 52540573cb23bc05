//! The table of states and events of `docs/releases.md`: every cell, from a world that was really brought there.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use planner::{
    journal::Phase,
    policy::{Gate, Place as At, Policy, Strategy},
    world::Order,
};

use crate::model::*;
use Column::*;
use Expect::*;
use Row::*;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    NewerWish,
    WishIsStable,
    Fail,
    NoEvidence,
    Suspend,
    PolicyDeleted,
    WorkloadGone,
    StableDown,
    Approve,
    Reject,
    Abort,
    SkipStep,
    Promote,
    Retry,
    Restart,
}

/// Where it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Settled,
    Pending,
    Preparing,
    Gating,
    Shifting,
    Promoting,
    Warm,
    RollingBack,
    Held,
    Inconclusive,
    /// A take-over before the Service is switched.
    Adopting,
    /// A take-over from the switch on.
    Switched,
    Removing,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    /// As if it had not happened.
    Nothing,
    /// The release ends so, and there was nothing to take back.
    Ends(Phase),
    /// It goes back, then ends so.
    Back(Phase),
    /// It goes back or is held, as `onInconclusive` says.
    AsThePolicySays,
    /// It stays where it is and says why; when it is over, it goes on.
    Holds(&'static str),
    /// It says so, and goes on in its time.
    Says(&'static str),
    /// It finishes, then the next release starts from what it delivered.
    FinishesThenNext,
    /// It goes back, then the next release starts from stable.
    BackThenNext,
    /// A release starts.
    Starts,
    /// It goes back, and then the policy goes; stable serves on.
    BackThenRemoved,
    /// It finishes, and then the policy goes.
    FinishesThenRemoved,
    /// The policy goes.
    Removed,
    /// This step's bake is over at once.
    Skips,
    /// All traffic goes over without further bakes; tests are passed all the same.
    Promotes,
    /// It goes back, and a new attempt is made.
    Again,
}

const ROWS: [Row; 15] = [
    NewerWish,
    WishIsStable,
    Fail,
    NoEvidence,
    Suspend,
    PolicyDeleted,
    WorkloadGone,
    StableDown,
    Approve,
    Reject,
    Abort,
    SkipStep,
    Promote,
    Retry,
    Restart,
];
const COLUMNS: [Column; 13] = [
    Settled,
    Pending,
    Preparing,
    Gating,
    Shifting,
    Promoting,
    Warm,
    RollingBack,
    Held,
    Inconclusive,
    Adopting,
    Switched,
    Removing,
];

const SUPERSEDED: Phase = Phase::Superseded;

#[rustfmt::skip]
const TABLE: &[(Row, &[(Column, Expect)])] = &[
    (NewerWish, &[
        (Settled, Starts), (Pending, Ends(SUPERSEDED)), (Preparing, BackThenNext), (Gating, BackThenNext),
        (Shifting, BackThenNext), (Promoting, FinishesThenNext), (Warm, FinishesThenNext), (RollingBack, BackThenNext),
        (Held, BackThenNext), (Inconclusive, BackThenNext), (Adopting, Back(SUPERSEDED)), (Switched, FinishesThenNext),
        (Removing, Removed),
    ]),
    (WishIsStable, &[
        (Settled, Nothing), (Pending, Ends(SUPERSEDED)), (Preparing, Back(SUPERSEDED)), (Gating, Back(SUPERSEDED)),
        (Shifting, Back(SUPERSEDED)), (Promoting, Back(SUPERSEDED)), (Warm, Back(SUPERSEDED)), (RollingBack, Nothing),
        (Held, Back(SUPERSEDED)), (Inconclusive, Back(SUPERSEDED)), (Adopting, Nothing), (Switched, Nothing),
        (Removing, Removed),
    ]),
    (Fail, &[
        (Settled, Nothing), (Pending, Ends(Phase::RolledBack)), (Preparing, Back(Phase::RolledBack)),
        (Gating, Back(Phase::RolledBack)), (Shifting, Back(Phase::RolledBack)), (Promoting, Back(Phase::RolledBack)),
        (Warm, Back(Phase::RolledBack)), (RollingBack, Nothing), (Held, Nothing), (Inconclusive, Back(Phase::RolledBack)),
        // The same version runs in the workload: its copy says nothing against it.
        (Adopting, Back(Phase::Inconclusive)), (Switched, Nothing), (Removing, Removed),
    ]),
    (NoEvidence, &[
        (Settled, Nothing), (Pending, Ends(Phase::Inconclusive)), (Preparing, Back(Phase::Inconclusive)),
        (Gating, Back(Phase::Inconclusive)), (Shifting, AsThePolicySays), (Promoting, AsThePolicySays),
        (Warm, Holds("NoEvidence")), (RollingBack, Holds("NoWayBack")), (Held, Nothing), (Inconclusive, Nothing),
        (Adopting, Back(Phase::Inconclusive)), (Switched, Nothing), (Removing, Removed),
    ]),
    (Suspend, &[
        (Settled, Holds("Suspended")), (Pending, Holds("Suspended")), (Preparing, Holds("Suspended")),
        (Gating, Holds("Suspended")), (Shifting, Holds("Suspended")), (Promoting, Holds("Suspended")),
        (Warm, Holds("Suspended")), (RollingBack, Nothing), (Held, Nothing), (Inconclusive, Nothing),
        (Adopting, Holds("Suspended")), (Switched, Nothing), (Removing, Removed),
    ]),
    (PolicyDeleted, &[
        (Settled, Removed), (Pending, Removed), (Preparing, BackThenRemoved), (Gating, BackThenRemoved),
        (Shifting, BackThenRemoved), (Promoting, BackThenRemoved), (Warm, FinishesThenRemoved),
        (RollingBack, BackThenRemoved), (Held, BackThenRemoved), (Inconclusive, BackThenRemoved),
        (Adopting, BackThenRemoved), (Switched, FinishesThenRemoved), (Removing, Removed),
    ]),
    (WorkloadGone, &[
        (Settled, Holds("WorkloadGone")), (Pending, Ends(SUPERSEDED)), (Preparing, Back(SUPERSEDED)),
        (Gating, Back(SUPERSEDED)), (Shifting, Back(SUPERSEDED)), (Promoting, Nothing), (Warm, Nothing),
        (RollingBack, Nothing), (Held, Back(SUPERSEDED)), (Inconclusive, Back(SUPERSEDED)), (Adopting, Back(SUPERSEDED)),
        (Switched, Nothing), (Removing, Removed),
    ]),
    (StableDown, &[
        (Settled, Says("StableNotReady")), (Pending, Nothing), (Preparing, Nothing), (Gating, Nothing),
        (Shifting, Holds("StableNotReady")), (Promoting, Holds("StableNotReady")), (Warm, Says("NoWayBack")),
        (RollingBack, Holds("StableNotReady")), (Held, Nothing), (Inconclusive, Nothing), (Adopting, Nothing),
        (Switched, Nothing), (Removing, Removed),
    ]),
    (Approve, &[
        (Settled, Nothing), (Pending, Nothing), (Preparing, Nothing), (Gating, Nothing), (Shifting, Nothing),
        (Promoting, Nothing), (Warm, Nothing), (RollingBack, Nothing), (Held, Nothing), (Inconclusive, Nothing),
        (Adopting, Nothing), (Switched, Nothing), (Removing, Removed),
    ]),
    (Reject, &[
        (Settled, Nothing), (Pending, Ends(Phase::RolledBack)), (Preparing, Back(Phase::RolledBack)),
        (Gating, Back(Phase::RolledBack)), (Shifting, Back(Phase::RolledBack)), (Promoting, Back(Phase::RolledBack)),
        (Warm, Back(Phase::RolledBack)), (RollingBack, Nothing), (Held, Nothing), (Inconclusive, Back(Phase::RolledBack)),
        (Adopting, Nothing), (Switched, Nothing), (Removing, Removed),
    ]),
    (Abort, &[
        (Settled, Nothing), (Pending, Ends(SUPERSEDED)), (Preparing, Back(SUPERSEDED)), (Gating, Back(SUPERSEDED)),
        (Shifting, Back(SUPERSEDED)), (Promoting, Back(SUPERSEDED)), (Warm, Back(SUPERSEDED)), (RollingBack, Nothing),
        (Held, Back(SUPERSEDED)), (Inconclusive, Back(SUPERSEDED)), (Adopting, Back(SUPERSEDED)), (Switched, Nothing),
        (Removing, Removed),
    ]),
    (SkipStep, &[
        (Settled, Nothing), (Pending, Nothing), (Preparing, Nothing), (Gating, Nothing), (Shifting, Skips),
        (Promoting, Nothing), (Warm, Nothing), (RollingBack, Nothing), (Held, Nothing), (Inconclusive, Nothing),
        (Adopting, Nothing), (Switched, Nothing), (Removing, Removed),
    ]),
    (Promote, &[
        (Settled, Nothing), (Pending, Nothing), (Preparing, Promotes), (Gating, Promotes), (Shifting, Promotes),
        (Promoting, Nothing), (Warm, Nothing), (RollingBack, Nothing), (Held, Nothing), (Inconclusive, Promotes),
        (Adopting, Nothing), (Switched, Nothing), (Removing, Removed),
    ]),
    (Retry, &[
        (Settled, Nothing), (Pending, Nothing), (Preparing, Nothing), (Gating, Nothing), (Shifting, Nothing),
        (Promoting, Nothing), (Warm, Nothing), (RollingBack, Nothing), (Held, Again), (Inconclusive, Again),
        (Adopting, Nothing), (Switched, Nothing), (Removing, Removed),
    ]),
    (Restart, &[
        (Settled, Nothing), (Pending, Nothing), (Preparing, Nothing), (Gating, Nothing), (Shifting, Nothing),
        (Promoting, Nothing), (Warm, Nothing), (RollingBack, Nothing), (Held, Nothing), (Inconclusive, Nothing),
        (Adopting, Nothing), (Switched, Nothing), (Removing, Removed),
    ]),
];

#[test]
fn the_table_has_every_cell_once() {
    let cells: Vec<_> = TABLE.iter().flat_map(|(row, cells)| cells.iter().map(|(column, _)| (*row, *column))).collect();
    let all: BTreeSet<_> = ROWS.iter().flat_map(|row| COLUMNS.iter().map(|column| (*row, *column))).collect();
    assert_eq!((cells.len(), cells.into_iter().collect::<BTreeSet<_>>()), (all.len(), all));
    assert_eq!(ROWS.iter().collect::<BTreeSet<_>>().len() * COLUMNS.iter().collect::<BTreeSet<_>>().len(), 195);
}

#[test]
fn every_cell_comes_out_as_the_table_says() {
    let mut wrong = Vec::new();
    for (row, cells) in TABLE {
        for (column, expect) in *cells {
            if std::panic::catch_unwind(|| run(*row, *column, *expect)).is_err() {
                wrong.push(format!("{row:?} in {column:?} should be {expect:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn gates(row: Row) -> Vec<Gate> {
    let mut gates = vec![gate("begin", At::Start), gate("conformance", At::Traffic), gate("last", At::Promotion)];
    if asks_people(row) {
        gates.push(approval("signoff", At::Start, 1));
    }
    gates
}

fn asks_people(row: Row) -> bool {
    matches!(row, Approve | Reject)
}

fn policy(row: Row, column: Column) -> Policy {
    Policy {
        strategy: Strategy::Canary(vec![step(20, 30), step(33, 30)]),
        gates: gates(row),
        hold_failed: column == Held,
        rollback_inconclusive: column != Inconclusive,
        warm: TimeDelta::seconds(if row == StableDown { 90 } else { 60 }),
        ..canary()
    }
}

/// A world in the column's state, version 2 on its way from version 1.
fn reach(row: Row, column: Column, policy: Policy) -> Model {
    if matches!(column, Adopting | Switched) {
        let mut m = Model::new(policy);
        m.quota = column == Adopting;
        m.until_phase(if column == Adopting { Phase::Preparing } else { Phase::Warm });
        m.run(i64::from(column == Adopting));
        m.quota = false;
        return m;
    }
    let mut m = Model::adopted(policy);
    if asks_people(row) && !matches!(column, Settled | Pending | Removing) {
        if column == Inconclusive {
            m.metrics_of(2, Metrics::Silent);
        }
        m.wish(2).until_phase(Phase::Pending).run(1).approve("bob", "signoff");
    }
    match column {
        Settled => {}
        Pending => {
            m.wish(2).until_phase(Phase::Pending).run(1);
        }
        Preparing => {
            m.wish(2).until_phase(Phase::Preparing);
        }
        Gating => {
            m.wish(2).until_phase(Phase::Gating).run(1);
        }
        Shifting => {
            m.wish(2).until_step(1).run(2);
        }
        Promoting => {
            // Its pods would have been started ahead, and promotion be over within a moment.
            m.wish(2).until_step(2).quota = true;
            m.until_phase(Phase::Promoting).quota = false;
        }
        Warm => {
            m.wish(2).until_phase(Phase::Warm).run(2);
        }
        RollingBack if row == StableDown => {
            m.wish(2).until_step(1).pods_of(1, Pods::Down).run(2).decide(Order::Abort).until_phase(Phase::RollingBack);
        }
        RollingBack if row == NoEvidence => {
            m.wish(2).until("one old pod is left", 500, |m| m.replicas(1) == 1);
            m.quota = true;
            m.metrics_of(2, Metrics::Bad).until_phase(Phase::RollingBack);
        }
        RollingBack => {
            m.wish(2).until_step(1).decide(Order::Abort).until_phase(Phase::RollingBack);
        }
        Held => {
            m.metrics_of(2, Metrics::Bad).wish(2).until_phase(Phase::Held).metrics_of(2, Metrics::Good);
        }
        Inconclusive => {
            m.metrics_of(2, Metrics::Silent).wish(2).until_phase(Phase::Inconclusive).run(2);
            if row != Fail {
                m.metrics_of(2, Metrics::Good);
            }
        }
        Removing => {
            m.wish(if row == WishIsStable { 2 } else { 1 }).run(6);
            m.delete_policy().until_phase(Phase::Pending);
        }
        Adopting | Switched => unreachable!(),
    }
    m
}

fn happens(m: &mut Model, row: Row, column: Column) {
    let serving = if column == Switched { 1 } else { 2 };
    match row {
        NewerWish => settled_wish(m, if matches!(column, Adopting | Switched | Removing) { 2 } else { 3 }),
        WishIsStable => settled_wish(m, 1),
        Fail => match column {
            Pending => {
                m.test_of(2, "begin", Test::Fails);
            }
            Preparing | Promoting => {
                m.pods_of(2, Pods::Crash);
            }
            Gating => {
                m.test_of(2, "conformance", Test::Fails);
            }
            Adopting => {
                let id = rev(1).revision;
                m.quota = true;
                m.pods.retain(|_, p| p.owner != Owner::Revision(id.clone()));
            }
            Switched | Settled | Removing => {}
            _ => {
                m.metrics_of(serving, Metrics::Bad);
            }
        },
        NoEvidence => match column {
            Pending => {
                m.test_of(2, "begin", Test::Hangs);
            }
            Preparing => {
                m.pods_of(2, Pods::ImageMissing);
            }
            Gating => {
                m.test_of(2, "conformance", Test::Hangs);
            }
            Promoting | Adopting => {
                let (id, new) = (rev(1).revision, rev(2).revision);
                m.quota = true;
                if column == Adopting {
                    m.pods.retain(|_, p| p.owner != Owner::Revision(id.clone()));
                } else {
                    m.kill_one(&new);
                }
            }
            RollingBack | Settled | Switched | Removing => {}
            _ => {
                m.metrics_of(serving, Metrics::Silent);
            }
        },
        Suspend => {
            m.policy.suspend = true;
            if column == Settled {
                m.wish(2);
            }
        }
        PolicyDeleted => {
            m.delete_policy();
        }
        WorkloadGone => m.load = None,
        StableDown => {
            m.pods_of(1, if matches!(column, Adopting | Switched) { Pods::ReadyAfter(2) } else { Pods::Down });
        }
        Approve => {
            m.approve("cay", "signoff");
        }
        Reject => {
            m.reject("cay", "signoff");
        }
        Abort => {
            m.decide(Order::Abort);
        }
        SkipStep => {
            m.decide(Order::SkipStep);
        }
        Promote => {
            m.decide(Order::Promote);
        }
        Retry => {
            m.decide(Order::Retry);
        }
        Restart => {
            m.crash_after = Some(0);
            m.away = true;
            m.run(20);
            m.away = false;
        }
    }
}

/// What the decisions of a removal are about: it delivers nothing, so nobody can decide about it.
fn settled_wish(m: &mut Model, n: u32) {
    m.wish(n);
    m.load.as_mut().unwrap().since -= 10;
}

fn undo(m: &mut Model, row: Row) {
    match row {
        Suspend => m.policy.suspend = false,
        StableDown => {
            m.pods_of(1, Pods::ReadyAfter(1));
        }
        NoEvidence => {
            m.quota = false;
            m.metrics_of(2, Metrics::Good);
        }
        WorkloadGone => m.load = Model::new(canary()).load,
        _ => {}
    }
}

fn run(row: Row, column: Column, expect: Expect) {
    if column == Removing && matches!(row, Approve | Reject | Abort | SkipStep | Promote | Retry) {
        return removal_hears_nobody(row);
    }
    if expect == AsThePolicySays {
        return as_the_policy_says(row, column);
    }
    let mut m = reach(row, column, policy(row, column));
    let (ended, phase) = (m.finished.len(), m.phase());
    happens(&mut m, row, column);
    match expect {
        Nothing => nothing(&mut m, row, column, phase),
        Ends(phase) => {
            m.until_finished(phase);
            assert!(!went_back(&m), "{}", m.story());
        }
        Back(phase) => {
            m.until_finished(phase);
            assert!(went_back(&m), "{}", m.story());
            assert_eq!((m.reached(2), m.serves()), (0, if column == Adopting { "-" } else { "11111111" }.to_owned()));
        }
        AsThePolicySays => unreachable!(),
        Holds(reason) => {
            m.run(200);
            assert_eq!((m.reason(), m.finished.len()), (reason, ended), "{}", m.story());
            // A switch that has begun is finished; then the old revision is kept.
            let there = if (row, column) == (Suspend, Promoting) { Some(Phase::Warm) } else { phase };
            assert_eq!(m.phase(), there, "{}", m.story());
            undo(&mut m, row);
            if row != WorkloadGone {
                m.until("it goes on", 600, |m| m.finished.len() > ended);
            }
        }
        Says(reason) => {
            m.until("it says so", 30, |m| m.reason() == reason);
            assert_eq!((m.phase(), m.finished.len()), (phase, ended));
            if phase.is_some() {
                m.until_finished(Phase::Succeeded);
            }
        }
        FinishesThenNext | BackThenNext | Starts => next(&mut m, column, expect),
        BackThenRemoved | FinishesThenRemoved | Removed => removed(&mut m, ended, expect),
        Skips => {
            m.until("the next step", 8, |m| m.journal().is_some_and(|j| j.step == Some(2)));
        }
        Promotes => {
            m.until("all traffic is over", 40, |m| m.phase() == Some(Phase::Warm));
            let journal = m.journal().unwrap();
            assert!(journal.gates.iter().all(|g| g.verdict == analysis::Verdict::Pass) && journal.gates.len() == 3);
        }
        Again => {
            m.until_finished(SUPERSEDED).until_phase(Phase::Preparing);
            assert_eq!(m.release.as_ref().unwrap().attempt, 2);
        }
    }
}

fn went_back(m: &Model) -> bool {
    m.log.iter().any(|l| l.contains("RollingBack"))
}

/// The release ends, or waits, as it would have without the event.
fn nothing(m: &mut Model, row: Row, column: Column, phase: Option<Phase>) {
    match column {
        Held | Inconclusive => {
            m.run(100);
            assert_eq!(m.phase(), phase, "{}", m.story());
        }
        Settled => {
            m.run(100);
            assert_eq!((m.finished.len(), m.release.is_none()), (1, true), "{}", m.story());
        }
        RollingBack => {
            m.until_finished(SUPERSEDED);
        }
        Pending | Preparing | Gating if row == StableDown => {
            m.until_phase(Phase::Shifting);
        }
        _ => {
            m.until_finished(Phase::Succeeded);
        }
    }
}

fn next(m: &mut Model, column: Column, expect: Expect) {
    match expect {
        FinishesThenNext => {
            m.until_finished(Phase::Succeeded);
        }
        BackThenNext => {
            m.until_finished(SUPERSEDED);
            assert!(went_back(m), "{}", m.story());
        }
        _ => {}
    }
    m.until("the next release", 60, |m| m.release.is_some());
    let from = m.release.as_ref().unwrap().from.clone();
    let delivered = if column == Switched { rev(1) } else { rev(2) };
    assert_eq!(from, Some(if expect == FinishesThenNext { delivered } else { rev(1) }), "{}", m.story());
    let fresh = m.journal().unwrap().gates.iter().all(|g| g.verdict == analysis::Verdict::Unknown);
    assert!(!m.release.as_ref().unwrap().fast && fresh, "{}", m.story());
}

fn removed(m: &mut Model, ended: usize, expect: Expect) {
    m.until("the policy is gone", 600, |m| m.gone).run(5);
    let (_, first) = m.finished[ended].clone();
    match expect {
        BackThenRemoved => assert!(went_back(m) && first != Phase::Succeeded, "{}", m.story()),
        FinishesThenRemoved => assert_eq!(first, Phase::Succeeded, "{}", m.story()),
        _ => {}
    }
    assert!(!m.finalizer && m.live.values().all(|l| l.left_serving), "{}", m.story());
}

/// A removal delivers nothing, so a decision cannot even be about it.
fn removal_hears_nobody(row: Row) {
    let mut m = reach(row, Removing, policy(row, Removing));
    let order = match row {
        Approve => Order::Approve("signoff".into()),
        Reject => Order::Reject("signoff".into()),
        Abort => Order::Abort,
        SkipStep => Order::SkipStep,
        Promote => Order::Promote,
        _ => Order::Retry,
    };
    let removal = m.release.take();
    m.decide(order);
    m.release = removal;
    m.decisions.iter_mut().for_each(|d| d.release = m.release.as_ref().unwrap().name.clone());
    m.until("the policy is gone", 600, |m| m.gone);
}

fn as_the_policy_says(row: Row, column: Column) {
    let mut m = reach(row, column, policy(row, column));
    happens(&mut m, row, column);
    m.until_finished(Phase::Inconclusive);
    assert!(went_back(&m));
    let mut m = reach(row, column, Policy { rollback_inconclusive: false, ..policy(row, column) });
    happens(&mut m, row, column);
    m.until_phase(Phase::Inconclusive).run(60);
    assert_eq!((m.phase(), m.reason(), m.reached(1)), (Some(Phase::Inconclusive), "Inconclusive", 4), "{}", m.story());
}
