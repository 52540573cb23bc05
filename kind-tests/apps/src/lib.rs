//! The programs that the tests and the demo run in pods, and the data they hand back.
//!
//! * `sluice-testapp` ([`testapp`]): a podinfo look-alike whose badness is steady.
//! * `sluice-load` ([`load`]): an open-model load generator that attributes every answer.
//! * `sluice-receiver` ([`receiver`]): takes messages as Slack, Teams and others do, and hands them back.
//! * `sluice-conformance` ([`conformance`]): the conformance tests that a suite runs in a Job.
//!
//! A harness that only reads what the load generator counted needs [`report`].
//! Everything here speaks plain HTTP/1.1 and RESP; there is no TLS, so the programs link statically.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod client;
pub mod clock;
pub mod conformance;
pub mod duration;
pub mod json;
pub mod load;
pub mod out;
pub mod receiver;
pub mod report;
pub mod resp;
pub mod server;
pub mod spread;
pub mod testapp;
pub mod url;
