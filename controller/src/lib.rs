//! Eyes and hands: observe, plan, act, remember.
#![forbid(unsafe_code)]

pub mod act;
pub mod api;
pub mod clock;
pub mod context;
pub mod events;
pub mod gates;
pub mod lease;
pub mod log;
pub mod metrics;
pub mod notify;
pub mod observe;
pub mod outbound;
pub mod reconcile;
pub mod remember;
pub mod sensitivity;
pub mod server;
pub mod status;
pub mod telemetry;
pub mod traces;
pub mod traffic;
pub mod watch;
pub mod webhooks;

pub use crds::{digest, parse as policy};
