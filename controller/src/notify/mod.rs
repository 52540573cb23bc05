//! Telling people of releases.
pub mod notices;
pub mod queue;
