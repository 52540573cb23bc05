//! The promises, each on a real cluster with the controller installed, in a namespace of its own.
//!
//! They run at the same time. What disturbs the controller or Prometheus is in `promises_alone`.
#![forbid(unsafe_code)]

mod promise_01_takeover;
mod promise_02_good;
mod promise_03_conformance;
mod promise_04_bad_live;
mod promise_05_pods;
mod promise_06_blue_green;
mod promise_07_superseded;
mod promise_09_what_is_a_release;
mod promise_12_reapplied;
mod promise_13_verdicts;
mod what_is_named;
