//! The commands against the real controller on a cluster in memory.
#![allow(clippy::unwrap_used)]
#![forbid(unsafe_code)]

#[path = "../../../controller/tests/cluster/mod.rs"]
mod cluster;
mod decisions;
#[path = "../../../controller/tests/lab/mod.rs"]
mod lab;
mod reading;
mod user;
mod waiting;
