//! How releases go: the planner against a small model of a cluster.
#![allow(clippy::unwrap_used)]

mod budgets;
mod model;
mod properties;
mod scenarios;
mod table;
mod timelines;
