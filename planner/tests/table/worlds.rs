//! Worlds in the state of a column, and what happens in them.

use chrono::TimeDelta;
use planner::{
    journal::Phase,
    policy::{Gate, Place as At, Policy, Strategy},
    world::Order,
};

use super::{Column, Column::*, Row, Row::*};
use crate::model::*;

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

pub fn policy(row: Row, column: Column) -> Policy {
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
pub fn reach(row: Row, column: Column, policy: Policy) -> Model {
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

pub fn happens(m: &mut Model, row: Row, column: Column) {
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
        PolicyChanged => {
            m.change_policy(|p| p.gates.push(gate("another", At::Promotion)));
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

pub fn undo(m: &mut Model, row: Row) {
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
