//! The table of states and events of `docs/releases.md`: every cell, from a world that was really brought there.

mod outcomes;
mod worlds;

use std::collections::BTreeSet;

use planner::journal::Phase;

use Column::*;
use Expect::*;
use Row::*;

/// An enumeration, and the list of all that it has.
macro_rules! all {
    ($(#[$about:meta])* enum $name:ident, $list:ident { $($(#[$of:meta])* $each:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        enum $name { $($(#[$of])* $each,)+ }
        const $list: &[$name] = &[$($name::$each,)+];
    };
}

all! {
    /// What happens.
    enum Row, ROWS {
        NewerWish,
        WishIsStable,
        Fail,
        NoEvidence,
        Suspend,
        PolicyDeleted,
        PolicyChanged,
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
}

all! {
    /// Where it happens.
    enum Column, COLUMNS {
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
    (PolicyChanged, &[
        (Settled, Nothing), (Pending, Again), (Preparing, Again), (Gating, Again), (Shifting, Nothing),
        (Promoting, Nothing), (Warm, Nothing), (RollingBack, Nothing), (Held, Nothing), (Inconclusive, Nothing),
        (Adopting, Nothing), (Switched, Nothing), (Removing, Removed),
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
}

#[test]
fn every_cell_comes_out_as_the_table_says() {
    let mut wrong = Vec::new();
    for (row, cells) in TABLE {
        for (column, expect) in *cells {
            if std::panic::catch_unwind(|| outcomes::run(*row, *column, *expect)).is_err() {
                wrong.push(format!("{row:?} in {column:?} should be {expect:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
