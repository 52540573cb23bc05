//! What people are told of a release, and how it looks where they read it.
//!
//! No I/O and no clock: a [`Notice`] goes in, the body of a request comes out.
#![forbid(unsafe_code)]

mod answer;
mod clean;
mod cloudevents;
mod discord;
pub mod examples;
mod facts;
mod filter;
mod format;
mod images;
mod links;
mod notice;
pub mod slack;
mod slack_answer;
mod teams;
mod template;
mod text;
mod words;

pub use answer::{Again, Refusal, answer};
pub use filter::Filter;
pub use format::{Format, body, content_type};
pub use notice::{Failure, Kind, Next, Notice, Severity, Step, Version};
pub use template::{Template, TemplateError};
pub use text::{Fact, Log, Text, Todo};
