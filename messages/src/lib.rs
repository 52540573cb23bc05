//! What people are told of a release, and how it looks where they read it.
//!
//! No I/O and no clock: a [`Notice`] goes in, the body of a request comes out.
#![forbid(unsafe_code)]

mod clean;
pub mod examples;
mod facts;
mod images;
mod notice;
mod text;
mod words;

pub use notice::{Failure, Kind, Next, Notice, Severity, Step, Version};
pub use text::{Fact, Log, Text, Todo};
