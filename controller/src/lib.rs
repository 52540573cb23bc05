//! Eyes and hands: observe, plan, act, remember.
#![forbid(unsafe_code)]

pub mod gates;
pub mod metrics;
