//! Whether what came of an event is what the table says.

use planner::{journal::Phase, policy::Policy, world::Order};

use super::{
    Column,
    Column::*,
    Expect,
    Expect::*,
    Row,
    Row::*,
    SUPERSEDED,
    worlds::{happens, policy, reach, undo},
};
use crate::model::*;

/// What comes of an event is what the table says.
pub fn run(row: Row, column: Column, expect: Expect) {
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
