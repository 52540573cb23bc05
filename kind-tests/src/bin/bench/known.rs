//! What the peers were measured at earlier, on the same kind of cluster with the same work.
//!
//! One node, two busy cores, Kubernetes 1.34, podinfo with four pods on plain Services, 100 new connections a second;
//! mostly one run for each figure. Flagger was measured blue/green, since it has no canary without a mesh; memory and
//! idle requests with an interval of 10 s.

use crate::{
    column::{Cell, Column},
    figure::Figure,
};

/// Where the figures come from, for the reader of the table.
pub const SOURCE: &str = "Peers: measured earlier on a cluster of the same kind, not in this run; one run each.";

/// Flagger.
pub fn flagger() -> Column {
    let mut column = Column::new("Flagger 1.41.0");
    without_failures(&mut column);
    column.put(Figure::Deleted, Cell::count(2_207).note("of 3,015"));
    column.put(Figure::Reapplied, Cell::count(289));
    column.put(Figure::Unchecked, Cell::count(578).note("(all users for 8 s)"));
    column.put(Figure::Beyond, Cell::decimal(43.7));
    column.put(Figure::Bad, Cell::text("no live check"));
    column.put(Figure::Pods, Cell::count(8));
    column.put(Figure::Writes, Cell::count(12));
    column.put(Figure::AfterKill, Cell::decimal(10.7).note("after 20 s away"));
    column.put(Figure::Idle, Cell::count(6_674));
    column.put(Figure::Memory1, Cell::count(62));
    column.put(Figure::Memory200, Cell::count(81));
    column
}

/// Argo Rollouts.
pub fn argo() -> Column {
    let mut column = Column::new("Argo Rollouts 1.10.1");
    without_failures(&mut column);
    column.put(Figure::Deleted, Cell::count(2_212).note("of 3,017"));
    column.put(Figure::Reapplied, Cell::count(0).note("(4 pods more, for good)"));
    column.put(Figure::Unchecked, Cell::text("half of the users at 20 %"));
    column.put(Figure::Beyond, Cell::decimal(1.4));
    column.put(Figure::Bad, Cell::decimal(22.1).note("(247 answers, share raised)"));
    column.put(Figure::Pods, Cell::count(4));
    column.put(Figure::Writes, Cell::count(52));
    column.put(Figure::AfterKill, Cell::decimal(17.4).note("after 20 s away"));
    column.put(Figure::AfterTerm, Cell::decimal(16.0));
    column.put(Figure::Idle, Cell::count(30));
    column.put(Figure::Memory1, Cell::count(87));
    column.put(Figure::Memory200, Cell::count(131));
    column.put(Figure::Memory1000, Cell::count(218));
    column
}

fn without_failures(column: &mut Column) {
    for figure in [Figure::TakeOver, Figure::Promotion, Figure::Rollback, Figure::Killed] {
        column.put(figure, Cell::count(0));
    }
}
