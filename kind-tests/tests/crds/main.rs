//! What the API server makes of our custom resource definitions: every rule and every bound, one violation each.
//!
//! Needs an API server and nothing else. Every request but a few is a dry run.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod bounds;
mod changes;
mod good;
mod objects;
mod rules;
mod schema;
mod views;
